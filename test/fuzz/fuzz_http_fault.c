/* SPDX-License-Identifier: MIT */
/*
 * fuzz_http_fault.c - any faults on any request: plans are repeatable and within bounds, what they edit can be read again, and a body
 * comes out of its chain whole.
 *
 * The input is lines of one fault each ("kind attribute=value ... .condition=value ..."), an empty line, and the request.
 */
#include "h1_check.h"

#include "fault/chain.h"
#include "fault/http_fault.h"

#include <stdint.h>

#define FAULTS 8
#define BODY_BYTES 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One word of a fault; what is refused changes nothing. */
static void
take_word(struct fault_spec *f, char *word)
{
	char *eq = strchr(word, '='), error[SPEC_ERROR_MAX];
	struct spec_value v = { .type = VALUE_TEXT };

	if (strcmp(word, "upstream") == 0)
		f->dir = FL_C2S;
	if (eq == NULL)
		return;
	*eq = '\0';
	if (word[0] == '.') {
		(void)spec_set_http(&f->scope, word + 1, eq + 1, error);
		return;
	}
	v.text = eq + 1;
	v.i = strtoll(v.text, NULL, 10);
	v.f = strtod(v.text, NULL);
	for (enum spec_value_type t = VALUE_INT; t <= VALUE_TEXT; t++) {
		v.type = t;
		if (spec_set_attr(f, word, &v, error) == 0)
			return;
	}
}

static uint32_t
read_faults(char *text, struct fault_spec *specs)
{
	char *line, *word, error[SPEC_ERROR_MAX];
	uint32_t n = 0;

	while ((line = strsep(&text, "\n")) != NULL && n < FAULTS) {
		enum fault_kind kind;

		word = strsep(&line, " ");
		kind = kind_find(word);
		if (kind == FAULT_KIND_COUNT)
			continue;
		spec_init(&specs[n], kind);
		specs[n].id = n + 1;
		specs[n].key = spec_key(1, "line", kind_info(kind)->name);
		while ((word = strsep(&line, " ")) != NULL)
			take_word(&specs[n], word);
		n += spec_check(&specs[n], error) == 0;
	}
	return n;
}

/* Through the chain of the body, at whatever times it asks for: as many bytes come out as went in. */
static void
run_body(const struct http_fault_plan *p)
{
	static uint8_t bytes[BODY_BYTES];
	struct chain c = { .dir = (uint8_t)p->dir };
	struct chain_env env = { .bound_bytes = 1 << 20 };
	size_t out = 0, len;
	const uint8_t *run;
	fl_ns now = 0;

	fl_assert(slab_new(4 << 20, &env.mem) == 0);
	fl_assert(chain_set(&c, &env, http_fault_body_set(p), &p->key, now, now) == 0);
	fl_assert(chain_put(&c, &env, bytes, sizeof(bytes), now) == 0);
	while (out < sizeof(bytes)) {
		fl_ns next = chain_run(&c, &env, &p->key, now);

		while ((len = chain_peek(&c, &run)) > 0) {
			out += len;
			chain_sent(&c, &env, len);
		}
		fl_assert(out == sizeof(bytes) || (next != FL_NEVER && next >= now));
		now = next;
	}
	fl_assert(out == sizeof(bytes));
	chain_fini(&c, &env);
	slab_free_all(env.mem);
}

static void
check_plan(const struct http_fault_set *s, const struct http_fault_view *v, enum fl_dir dir, uint32_t count)
{
	struct h1_edit edits[HTTP_FAULT_EDITS_MAX];
	struct h1_out o = { .edits = edits, .host = "x", .host_len = 1 };
	struct http_fault_plan p, again;
	static struct h1_head head;
	static char out[4 * H1_HEAD_BYTES_MAX];
	struct h1_limits lim = { .head_bytes_max = sizeof(out) };
	struct h1_scan scan = { 0 };
	uint64_t length;
	size_t n;

	http_fault_plan(s, v, dir, 0, &p);
	http_fault_plan(s, v, dir, 0, &again);
	fl_assert(p.acting == again.acting && p.head_delay == again.head_delay && p.body_delay == again.body_delay && p.abort == again.abort);
	fl_assert(p.head_delay >= 0 && p.body_delay >= 0 && (count == 64 || p.acting >> count == 0));
	(void)http_fault_length(&p, 1000, &length);
	(void)http_fault_end_bytes(&p, v->head);
	o.edit_count = http_fault_edits(&p, edits);
	n = h1_write_request(v->p, v->head, &o, out, sizeof(out));
	fl_assert(n <= sizeof(out));
	fl_assert(h1_request(out, n, &lim, &scan, &head) == H1_OK || head.status == 431);
	if (p.body_chain)
		run_body(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fault_spec specs[FAULTS];
	static struct h1_head head;
	static const struct h1_limits lim;
	const char *split = size > 0 ? memmem(data, size, "\n\n", 2) : NULL;
	struct http_fault_view v = { .head = &head, .conn_key = size, .number = 1, .ordinal = 1 };
	struct h1_scan scan = { 0 };
	struct http_fault_set *set;
	struct fault_set *all;
	uint32_t count;
	char *text;
	size_t n;

	if (split == NULL)
		return 0;
	n = (size_t)(split - (const char *)data);
	v.p = split + 2;
	if (h1_request(v.p, size - n - 2, &lim, &scan, &head) != H1_OK)
		return 0;
	text = calloc(1, n + 1);
	fl_assert(text != NULL);
	memcpy(text, data, n);
	count = read_faults(text, specs);
	all = spec_set_new(specs, count);
	fl_assert(all != NULL && http_fault_set_new(all, &set) == 0);
	for (enum fl_dir dir = FL_C2S; set != NULL && dir <= FL_S2C; dir++)
		check_plan(set, &v, dir, count);
	http_fault_set_unref(set);
	spec_set_unref(all);
	free(text);
	return 0;
}
