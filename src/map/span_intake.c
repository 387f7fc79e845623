/* SPDX-License-Identifier: MIT */
/*
 * span_intake.c - batches of spans into the store.
 *
 * Invariants
 *  (1) The engine changes by records of the journal alone, in their order, and what a record makes it tell depends on those before it.
 *  (2) A record's mark is in the store if and only if what it made the engine tell is.
 *  (3) Spans that waited in the store for those of a batch are part of its record: replayed, it gives the engine the same ones, whatever is
 *      in the store by then.
 */
#include "map/span_intake.h"

#include "base/assert.h"
#include "io/clock.h"
#include "proto/otlp_json.h"
#include "proto/otlp_pb.h"
#include "proto/zipkin.h"
#include "map/span_halves.h"
#include "store/past.h"
#include "store/past_read.h"
#include "store/span_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SEGMENT_BYTES_MAX (256u << 20)
#define RETRY (FL_SEC)
#define FOUND_MAX (16u << 20)
#define HALVES_AT_ONCE (INT64_C(1) << 18)

/* Types of records: a batch is its format and how it is packed, and whether spans that waited stand before it. */
#define RECORD_WITH_HALVES 0x40
enum { RECORD_TICK = 0x80, RECORD_CHANGE, RECORD_FINISH };

struct span_intake {
	struct span_intake_opts opts;
	struct spans *spans;
	struct past *past;
	struct span_journal *journal;
	uint32_t kept_from, current_from;       /* segments in which what is held begins: of the old half, of the young one */
	uint64_t generation;
	fl_ns offset;                   /* of the engine's clock to the caller's: it goes on where it was */
	fl_ns at;                       /* the engine's clock */
	fl_ns retry_at;
	struct buf unpacked;
	struct span_halves halves;
	struct buf found;               /* what waited for the batch at hand, each behind its length in four bytes (3) */
	struct buf record;              /* scratch: a record with them */
	const char *given;              /* while a record is replayed: the same, from there; NULL: ask the store */
	size_t given_bytes;
	union {
		struct otlp_pb pb;
		struct otlp_json json;
		struct zipkin zipkin;
	} parser;
};

static int
tell(void *arg, const struct sight *s)
{
	struct span_intake *in = arg;
	int rc = past_sight(in->past, s);

	if (rc == 0 && in->opts.also != NULL)
		in->opts.also(in->opts.arg, s);
	return rc;
}

/* ---- spans that wait for the other side of their call ---- */

static int
take_half(void *arg, const void *p, size_t n)
{
	struct span_intake *in = arg;
	uint32_t small = (uint32_t)n;

	if (n > PAST_HALF_BYTES)
		return -EINVAL;
	if (buf_len(&in->found) + sizeof(small) + n > FOUND_MAX)
		return -ENOBUFS;
	if (buf_append(&in->found, &small, sizeof(small)) != 0 || buf_append(&in->found, p, n) != 0)
		return -ENOMEM;
	return span_left_take(in->spans, p, n);
}

/* Of a record: all at once. They were good when they were written. */
static void
take_given(struct span_intake *in)
{
	uint32_t n;

	for (size_t at = 0; in->given_bytes - at >= sizeof(n); at += n) {
		memcpy(&n, in->given + at, sizeof(n));
		at += sizeof(n);
		if (n > in->given_bytes - at)
			break;
		span_left_take(in->spans, in->given + at, n);
	}
	in->given_bytes = 0;
}

static void
seek(void *arg, uint64_t trace)
{
	struct span_intake *in = arg;

	if (in->given != NULL)
		take_given(in);
	else
		span_halves_seek(&in->halves, trace);
}

static int
left(void *arg, const uint64_t *traces, unsigned count, const void *p, size_t n)
{
	return span_halves_left(&((struct span_intake *)arg)->halves, traces, count, p, n);
}

static int
take_back(void *arg, const struct sight *s)
{
	return span_halves_back(&((struct span_intake *)arg)->halves, s);
}

/* A batch's record: what waited for it, and it. */
static int
append_batch(struct span_intake *in, unsigned type, const void *p, size_t n, char *ret_mark)
{
	uint32_t found = (uint32_t)buf_len(&in->found);

	if (found == 0)
		return span_journal_append(in->journal, (uint8_t)type, in->at, p, n, ret_mark);
	buf_clear(&in->record);
	if (buf_append(&in->record, &found, sizeof(found)) != 0 || buf_append(&in->record, buf_data(&in->found), found) != 0 ||
	    buf_append(&in->record, p, n) != 0)
		return -ENOMEM;
	return span_journal_append(in->journal, (uint8_t)(type | RECORD_WITH_HALVES), in->at, buf_data(&in->record), buf_len(&in->record), ret_mark);
}

/* ---- the engine ---- */

static int
parse(struct span_intake *in, unsigned format, const void *p, size_t n, struct span_counts *ret, char *error, size_t error_bytes)
{
	struct span_sink sink = { .resource = spans_resource, .span = spans_add, .arg = in->spans };
	const char *why;
	size_t at;
	int rc;

	switch (format) {
	case SPAN_INTAKE_PB:
		rc = otlp_pb_read(&in->parser.pb, p, n, &sink);
		*ret = in->parser.pb.counts, why = in->parser.pb.error, at = in->parser.pb.error_at;
		break;
	case SPAN_INTAKE_JSON:
		rc = otlp_json_read(&in->parser.json, p, n, &sink);
		*ret = in->parser.json.counts, why = in->parser.json.error, at = in->parser.json.error_at;
		break;
	default:
		rc = zipkin_read(&in->parser.zipkin, p, n, &sink);
		*ret = in->parser.zipkin.counts, why = in->parser.zipkin.error, at = in->parser.zipkin.error_at;
		break;
	}
	if (rc != 0)
		snprintf(error, error_bytes, "byte %zu: %s", at, why != NULL ? why : strerror(-rc));
	return rc;
}

/* Unpack if need be, and give it to the engine. */
static int
feed(struct span_intake *in, unsigned format, unsigned packed, const void *p, size_t n, struct span_intake_outcome *ret)
{
	struct span_counts counts = { .spans = 0 };
	int rc = 0;

	if (packed != UNPACK_PLAIN) {
		buf_clear(&in->unpacked);
		rc = unpack_all((enum unpack_kind)packed, p, n, &in->unpacked);
		p = buf_data(&in->unpacked);
		n = buf_len(&in->unpacked);
	}
	if (rc != 0) {
		snprintf(ret->error, sizeof(ret->error), rc == -EFBIG ? "larger than %zu bytes when unpacked" : "packed, but broken",
		    in->opts.unpacked_bytes_max);
		return rc == -ENOMEM ? rc : rc == -EFBIG ? -EFBIG : -EINVAL;
	}
	spans_begin(in->spans, in->at);
	rc = parse(in, format, p, n, &counts, ret->error, sizeof(ret->error));
	if (rc != 0)
		spans_rollback(in->spans);
	else
		spans_commit(in->spans);
	ret->rejected = counts.rejected;
	return rc;
}

static void
act(struct span_intake *in, unsigned type)
{
	if (type == RECORD_TICK)
		spans_tick(in->spans, in->at);
	else if (type == RECORD_CHANGE)
		spans_change(in->spans);
	else if (type == RECORD_FINISH)
		spans_finish(in->spans);
}

/* The halves changed places: what the old one held is settled, so the segments before the young one's are done with. */
static void
turn(struct span_intake *in)
{
	uint64_t changes = spans_generation(in->spans) - in->generation;

	if (changes == 0)
		return;
	in->generation += changes;
	in->kept_from = changes == 1 ? in->current_from : span_journal_segment(in->journal);
	if (span_journal_turn(in->journal, in->kept_from) == 0)
		in->current_from = span_journal_segment(in->journal);
}

/* ---- the store ---- */

static int
begin(struct span_intake *in)
{
	struct past_batch b = { .now = clock_wall(), .stream = true };
	int rc = past_begin(in->past, &b);

	buf_clear(&in->found);
	if (rc == 0 && (rc = span_halves_begin(&in->halves)) != 0)
		past_rollback(in->past);
	return rc;
}

/* Tell what is new under this mark, and keep it. */
static int
keep(struct span_intake *in, const char *mark)
{
	int rc = past_once(in->past, mark, strlen(mark));

	if (rc == 0)
		rc = spans_tell(in->spans);
	if (rc == 0)
		rc = span_halves_end(&in->halves, spans_count(in->spans).left_dropped);
	if (rc == 0)
		rc = past_commit(in->past, NULL);
	else
		past_rollback(in->past);
	if (rc != 0)
		return rc;
	spans_told(in->spans);
	span_halves_done(&in->halves);
	return 0;
}

/* Something that is no batch happens. */
static int
happen(struct span_intake *in, unsigned type, char *error)
{
	char mark[SPAN_JOURNAL_MARK];
	int rc = begin(in);

	if (rc == 0) {
		rc = span_journal_append(in->journal, (uint8_t)type, in->at, NULL, 0, mark);
		if (rc != 0)
			past_rollback(in->past);
	}
	if (rc == 0) {
		act(in, type);
		rc = keep(in, mark);
	}
	if (rc != 0)
		snprintf(error, 256, "the store of the map cannot be written: %s", strerror(-rc));
	else
		turn(in);
	return rc;
}

/* ---- after a crash ---- */

/*
 * (1), (2): a record that the store heard of is followed without telling. A batch that it did not hear of was never acknowledged. Anything
 * else that it did not hear of happened, and what came of it was told with a later record, or is told with the next one.
 */
static void
follow_batch(struct span_intake *in, const struct span_journal_record *r)
{
	struct span_intake_outcome ignored;
	const char *p = r->body;
	uint32_t n = r->n, found = 0;

	if ((r->type & RECORD_WITH_HALVES) != 0 && n >= sizeof(found)) {
		memcpy(&found, p, sizeof(found));
		p += sizeof(found);
		n -= (uint32_t)sizeof(found);
		found = FL_MIN(found, n);
	}
	in->given = p;
	in->given_bytes = found;
	feed(in, r->type & 7, r->type >> 3 & 7, p + found, n - found, &ignored);
	in->given = NULL;
}

static int
follow(void *arg, const struct span_journal_record *r)
{
	struct span_intake *in = arg;
	int rc = begin(in), known;

	if (rc != 0)
		return rc;
	known = past_once(in->past, r->mark, strlen(r->mark));
	past_rollback(in->past);
	if (known != 0 && known != -EALREADY)
		return known;
	if (known == 0 && r->type < RECORD_TICK)
		return 0;
	in->at = FL_MAX(in->at, r->now);
	if (r->type < RECORD_TICK)
		follow_batch(in, r);
	else
		act(in, r->type);
	return known == -EALREADY ? spans_discard(in->spans) : 0;
}

static int
fail(struct span_intake *in, char *error, const char *what, int rc)
{
	snprintf(error, 512, "%.300s: %.180s", what, strerror(-rc));
	span_journal_close(in->journal, false);
	in->journal = NULL;
	span_intake_close(in, 0);
	return rc;
}

int
span_intake_open(const struct span_intake_opts *opts, fl_ns now, char *error, struct span_intake **ret)
{
	struct span_intake *in = calloc(1, sizeof(*in));
	struct past_opts po = { .path = opts->store };
	struct spans_opts so = { .memory_bytes = opts->memory_bytes, .hold = opts->hold, .where = opts->where, .tell = tell, .arg = in };
	struct past_half_counts halves;
	char base[512];
	int rc;

	if (in == NULL)
		return -ENOMEM;
	in->opts = *opts;
	buf_init(&in->unpacked, opts->unpacked_bytes_max);
	buf_init(&in->found, FOUND_MAX);
	buf_init(&in->record, (48u << 20) + FOUND_MAX);
	rc = past_open(&po, error, &in->past);
	span_halves_init(&in->halves, in->past, take_half, in);
	if (rc == 0 && (rc = past_half_count(in->past, &halves)) != 0)
		snprintf(error, 512, "%.400s", past_error(in->past));
	if (rc != 0) {
		span_intake_close(in, 0);
		return rc;
	}
	if (getrandom(&so.seed, sizeof(so.seed), 0) != (ssize_t)sizeof(so.seed))
		so.seed = 1;
	if (halves.max > 0) {
		so.left = left;
		so.seek = seek;
		so.take_back = take_back;
		so.left_arg = in;
		so.left_max = (uint32_t)FL_MIN(halves.max, HALVES_AT_ONCE);
		so.left_again_only = true;
	}
	if ((rc = spans_new(&so, &in->spans)) != 0)
		return fail(in, error, "spans", rc);
	if ((size_t)snprintf(base, sizeof(base), "%s.spans", opts->store) >= sizeof(base) - 40)
		return fail(in, error, opts->store, -ENAMETOOLONG);
	if ((rc = span_journal_open(base, &in->journal)) != 0)
		return fail(in, error, rc == -EBUSY ? "another process takes spans for this store" : base, rc);
	in->kept_from = in->current_from = span_journal_segment(in->journal);
	in->at = 1;
	if ((rc = span_journal_replay(in->journal, follow, in)) != 0)
		return fail(in, error, "what was left by a crash cannot be taken up", rc);
	in->generation = spans_generation(in->spans);
	in->offset = in->at - now;
	if ((rc = span_journal_turn(in->journal, in->kept_from)) != 0)
		return fail(in, error, base, rc);
	if (in->current_from == 0)
		in->current_from = in->kept_from = span_journal_segment(in->journal);
	*ret = in;
	return 0;
}

void
span_intake_close(struct span_intake *in, fl_ns now)
{
	char error[256];
	bool done = false;

	if (in == NULL)
		return;
	if (in->journal != NULL && in->spans != NULL) {
		in->at = FL_MAX(in->at, now + in->offset);
		done = happen(in, RECORD_FINISH, error) == 0;
	}
	span_journal_close(in->journal, done);
	spans_free(in->spans);
	past_close(in->past);
	span_halves_fini(&in->halves);
	buf_fini(&in->unpacked);
	buf_fini(&in->found);
	buf_fini(&in->record);
	free(in);
}

/* ---- at work ---- */

int
span_intake_put(struct span_intake *in, enum span_intake_format f, enum unpack_kind packed, const void *p, size_t n, fl_ns now,
    struct span_intake_outcome *ret)
{
	char mark[SPAN_JOURNAL_MARK];
	int rc = begin(in);

	*ret = (struct span_intake_outcome){ .rejected = 0 };
	in->at = FL_MAX(in->at, now + in->offset);
	if (rc == 0)
		rc = past_once(in->past, p, n);
	if (rc == -EALREADY) {
		past_rollback(in->past);
		ret->repeated = true;
		return 0;
	}
	if (rc == 0) {
		rc = feed(in, f, packed, p, n, ret);
		if (rc != 0) {
			past_rollback(in->past);
			return rc;
		}
		rc = append_batch(in, (unsigned)f | (unsigned)packed << 3, p, n, mark);
		if (rc != 0)
			past_rollback(in->past);
		else
			rc = keep(in, mark);
	}
	if (rc != 0) {
		snprintf(ret->error, sizeof(ret->error), "the store of the map cannot be written: %s", strerror(-rc));
		return rc == -EINVAL || rc == -EFBIG ? -EIO : rc;
	}
	turn(in);
	return 0;
}

int
span_intake_tick(struct span_intake *in, fl_ns now, char *error)
{
	int rc = 0;

	if (now < span_intake_next(in))
		return 0;
	in->at = FL_MAX(in->at, now + in->offset);
	if (span_journal_bytes(in->journal) > SEGMENT_BYTES_MAX)
		rc = happen(in, RECORD_CHANGE, error);
	if (rc == 0 && spans_next(in->spans) <= in->at)
		rc = happen(in, RECORD_TICK, error);
	in->retry_at = rc != 0 ? now + RETRY : 0;
	return rc;
}

fl_ns
span_intake_next(const struct span_intake *in)
{
	fl_ns at = spans_next(in->spans);

	if (span_journal_bytes(in->journal) > SEGMENT_BYTES_MAX)
		at = 0;
	return at == FL_NEVER ? at : FL_MAX(in->retry_at, at - in->offset);
}

struct spans_counts
span_intake_count(const struct span_intake *in)
{
	return spans_count(in->spans);
}

int
span_intake_read(struct span_intake *in, int64_t from, int64_t until, sight_fn *take, void *arg)
{
	struct past_view v = { .from = from, .until = until };

	return past_read(in->past, &v, take, arg);
}
