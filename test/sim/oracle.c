/* SPDX-License-Identifier: MIT */
/* oracle.c - see oracle.h. */
#include "oracle.h"
#include "stream.h"

#define FLIP_CELL 65536

static bool
timed(const struct fault_spec *f)
{
	return f->scope.window_from > 0 || f->scope.window_to > 0 || f->scope.duty_period > 0;
}

static bool
ends_streams(const struct fault_spec *f)
{
	return f->kind == FAULT_TIMEOUT || f->kind == FAULT_RESET_PEER || f->kind == FAULT_LIMIT_DATA ||
	    f->kind == FAULT_LIMIT_TIME || f->kind == FAULT_HALF_OPEN;
}

/* Bytes come out that are not the next ones sent. A `timeout` or `reset_peer` that comes and goes swallows some in the middle. */
static bool
damages(const struct fault_spec *f)
{
	if (f->kind == FAULT_CORRUPT || f->kind == FAULT_DROP_CHUNK || f->kind == FAULT_DUPLICATE_CHUNK)
		return true;
	return timed(f) && (f->kind == FAULT_TIMEOUT || f->kind == FAULT_RESET_PEER);
}

static uint64_t
mix(uint64_t sum, const struct fault_spec *f)
{
	return (sum ^ f->id) * UINT64_C(0x9fb21c651e98df25) + f->version;
}

void
oracle_give_up(struct oracle *o)
{
	o->mode = ORACLE_FREE;
	o->limit = UINT64_MAX;
}

void
oracle_faults(struct oracle *o, const struct fault_set *set, enum fl_dir dir)
{
	uint64_t damaging = 0, cutters = 0, limit = UINT64_MAX;
	unsigned cutter_count = 0;
	const struct fault_spec *only = NULL;
	unsigned count = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct fault_spec *f = &set->specs[i];

		if (ends_streams(f) || f->kind == FAULT_CONNECT_REFUSE) {
			o->cutting = true;
			cutters = mix(cutters, f);
			cutter_count++;
		}
		if (f->dir != dir || kind_info(f->kind)->place != KIND_STREAM)
			continue;
		if (f->kind == FAULT_LIMIT_DATA && !timed(f) && f->toxicity >= 1 && !f->scope.has_client && f->scope.every == 0 &&
		    f->scope.first == 0)
			limit = FL_MIN(limit, (uint64_t)f->values[LIMIT_DATA_BYTES].i);
		if (!damages(f))
			continue;
		damaging = mix(damaging, f);
		only = f;
		count++;
	}
	o->only_limit = cutter_count == 1 && limit < UINT64_MAX && count == 0 &&
	    (!o->born || (o->only_limit && cutters == o->cutters));
	o->cutters = cutters;
	if (!o->born) {
		o->born = true;
		o->damaging = damaging;
		o->limit = count == 0 ? limit : UINT64_MAX;
		if (count == 1 && !timed(only)) {
			o->mode = ORACLE_DAMAGE;
			o->fault = *only;
		} else if (count > 0) {
			oracle_give_up(o);
		}
	} else if (damaging != o->damaging) {
		oracle_give_up(o);
	} else {
		/* A limit that comes later counts from somewhere inside the stream; only one that stays binds. */
		o->limit = limit < UINT64_MAX && o->limit < UINT64_MAX ? FL_MAX(o->limit, limit) : UINT64_MAX;
	}
}

bool
oracle_needs_conn(const struct oracle *o)
{
	return o->mode == ORACLE_DAMAGE && !o->has_conn;
}

static uint64_t
hit_after(uint64_t at, uint64_t gap)
{
	return gap > UINT64_MAX - at ? UINT64_MAX : at + gap;
}

/*
 * Corrupted bytes: the stream is cut into cells of 64 KiB; in each, gaps between hits are drawn with ordinals that count
 * from the cell's first offset. Only hits inside the part of the stream that the fault names are carried out.
 */
static uint8_t
flip(struct oracle *o, uint64_t at, uint8_t byte)
{
	uint64_t from = (uint64_t)o->fault.values[CORRUPT_OFFSET].i, length = (uint64_t)o->fault.values[CORRUPT_LENGTH].i;
	uint64_t start = at - at % FLIP_CELL, k;

	if (at % FLIP_CELL == 0) {
		o->flip_k = start;
		o->flip_at = hit_after(start, decide_flip_gap(&o->fault, &o->conn, start));
	}
	if (at != o->flip_at)
		return byte;
	k = o->flip_k++;
	o->flip_at = hit_after(at + 1, decide_flip_gap(&o->fault, &o->conn, o->flip_k));
	if (at < from || (length > 0 && at - from >= length))
		return byte;
	return byte ^ decide_flip_mask(&o->fault, &o->conn, k);
}

/* The next byte that comes out, of a stream that is long enough. */
static uint8_t
damaged(struct oracle *o, uint64_t key)
{
	uint64_t size = FL_MAX((uint64_t)o->fault.values[DROP_SIZE].i, 1);

	if (o->fault.kind == FAULT_CORRUPT)
		return flip(o, o->in, stream_byte(key, o->in));
	if (o->fault.kind == FAULT_DROP_CHUNK) {
		while (o->in % size == 0 && decide_drop(&o->fault, &o->conn, o->in / size))
			o->in += size;
	} else if (o->in % size == 0 && o->in > 0 && !o->second && decide_duplicate(&o->fault, &o->conn, o->in / size - 1)) {
		o->second = true;
		o->in -= size;
	} else if (o->in % size == 0) {
		o->second = false;
	} else if (o->in == o->end && !o->second && decide_duplicate(&o->fault, &o->conn, o->in / size)) {
		o->second = true;       /* the last cell is a short one */
		o->in -= o->in % size;
	}
	return stream_byte(key, o->in);
}

/* The stream ended early inside a cell that is sent twice: what there was of it comes again, from where is not known. */
static bool
in_short_cell(const struct oracle *o)
{
	uint64_t size = FL_MAX((uint64_t)o->fault.values[DUPLICATE_SIZE].i, 1);

	return o->broken && o->fault.kind == FAULT_DUPLICATE_CHUNK && decide_duplicate(&o->fault, &o->conn, o->in / size);
}

size_t
oracle_check(struct oracle *o, uint64_t key, const uint8_t *p, size_t n)
{
	uint8_t want[4096];
	size_t i = 0;

	if (o->mode == ORACLE_FREE)
		return n;
	if (o->mode == ORACLE_DAMAGE && (!o->has_conn || !decide_applies(&o->fault, &o->conn)))
		o->mode = o->has_conn ? ORACLE_EXACT : ORACLE_FREE;
	while (i < n && o->mode == ORACLE_EXACT) {
		size_t part = FL_MIN(n - i, sizeof(want));

		stream_fill(key, o->in, want, part);
		for (size_t k = 0; k < part; k++)
			if (p[i + k] != want[k])
				return i + k;
		i += part;
		o->in += part;
	}
	for (; i < n && o->mode == ORACLE_DAMAGE; i++, o->in++)
		if (p[i] != damaged(o, key)) {
			if (!in_short_cell(o))
				return i;
			oracle_give_up(o);
		}
	o->out += n;
	return o->out > o->limit ? n - FL_MIN(n, (size_t)(o->out - o->limit)) : n;
}

static uint64_t
total_dropped(const struct oracle *o, uint64_t sent)
{
	uint64_t size = FL_MAX((uint64_t)o->fault.values[DROP_SIZE].i, 1), out = 0;

	for (uint64_t at = 0; at < sent; at += size)
		if (!decide_drop(&o->fault, &o->conn, at / size))
			out += FL_MIN(size, sent - at);
	return out;
}

static uint64_t
total_duplicated(const struct oracle *o, uint64_t sent)
{
	uint64_t size = FL_MAX((uint64_t)o->fault.values[DUPLICATE_SIZE].i, 1), out = sent;

	for (uint64_t at = 0; at < sent; at += size)
		if (decide_duplicate(&o->fault, &o->conn, at / size))
			out += FL_MIN(size, sent - at);
	return out;
}

uint64_t
oracle_total(const struct oracle *o, uint64_t sent)
{
	if (o->mode == ORACLE_FREE || (o->mode == ORACLE_DAMAGE && !o->has_conn))
		return UINT64_MAX;
	if (o->mode == ORACLE_EXACT || o->fault.kind == FAULT_CORRUPT || !decide_applies(&o->fault, &o->conn))
		return sent;
	return o->fault.kind == FAULT_DROP_CHUNK ? total_dropped(o, sent) : total_duplicated(o, sent);
}
