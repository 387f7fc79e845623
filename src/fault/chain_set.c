/* SPDX-License-Identifier: MIT */
/*
 * chain_set.c - installing, changing and removing the faults of a chain that may hold bytes.
 *
 * Invariants
 *  (1) Bytes that a fault held when it went are handed to the stage that stood below it, never back: order is kept.
 *  (2) Memory is taken first; after that nothing can fail.
 */
#include "base/assert.h"
#include "fault/stage.h"
#include <errno.h>
#include <string.h>

static const struct stage_ops *const ops_by_kind[FAULT_KIND_COUNT] = {
	[FAULT_LATENCY] = &stage_delay_latency,
	[FAULT_BANDWIDTH] = &stage_delay_bandwidth,
	[FAULT_SLOW_CLOSE] = &stage_delay_slow_close,
	[FAULT_TIMEOUT] = &stage_stop_timeout,
	[FAULT_RESET_PEER] = &stage_stop_reset_peer,
	[FAULT_SLICER] = &stage_cut_slicer,
	[FAULT_LIMIT_DATA] = &stage_cut_limit_data,
	[FAULT_NOOP] = &stage_cut_noop,
	[FAULT_LIMIT_TIME] = &stage_stop_limit_time,
	[FAULT_CORRUPT] = &stage_damage_corrupt,
	[FAULT_DUPLICATE_CHUNK] = &stage_damage_duplicate,
	[FAULT_DROP_CHUNK] = &stage_damage_drop,
	[FAULT_STALL] = &stage_stop_stall,
	[FAULT_HALF_OPEN] = &stage_stop_half_open,
};

static bool
concerns(const struct fault_spec *f, const struct chain *c, const struct decide_conn *conn)
{
	return f->dir == (enum fl_dir)c->dir && ops_by_kind[f->kind] != NULL && decide_applies(f, conn);
}

/* The stage of fault f, looked for from *from on, where it nearly always is. */
static struct chain_stage *
stage_of(struct chain *c, struct chain_stage *from, const struct fault_spec *f)
{
	if (from == NULL)
		from = c->stages;
	for (struct chain_stage *s = from; s != NULL; s = s->next)
		if (s->fault->id == f->id && s->fault->kind == f->kind)
			return s;
	for (struct chain_stage *s = c->stages; s != from; s = s->next)
		if (s->fault->id == f->id && s->fault->kind == f->kind)
			return s;
	return NULL;
}

/* Mark each stage with its fault in the new set, NULL when it is gone. returns how many stages are missing. */
static unsigned
renew(struct chain *c, const struct fault_set *set, const struct decide_conn *conn)
{
	struct chain_stage *last = NULL;
	unsigned missing = 0;

	for (struct chain_stage *s = c->stages; s != NULL; s = s->next)
		s->renewed = NULL;
	for (uint32_t i = 0; set != NULL && i < set->count; i++) {
		struct chain_stage *s;

		if (!concerns(&set->specs[i], c, conn))
			continue;
		s = stage_of(c, last == NULL ? NULL : last->next, &set->specs[i]);
		if (s == NULL) {
			missing++;
			continue;
		}
		s->renewed = &set->specs[i];
		last = s;
	}
	return missing;
}

/* Do the stages that stay keep their order? */
static bool
ordered(const struct chain *c)
{
	const struct fault_spec *last = NULL;

	for (const struct chain_stage *s = c->stages; s != NULL; s = s->next) {
		if (s->renewed != NULL && s->renewed < last)
			return false;
		if (s->renewed != NULL)
			last = s->renewed;
	}
	return true;
}

/* n zeroed stages in a list. 0 or -ENOMEM. */
static int
stages_new(struct slab *mem, unsigned n, struct chain_stage **ret_list)
{
	struct chain_stage *list = NULL;

	for (; n > 0; n--) {
		struct chain_stage *s = slab_alloc(mem, sizeof(*s));

		if (s == NULL)
			break;
		memset(s, 0, sizeof(*s));
		s->next = list;
		list = s;
	}
	if (n == 0) {
		*ret_list = list;
		return 0;
	}
	for (struct chain_stage *s = list; s != NULL; s = list) {
		list = s->next;
		stage_free(mem, s);
	}
	return -ENOMEM;
}

/*
 * Stages whose fault is gone hand on what they hold, from first to last, so that bytes stay in order. When stages that
 * stay change places, what they hold cannot stay with them: they hand it on too, and start afresh.
 */
static void
hand_on(struct stage_turn *t)
{
	bool stay = ordered(t->c);

	for (struct chain_stage *s = t->c->stages; s != NULL; s = s->next) {
		if (s->renewed != NULL && stay)
			continue;
		if (s->ops->stop != NULL)
			s->ops->stop(t, s, s->renewed == NULL);
		stage_flush(t, s);
		if (s->renewed != NULL && s->active && s->ops->start != NULL)
			s->ops->start(t, s);
	}
}

static void
install(struct stage_turn *t, struct chain_stage *s, fl_ns since)
{
	s->fault = s->renewed;
	s->ops = ops_by_kind[s->fault->kind];
	s->cap = STAGE_CAP_BYTES;
	s->since = since;
	s->until = INT64_MIN;
	if (t->env->on_event != NULL)
		stage_tell(t, s, "applies", t->c->in_bytes, (int64_t)(decide_toxicity_draw(s->fault, t->conn) * 1e9));
	stage_window(t, s);
}

static void
update(struct stage_turn *t, struct chain_stage *s)
{
	const struct fault_spec *old = s->fault;

	s->fault = s->renewed;
	if (old->version == s->fault->version)
		return;
	if (s->active && s->ops->change != NULL)
		s->ops->change(t, s, old);
	s->until = INT64_MIN;           /* the window may have changed */
	stage_window(t, s);
}

/* Take the stage renewed as f out of the list, where it is nearly always first. NULL: none. */
static struct chain_stage *
take_renewed(struct chain_stage **list, const struct fault_spec *f)
{
	for (struct chain_stage **p = list; *p != NULL; p = &(*p)->next) {
		struct chain_stage *s = *p;

		if (s->renewed == f) {
			*p = s->next;
			return s;
		}
	}
	return NULL;
}

/* Link the stages in the order of the set, fresh ones among them, and give back those whose fault is gone. */
static void
relink(struct stage_turn *t, const struct fault_set *set, struct chain_stage *fresh)
{
	struct chain_stage *old = t->c->stages, **end = &t->c->stages, *s;

	for (uint32_t i = 0; set != NULL && i < set->count; i++) {
		if (!concerns(&set->specs[i], t->c, t->conn))
			continue;
		s = take_renewed(&old, &set->specs[i]);
		if (s == NULL) {
			s = fresh;
			fresh = s->next;
			s->renewed = &set->specs[i];
		}
		*end = s;
		end = &s->next;
	}
	*end = NULL;
	fl_assert(fresh == NULL);
	while ((s = old) != NULL) {
		old = s->next;
		stage_free(t->env->mem, s);
	}
}

int
chain_set(struct chain *c, const struct chain_env *env, const struct fault_set *set, const struct decide_conn *conn, fl_ns since, fl_ns now)
{
	struct stage_turn t = { .c = c, .env = env, .conn = conn, .now = now };
	struct chain_stage *fresh;
	uint64_t verdict_by;

	if (stages_new(env->mem, renew(c, set, conn), &fresh) != 0)
		return -ENOMEM;
	hand_on(&t);
	verdict_by = c->verdict_by == NULL ? 0 : c->verdict_by->id;
	c->verdict_by = NULL;
	relink(&t, set, fresh);
	for (struct chain_stage *s = c->stages; s != NULL; s = s->next) {
		if (s->fault == NULL)
			install(&t, s, since);
		else
			update(&t, s);
		if (s->fault->id == verdict_by)
			c->verdict_by = s->fault;
	}
	stage_refresh_wants(c, env);
	return 0;
}
