/* SPDX-License-Identifier: MIT */
/*
 * http_fault.c - sets of HTTP faults, and plans drawn from them.
 *
 * What paces or damages bytes is done by stages that are there already: each such fault is written down once more as a fault of a
 * stream (latency, bandwidth, slicer, corrupt) that only members take part in; a request is a member where its fault acts.
 */
#include "fault/http_fault.h"
#include "base/assert.h"
#include "base/rng.h"
#include "fault/http_match.h"
#include <errno.h>
#include <stdlib.h>

#define SHARE_OF_UNKNOWN 16384u
/* From this pace on, and at whole KB/s, bandwidth paces; below, pieces that take 10 ms each. */
#define PACE_SMOOTH 64000
#define PACE_FAST 1000000
#define PIECES_PER_SECOND 100
/* Edits that a replaced body needs beside those of the headers. */
#define BODY_EDITS 2

_Static_assert((int)HTTP_DELAY_DELAY == (int)LATENCY_LATENCY && (int)HTTP_DELAY_JITTER == (int)LATENCY_JITTER &&
    (int)HTTP_DELAY_DISTRIBUTION == (int)LATENCY_DISTRIBUTION && (int)HTTP_DELAY_SHAPE == (int)LATENCY_SHAPE &&
    (int)HTTP_DELAY_SAMPLES == (int)LATENCY_SAMPLES, "decide_latency() reads them");
_Static_assert((int)HTTP_CORRUPT_RATE == (int)CORRUPT_RATE && (int)HTTP_CORRUPT_BITS == (int)CORRUPT_BITS &&
    (int)HTTP_CORRUPT_OFFSET == (int)CORRUPT_OFFSET && (int)HTTP_CORRUPT_LENGTH == (int)CORRUPT_LENGTH, "values are copied");

struct http_fault_set {
	atomic_uint refs;
	bool counts_requests;
	uint64_t dirs[2];                       /* the faults of each side */
	struct fault_set *own;                  /* the HTTP faults */
	struct fault_set *head, *body;          /* of chains */
	struct http_match matches[HTTP_FAULTS_MAX];
	struct h1_edit edits[HTTP_FAULTS_MAX];  /* of headers; others unused */
	struct h1_edit types[HTTP_FAULTS_MAX];  /* Content-Type of replaced bodies */
};

static const struct h1_edit no_coding = { H1_EDIT_REMOVE, H1_ID_CONTENT_ENCODING, 16, 0, "Content-Encoding", "" };

/* ---- sets ---- */

/* A fault of a stream with the time and the name of f, for members alone. */
static struct fault_spec *
derive(struct fault_spec *out, const struct fault_spec *f, unsigned bit, enum fault_kind kind)
{
	spec_init(out, kind);
	out->id = f->id;
	out->version = f->version;
	out->dir = f->dir;
	out->since_ns = f->since_ns;
	out->key = f->key;
	memcpy(out->name, f->name, sizeof(out->name));
	out->scope.window_from = f->scope.window_from;
	out->scope.window_to = f->scope.window_to;
	out->scope.duty_period = f->scope.duty_period;
	out->scope.duty_on = f->scope.duty_on;
	out->scope.member = UINT64_C(1) << bit;
	return out;
}

static void
derive_pieces(struct fault_spec *out, const struct fault_spec *f, unsigned bit, int64_t piece, int64_t pace)
{
	struct fault_spec *s = derive(out, f, bit, FAULT_SLICER);

	s->values[SLICER_AVERAGE_SIZE].i = piece;
	s->values[SLICER_SIZE_VARIATION].i = 0;
	s->values[SLICER_DELAY].i = piece * 1000000 / pace;
}

static void
derive_pace(struct fault_spec *out, const struct fault_spec *f, unsigned bit, int64_t pace)
{
	if (pace >= PACE_FAST || (pace >= PACE_SMOOTH && pace % 1000 == 0))
		derive(out, f, bit, FAULT_BANDWIDTH)->values[BANDWIDTH_RATE].i = pace / 1000;
	else
		derive_pieces(out, f, bit, FL_MAX(pace / PIECES_PER_SECOND, 1), pace);
}

static bool
paces_head(const struct fault_spec *f)
{
	return f->kind == FAULT_HTTP_SLOW && f->values[HTTP_SLOW_PART].i != HTTP_PART_BODY;
}

static bool
works_on_body(const struct fault_spec *f)
{
	return f->kind == FAULT_HTTP_CORRUPT || (f->kind == FAULT_HTTP_SLOW && f->values[HTTP_SLOW_PART].i != HTTP_PART_HEAD) ||
	    (f->kind == FAULT_HTTP_DELAY && f->values[HTTP_DELAY_PACE].i > 0);
}

static void
derive_body(struct fault_spec *out, const struct fault_spec *f, unsigned bit)
{
	if (f->kind == FAULT_HTTP_SLOW)
		derive_pieces(out, f, bit, f->values[HTTP_SLOW_PIECE].i, f->values[HTTP_SLOW_PACE].i);
	else if (f->kind == FAULT_HTTP_DELAY)
		derive_pace(out, f, bit, f->values[HTTP_DELAY_PACE].i);
	else
		memcpy(derive(out, f, bit, FAULT_CORRUPT)->values, f->values, sizeof(out->values));
}

/* The faults of the chains of heads or bodies. scratch: room for as many as s has. 0 or -ENOMEM. */
static int
derive_all(struct http_fault_set *s, bool head, struct fault_spec *scratch, struct fault_set **ret)
{
	const struct fault_set *own = s->own;
	uint32_t n = 0;

	for (uint32_t i = 0; i < own->count; i++) {
		const struct fault_spec *f = &own->specs[i];

		if (head && paces_head(f))
			derive_pieces(&scratch[n++], f, i, f->values[HTTP_SLOW_PIECE].i, f->values[HTTP_SLOW_PACE].i);
		else if (!head && works_on_body(f))
			derive_body(&scratch[n++], f, i);
	}
	*ret = spec_set_new(scratch, n);
	return *ret != NULL ? 0 : -ENOMEM;
}

/* Look at each fault once, so that a request need not. */
static void
prepare(struct http_fault_set *s)
{
	static const enum h1_edit_op ops[] = { [HTTP_OP_SET] = H1_EDIT_SET, [HTTP_OP_ADD] = H1_EDIT_ADD, [HTTP_OP_REMOVE] = H1_EDIT_REMOVE };

	for (uint32_t i = 0; i < s->own->count; i++) {
		const struct fault_spec *f = &s->own->specs[i];

		http_match_init(&s->matches[i], &f->scope.http);
		s->dirs[f->dir] |= UINT64_C(1) << i;
		s->counts_requests |= f->scope.every != 0 || f->scope.first != 0;
		if (f->kind == FAULT_HTTP_HEADER)
			fl_assert(h1_edit_init(&s->edits[i], ops[f->values[HTTP_HEADER_OP].i], f->label, f->text));
		if (f->kind == FAULT_HTTP_BODY)
			fl_assert(h1_edit_init(&s->types[i], H1_EDIT_SET, "Content-Type", f->label));
	}
}

static uint32_t
copy_http(const struct fault_set *faults, struct fault_spec *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < faults->count && n < HTTP_FAULTS_MAX; i++) {
		if (kind_info(faults->specs[i].kind)->place == KIND_HTTP)
			memcpy(&out[n++], &faults->specs[i], sizeof(*out));
	}
	return n;
}

int
http_fault_set_new(const struct fault_set *faults, struct http_fault_set **ret_set)
{
	struct fault_spec *scratch = malloc((faults->count + 1) * sizeof(*scratch));
	struct http_fault_set *s = NULL;
	uint32_t n = scratch != NULL ? copy_http(faults, scratch) : 0;
	int r = scratch != NULL ? 0 : -ENOMEM;

	if (n > 0) {
		s = calloc(1, sizeof(*s));
		r = s != NULL ? 0 : -ENOMEM;
	}
	if (s != NULL) {
		atomic_init(&s->refs, 1);
		s->own = spec_set_new(scratch, n);
		r = s->own != NULL ? 0 : -ENOMEM;
	}
	if (s != NULL && r == 0)
		r = derive_all(s, true, scratch, &s->head);
	if (s != NULL && r == 0)
		r = derive_all(s, false, scratch, &s->body);
	free(scratch);
	if (r != 0) {
		http_fault_set_unref(s);
		return r;
	}
	if (s != NULL)
		prepare(s);
	*ret_set = s;
	return 0;
}

struct http_fault_set *
http_fault_set_ref(struct http_fault_set *s)
{
	if (s != NULL)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
http_fault_set_unref(struct http_fault_set *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	spec_set_unref(s->own);
	spec_set_unref(s->head);
	spec_set_unref(s->body);
	free(s);
}

bool
http_fault_counts_requests(const struct http_fault_set *s)
{
	return s != NULL && s->counts_requests;
}

bool
http_fault_has(const struct http_fault_set *s, enum fl_dir dir)
{
	return s != NULL && s->dirs[dir] != 0;
}

const struct fault_spec *
http_fault_spec(const struct http_fault_set *s, unsigned i)
{
	return s != NULL && i < s->own->count ? &s->own->specs[i] : NULL;
}

/* ---- plans ---- */

static fl_ns
add_time(fl_ns a, fl_ns b)
{
	fl_ns sum;

	return __builtin_add_overflow(a, b, &sum) ? FL_NEVER : sum;
}

static uint64_t
trace_key(const uint8_t trace[16])
{
	uint64_t words[2];

	memcpy(words, trace, sizeof(words));
	return rng_key(rng_key(UINT64_C(0x7472616365), words[0]), words[1]);
}

static uint64_t
request_key(const struct http_fault_view *v, enum fl_dir dir)
{
	uint64_t key = rng_key(v->conn_key, v->number);

	return dir == FL_C2S && v->attempt > 0 ? rng_key(key, v->attempt) : key;
}

static void
plan_abort(struct http_fault_plan *plan, const struct fault_spec *f)
{
	enum http_fault_when when = f->values[HTTP_ABORT_WHEN].i == HTTP_WHEN_BEFORE ? HTTP_FAULT_BEFORE : HTTP_FAULT_AFTER;

	if (plan->abort != NULL && plan->abort_when <= when)
		return;
	plan->abort = f;
	plan->abort_when = when;
	plan->abort_status = (uint16_t)f->values[HTTP_ABORT_STATUS].i;
	plan->retry_after = (uint32_t)f->values[HTTP_ABORT_RETRY_AFTER].i;
}

/* The end that comes first counts; shares come after numbers, for how much they are is not known yet. */
static void
plan_end(struct http_fault_plan *plan, const struct fault_spec *f, enum http_fault_end end, uint64_t bytes, bool share)
{
	bool sooner = end != plan->end ? end < plan->end : plan->end_share != share ? plan->end_share : bytes < plan->end_bytes;

	if (plan->end_by != NULL && !sooner)
		return;
	plan->end_by = f;
	plan->end = end;
	plan->end_bytes = bytes;
	plan->end_share = share;
	plan->end_cut = f->kind == FAULT_HTTP_TRUNCATE;
	plan->end_rst = f->kind == FAULT_HTTP_RESET && f->values[HTTP_RESET_HOW].i == HTTP_HOW_RST;
}

static void
plan_reset(struct http_fault_plan *plan, const struct fault_spec *f)
{
	int64_t at = f->values[HTTP_RESET_AT].i;

	plan_end(plan, f, at == HTTP_RESET_BEFORE_HEAD ? HTTP_FAULT_END_HEAD : HTTP_FAULT_END_BODY,
	    at == HTTP_RESET_IN_BODY ? (uint64_t)f->values[HTTP_RESET_BYTES].i : 0, false);
}

static void
plan_fault(struct http_fault_plan *plan, const struct fault_spec *f, const struct decide_conn *key)
{
	fl_ns *delay = f->values[HTTP_DELAY_AT].i == HTTP_AT_HEAD ? &plan->head_delay : &plan->body_delay;

	plan->head_chain |= paces_head(f);
	plan->body_chain |= works_on_body(f);
	switch (f->kind) {
	case FAULT_HTTP_DELAY:
		*delay = add_time(*delay, decide_latency(f, key, 0));
		break;
	case FAULT_HTTP_ABORT:
		plan_abort(plan, f);
		break;
	case FAULT_HTTP_RESET:
		plan_reset(plan, f);
		break;
	case FAULT_HTTP_TRUNCATE:
		plan_end(plan, f, HTTP_FAULT_END_BODY, (uint64_t)f->values[HTTP_TRUNCATE_BYTES].i, f->values[HTTP_TRUNCATE_SHARE].f < 1);
		break;
	case FAULT_HTTP_BODY:
		plan->body = plan->body != NULL ? plan->body : f;
		break;
	case FAULT_HTTP_LENGTH:
		plan->length = plan->length != NULL ? plan->length : f;
		break;
	default:
		break;
	}
}

void
http_fault_plan(const struct http_fault_set *s, const struct http_fault_view *v, enum fl_dir dir, fl_ns now, struct http_fault_plan *ret)
{
	struct http_fault_plan plan = { .set = s, .dir = dir, .end = HTTP_FAULT_END_NONE };
	struct decide_conn by_trace;

	if (s == NULL || s->dirs[dir] == 0) {
		*ret = plan;
		return;
	}
	plan.key = (struct decide_conn){ .key = request_key(v, dir), .ordinal = v->ordinal, .has_ip = v->has_ip };
	memcpy(plan.key.ip, v->ip, sizeof(plan.key.ip));
	by_trace = plan.key;
	if (v->has_trace)
		by_trace.key = trace_key(v->trace);
	for (uint64_t left = s->dirs[dir]; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct fault_spec *f = &s->own->specs[i];
		const struct decide_conn *key = f->scope.http.by_trace ? &by_trace : &plan.key;

		if (!decide_active(f, now, NULL) || !http_match_request(&s->matches[i], v->p, v->head) || !decide_applies(f, key))
			continue;
		plan.acting |= UINT64_C(1) << i;
		plan_fault(&plan, f, key);
	}
	plan.key.members = plan.acting;
	*ret = plan;
}

/* Where the fault f stands in s, or -1. */
static int
find(const struct http_fault_set *s, const struct fault_spec *f)
{
	for (uint32_t i = 0; s != NULL && f != NULL && i < s->own->count; i++) {
		if (s->own->specs[i].id == f->id && s->own->specs[i].kind == f->kind)
			return (int)i;
	}
	return -1;
}

static const struct fault_spec *
found(const struct http_fault_set *s, const struct fault_spec *f)
{
	int i = find(s, f);

	return i >= 0 ? &s->own->specs[i] : NULL;
}

void
http_fault_renew(struct http_fault_plan *plan, const struct http_fault_set *now)
{
	uint64_t acting = 0;

	plan->head_chain = plan->body_chain = false;
	for (uint64_t left = plan->acting; left != 0; left &= left - 1) {
		int i = find(now, &plan->set->own->specs[__builtin_ctzll(left)]);

		if (i < 0)
			continue;
		acting |= UINT64_C(1) << i;
		plan->head_chain |= paces_head(&now->own->specs[i]);
		plan->body_chain |= works_on_body(&now->own->specs[i]);
	}
	plan->abort = found(now, plan->abort);
	plan->body = found(now, plan->body);
	plan->length = found(now, plan->length);
	plan->end_by = found(now, plan->end_by);
	if (plan->end_by == NULL)
		plan->end = HTTP_FAULT_END_NONE;
	plan->set = now;
	plan->acting = acting;
	plan->key.members = acting;
}

const struct fault_set *
http_fault_head_set(const struct http_fault_plan *plan)
{
	return plan->set != NULL ? plan->set->head : NULL;
}

const struct fault_set *
http_fault_body_set(const struct http_fault_plan *plan)
{
	return plan->set != NULL ? plan->set->body : NULL;
}

unsigned
http_fault_edits(const struct http_fault_plan *plan, struct h1_edit ret_edits[HTTP_FAULT_EDITS_MAX])
{
	unsigned n = 0;

	for (uint64_t left = plan->acting; left != 0 && n < HTTP_FAULT_EDITS_MAX - BODY_EDITS; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (plan->set->own->specs[i].kind == FAULT_HTTP_HEADER)
			ret_edits[n++] = plan->set->edits[i];
	}
	if (plan->body != NULL) {
		ret_edits[n++] = no_coding;
		if (plan->body->label[0] != '\0')
			ret_edits[n++] = plan->set->types[find(plan->set, plan->body)];
	}
	return n;
}

uint64_t
http_fault_end_bytes(const struct http_fault_plan *plan, const struct h1_head *message)
{
	uint64_t length = message->framing == H1_LENGTH ? message->length : SHARE_OF_UNKNOWN;

	if (plan->end != HTTP_FAULT_END_BODY)
		return UINT64_MAX;
	if (!plan->end_share)
		return plan->end_bytes;
	if (plan->body != NULL)
		length = http_fault_body(plan->body).bytes;
	return (uint64_t)(plan->end_by->values[HTTP_TRUNCATE_SHARE].f * (double)length);
}

bool
http_fault_length(const struct http_fault_plan *plan, uint64_t length, uint64_t *ret_length)
{
	int64_t delta, value, lie;

	if (plan->length == NULL)
		return false;
	delta = plan->length->values[HTTP_LENGTH_DELTA].i;
	value = plan->length->values[HTTP_LENGTH_VALUE].i;
	if (value < 0 && __builtin_add_overflow((int64_t)FL_MIN(length, (uint64_t)INT64_MAX), delta, &lie))
		lie = INT64_MAX;
	else if (value >= 0)
		lie = value;
	*ret_length = (uint64_t)FL_MAX(lie, 0);
	return true;
}

struct http_fault_body
http_fault_body(const struct fault_spec *f)
{
	size_t n = strlen(f->text);
	uint64_t bytes = n;

	if (f->kind == FAULT_HTTP_BODY && n > 0 && f->values[HTTP_BODY_BYTES].i > 0)
		bytes = (uint64_t)f->values[HTTP_BODY_BYTES].i;
	return (struct http_fault_body){
		f->text, (uint32_t)n, bytes, f->kind == FAULT_HTTP_ABORT && n > 0 && f->label[0] == '\0' ? "text/plain" : f->label,
	};
}
