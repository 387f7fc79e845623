/* SPDX-License-Identifier: MIT */
/* fallback.c - when a fallback is taken, how many at once, and its rehearsals. */
#include "faultline/fallback.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { UNTRIED, WORKS, FAILS };

struct fl_fallback {
	_Atomic int32_t inflight;
	_Atomic uint64_t taken, rehearsed, good, bad, refused, asked, would_take;
	_Atomic uint32_t known;                 /* how the last one went */
	struct fl_fallback_opts o;
	char name[FL_NAME_MAX];
};

void
fl_fallback_opts_init_size(struct fl_fallback_opts *o, size_t size)
{
	struct fl_fallback_opts d = { .size = size, .name = "", .on = FL_FALLBACK_ALL, .max = 10, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_fallback_new(const struct fl_fallback_opts *opts, struct fl_fallback **ret_fallback, const char **field)
{
	struct fl_fallback_opts o;
	fl_fallback_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check((o.on & ~(unsigned)FL_FALLBACK_ALL) == 0 && o.on != 0, "on", field) ||
	    !common_check(o.max >= 1 && o.max <= INT32_MAX, "max", field) || !common_check(o.rehearse >= 0 && o.rehearse <= 1, "rehearse", field) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", field))
		return -EINVAL;
	struct fl_fallback *f = common_take(o.alloc, sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	f->o = o;
	common_name(f->name, o.name);
	f->o.name = f->name;
	*ret_fallback = f;
	return 0;
}

void
fl_fallback_free(struct fl_fallback *f)
{
	if (f != NULL)
		common_give(f->o.alloc, f);
}

bool
fl_fallback_rehearses(const struct fl_fallback *f, uint64_t key)
{
	return f->o.rehearse > 0 && rng_unit(rng_draw(f->o.seed, key, 0x72656865)) < f->o.rehearse;
}

int
fl_fallback_admit(struct fl_fallback *f, unsigned on, bool rehearsal, struct fl_refusal *why)
{
	if (!(f->o.on & on) && !rehearsal)
		return -ENOENT;
	if (f->o.enforce < 1 && !common_enforced(f->o.enforce, f->o.seed, atomic_fetch_add_explicit(&f->asked, 1, memory_order_relaxed))) {
		atomic_fetch_add_explicit(&f->would_take, 1, memory_order_relaxed);
		return -ENOENT;
	}
	int32_t n = atomic_load_explicit(&f->inflight, memory_order_relaxed);
	do {
		if (n >= (int32_t)f->o.max) {
			atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
			common_refuse(why, FL_WHO_FALLBACK, FL_REASON_FALLBACK_FULL, f->name, 0, n, f->o.max, 0, 0, 0);
			return -EAGAIN;
		}
	} while (!atomic_compare_exchange_weak(&f->inflight, &n, n + 1));
	atomic_fetch_add_explicit(rehearsal ? &f->rehearsed : &f->taken, 1, memory_order_relaxed);
	return 0;
}

static void
give_back(struct fl_fallback *f)
{
	int32_t was = atomic_fetch_sub(&f->inflight, 1);
	fl_assert(was > 0);
}

void
fl_fallback_done(struct fl_fallback *f, bool good, fl_ns now)
{
	static const char *const names[] = { [UNTRIED] = "untried", [WORKS] = "works", [FAILS] = "fails" };
	uint32_t is = good ? WORKS : FAILS;
	give_back(f);
	atomic_fetch_add_explicit(good ? &f->good : &f->bad, 1, memory_order_relaxed);
	if (atomic_load_explicit(&f->known, memory_order_relaxed) == is)
		return;
	uint32_t was = atomic_exchange(&f->known, is);
	if (was == is || (was == UNTRIED && good) || f->o.listener.event == NULL)
		return;
	char why[96];
	uint64_t bad = common_get(&f->bad);
	snprintf(why, sizeof(why), "the last one %s; %llu of %llu have failed so far", good ? "was good" : "failed", (unsigned long long)bad,
	    (unsigned long long)(bad + common_get(&f->good)));
	struct fl_event e = { FL_WHO_FALLBACK, f->name, names[was], names[is], why, now };
	f->o.listener.event(f->o.listener.ud, &e);
}

void
fl_fallback_leave(struct fl_fallback *f)
{
	give_back(f);
}

void
fl_fallback_counters(const struct fl_fallback *f, struct fl_fallback_counters *ret)
{
	*ret = (struct fl_fallback_counters){ .taken = common_get(&f->taken), .rehearsed = common_get(&f->rehearsed), .good = common_get(&f->good),
		.bad = common_get(&f->bad), .refused = common_get(&f->refused), .would_take = common_get(&f->would_take),
		.inflight = (unsigned)atomic_load(&f->inflight) };
}

char *
fl_fallback_explain(const struct fl_fallback *f, char *buf, size_t buf_bytes)
{
	struct fl_fallback_counters c;
	fl_fallback_counters(f, &c);
	snprintf(buf, buf_bytes, "%u of %u in flight; taken %llu times, rehearsed %llu times, failed %llu times", c.inflight, f->o.max,
	    (unsigned long long)c.taken, (unsigned long long)c.rehearsed, (unsigned long long)c.bad);
	return buf;
}
