/* SPDX-License-Identifier: MIT */
/* test_breaker_walk.c - the circuit breaker beside a simple model on a simulated clock, and in the hands of several threads. */
#include "breaker_rig.h"

/* ---- a walk beside a model ---- */

#define FLYING_MAX 64
#define PAST_MAX 20000

/* The breaker as one would write it who has all the time and memory in the world. */
struct model {
	struct fl_breaker_opts o;
	enum fl_breaker_state state;
	uint64_t generation;
	int64_t touched;                /* newest bucket that a call or a failure of this generation or an earlier one was seen in */
	bool touched_ever;
	fl_ns until, closed_at;
	bool was_closed;
	unsigned openings, good;
	struct { int64_t bucket; bool failed, slow; } past[PAST_MAX];   /* of this generation */
	size_t past_n;
	struct flight { bool on, lost; uint64_t generation; fl_ns at, lease; struct fl_permit permit; } flying[FLYING_MAX];
};

static fl_ns
model_open_time(const struct model *m)
{
	fl_ns t = m->o.open;
	for (unsigned i = 1; i < m->openings; i++)
		t = t * 2 > m->o.open_max ? m->o.open_max : t * 2;
	return t;
}

static void
model_change(struct model *m, enum fl_breaker_state s)
{
	m->state = s;
	m->generation++;
	m->past_n = 0;
	m->good = 0;
}

static void
model_open(struct model *m, fl_ns now)
{
	m->openings = m->was_closed && now - m->closed_at >= m->o.stable ? 1 : m->openings + 1;
	m->was_closed = false;
	m->until = now + model_open_time(m);
	model_change(m, FL_BREAKER_OPEN);
}

static void
model_evaluate(struct model *m, fl_ns now)
{
	fl_ns width = m->o.window / 10;
	int64_t number = now / width;
	double calls = 0, failed = 0, slow = 0;
	for (size_t i = 0; i < m->past_n; i++) {
		if (number - m->past[i].bucket >= 10)
			continue;
		calls++;
		failed += m->past[i].failed;
		slow += m->past[i].slow;
	}
	for (int i = 0; i < FLYING_MAX && m->o.slow_after > 0; i++) {
		const struct flight *f = &m->flying[i];
		if (!f->on || f->generation != m->generation || (f->at / width + 1) * width + m->o.slow_after > now || f->at / width >= number)
			continue;
		calls++;
		failed++;
		slow++;
	}
	if (calls >= m->o.volume_min && (failed / calls >= m->o.failure_rate || slow / calls >= m->o.slow_rate))
		model_open(m, now);
}

/* What time has done. */
static void
model_pass(struct model *m, fl_ns now)
{
	fl_ns first = FL_NEVER;
	for (int i = 0; i < FLYING_MAX && m->state == FL_BREAKER_HALF_OPEN; i++)
		if (m->flying[i].on && m->flying[i].generation == m->generation && m->flying[i].lease < first)
			first = m->flying[i].lease;
	if (first <= now)
		model_open(m, first);
}

static bool
model_admit(struct model *m, int at, fl_ns now)
{
	unsigned probing = 0;
	struct flight *f = &m->flying[at];
	int64_t number = now / (m->o.window / 10);
	model_pass(m, now);
	if (m->state == FL_BREAKER_OPEN && now >= m->until)
		model_change(m, FL_BREAKER_HALF_OPEN);
	if (m->state == FL_BREAKER_CLOSED) {
		if (m->touched_ever && number > m->touched && m->o.slow_after > 0)
			model_evaluate(m, now);
		m->touched = number > m->touched ? number : m->touched;
		m->touched_ever = true;
	}
	for (int i = 0; i < FLYING_MAX && m->state == FL_BREAKER_HALF_OPEN; i++)
		probing += m->flying[i].on && m->flying[i].generation == m->generation;
	unsigned most = m->o.probes > m->o.successes ? m->o.probes : m->o.successes;
	if (m->state == FL_BREAKER_OPEN || (m->state == FL_BREAKER_HALF_OPEN && (probing >= m->o.probes || probing + m->good >= most)))
		return false;
	*f = (struct flight){ .on = true, .generation = m->generation, .at = now,
		.lease = now + (m->o.lease > 0 ? m->o.lease : model_open_time(m)) };
	return true;
}

static int
model_record(struct model *m, int at, enum fl_outcome o, fl_ns now)
{
	struct flight *f = &m->flying[at];
	bool failed = o == FL_FAILED, votes = o == FL_OK || failed, slow = votes && m->o.slow_after > 0 && now - f->at >= m->o.slow_after;
	if (f->generation == m->generation && m->state == FL_BREAKER_HALF_OPEN)
		model_pass(m, now);
	f->on = false;
	if (f->generation != m->generation)
		return -ESTALE;
	if (m->state == FL_BREAKER_HALF_OPEN) {
		if (votes && (failed || (slow && m->o.slow_rate <= 1))) {
			model_open(m, now);
		} else if (votes && ++m->good >= m->o.successes) {
			m->closed_at = now;
			m->was_closed = true;
			model_change(m, FL_BREAKER_CLOSED);
		}
		return 0;
	}
	int64_t number = now / (m->o.window / 10);
	m->touched = number > m->touched ? number : m->touched;
	if (votes) {
		assert_true(m->past_n < PAST_MAX);
		m->past[m->past_n].bucket = number;
		m->past[m->past_n].failed = failed;
		m->past[m->past_n++].slow = slow;
	}
	if (failed || slow)
		model_evaluate(m, now);
	return 0;
}

static enum fl_outcome
draw_outcome(struct dice *d, uint32_t failing)
{
	uint32_t r = dice_roll(d, 100);
	return r < failing ? FL_FAILED : r < 94 ? FL_OK : r < 97 ? FL_CANCELLED : FL_OVERLOADED;
}

static void
walk(uint64_t seed)
{
	static struct model m;
	struct dice d = { .seed = seed };
	struct fl_breaker_opts o = plain();
	o.window = (1 + dice_roll(&d, 100)) * 100 * MS;
	o.volume_min = 1 + dice_roll(&d, 20);
	o.failure_rate = 0.1 + dice_roll(&d, 10) / 10.0;
	o.slow_rate = 0.2 + dice_roll(&d, 10) / 10.0;
	o.slow_after = dice_roll(&d, 2) ? 0 : o.window / 20 * (1 + dice_roll(&d, 18));
	o.open = (1 + dice_roll(&d, 50)) * 100 * MS;
	o.open_max = o.open * (1 + dice_roll(&d, 10));
	o.stable = dice_roll(&d, 20) * S;
	o.probes = 1 + dice_roll(&d, 4);
	o.successes = 1 + dice_roll(&d, 4);
	o.lease = dice_roll(&d, 2) ? 0 : (1 + dice_roll(&d, 30)) * 100 * MS;
	m = (struct model){ .o = o };
	struct fl_breaker *b = make(&o);
	fl_ns now = dice_roll(&d, 1000) * MS;
	uint32_t failing = 0, step = 1;
	for (int i = 0; i < 4000; i++) {
		if (i % 400 == 0) {
			failing = dice_roll(&d, 3) * 45;
			step = 1 + dice_roll(&d, (uint32_t)(o.window / MS) / 4 + 2);
		}
		now += (fl_ns)dice_roll(&d, 2 * step) * MS + dice_roll(&d, 1000);
		int at = (int)dice_roll(&d, FLYING_MAX);
		struct flight *f = &m.flying[at];
		if (!f->on) {
			struct fl_permit p;
			bool goes = model_admit(&m, at, now);
			assert_int_equal(fl_breaker_admit(b, 0, now, &p, NULL), goes ? 0 : -EAGAIN);
			f->permit = p;
			f->lost = goes && dice_roll(&d, 10) == 0;
		} else if (!f->lost) {
			enum fl_outcome out = draw_outcome(&d, failing);
			int r = model_record(&m, at, out, now);
			assert_int_equal(fl_breaker_record(b, 0, &f->permit, out, now - f->at, now), r);
		} else if (dice_roll(&d, 50) == 0) {
			/* The slot of the model is used again; what was in it is lost for good. */
			if (f->generation != m.generation)
				f->on = false;
		}
		if (fl_breaker_state(b) != m.state)
			fail_msg("seed %llu, step %d: %s, not %s", (unsigned long long)seed, i, fl_breaker_state_name(fl_breaker_state(b)),
			    fl_breaker_state_name(m.state));
	}
	/* It always recovers: once all goes well, it is closed within its longest open time and what its probes take. */
	fl_ns end = now + 2 * o.open_max + 2 * (o.lease > 0 ? o.lease : o.open_max) + S;
	for (unsigned good = 0; now < end || good <= o.successes; now += 10 * MS, good++)
		call(b, FL_OK, 0, now);
	assert_int_equal(fl_breaker_state(b), FL_BREAKER_CLOSED);
	assert_int_equal(call(b, FL_OK, 0, now), 0);
	fl_breaker_free(b);
}

static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		walk(seed);
}

/* ---- threads ---- */

struct mob {
	struct fl_breaker *b;
	_Atomic unsigned probing;       /* permits of probes that are out */
	_Atomic int worst;              /* most of them at once */
	_Atomic fl_ns now;
	_Atomic uint64_t admitted, refused, recorded;
};

static void
mob_work(void *subject, unsigned cell)
{
	struct mob *m = subject;
	struct dice d = { .seed = 100 + cell };
	for (int i = 0; i < 20000; i++) {
		fl_ns now = atomic_fetch_add(&m->now, 20 * FL_US);
		struct fl_permit p;
		if (fl_breaker_admit(m->b, cell, now, &p, NULL) != 0) {
			atomic_fetch_add(&m->refused, 1);
			continue;
		}
		atomic_fetch_add(&m->admitted, 1);
		if (p.slot > 0) {
			int n = (int)atomic_fetch_add(&m->probing, 1) + 1;
			if (n > atomic_load(&m->worst))
				atomic_store(&m->worst, n);
			atomic_fetch_sub(&m->probing, 1);
		}
		bool bad = now / (200 * MS) % 2 == 1;
		fl_breaker_record(m->b, cell, &p, bad && dice_roll(&d, 4) > 0 ? FL_FAILED : FL_OK, dice_roll(&d, 2) * S, now);
		atomic_fetch_add(&m->recorded, 1);
	}
}

static void
crowd(unsigned count, fl_ns slow_after)
{
	struct fl_breaker_opts o;
	struct fl_breaker_counters c;
	struct mob m = { 0 };
	fl_breaker_opts_init(&o);
	o.cells = RIG_THREADS;
	o.count = count;
	o.window = 20 * MS;
	o.open = MS;
	o.open_max = 2 * MS;
	o.lease = S;
	o.slow_rate = 2;
	o.slow_after = slow_after;
	o.probes = 2;
	o.successes = 2;
	m.b = make(&o);
	threads_run(RIG_THREADS, mob_work, &m);
	fl_breaker_counters(m.b, &c);
	assert_true(c.admitted == m.admitted && c.refused == m.refused && c.ok + c.failed == m.recorded);
	assert_true(c.opened > 0 && c.closed > 0 && c.refused > 0);
	assert_in_range(m.worst, 1, 2);
	assert_int_equal(c.leases_expired, 0);
	fl_breaker_free(m.b);
}

static void
test_threads(void **state)
{
	(void)state;
	crowd(0, 0);
	crowd(0, 5 * MS);
	crowd(100, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
