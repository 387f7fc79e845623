/* SPDX-License-Identifier: MIT */
/* same.c - two files of results, compared. */
#include "run/same.h"

#include "io/file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define SHOWN 60

struct line {
	const char *text;
	uint32_t bytes, word;           /* word: bytes of the first one */
	uint64_t number;
};
struct side {
	struct buf text;
	struct line *lines;
	size_t count;
};

static int
read_side(struct side *s, const char *path)
{
	const char *at, *end;
	size_t room = 0;
	int rc;

	buf_init(&s->text, FILE_BYTES_MAX);
	rc = file_read(path, &s->text);
	if (rc < 0)
		return rc;
	for (at = buf_data(&s->text), end = at + buf_len(&s->text); at < end;) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((next == NULL ? end : next) - at);

		if (s->count == room) {
			struct line *grown = realloc(s->lines, (room = room == 0 ? 1024 : room * 2) * sizeof(*grown));

			if (grown == NULL)
				return -ENOMEM;
			s->lines = grown;
		}
		s->lines[s->count] = (struct line){ .text = at, .bytes = (uint32_t)n, .number = s->count + 1 };
		while (s->lines[s->count].word < n && at[s->lines[s->count].word] != ' ' && at[s->lines[s->count].word] != '\t')
			s->lines[s->count].word++;
		s->count++;
		at += n + 1;
	}
	return 0;
}

static void
free_side(struct side *s)
{
	buf_fini(&s->text);
	free(s->lines);
}

static int
compare(const char *a, size_t an, const char *b, size_t bn)
{
	int c = memcmp(a, b, FL_MIN(an, bn));

	return c != 0 ? c : an < bn ? -1 : an > bn;
}

static int
by_text(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return compare(x->text, x->bytes, y->text, y->bytes);
}

static int
by_word(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = compare(x->text, x->word, y->text, y->word);

	return c != 0 ? c : x->number < y->number ? -1 : x->number > y->number;
}

/* Of lines sorted by word, the last of each. */
static void
keep_last(struct side *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct line *l = &s->lines[i], *next = i + 1 < s->count ? l + 1 : NULL;

		if (next == NULL || compare(l->text, l->word, next->text, next->word) != 0)
			s->lines[kept++] = *l;
	}
	s->count = kept;
}

static int
shown(const struct line *l)
{
	return (int)FL_MIN(l->bytes, (uint32_t)SHOWN);
}

/* In the order they stand in. */
static int
judge_bytes(const struct side *a, const struct side *b, char *got)
{
	size_t n = FL_MIN(a->count, b->count);

	for (size_t i = 0; i < n; i++) {
		if (by_text(&a->lines[i], &b->lines[i]) == 0)
			continue;
		snprintf(got, SAME_GOT_MAX, "line %zu is \"%.*s\" against \"%.*s\"", i + 1, shown(&b->lines[i]), b->lines[i].text,
		    shown(&a->lines[i]), a->lines[i].text);
		return 0;
	}
	if (buf_len(&a->text) == buf_len(&b->text)) {
		snprintf(got, SAME_GOT_MAX, "%zu lines, all the same", n);
		return 1;
	}
	snprintf(got, SAME_GOT_MAX, "%zu lines against %zu", b->count, a->count);
	return 0;
}

/* Of sorted lines. */
static int
judge_sorted(const struct side *a, const struct side *b, char *got)
{
	const struct line *first_a = NULL, *first_b = NULL;
	uint64_t only_a = 0, only_b = 0;
	size_t i = 0, k = 0;
	int len;

	while (i < a->count || k < b->count) {
		int c = i == a->count ? 1 : k == b->count ? -1 : by_text(&a->lines[i], &b->lines[k]);

		if (c < 0 && only_a++ == 0)
			first_a = &a->lines[i];
		if (c > 0 && only_b++ == 0)
			first_b = &b->lines[k];
		i += c <= 0;
		k += c >= 0;
	}
	if (only_a + only_b == 0) {
		snprintf(got, SAME_GOT_MAX, "%zu lines, all the same", a->count);
		return 1;
	}
	len = snprintf(got, SAME_GOT_MAX, "%" PRIu64 " missing", only_a);
	if (first_a != NULL)
		len += snprintf(got + len, SAME_GOT_MAX - (size_t)len, " (\"%.*s\")", shown(first_a), first_a->text);
	len += snprintf(got + len, SAME_GOT_MAX - (size_t)len, ", %" PRIu64 " that should not be there", only_b);
	if (first_b != NULL)
		snprintf(got + len, SAME_GOT_MAX - (size_t)len, " (\"%.*s\")", shown(first_b), first_b->text);
	return 0;
}

static void
arrange(struct side *s, enum experiment_same how)
{
	if (s->count == 0 || how == EXPERIMENT_SAME_BYTES)
		return;
	if (how == EXPERIMENT_SAME_LAST) {
		qsort(s->lines, s->count, sizeof(*s->lines), by_word);
		keep_last(s);
	}
	qsort(s->lines, s->count, sizeof(*s->lines), by_text);
}

int
same_files(const char *a, const char *b, enum experiment_same how, char *ret_got)
{
	struct side x = { .count = 0 }, y = { .count = 0 };
	int rc = read_side(&x, a);

	if (rc == 0)
		rc = read_side(&y, b);
	else
		buf_init(&y.text, 1);
	if (rc == 0) {
		arrange(&x, how);
		arrange(&y, how);
		rc = how == EXPERIMENT_SAME_BYTES ? judge_bytes(&x, &y, ret_got) : judge_sorted(&x, &y, ret_got);
	}
	free_side(&x);
	free_side(&y);
	return rc;
}
