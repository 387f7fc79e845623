/* SPDX-License-Identifier: MIT */
/* fuzz_chain.c - bytes to operations on a chain: put, end, pass time, take, change the faults. The books must stay right. */
#include "base/assert.h"
#include "fault/chain.h"
#include <stdio.h>
#include <string.h>

#define FAULTS 5

struct input {
	const uint8_t *p, *end;
};

static uint64_t
number(struct input *in, unsigned bytes)
{
	uint64_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (in->p < in->end ? *in->p++ : 0);
	return v;
}

/* Any values that spec_set_attr() and spec_check() let through. */
static bool
draw_fault(struct input *in, struct fault_spec *f, uint64_t id)
{
	char error[SPEC_ERROR_MAX];
	const struct kind_info *info;

	spec_init(f, (enum fault_kind)(number(in, 1) % FAULT_TCP_COUNT));
	info = kind_info(f->kind);
	f->id = id;
	f->version = 1;
	f->key = spec_key(id, "line", "fault");
	for (size_t i = 0; i < info->attr_count; i++) {
		struct spec_value v = { .type = VALUE_INT, .i = (int64_t)number(in, 1 + (unsigned)number(in, 1) % 8) };

		if (info->attrs[i].type == ATTR_FLOAT)
			v = (struct spec_value){ .type = VALUE_FLOAT, .f = (double)number(in, 2) / 65535 };
		else if (info->attrs[i].type == ATTR_ENUM)
			v = (struct spec_value){ .type = VALUE_TEXT, .text = info->attrs[i].values[number(in, 1) % 4] };
		(void)spec_set_attr(f, info->attrs[i].name, &v, error);
	}
	f->toxicity = (float)number(in, 1) / 64;
	f->scope.duty_period = (fl_ns)number(in, 4);
	f->scope.duty_on = (fl_ns)number(in, 4);
	f->scope.window_from = (fl_ns)number(in, 4);
	f->scope.window_to = (fl_ns)number(in, 5);
	return spec_check(f, error) == 0;
}

struct rig {
	struct chain c;
	struct chain_env env;
	struct decide_conn conn;
	struct fault_set *set;
	struct fault_spec specs[FAULTS];
	uint32_t count;
	uint64_t ids;
	fl_ns now;
};

static void
change_set(struct rig *r, struct input *in)
{
	struct fault_spec f;
	uint32_t at = (uint32_t)number(in, 1) % FAULTS, version;
	struct fault_set *set;

	if (at < r->count && number(in, 1) % 2 == 0) {
		memmove(&r->specs[at], &r->specs[at + 1], (r->count - at - 1) * sizeof(f));
		r->count--;
	} else if (at < r->count) {
		version = r->specs[at].version;
		if (draw_fault(in, &f, r->specs[at].id) && f.kind == r->specs[at].kind)
			r->specs[at] = f;
		r->specs[at].version = version + 1;
	} else if (draw_fault(in, &f, ++r->ids)) {
		f.since_ns = r->now;
		r->specs[r->count++] = f;
	}
	set = spec_set_new(r->specs, r->count);
	fl_assert(chain_set(&r->c, &r->env, set, &r->conn, 0, r->now) == 0);
	spec_set_unref(r->set);
	r->set = set;
}

static void
take(struct rig *r, struct input *in)
{
	const uint8_t *p;
	size_t n = chain_peek(&r->c, &p);
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	chain_sent(&r->c, &r->env, number(in, 1) % 2 == 0 ? n : n / 2);
}

static void
check(const struct rig *r)
{
	struct chain_report rep;
	uint64_t held = r->c.out.bytes;

	for (unsigned i = 0; chain_report(&r->c, i, r->now, &rep); i++)
		held += rep.held_bytes;
	fl_assert(held == r->c.held_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[70000];
	static struct rig r;
	struct input in = { data, data + size };
	struct slab *mem;

	fl_assert(slab_new(64u << 20, &mem) == 0);
	r = (struct rig){ .env = { .mem = mem, .bound_bytes = 200000 }, .conn = { .key = 1, .ordinal = 1 }, .set = spec_set_new(NULL, 0) };
	while (in.p < in.end) {
		switch (number(&in, 1) % 6) {
		case 0:
			if (chain_wants(&r.c, &r.env))
				fl_assert(chain_put(&r.c, &r.env, bytes, number(&in, 2), r.now) == 0);
			break;
		case 1:
			change_set(&r, &in);
			break;
		case 2:
			r.now += (fl_ns)number(&in, 4);
			break;
		case 3:
			take(&r, &in);
			break;
		case 4:
			fl_assert(chain_run(&r.c, &r.env, &r.conn, r.now) > r.now);
			break;
		case 5:
			if (!r.c.eof_in && number(&in, 1) % 4 == 0)
				fl_assert(chain_put_eof(&r.c, &r.env, r.now) == 0);
			break;
		}
		check(&r);
	}
	chain_fini(&r.c, &r.env);
	fl_assert(slab_used(mem) == 0);
	spec_set_unref(r.set);
	slab_free_all(mem);
	return 0;
}
