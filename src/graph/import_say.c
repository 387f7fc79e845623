/* SPDX-License-Identifier: MIT */
/* import_say.c - see import_say.h. */
#include "graph/import_say.h"
#include "base/assert.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

void *
import_alloc(struct import *im, size_t n)
{
	void *p = arena_alloc(&im->mem, n);

	if (p == NULL && im->failed == 0) {
		im->failed = -ENOMEM;
		doc_complain(&im->diag, NULL, "needs more than the %zu MB of memory that an import may use", im->mem.cap_bytes >> 20);
	}
	if (p == NULL)
		im->dropped++;
	return p;
}

char *
import_keepn(struct import *im, const char *s, size_t n)
{
	char *p = import_alloc(im, n + 1);

	if (p != NULL)
		memcpy(p, s, n);
	return p;
}

char *
import_keep(struct import *im, const char *s)
{
	return import_keepn(im, s, strlen(s));
}

char *
import_printf(struct import *im, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return import_keepn(im, text, n < 0 ? 0 : FL_MIN((size_t)n, sizeof(text) - 1));
}

void
import_push(struct import *im, struct import_text **last, const char *key, const char *value)
{
	struct import_text *t = import_alloc(im, sizeof(*t));

	if (t == NULL)
		return;
	*t = (struct import_text){ .key = import_keep(im, key), .value = import_keep(im, value) };
	if (t->key == NULL || t->value == NULL)
		return;
	while (*last != NULL)
		last = &(*last)->next;
	*last = t;
}

struct import_at
import_here(struct import *im, const struct doc_node *n)
{
	return (struct import_at){ .file = im->parts->file, .line = n != NULL && n->line != 0 ? n->line + im->diag.line_base : 0 };
}

struct import_at
import_line(struct import *im, uint32_t line)
{
	return (struct import_at){ .file = im->parts->file, .line = line };
}

struct sight
import_sight(enum sight_what what, const char *source)
{
	return (struct sight){ .what = what, .source = source };
}

void
import_tell(struct import *im, struct sight *s, struct import_at at)
{
	char *where = im->parts->where;
	size_t room = sizeof(im->parts->where);
	int64_t now = im->file != NULL && im->file->when != 0 ? im->file->when : im->opts.now;
	int r;

	fl_assert(s->source != NULL);
	if (im->failed != 0)
		return;
	if (s->where == NULL) {
		if (at.line != 0)
			snprintf(where, room, "%s:%u", at.file != NULL ? at.file : "", at.line);
		else
			snprintf(where, room, "%s", at.file != NULL ? at.file : "");
		s->where = where;
	}
	if (s->first == 0)
		s->first = s->last != 0 ? s->last : now;
	if (s->last == 0)
		s->last = s->first;
	r = im->opts.take(im->opts.arg, s);
	if (r != 0)
		im->failed = r;
	else
		im->told++;
}

void
import_fact(struct import *im, const char *source, const char *name, const char *space, const char *key, const char *value, struct import_at at)
{
	struct sight s = import_sight(SIGHT_FACT, source);

	if (value == NULL || value[0] == '\0')
		return;
	s.name = name;
	s.space = space;
	s.key = key;
	s.value = value;
	import_tell(im, &s, at);
}

void
import_drop(struct import *im)
{
	im->dropped++;
}

const char *
import_word(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind == DOC_SCALAR ? n->text : "";
}

const struct doc_node *
import_path(const struct doc_node *map, const char *const *keys)
{
	for (; *keys != NULL && map != NULL; keys++)
		map = doc_get(map, *keys);
	return map;
}

int64_t
import_days(int64_t year, unsigned month, unsigned day)
{
	/* Hinnant, "chrono-compatible low-level date algorithms": years begin in March. */
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* n digits at s. */
static bool
digits(const char *s, size_t n, unsigned *ret)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	*ret = v;
	return true;
}

/* ".213" and "Z", "+02:00", "+0200", "+02" behind the seconds. */
static bool
time_tail(const char *s, size_t n, int64_t *ns, int64_t *offset)
{
	unsigned h = 0, m = 0;
	size_t i = 0;
	int64_t unit = FL_SEC;

	if (i < n && (s[i] == '.' || s[i] == ',')) {
		for (i++; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
			unit /= 10;
			*ns += unit * (s[i] - '0');
		}
	}
	while (i < n && s[i] == ' ')
		i++;
	if (i == n || s[i] == 'Z' || strncmp(s + i, "UTC", FL_MIN(n - i, (size_t)3)) == 0)
		return true;
	if ((s[i] != '+' && s[i] != '-') || n - i < 3 || !digits(s + i + 1, 2, &h))
		return false;
	if (n - i >= 6 && s[i + 3] == ':' && !digits(s + i + 4, 2, &m))
		return false;
	if (n - i == 5 && !digits(s + i + 3, 2, &m))
		return false;
	*offset = ((int64_t)h * 3600 + (int64_t)m * 60) * (s[i] == '-' ? -1 : 1);
	return true;
}

bool
import_time(const char *s, size_t n, int64_t *ret_ns)
{
	unsigned year, month, day, h, m, sec;
	int64_t ns = 0, offset = 0;

	if (n < 19 || !digits(s, 4, &year) || s[4] != '-' || !digits(s + 5, 2, &month) || s[7] != '-' || !digits(s + 8, 2, &day))
		return false;
	if ((s[10] != 'T' && s[10] != ' ' && s[10] != 't') || !digits(s + 11, 2, &h) || s[13] != ':' || !digits(s + 14, 2, &m) || s[16] != ':' ||
	    !digits(s + 17, 2, &sec))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || h > 24 || m > 59 || sec > 60 || year < 1970 || year > 2200)
		return false;
	if (!time_tail(s + 19, n - 19, &ns, &offset))
		return false;
	*ret_ns = (import_days(year, month, day) * 86400 + (int64_t)h * 3600 + (int64_t)m * 60 + (int64_t)sec - offset) * FL_SEC + ns;
	return true;
}

bool
import_next_line(const char **p, const char *end, const char **ret_line, size_t *ret_len)
{
	const char *nl;
	size_t len;

	if (*p >= end)
		return false;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	*ret_line = *p;
	len = (size_t)((nl != NULL ? nl : end) - *p);
	*p = nl != NULL ? nl + 1 : end;
	*ret_len = len > 0 && (*ret_line)[len - 1] == '\r' ? len - 1 : len;
	return true;
}
