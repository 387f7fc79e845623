/* SPDX-License-Identifier: MIT */
/* fault_draw.c - see fault_draw.h. */
#include "fault_draw.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

static int64_t
ms(const struct swarm *s, struct rnd *r)
{
	return rnd_log(r, 0, s->fault_ms_max);
}

static int64_t
amount(const struct swarm *s, struct rnd *r)
{
	return rnd_log(r, 0, (int64_t)s->bytes_max + 10);
}

static double
rate(struct rnd *r)
{
	return rnd_chance(r, 100) ? 1.0 : (double)rnd_log(r, 0, 1000) / 1000;
}

static void
draw_latency(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	fl_ns samples[20];
	uint32_t n = (uint32_t)rnd_range(r, 1, 20);

	f->values[LATENCY_LATENCY].i = ms(s, r);
	f->values[LATENCY_JITTER].i = rnd_chance(r, 400) ? ms(s, r) : 0;
	f->values[LATENCY_DISTRIBUTION].i = rnd_chance(r, 500) ? DIST_UNIFORM : rnd_range(r, DIST_NORMAL, DIST_SAMPLES);
	f->values[LATENCY_SHAPE].f = (double)rnd_range(r, 11, 50) / 10;
	for (uint32_t i = 0; i < n; i++)
		samples[i] = ms(s, r) * FL_MS;
	if (f->samples == NULL && f->values[LATENCY_DISTRIBUTION].i == DIST_SAMPLES)
		f->samples = spec_samples_new("samples", samples, n);
}

/* A rate at which the traffic of the seed takes a while, but not for ever. */
static void
draw_bandwidth(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	int64_t whole = (int64_t)s->bytes_max / 1000 + 1;

	f->values[BANDWIDTH_RATE].i = rnd_chance(r, 100) ? 0 : rnd_log(r, 1, whole * 10);
	if (f->version == 0)
		f->values[BANDWIDTH_SHARED].i = rnd_chance(r, 300);
	if (f->values[BANDWIDTH_SHARED].i && f->shared == NULL)
		f->shared = spec_shared_new();
}

static void
draw_slicer(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	int64_t average = rnd_log(r, 1 + (int64_t)s->bytes_max / 256, 65536);

	f->values[SLICER_AVERAGE_SIZE].i = average;
	f->values[SLICER_SIZE_VARIATION].i = rnd_range(r, 0, average - 1);
	f->values[SLICER_DELAY].i = rnd_chance(r, 500) ? 0 : rnd_log(r, 1, 20000);
}

static void
draw_corrupt(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	f->values[CORRUPT_RATE].f = rate(r);
	f->values[CORRUPT_BITS].i = rnd_range(r, 1, 8);
	f->values[CORRUPT_OFFSET].i = rnd_chance(r, 500) ? 0 : amount(s, r);
	f->values[CORRUPT_LENGTH].i = rnd_chance(r, 500) ? 0 : amount(s, r);
}

static void
draw_values(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	switch (f->kind) {
	case FAULT_LATENCY: draw_latency(s, r, f); break;
	case FAULT_BANDWIDTH: draw_bandwidth(s, r, f); break;
	case FAULT_SLICER: draw_slicer(s, r, f); break;
	case FAULT_CORRUPT: draw_corrupt(s, r, f); break;
	case FAULT_SLOW_CLOSE: f->values[SLOW_CLOSE_DELAY].i = ms(s, r); break;
	case FAULT_TIMEOUT: f->values[TIMEOUT_TIMEOUT].i = ms(s, r); break;
	case FAULT_RESET_PEER: f->values[RESET_PEER_TIMEOUT].i = ms(s, r); break;
	case FAULT_LIMIT_DATA: f->values[LIMIT_DATA_BYTES].i = amount(s, r); break;
	case FAULT_LIMIT_TIME: f->values[LIMIT_TIME_TIME].i = ms(s, r); break;
	case FAULT_HALF_OPEN: f->values[HALF_OPEN_AFTER].i = ms(s, r); break;
	case FAULT_CONNECT_REFUSE: f->values[CONNECT_REFUSE_RESET].i = rnd_chance(r, 500); break;
	case FAULT_STALL:
		f->values[STALL_AFTER].i = amount(s, r);
		f->values[STALL_DURATION].i = ms(s, r);
		break;
	case FAULT_DUPLICATE_CHUNK: case FAULT_DROP_CHUNK:
		f->values[DROP_RATE].f = rate(r);
		f->values[DROP_SIZE].i = rnd_log(r, 1 + (int64_t)s->bytes_max / 2048, 65536);
		break;
	case FAULT_CONNECT_DELAY:
		f->values[CONNECT_DELAY_DELAY].i = ms(s, r);
		f->values[CONNECT_DELAY_JITTER].i = ms(s, r);
		break;
	default:
		break;
	}
}

static void
draw_scope(const struct swarm *s, struct rnd *r, struct spec_scope *scope)
{
	char error[SPEC_ERROR_MAX], text[32];
	fl_ns part = s->trouble_ns / 4;

	if (rnd_chance(r, s->fault_timed)) {
		scope->window_from = rnd_chance(r, 500) ? 0 : rnd_log(r, 0, part);
		scope->window_to = rnd_chance(r, 300) ? 0 : scope->window_from + rnd_log(r, 1, part);
		if (rnd_chance(r, 500)) {
			scope->duty_period = rnd_log(r, FL_MS, part);
			scope->duty_on = rnd_range(r, 1, scope->duty_period);
		}
		return;
	}
	switch (rnd_below(r, 3)) {
	case 0:
		snprintf(text, sizeof(text), "10.2.0.%u/%u", (unsigned)rnd_range(r, 1, 5), (unsigned)rnd_range(r, 29, 32));
		fl_assert(spec_set_client(scope, text, error) == 0);
		break;
	case 1:
		scope->every = (uint64_t)rnd_range(r, 1, 4);
		break;
	default:
		scope->first = (uint64_t)rnd_range(r, 1, 20);
	}
}

static void
draw_toxicity(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	f->toxicity = rnd_chance(r, s->fault_partial) ? (float)rnd_range(r, 0, 100) / 100.0f : 1.0f;
}

static void
check(const struct fault_spec *f)
{
	char error[SPEC_ERROR_MAX];

	if (spec_check(f, error) == 0)
		return;
	fprintf(stderr, "the simulator drew a fault that is refused: %s: %s\n", kind_info(f->kind)->name, error);
	fl_assert(!"fault is good");
}

void
fault_draw(const struct swarm *s, struct rnd *r, struct fault_spec *ret_f)
{
	unsigned kind = (unsigned)rnd_below(r, FAULT_TCP_COUNT);

	while (!(s->fault_kinds & (UINT32_C(1) << kind)))
		kind = (kind + 1) % FAULT_TCP_COUNT;
	spec_init(ret_f, (enum fault_kind)kind);
	ret_f->dir = rnd_chance(r, 500) ? FL_C2S : FL_S2C;
	draw_values(s, r, ret_f);
	draw_toxicity(s, r, ret_f);
	if (rnd_chance(r, s->fault_scoped))
		draw_scope(s, r, &ret_f->scope);
	if (rnd_chance(r, s->fault_leased))
		ret_f->ttl_ns = rnd_log(r, 1, s->trouble_ns / 2);
	check(ret_f);
}

void
fault_redraw(const struct swarm *s, struct rnd *r, struct fault_spec *f)
{
	draw_values(s, r, f);
	if (rnd_chance(r, 500))
		draw_toxicity(s, r, f);
	check(f);
}

void
fault_print(const struct fault_spec *f)
{
	const struct kind_info *k = kind_info(f->kind);
	const struct spec_scope *s = &f->scope;

	fprintf(stderr, "    fault %llu.%u: %s %s toxicity %g", (unsigned long long)f->id, f->version, k->name,
	    f->dir == FL_C2S ? "c2s" : "s2c", (double)f->toxicity);
	for (size_t i = 0; i < k->attr_count; i++) {
		if (k->attrs[i].type == ATTR_FLOAT)
			fprintf(stderr, " %s %g", k->attrs[i].name, f->values[i].f);
		else
			fprintf(stderr, " %s %lld", k->attrs[i].name, (long long)f->values[i].i);
	}
	if (s->has_client)
		fprintf(stderr, " client %s", s->client_text);
	if (s->every > 0 || s->first > 0)
		fprintf(stderr, " every %llu first %llu", (unsigned long long)s->every, (unsigned long long)s->first);
	if (s->window_from > 0 || s->window_to > 0 || s->duty_period > 0)
		fprintf(stderr, " window %lld to %lld, duty %lld of %lld ns", (long long)s->window_from, (long long)s->window_to,
		    (long long)s->duty_on, (long long)s->duty_period);
	if (f->ttl_ns > 0)
		fprintf(stderr, " lease %lld ns", (long long)f->ttl_ns);
	fputc('\n', stderr);
}
