/* SPDX-License-Identifier: MIT */
/* subst.c - {port:NAME} and its like. */
#include "run/subst.h"

#include "base/assert.h"
#include "base/buf.h"
#include <stdbool.h>
#include <string.h>

#define EXPANDED_BYTES_MAX (256u << 10)

static const char *const words[] = { "port", "line", "dir", "run", "here", "faultline", NULL };

const char *const *
subst_words(void)
{
	return words;
}

static bool
starts_word(const char *p)
{
	return p[0] == '{' && ((p[1] >= 'a' && p[1] <= 'z') || p[1] == '{');
}

static enum subst_kind
take_text(const char **p, struct subst_token *ret)
{
	const char *s = *p;

	while (**p != '\0' && !starts_word(*p))
		(*p)++;
	ret->text = s;
	ret->n = (size_t)(*p - s);
	return SUBST_TEXT;
}

/* What stands in braces, without them, is n bytes at s. */
static enum subst_kind
classify(const char *s, size_t n, struct subst_token *ret)
{
	const char *colon = memchr(s, ':', n);
	size_t word_n = colon == NULL ? n : (size_t)(colon - s);
	size_t name_n = colon == NULL ? 0 : n - word_n - 1;
	bool port = word_n == 4 && memcmp(s, "port", 4) == 0;
	bool line = word_n == 4 && memcmp(s, "line", 4) == 0;

	ret->text = s;
	ret->n = n;
	if (colon == NULL && n == 3 && memcmp(s, "dir", 3) == 0)
		return SUBST_DIR;
	if (colon == NULL && n == 3 && memcmp(s, "run", 3) == 0)
		return SUBST_RUN;
	if (colon == NULL && n == 4 && memcmp(s, "here", 4) == 0)
		return SUBST_HERE;
	if (colon == NULL && n == 9 && memcmp(s, "faultline", 9) == 0)
		return SUBST_PROGRAM;
	if ((!port && !line) || name_n == 0 || name_n >= sizeof(ret->name))
		return SUBST_BAD;
	memcpy(ret->name, colon + 1, name_n);
	ret->name[name_n] = '\0';
	return port ? SUBST_PORT : SUBST_LINE;
}

enum subst_kind
subst_next(const char **p, struct subst_token *ret)
{
	const char *s = *p, *close;

	*ret = (struct subst_token){ .kind = SUBST_END };
	if (*s == '\0')
		return SUBST_END;
	if (!starts_word(s)) {
		ret->kind = take_text(p, ret);
	} else if (s[1] == '{') {
		ret->kind = SUBST_TEXT;
		ret->text = s;
		ret->n = 1;
		*p = s + 2;
	} else {
		close = strpbrk(s + 1, "{}");
		if (close == NULL || *close == '{') {
			ret->kind = SUBST_BAD;
			ret->text = s + 1;
			ret->n = strcspn(s + 1, "{} ");
			*p = s + strlen(s);
		} else {
			ret->kind = classify(s + 1, (size_t)(close - s - 1), ret);
			*p = close + 1;
		}
	}
	return ret->kind;
}

static uint32_t
index_of(const char *name, const char *const *names)
{
	uint32_t i = 0;

	while (names[i] != NULL && strcmp(names[i], name) != 0)
		i++;
	fl_assert(names[i] != NULL);
	return i;
}

const char *
subst_expand(struct arena *mem, const char *text, const struct subst_values *v)
{
	struct subst_token t;
	struct buf b;
	char *out = NULL;

	buf_init(&b, EXPANDED_BYTES_MAX);
	while (subst_next(&text, &t) != SUBST_END) {
		switch (t.kind) {
		case SUBST_TEXT:
			buf_append(&b, t.text, t.n);
			break;
		case SUBST_PORT:
			buf_printf(&b, "%u", (unsigned)v->ports[index_of(t.name, v->port_names)]);
			break;
		case SUBST_LINE:
			buf_puts(&b, v->lines[index_of(t.name, v->line_names)]);
			break;
		case SUBST_DIR:
			buf_puts(&b, v->dir);
			break;
		case SUBST_RUN:
			buf_puts(&b, v->run);
			break;
		case SUBST_HERE:
			buf_puts(&b, v->here);
			break;
		case SUBST_PROGRAM:
			buf_puts(&b, v->program);
			break;
		case SUBST_BAD:
		case SUBST_END:
			fl_assert(!"a checked text");
		}
	}
	if (!b.overflowed)
		out = arena_strdup(mem, buf_str(&b));
	buf_fini(&b);
	return out;
}
