/* SPDX-License-Identifier: MIT */
/* words.c - see words.h. */
#include "words.h"
#include "fail.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static char *
copy(const char *from, size_t n)
{
	char *s = strndup(from, n);

	if (s == NULL)
		fail_test("no memory");
	return s;
}

static void
step(struct words *w)
{
	w->line += *w->at == '\n';
	w->at++;
}

/* Past blanks and comments, not past the end of the command. */
static void
skip_blank(struct words *w)
{
	while (*w->at == ' ' || *w->at == '\t' || *w->at == '\r')
		w->at++;
	if (*w->at == '#')
		w->at += strcspn(w->at, "\n");
}

/* After the backslash; advances over the escape. */
static char
escaped(struct words *w)
{
	static const char from[] = "nrt\\\"", to[] = "\n\r\t\\\"";
	const char *found = *w->at == '\0' ? NULL : strchr(from, *w->at);
	char hex[3] = "";

	if (found != NULL) {
		w->at++;
		return to[found - from];
	}
	if (ispunct((unsigned char)*w->at))
		return '\\';            /* of a regular expression: stays, with what follows */
	if (*w->at != 'x' || !isxdigit((unsigned char)w->at[1]) || !isxdigit((unsigned char)w->at[2]))
		fail_test("unknown escape \\%c", *w->at);
	memcpy(hex, w->at + 1, 2);
	w->at += 3;
	return (char)strtol(hex, NULL, 16);
}

static char *
quoted(struct words *w)
{
	char *s = copy(w->at, strlen(w->at));
	size_t n = 0;

	for (w->at++; *w->at != '"'; n++) {
		if (*w->at == '\0' || *w->at == '\n')
			fail_test("a string does not end on its line");
		if (*w->at == '\\') {
			w->at++;
			s[n] = escaped(w);
		} else {
			s[n] = *w->at++;
		}
	}
	w->at++;
	s[n] = '\0';
	return s;
}

static void
skip_string(struct words *w)
{
	for (step(w); *w->at != '"'; step(w)) {
		if (*w->at == '\\' && w->at[1] != '\0')
			step(w);
		if (*w->at == '\0')
			fail_test("a string does not end");
	}
	step(w);
}

static char *
block(struct words *w)
{
	const char *start = w->at + 1;
	int depth = 0, line = w->line;

	do {
		if (*w->at == '\0')
			fail_test("the block that starts in line %d does not end", line);
		if (*w->at == '"') {
			skip_string(w);
			continue;
		}
		if (*w->at == '#' && isspace((unsigned char)w->at[-1]))
			w->at += strcspn(w->at, "\n");
		depth += (*w->at == '{') - (*w->at == '}');
		if (*w->at != '\0')
			step(w);
	} while (depth > 0);
	return copy(start, (size_t)(w->at - start) - 1);
}

static void
read_word(struct words *w, struct command *c)
{
	struct word *to = &c->word[c->count];

	if (c->count == WORDS_MAX)
		fail_test("more than %d words in a command", WORDS_MAX);
	*to = (struct word){ .line = w->line, .block = *w->at == '{' };
	fail_at("", w->line);
	if (*w->at == '{') {
		to->text = block(w);
	} else if (*w->at == '"') {
		to->text = quoted(w);
	} else {
		size_t n = strcspn(w->at, " \t\r\n;");

		to->text = copy(w->at, n);
		w->at += n;
	}
	c->count++;
}

bool
words_next(struct words *w, struct command *ret)
{
	ret->count = 0;
	for (;;) {
		skip_blank(w);
		if (*w->at == '\0')
			return ret->count > 0;
		if (*w->at == '\n' || *w->at == ';') {
			step(w);
			if (ret->count > 0)
				return true;
			continue;
		}
		if (ret->count == 0)
			ret->line = w->line;
		read_word(w, ret);
	}
}

bool
words_is(const struct command *c, int i, const char *text)
{
	return i < c->count && strcmp(c->word[i].text, text) == 0;
}

const char *
words_need(const struct command *c, int i, const char *what)
{
	if (i >= c->count)
		fail_test("%s: %s is missing", c->word[0].text, what);
	return c->word[i].text;
}

long long
words_number(const struct command *c, int i, const char *what)
{
	const char *s = words_need(c, i, what);
	char *end;
	long long v = strtoll(s, &end, 10);

	if (end == s || *end != '\0' || v < 0)
		fail_test("%s: %s must be a number, not %s", c->word[0].text, what, s);
	return v;
}
