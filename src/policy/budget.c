/* SPDX-License-Identifier: MIT */
/*
 * budget.c - retry budget: tokens earned by successes.
 *
 * Tokens are millionths. Successes are gathered per cell and brought to the shared bucket 16 at a time, so the success path of many
 * threads shares nothing.
 */
#include "faultline/retry.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKEN 1000000
#define BATCH 16

struct cell {
	_Alignas(64) uint32_t gathered;
};

struct fl_budget {
	_Alignas(64) _Atomic int64_t tokens;
	_Atomic int64_t filled_at;      /* reserve was added up to then */
	int64_t max, ratio;
	struct cell *cells;
	struct fl_budget_opts o;
	char name[FL_NAME_MAX];
	_Atomic uint64_t withdrawn, refused, drawn, would_refuse;
	_Atomic bool spent;             /* as the listener knows it */
};

void
fl_budget_opts_init_size(struct fl_budget_opts *o, size_t size)
{
	struct fl_budget_opts d = { .size = size, .name = "", .cells = 1, .ratio = 0.1, .max = 10, .reserve = 0.1, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_budget_new(const struct fl_budget_opts *opts, struct fl_budget **ret_budget, const char **f)
{
	struct fl_budget_opts o;
	fl_budget_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.cells >= 1 && o.cells <= FL_CELLS_MAX, "cells", f) || !common_check(o.ratio >= 0 && o.ratio <= 1, "ratio", f) ||
	    !common_check(o.max >= 1 && o.max <= 1e9, "max", f) || !common_check(o.reserve >= 0 && o.reserve <= 1e6, "reserve", f) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_budget *b = common_take(o.alloc, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->o = o;
	common_name(b->name, o.name);
	b->o.name = b->name;
	b->max = (int64_t)(o.max * TOKEN);
	b->ratio = (int64_t)(o.ratio * TOKEN);
	atomic_store(&b->tokens, b->max);
	atomic_store(&b->filled_at, INT64_MIN);
	b->cells = common_take(o.alloc, o.cells * sizeof(*b->cells));
	if (b->cells == NULL) {
		fl_budget_free(b);
		return -ENOMEM;
	}
	*ret_budget = b;
	return 0;
}

void
fl_budget_free(struct fl_budget *b)
{
	if (b == NULL)
		return;
	common_give(b->o.alloc, b->cells);
	common_give(b->o.alloc, b);
}

static void
put(struct fl_budget *b, int64_t n)
{
	int64_t t = atomic_load_explicit(&b->tokens, memory_order_relaxed), to;
	do {
		to = FL_MIN(t + n, b->max);
		if (to == t)
			return;
	} while (!atomic_compare_exchange_weak_explicit(&b->tokens, &t, to, memory_order_relaxed, memory_order_relaxed));
}

void
fl_budget_deposit(struct fl_budget *b, unsigned cell)
{
	struct cell *c = &b->cells[cell];
	if (++c->gathered < BATCH)
		return;
	c->gathered = 0;
	if (atomic_load_explicit(&b->tokens, memory_order_relaxed) < b->max)
		put(b, b->ratio * BATCH);
}

/* Add what the reserve gave since the last time. */
static void
fill(struct fl_budget *b, fl_ns now)
{
	int64_t from = atomic_load_explicit(&b->filled_at, memory_order_relaxed);
	if (from == INT64_MIN) {
		atomic_compare_exchange_strong(&b->filled_at, &from, now);
		return;
	}
	if (b->o.reserve <= 0 || now <= from)
		return;
	double tokens = b->o.reserve * (double)(now - from) / 1e9;
	if (tokens * TOKEN < 1000 || !atomic_compare_exchange_strong(&b->filled_at, &from, now))
		return;
	put(b, (int64_t)(FL_MIN(tokens, b->o.max) * TOKEN));
}

/* It is spent at its first refusal, and filled once it is half full: in between, nothing is told. */
static void
note(struct fl_budget *b, bool spent, int64_t tokens, fl_ns now)
{
	static const char *const names[] = { "filled", "spent" };
	bool was = !spent;
	char why[96];
	if (b->o.listener.event == NULL || atomic_load_explicit(&b->spent, memory_order_relaxed) == spent ||
	    (!spent && tokens < b->max / 2) || !atomic_compare_exchange_strong(&b->spent, &was, spent))
		return;
	snprintf(why, sizeof(why), "%.2f of %.0f tokens are left", (double)tokens / TOKEN, b->o.max);
	struct fl_event e = { FL_WHO_BUDGET, b->name, names[!spent], names[spent], why, now };
	b->o.listener.event(b->o.listener.ud, &e);
}

/* When there will be a token even if nothing succeeds; 0: nobody knows. */
static fl_ns
next_token(const struct fl_budget *b, int64_t tokens)
{
	double s = b->o.reserve > 0 ? (double)(TOKEN - tokens) / TOKEN / b->o.reserve : 0;
	return s < 1e9 ? (fl_ns)(s * 1e9) : 0;
}

int
fl_budget_withdraw(struct fl_budget *b, fl_ns now, struct fl_refusal *why)
{
	fill(b, now);
	int64_t t = atomic_load_explicit(&b->tokens, memory_order_relaxed);
	do {
		if (t < TOKEN)
			break;
	} while (!atomic_compare_exchange_weak_explicit(&b->tokens, &t, t - TOKEN, memory_order_relaxed, memory_order_relaxed));
	if (t >= TOKEN) {
		atomic_fetch_add_explicit(&b->withdrawn, 1, memory_order_relaxed);
		note(b, false, t - TOKEN, now);
		return 0;
	}
	note(b, true, t, now);
	if (b->o.enforce < 1) {
		uint64_t nth = atomic_fetch_add_explicit(&b->drawn, 1, memory_order_relaxed);
		if (!common_enforced(b->o.enforce, b->o.seed, nth)) {
			atomic_fetch_add_explicit(&b->would_refuse, 1, memory_order_relaxed);
			return 0;
		}
	}
	atomic_fetch_add_explicit(&b->refused, 1, memory_order_relaxed);
	common_refuse(why, FL_WHO_BUDGET, FL_REASON_BUDGET_EMPTY, b->name, next_token(b, t), (double)t / TOKEN, b->o.max, 0, 0, 0);
	return -EAGAIN;
}

void
fl_budget_refund(struct fl_budget *b)
{
	put(b, TOKEN);
}

void
fl_budget_counters(const struct fl_budget *b, struct fl_budget_counters *ret)
{
	*ret = (struct fl_budget_counters){ .withdrawn = common_get(&b->withdrawn), .refused = common_get(&b->refused),
		.would_refuse = common_get(&b->would_refuse), .tokens = (double)atomic_load(&b->tokens) / TOKEN, .max = b->o.max };
}

char *
fl_budget_explain(const struct fl_budget *b, char *buf, size_t buf_bytes)
{
	struct fl_budget_counters c;
	fl_budget_counters(b, &c);
	snprintf(buf, buf_bytes, "%.1f of %.0f tokens; a success adds %.2f, %.2f come each second; %llu retries paid, %llu refused", c.tokens, c.max,
	    b->o.ratio, b->o.reserve, (unsigned long long)c.withdrawn, (unsigned long long)c.refused);
	return buf;
}
