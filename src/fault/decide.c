/* SPDX-License-Identifier: MIT */
/*
 * decide.c - the draws behind every decision.
 *
 * Invariants
 *  (1) A draw is one Philox block: key = fault key mixed with the purpose, counter = (ordinal or offset, connection key).
 *      Nothing else enters.
 *  (2) The same draw decides for the life of a connection: raising a share (toxicity, rate) only adds to what is hit.
 */
#include "fault/decide.h"
#include "base/rng.h"
#include <math.h>
#include <string.h>

#define YEARS_100_NS INT64_C(3153600000000000000)
#define TAIL_CAP 100.0          /* heavy tails end at this many times the jitter */
#define PARETO_SHAPE 3.0
#define LOGNORMAL_SHAPE 1.0

static struct rng128
draw(const struct fault_spec *f, const struct decide_conn *c, enum decide_purpose purpose, uint64_t ordinal)
{
	return rng_block(f->key ^ ((uint64_t)purpose * UINT64_C(0x9E3779B97F4A7C15)), ordinal, c->key);
}

static double
draw_unit(const struct fault_spec *f, const struct decide_conn *c, enum decide_purpose purpose, uint64_t ordinal)
{
	return rng_unit(draw(f, c, purpose, ordinal).lo);
}

static fl_ns
add_sat(fl_ns a, fl_ns b)
{
	fl_ns sum;

	return __builtin_add_overflow(a, b, &sum) ? FL_NEVER : sum;
}

static fl_ns
ms_to_ns(int64_t ms)
{
	if (ms <= -(YEARS_100_NS / FL_MS))
		return -YEARS_100_NS;
	return ms >= YEARS_100_NS / FL_MS ? YEARS_100_NS : ms * FL_MS;
}

static fl_ns
to_ns(double ns)
{
	if (!(ns > -(double)YEARS_100_NS))
		return -YEARS_100_NS;
	return ns < (double)YEARS_100_NS ? (fl_ns)ns : YEARS_100_NS;
}

static bool
in_net(const struct spec_scope *s, const uint8_t *ip)
{
	unsigned bytes = s->client_prefix / 8, bits = s->client_prefix % 8;

	if (memcmp(s->client_ip, ip, bytes) != 0)
		return false;
	return bits == 0 || ((s->client_ip[bytes] ^ ip[bytes]) >> (8 - bits)) == 0;
}

double
decide_toxicity_draw(const struct fault_spec *f, const struct decide_conn *c)
{
	return draw_unit(f, c, DECIDE_TOXICITY, 0);
}

bool
decide_applies(const struct fault_spec *f, const struct decide_conn *c)
{
	const struct spec_scope *s = &f->scope;

	if (s->member != 0 && (s->member & c->members) == 0)
		return false;
	if (s->has_client && !(c->has_ip && in_net(s, c->ip)))
		return false;
	if (s->every != 0 && c->ordinal % s->every != 0)
		return false;
	if (s->first != 0 && c->ordinal > s->first)
		return false;
	return f->toxicity >= 1 || decide_toxicity_draw(f, c) < (double)f->toxicity;
}

/* The periods of the duty cycle start where the window starts. */
bool
decide_active(const struct fault_spec *f, fl_ns now, fl_ns *ret_until)
{
	const struct spec_scope *s = &f->scope;
	fl_ns from = add_sat(f->since_ns, s->window_from), to = s->window_to == 0 ? FL_NEVER : add_sat(f->since_ns, s->window_to);
	fl_ns until = to;
	bool on = now < to;

	if (s->window_from > 0 && now < from) {
		on = false;
		until = from;
	} else if (on && s->duty_period > 0 && s->duty_on < s->duty_period) {
		fl_ns phase = now > from ? (now - from) % s->duty_period : 0;

		on = phase < s->duty_on;
		until = FL_MIN(to, add_sat(FL_MAX(now, from) - phase, on ? s->duty_on : s->duty_period));
	} else if (!on) {
		until = FL_NEVER;
	}
	if (ret_until != NULL)
		*ret_until = until;
	return on;
}

static fl_ns
jitter_uniform(struct rng128 bits, fl_ns jitter)
{
	return (fl_ns)rng_below(bits.lo, 2 * (uint64_t)jitter) - jitter;
}

/* Lomax (Pareto II): starts at 0, mean 1 whatever the shape. */
static double
excess_pareto(struct rng128 bits, double shape)
{
	if (shape <= 0)
		shape = PARETO_SHAPE;
	shape = fmax(shape, 1.000001);
	return (shape - 1) * (pow(1 - rng_unit(bits.lo), -1 / shape) - 1);
}

/* Lognormal with mean 1. */
static double
excess_lognormal(struct rng128 bits, double sigma)
{
	if (sigma <= 0)
		sigma = LOGNORMAL_SHAPE;
	return exp(sigma * rng_normal(bits) - sigma * sigma / 2);
}

static fl_ns
spread(const struct fault_spec *f, struct rng128 bits, fl_ns jitter)
{
	double shape = f->values[LATENCY_SHAPE].f;

	switch ((enum kind_distribution)f->values[LATENCY_DISTRIBUTION].i) {
	case DIST_NORMAL:
		return to_ns((double)jitter * rng_normal(bits));
	case DIST_PARETO:
		return to_ns((double)jitter * fmin(excess_pareto(bits, shape), TAIL_CAP));
	case DIST_LOGNORMAL:
		return to_ns((double)jitter * fmin(excess_lognormal(bits, shape), TAIL_CAP));
	case DIST_UNIFORM:
	case DIST_SAMPLES:
		break;
	}
	return jitter_uniform(bits, jitter);
}

fl_ns
decide_latency(const struct fault_spec *f, const struct decide_conn *c, uint64_t off)
{
	fl_ns base = ms_to_ns(f->values[LATENCY_LATENCY].i), jitter = ms_to_ns(f->values[LATENCY_JITTER].i);

	if (f->values[LATENCY_DISTRIBUTION].i == DIST_SAMPLES) {
		const struct spec_samples *s = f->samples;

		if (s != NULL && s->count > 0)
			base = add_sat(base, s->values[rng_below(draw(f, c, DECIDE_JITTER, off).lo, s->count)]);
	} else if (jitter > 0) {
		base = add_sat(base, spread(f, draw(f, c, DECIDE_JITTER, off), jitter));
	}
	return FL_MIN(FL_MAX(base, 0), YEARS_100_NS);
}

/*
 * Pieces come in pairs of average + d and average - d: each size is uniform, and every second cut falls on a multiple of
 * twice the average, so the cuts around any offset are known without drawing all those before it.
 */
uint32_t
decide_cut(const struct fault_spec *f, const struct decide_conn *c, uint64_t k)
{
	int64_t average = FL_MIN(FL_MAX(f->values[SLICER_AVERAGE_SIZE].i, 1), INT32_MAX);
	int64_t variation = FL_MIN(FL_MAX(f->values[SLICER_SIZE_VARIATION].i, 0), average - 1);
	int64_t d;

	if (variation == 0)
		return (uint32_t)average;
	d = (int64_t)rng_below(draw(f, c, DECIDE_CUT, k / 2).lo, (uint64_t)(2 * variation + 1)) - variation;
	return (uint32_t)(k % 2 == 0 ? average + d : average - d);
}

uint64_t
decide_flip_gap(const struct fault_spec *f, const struct decide_conn *c, uint64_t k)
{
	double rate = f->values[CORRUPT_RATE].f, gap;

	if (!(rate > 0))
		return UINT64_MAX;
	if (rate >= 1)
		return 0;
	gap = floor(log1p(-draw_unit(f, c, DECIDE_FLIP, k)) / log1p(-rate));
	return gap < 0x1p63 ? (uint64_t)gap : UINT64_MAX;
}

/* Knuth's selection sampling (TAOCP 2, 3.4.2, algorithm S): each set of `bits` positions is equally likely. */
uint8_t
decide_flip_mask(const struct fault_spec *f, const struct decide_conn *c, uint64_t k)
{
	struct rng128 r = draw(f, c, DECIDE_FLIP_BITS, k);
	unsigned want = (unsigned)FL_MIN(FL_MAX(f->values[CORRUPT_BITS].i, 1), 8), mask = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t word = i < 4 ? r.lo : r.hi;

		if (((word >> (16 * (i % 4)) & 0xffff) * (8 - i)) >> 16 < want) {
			mask |= 1u << i;
			want--;
		}
	}
	return (uint8_t)mask;
}

bool
decide_duplicate(const struct fault_spec *f, const struct decide_conn *c, uint64_t cell)
{
	return draw_unit(f, c, DECIDE_DUPLICATE, cell) < f->values[DUPLICATE_RATE].f;
}

bool
decide_drop(const struct fault_spec *f, const struct decide_conn *c, uint64_t cell)
{
	return draw_unit(f, c, DECIDE_DROP, cell) < f->values[DROP_RATE].f;
}

static fl_ns
connect_delay(const struct fault_spec *f, const struct decide_conn *c)
{
	fl_ns delay = ms_to_ns(f->values[CONNECT_DELAY_DELAY].i), jitter = ms_to_ns(f->values[CONNECT_DELAY_JITTER].i);

	if (jitter > 0)
		delay = add_sat(delay, jitter_uniform(draw(f, c, DECIDE_CONNECT, 0), jitter));
	return FL_MAX(delay, 0);
}

struct decide_connect
decide_connect(const struct fault_set *set, const struct decide_conn *c, fl_ns now)
{
	struct decide_connect r = { 0 };

	for (uint32_t i = 0; set != NULL && i < set->count; i++) {
		const struct fault_spec *f = &set->specs[i];

		if (kind_info(f->kind)->place != KIND_CONNECT || !decide_applies(f, c) || !decide_active(f, now, NULL))
			continue;
		if (f->kind == FAULT_CONNECT_DELAY) {
			r.delay_ns = add_sat(r.delay_ns, connect_delay(f, c));
			r.delay_by = f;
		} else if (!r.refuse) {
			r.refuse = true;
			r.refuse_reset = f->values[CONNECT_REFUSE_RESET].i != 0;
			r.refuse_by = f;
		}
	}
	return r;
}
