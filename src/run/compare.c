/* SPDX-License-Identifier: MIT */
/*
 * compare.c - matching the decisions of two runs.
 *
 * Every decision of the first run goes into a map under its place; those of the second are looked up there. A place that
 * comes again (a fault that was switched on twice on one connection) is told apart by its number.
 */
#include "run/compare.h"

#include "base/map.h"
#include "run/events.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 512

struct decision {
	int64_t value;
	uint32_t fault;                 /* in the result */
	bool matched;
	char conn[];                    /* its key in the map of connections */
};
struct side {
	struct map decisions;           /* place#number -> struct decision */
	struct map places;              /* place -> how often it came, as a pointer */
	struct map conns;               /* line, life, key -> itself */
};

/* What is drawn or told, and so must be the same for the same traffic. */
static bool
is_decision(const char *what)
{
	static const char *const whats[] = { "applies", "delay", "cut", "flip", "duplicate", "drop", "limit", "stall", "half_open",
		"connect_delay", "connect_refuse", "refuse", NULL };

	for (size_t i = 0; whats[i] != NULL; i++)
		if (strcmp(whats[i], what) == 0)
			return true;
	return false;
}

static void
side_init(struct side *s)
{
	map_init(&s->decisions, 0, 0);
	map_init(&s->places, 0, 0);
	map_init(&s->conns, 0, 0);
}

static void
side_fini(struct side *s)
{
	for (uint32_t i = 0; i < s->decisions.count; i++)
		free(s->decisions.entries[i].value);
	map_fini(&s->decisions);
	map_fini(&s->places);
	map_fini(&s->conns);
}

/* The row of a fault; the last row takes all that do not fit. */
static uint32_t
fault_row(struct compare_result *r, const char *line, const char *fault)
{
	for (uint32_t i = 0; i < r->fault_count; i++)
		if (strcmp(r->faults[i].line, line) == 0 && strcmp(r->faults[i].fault, fault) == 0)
			return i;
	if (r->fault_count == COMPARE_FAULTS_MAX)
		return COMPARE_FAULTS_MAX - 1;
	snprintf(r->faults[r->fault_count].line, sizeof(r->faults[0].line), "%s", line);
	snprintf(r->faults[r->fault_count].fault, sizeof(r->faults[0].fault), "%s", fault);
	return r->fault_count++;
}

static int
add_decision(struct side *s, const char *place, const char *conn, uint32_t fault, int64_t value)
{
	size_t n = strlen(conn) + 1;
	struct decision *d;
	char key[KEY_BYTES_MAX + 32];
	uintptr_t again = (uintptr_t)map_get(&s->places, place);

	snprintf(key, sizeof(key), "%s#%zu", place, (size_t)again);
	if (map_put(&s->places, place, (void *)(again + 1), NULL) < 0 || (d = malloc(sizeof(*d) + n)) == NULL)
		return -ENOMEM;
	*d = (struct decision){ .value = value, .fault = fault };
	memcpy(d->conn, conn, n);
	if (map_put(&s->decisions, key, d, NULL) < 0) {
		free(d);
		return -ENOMEM;
	}
	return 0;
}

/* One event. 0, 1 not of interest, -EINVAL, -ENOMEM. */
static int
add_event(struct side *s, struct compare_result *r, json_t *ev)
{
	const char *what = NULL, *line = NULL, *key = NULL, *dir = NULL, *fault = NULL;
	json_int_t offset = 0, value = 0, life = 1;
	char place[KEY_BYTES_MAX], conn[KEY_BYTES_MAX / 2];

	if (json_unpack(ev, "{s:s,s?s,s?s,s?s,s?s,s?I,s?I,s?I}", "what", &what, "line", &line, "key", &key, "dir", &dir, "fault", &fault,
	    "offset", &offset, "value", &value, "life", &life) != 0)
		return -EINVAL;
	if (line == NULL || key == NULL)
		return 1;
	snprintf(conn, sizeof(conn), "%.64s/%lld/%.40s", line, (long long)life, key);
	if (map_put(&s->conns, conn, s, NULL) < 0)
		return -ENOMEM;
	if (fault == NULL || dir == NULL || !is_decision(what))
		return 1;
	/* When a fault came to an open connection is a matter of time; whether it applies to it is not. */
	if (strcmp(what, "applies") == 0)
		offset = 0;
	snprintf(place, sizeof(place), "%s/%s/%.128s/%.24s/%lld", conn, dir, fault, what, (long long)offset);
	return add_decision(s, place, conn, fault_row(r, line, fault), value);
}

static int
read_side(const char *text, size_t bytes, struct side *s, struct compare_result *r, char *error)
{
	const char *p = text, *end = text + bytes, *nl;
	unsigned line = 0;

	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
		json_error_t je;
		json_t *ev = json_loadb(p, (size_t)(nl - p), 0, &je);
		int rc = ev == NULL ? -EINVAL : add_event(s, r, ev);
		line++;
		json_decref(ev);
		if (rc == -EINVAL)
			snprintf(error, COMPARE_ERROR_MAX, "line %u: found %s, expected an event", line, ev == NULL ? je.text : "something else");
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void
note_different(struct compare_result *r, const char *place, int64_t first, int64_t second)
{
	if (r->example_count < COMPARE_EXAMPLES_MAX)
		snprintf(r->examples[r->example_count++], sizeof(r->examples[0]), "%.180s: %" PRId64 ", then %" PRId64, place, first, second);
}

static void
match(struct side *a, struct side *b, struct compare_result *r)
{
	for (uint32_t i = 0; i < b->decisions.count; i++) {
		const struct map_entry *e = &b->decisions.entries[i];
		struct decision *d = e->value, *other = map_get(&a->decisions, e->key);
		struct compare_fault *f = &r->faults[d->fault];
		if (other == NULL) {
			f->only_second++;
			f->no_conn_second += map_get(&a->conns, d->conn) == NULL;
			continue;
		}
		other->matched = true;
		f->equal += other->value == d->value;
		f->different += other->value != d->value;
		if (other->value != d->value)
			note_different(r, e->key, other->value, d->value);
	}
	for (uint32_t i = 0; i < a->decisions.count; i++) {
		const struct decision *d = a->decisions.entries[i].value;
		struct compare_fault *f = &r->faults[d->fault];
		f->only_first += !d->matched;
		f->no_conn_first += !d->matched && map_get(&b->conns, d->conn) == NULL;
	}
}

static void
add_up(struct compare_result *r)
{
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct compare_fault *f = &r->faults[i];
		r->equal += f->equal;
		r->different += f->different;
		r->only_first += f->only_first;
		r->only_second += f->only_second;
		r->no_conn_first += f->no_conn_first;
		r->no_conn_second += f->no_conn_second;
	}
}

int
compare_events(const char *first, size_t first_bytes, const char *second, size_t second_bytes, struct compare_result *ret, char *error)
{
	struct side a, b;
	int rc;

	memset(ret, 0, sizeof(*ret));
	snprintf(error, COMPARE_ERROR_MAX, "no memory");
	side_init(&a);
	side_init(&b);
	rc = read_side(first, first_bytes, &a, ret, error);
	if (rc == 0)
		rc = read_side(second, second_bytes, &b, ret, error);
	if (rc == 0) {
		match(&a, &b, ret);
		add_up(ret);
	}
	side_fini(&a);
	side_fini(&b);
	return rc;
}

void
compare_add(struct compare_result *into, const struct compare_result *from, const char *group)
{
	for (uint32_t i = 0; i < from->fault_count && into->fault_count < COMPARE_FAULTS_MAX; i++) {
		struct compare_fault *f = &into->faults[into->fault_count++];
		*f = from->faults[i];
		snprintf(f->line, sizeof(f->line), "%.30s/%.30s", group, from->faults[i].line);
	}
	into->equal += from->equal;
	into->different += from->different;
	into->only_first += from->only_first;
	into->only_second += from->only_second;
	into->no_conn_first += from->no_conn_first;
	into->no_conn_second += from->no_conn_second;
	for (uint32_t i = 0; i < from->example_count && into->example_count < COMPARE_EXAMPLES_MAX; i++)
		memcpy(into->examples[into->example_count++], from->examples[i], sizeof(from->examples[i]));
}

int
compare_say(const struct compare_result *r, struct buf *out)
{
	uint64_t moved = r->only_first + r->only_second - r->no_conn_first - r->no_conn_second;

	if (r->equal + r->different + r->only_first + r->only_second == 0)
		return buf_puts(out, "Neither run had a decision of a fault on a line to compare.\n");
	buf_printf(out, "Decisions of the faults: %" PRIu64 " equal, %" PRIu64 " different, %" PRIu64 " only then, %" PRIu64 " only now.\n",
	    r->equal, r->different, r->only_first, r->only_second);
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct compare_fault *f = &r->faults[i];
		buf_printf(out, "  %-28s on %-12s %8" PRIu64 " equal %6" PRIu64 " different %6" PRIu64 " only then %6" PRIu64 " only now\n",
		    f->fault, f->line, f->equal, f->different, f->only_first, f->only_second);
	}
	for (uint32_t i = 0; i < r->example_count; i++)
		buf_printf(out, "  differs: %s\n", r->examples[i]);
	if (r->no_conn_first + r->no_conn_second > 0)
		buf_printf(out, "%" PRIu64 " then and %" PRIu64 " now were on connections that the other run did not have.\n", r->no_conn_first,
		    r->no_conn_second);
	if (moved > 0)
		buf_printf(out, "%" PRIu64 " were about bytes that the other run did not send at that place: the same connection, other traffic.\n",
		    moved);
	if (r->different == 0)
		return buf_puts(out, "Where the traffic was the same, every decision was the same.\n");
	return buf_puts(out, "The same traffic got different decisions: this should not be.\n");
}

int
compare_json(const struct compare_result *r, struct buf *out)
{
	buf_printf(out, "{\"equal\":%" PRIu64 ",\"different\":%" PRIu64 ",\"only_then\":%" PRIu64 ",\"only_now\":%" PRIu64
	    ",\"other_connections\":%" PRIu64 ",\"faults\":[", r->equal, r->different, r->only_first, r->only_second,
	    r->no_conn_first + r->no_conn_second);
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct compare_fault *f = &r->faults[i];
		buf_puts(out, i == 0 ? "{\"line\":" : ",{\"line\":");
		events_put_text(out, f->line);
		buf_puts(out, ",\"fault\":");
		events_put_text(out, f->fault);
		buf_printf(out, ",\"equal\":%" PRIu64 ",\"different\":%" PRIu64 ",\"only_then\":%" PRIu64 ",\"only_now\":%" PRIu64 "}", f->equal,
		    f->different, f->only_first, f->only_second);
	}
	buf_puts(out, "],\"examples\":[");
	for (uint32_t i = 0; i < r->example_count; i++) {
		if (i > 0)
			buf_putc(out, ',');
		events_put_text(out, r->examples[i]);
	}
	return buf_puts(out, "]}");
}
