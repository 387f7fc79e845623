/* SPDX-License-Identifier: MIT */
/* import_vars.c - see import_vars.h. Nesting of defaults is bounded by DEPTH_MAX. */
#include "graph/import_vars.h"
#include <string.h>

#define DEPTH_MAX 8
#define VALUE_MAX 16384

static bool
is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static void expand(const char *s, size_t n, import_var_fn *fn, void *arg, unsigned depth, struct buf *out);

/* The length up to the } that closes what s stands in, n when none does. */
static size_t
to_close(const char *s, size_t n)
{
	unsigned open = 1;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '$' && i + 1 < n && s[i + 1] == '{')
			open++;
		else if (s[i] == '}' && --open == 0)
			return i;
	}
	return n;
}

/* What stands in ${...}. */
static void
braced(const char *s, size_t n, import_var_fn *fn, void *arg, unsigned depth, struct buf *out)
{
	size_t name = 0, at;
	const char *v;
	bool colon, has;

	while (name < n && is_name(s[name]))
		name++;
	v = fn(arg, s, name);
	colon = name < n && s[name] == ':';
	has = v != NULL && !(colon && v[0] == '\0');
	at = name + colon;
	if (at < n && (s[at] == '-' || s[at] == '=')) {
		if (has)
			buf_puts(out, v);
		else
			expand(s + at + 1, n - at - 1, fn, arg, depth + 1, out);
	} else if (at < n && s[at] == '+') {
		if (has)
			expand(s + at + 1, n - at - 1, fn, arg, depth + 1, out);
	} else if (v != NULL) {
		buf_puts(out, v);
	}
}

static void
expand(const char *s, size_t n, import_var_fn *fn, void *arg, unsigned depth, struct buf *out)
{
	for (size_t i = 0; i < n && depth < DEPTH_MAX;) {
		size_t len;
		const char *v;

		if (s[i] != '$' || i + 1 == n) {
			buf_putc(out, s[i++]);
		} else if (s[i + 1] == '$') {
			buf_putc(out, '$');
			i += 2;
		} else if (s[i + 1] == '{') {
			len = to_close(s + i + 2, n - i - 2);
			braced(s + i + 2, len, fn, arg, depth, out);
			i += 2 + len + 1;
		} else {
			for (len = 0; i + 1 + len < n && is_name(s[i + 1 + len]); len++)
				;
			v = len > 0 ? fn(arg, s + i + 1, len) : "$";
			if (v != NULL)
				buf_puts(out, v);
			i += 1 + len;
		}
	}
}

void
import_interpolate(const char *s, import_var_fn *fn, void *arg, struct buf *out)
{
	expand(s, strnlen(s, VALUE_MAX), fn, arg, 0, out);
}

/* The value at s: quoted, or up to a comment and without space at its end. */
static size_t
value_of(const char **s, size_t n)
{
	const char *close;

	while (n > 0 && (**s == ' ' || **s == '\t')) {
		++*s;
		n--;
	}
	if (n > 1 && (**s == '"' || **s == '\'')) {
		close = memchr(*s + 1, **s, n - 1);
		if (close != NULL) {
			n = (size_t)(close - *s) - 1;
			++*s;
			return n;
		}
	}
	for (size_t i = 1; i < n; i++) {
		if ((*s)[i] == '#' && ((*s)[i - 1] == ' ' || (*s)[i - 1] == '\t'))
			n = i;
	}
	while (n > 0 && ((*s)[n - 1] == ' ' || (*s)[n - 1] == '\t'))
		n--;
	return n;
}

void
import_dotenv(struct import *im, const char *text, size_t n, struct import_text **ret_vars)
{
	const char *p = text, *end = text + n, *line;
	size_t len;

	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		const char *eq, *value;
		size_t value_n, name;
		struct import_text **last = ret_vars, *t;

		while (len > 0 && (*line == ' ' || *line == '\t')) {
			line++;
			len--;
		}
		if (len > 7 && memcmp(line, "export ", 7) == 0) {
			line += 7;
			len -= 7;
		}
		eq = memchr(line, '=', len);
		if (len == 0 || *line == '#' || eq == NULL || len > VALUE_MAX)
			continue;
		for (name = (size_t)(eq - line); name > 0 && line[name - 1] == ' '; name--)
			;
		value = eq + 1;
		value_n = value_of(&value, len - (size_t)(value - line));
		t = import_alloc(im, sizeof(*t));
		if (t == NULL)
			return;
		t->key = value > line && value[-1] == '\'' ? import_printf(im, "%.*s'", (int)FL_MIN(name, (size_t)1000), line) : import_keepn(im,
		    line, name);
		t->value = import_keepn(im, value, value_n);
		if (t->key == NULL || t->value == NULL)
			return;
		while (*last != NULL)
			last = &(*last)->next;
		*last = t;
	}
}
