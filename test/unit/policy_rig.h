/* SPDX-License-Identifier: MIT */
/* policy_rig.h - for tests of policies: memory that counts and fails on request, and a listener that remembers. */
#ifndef TEST_POLICY_RIG_H
#define TEST_POLICY_RIG_H

#include "unit.h"

#include "threads.h"

#include <errno.h>
#include <faultline/base.h>
#include <sched.h>
#include <stdatomic.h>

#define MS FL_MS
#define S FL_SEC

/* ---- memory ---- */

struct rig_memory {
	int taken, live;
	int fail_at;                    /* which one fails, from 1; 0: none */
};

static inline void *
rig_take(void *ud, size_t n)
{
	struct rig_memory *m = ud;
	if (++m->taken == m->fail_at)
		return NULL;
	m->live++;
	return malloc(n);
}

static inline void
rig_give(void *ud, void *p)
{
	struct rig_memory *m = ud;
	m->live--;
	free(p);
}

#define RIG_ALLOC(memory) { .alloc = rig_take, .free = rig_give, .ud = (memory) }

/* Creating something with every allocation failing in turn gives -ENOMEM, keeps nothing, and touches no output. */
#define RIG_NO_MEMORY(create, destroy, opts, object)			\
	do {								\
		struct rig_memory memory_ = { 0 };			\
		const struct fl_alloc alloc_ = RIG_ALLOC(&memory_);	\
		(opts).alloc = &alloc_;					\
		assert_int_equal(create(&(opts), &(object), NULL), 0);	\
		int needed_ = memory_.taken;				\
		destroy(object);					\
		assert_int_equal(memory_.live, 0);			\
		for (int i_ = 1; i_ <= needed_; i_++) {			\
			(object) = NULL;				\
			memory_ = (struct rig_memory){ .fail_at = i_ };	\
			assert_int_equal(create(&(opts), &(object), NULL), -ENOMEM);	\
			assert_null(object);				\
			assert_int_equal(memory_.live, 0);		\
		}							\
		destroy(NULL);						\
		(opts).alloc = NULL;					\
	} while (0)

/* This option, with this value, is refused and named. */
#define RIG_BAD(create, init, opts, object, field, value)		\
	do {								\
		const char *named_ = NULL;				\
		init(&(opts));						\
		(opts).field = (value);					\
		assert_int_equal(create(&(opts), &(object), &named_), -EINVAL);	\
		assert_string_equal(named_, #field);			\
		assert_int_equal(create(&(opts), &(object), NULL), -EINVAL);	\
	} while (0)

/* ---- events ---- */

#define RIG_NEWS_MAX 64

struct rig_news {
	int n;
	struct {
		enum fl_who who;
		char name[32], change[48], why[160];
		fl_ns at;
	} e[RIG_NEWS_MAX];
};

static inline void
rig_heard(void *ud, const struct fl_event *e)
{
	struct rig_news *n = ud;
	assert_true(n->n < RIG_NEWS_MAX);
	n->e[n->n].who = e->who;
	n->e[n->n].at = e->at;
	snprintf(n->e[n->n].name, sizeof(n->e[0].name), "%s", e->name);
	snprintf(n->e[n->n].change, sizeof(n->e[0].change), "%s>%s", e->from, e->to);
	snprintf(n->e[n->n++].why, sizeof(n->e[0].why), "%s", e->why);
}

#define RIG_LISTENER(news) ((struct fl_listener){ .event = rig_heard, .ud = (news) })

#define RIG_THREADS 4

#endif
