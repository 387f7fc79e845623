/* SPDX-License-Identifier: MIT */
/* estate.c - questions to a snapshot that need no algorithm: find by name, facts, words. */
#include "graph/estate.h"

#include "base/assert.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first place in by_name whose node is not before (name, space). */
static uint32_t
lower(const struct estate *e, const char *name, const char *space)
{
	uint32_t low = 0, high = e->node_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct estate_node *n = &e->nodes[e->by_name[middle]];
		int r = strcmp(n->name, name);

		if (r == 0)
			r = strcmp(n->space, space);
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
named(const struct estate *e, uint32_t at, const char *name, const char *space)
{
	return at < e->node_count && strcmp(e->nodes[e->by_name[at]].name, name) == 0 &&
	    (space == NULL || strcmp(e->nodes[e->by_name[at]].space, space) == 0);
}

uint32_t
estate_find(const struct estate *e, const char *name, const char *space)
{
	uint32_t at = lower(e, name, space == NULL ? "" : space);

	if (!named(e, at, name, space))
		return ESTATE_NONE;
	/* Without a namespace: the one that has none comes first; of others there must be one only. */
	if (space == NULL && *e->nodes[e->by_name[at]].space != '\0' && named(e, at + 1, name, NULL))
		return ESTATE_NONE;
	return e->by_name[at];
}

uint32_t
estate_lookup(const struct estate *e, const char *text)
{
	uint32_t node = estate_find(e, text, NULL);

	for (const char *slash = text; node == ESTATE_NONE && (slash = strchr(slash, '/')) != NULL; slash++) {
		char space[256];
		size_t n = (size_t)(slash - text);

		if (n >= sizeof(space))
			break;
		memcpy(space, text, n);
		space[n] = '\0';
		node = estate_find(e, slash + 1, space);
	}
	return node;
}

uint32_t
estate_line(const struct estate *e, uint32_t from, uint32_t to)
{
	fl_assert(from < e->node_count && to < e->node_count);
	uint32_t low = e->out[from], high = e->out[from + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (e->lines[middle].to < to)
			low = middle + 1;
		else
			high = middle;
	}
	return low < e->out[from + 1] && e->lines[low].to == to ? low : ESTATE_NONE;
}

static const struct estate_fact *
fact_of(const struct estate *e, uint32_t first, uint32_t count, const char *key, const char *source)
{
	uint32_t low = first, high = first + count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strcmp(e->facts[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < first + count && strcmp(e->facts[low].key, key) == 0; low++)
		if (source == NULL || strcmp(e->facts[low].source, source) == 0)
			return &e->facts[low];
	return NULL;
}

const struct estate_fact *
estate_node_fact(const struct estate *e, uint32_t node, const char *key)
{
	fl_assert(node < e->node_count);
	return fact_of(e, e->nodes[node].fact_first, e->nodes[node].fact_count, key, NULL);
}

const struct estate_fact *
estate_node_fact_of(const struct estate *e, uint32_t node, const char *key, const char *source)
{
	fl_assert(node < e->node_count);
	return fact_of(e, e->nodes[node].fact_first, e->nodes[node].fact_count, key, source);
}

const struct estate_fact *
estate_line_fact(const struct estate *e, uint32_t line, const char *key)
{
	fl_assert(line < e->line_count);
	return fact_of(e, e->lines[line].fact_first, e->lines[line].fact_count, key, NULL);
}

const char *
estate_node_text(const struct estate *e, uint32_t node, const char *key)
{
	const struct estate_fact *f = estate_node_fact(e, node, key);

	return f == NULL ? NULL : f->value;
}

int
estate_node_ns(const struct estate *e, uint32_t node, const char *key, fl_ns *ret)
{
	const char *value = estate_node_text(e, node, key);
	fl_ns ns;

	if (value == NULL)
		return -ENOENT;
	if (units_parse_duration(value, &ns) != 0)
		return -EINVAL;
	*ret = ns;
	return 0;
}

int
estate_node_number(const struct estate *e, uint32_t node, const char *key, int64_t *ret)
{
	const char *value = estate_node_text(e, node, key);

	if (value == NULL)
		return -ENOENT;
	char *end;

	errno = 0;
	long long n = strtoll(value, &end, 10);

	if (end == value || *end != '\0' || errno != 0)
		return -EINVAL;
	*ret = n;
	return 0;
}

bool
estate_list_next(const char **list, const char **ret_word, size_t *ret_len)
{
	const char *s = *list;

	if (s == NULL)
		return false;
	s += strspn(s, ", \t");
	if (*s == '\0')
		return false;
	size_t n = strcspn(s, ",");

	*list = s + n;
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	*ret_word = s;
	*ret_len = n;
	return true;
}

bool
estate_list_has(const char *list, const char *word)
{
	const char *w;
	size_t n;

	while (estate_list_next(&list, &w, &n))
		if (strlen(word) == n && memcmp(w, word, n) == 0)
			return true;
	return false;
}

uint64_t
estate_line_calls(const struct estate *e, uint32_t line, uint64_t *ret_errors)
{
	fl_assert(line < e->line_count);
	const struct estate_evidence *v = e->evidence + e->lines[line].evidence_first;
	uint64_t calls = 0, errors = 0;

	for (uint32_t i = 0; i < e->lines[line].evidence_count; i++) {
		calls = FL_MAX(calls, v[i].count);
		errors = FL_MAX(errors, v[i].errors);
	}
	if (ret_errors != NULL)
		*ret_errors = errors;
	return calls;
}

/* ---- words ---- */

static const char *const kind_words[] = { [SIGHT_KIND_UNKNOWN] = "", [SIGHT_SERVICE] = "service", [SIGHT_DATASTORE] = "datastore",
	[SIGHT_BROKER] = "broker", [SIGHT_EXTERNAL] = "external", [SIGHT_USER] = "user", [SIGHT_HOST] = "host", [SIGHT_GROUPING] = "group" };
static const char *const strength_words[] = { [SIGHT_STRENGTH_UNKNOWN] = "", [SIGHT_HARD] = "hard", [SIGHT_SOFT] = "soft" };
static const char *const phase_words[] = { [SIGHT_PHASE_UNKNOWN] = "", [SIGHT_RUNTIME] = "runtime", [SIGHT_STARTUP] = "startup",
	[SIGHT_BOTH] = "both" };
static const char *const mode_words[] = { [SIGHT_MODE_UNKNOWN] = "", [SIGHT_SYNC] = "sync", [SIGHT_ASYNC] = "async" };

static unsigned
word_of(const char *word, const char *const *words, size_t n)
{
	for (unsigned i = 0; i < n; i++)
		if (word != NULL && strcmp(word, words[i]) == 0)
			return i;
	return 0;
}

const char *
estate_kind_word(enum sight_kind k)
{
	return (unsigned)k < FL_ARRAY_LEN(kind_words) ? kind_words[k] : "";
}

const char *
estate_strength_word(enum sight_strength s)
{
	return (unsigned)s < FL_ARRAY_LEN(strength_words) ? strength_words[s] : "";
}

const char *
estate_phase_word(enum sight_phase p)
{
	return (unsigned)p < FL_ARRAY_LEN(phase_words) ? phase_words[p] : "";
}

const char *
estate_mode_word(enum sight_mode m)
{
	return (unsigned)m < FL_ARRAY_LEN(mode_words) ? mode_words[m] : "";
}

enum sight_kind
estate_kind_of(const char *word)
{
	return (enum sight_kind)word_of(word, kind_words, FL_ARRAY_LEN(kind_words));
}

enum sight_strength
estate_strength_of(const char *word)
{
	return (enum sight_strength)word_of(word, strength_words, FL_ARRAY_LEN(strength_words));
}

enum sight_phase
estate_phase_of(const char *word)
{
	return (enum sight_phase)word_of(word, phase_words, FL_ARRAY_LEN(phase_words));
}

enum sight_mode
estate_mode_of(const char *word)
{
	return (enum sight_mode)word_of(word, mode_words, FL_ARRAY_LEN(mode_words));
}
