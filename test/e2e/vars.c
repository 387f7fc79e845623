/* SPDX-License-Identifier: MIT */
/* vars.c - see vars.h. Tables are small arrays under one mutex; values are never freed, see fail.h (2). */
#include "vars.h"
#include "fail.h"
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLE_MAX 256

struct var {
	char *name, *value;
	bool elapsed;
	int64_t mark;
};

struct barrier {
	char *name;
	unsigned need, here, turn;
};

static struct var vars[TABLE_MAX];
static struct barrier barriers[TABLE_MAX];
static size_t var_count, barrier_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;

static char *
copy_of(const char *s)
{
	char *d = strdup(s);

	if (d == NULL)
		fail_test("no memory");
	return d;
}

static struct var *
find(const char *name, size_t n)
{
	for (size_t i = 0; i < var_count; i++)
		if (strlen(vars[i].name) == n && memcmp(vars[i].name, name, n) == 0)
			return &vars[i];
	return NULL;
}

static struct var *
find_or_add(const char *name)
{
	struct var *v = find(name, strlen(name));

	if (v != NULL)
		return v;
	if (var_count == TABLE_MAX)
		fail_test("more than %d variables", TABLE_MAX);
	vars[var_count] = (struct var){ .name = copy_of(name), .value = copy_of("") };
	return &vars[var_count++];
}

static void
set(const char *name, const char *value, bool elapsed)
{
	struct var *v;

	pthread_mutex_lock(&lock);
	v = find_or_add(name);
	v->value = copy_of(value);
	v->elapsed = elapsed;
	pthread_mutex_unlock(&lock);
}

void
vars_set(const char *name, const char *value)
{
	set(name, value, false);
}

void
vars_set_number(const char *name, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	set(name, text, false);
	fail_log("%s = %lld", name, value);
}

void
vars_set_elapsed(const char *name, double ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", ms);
	set(name, text, true);
	fail_log("%s = %.3f ms", name, ms);
}

char *
vars_expand(const char *text)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (f == NULL)
		fail_test("no memory");
	while (*text != '\0') {
		const char *end = text[0] == '$' && text[1] == '{' ? strchr(text, '}') : NULL;
		struct var *v;

		if (end == NULL) {
			fputc(*text++, f);
			continue;
		}
		pthread_mutex_lock(&lock);
		v = find(text + 2, (size_t)(end - text) - 2);
		if (v == NULL)
			fail_test("%.*s is not set", (int)(end - text) + 1, text);
		fputs(v->value, f);
		pthread_mutex_unlock(&lock);
		text = end + 1;
	}
	fclose(f);
	return out;
}

void
vars_expand_words(struct command *c)
{
	for (int i = 0; i < c->count; i++)
		if (!c->word[i].block)
			c->word[i].text = vars_expand(c->word[i].text);
}

/* A word of expect: the value of the variable of that name, or the word itself. */
static const char *
value_of(const char *word, bool *elapsed)
{
	const struct var *v;

	pthread_mutex_lock(&lock);
	v = find(word, strlen(word));
	if (v != NULL) {
		*elapsed = *elapsed || v->elapsed;
		word = v->value;
	}
	pthread_mutex_unlock(&lock);
	return word;
}

static bool
holds(const char *a, const char *op, const char *b)
{
	char *end_a, *end_b;
	double x = strtod(a, &end_a), y = strtod(b, &end_b);
	bool numbers = *a != '\0' && *b != '\0' && *end_a == '\0' && *end_b == '\0';

	if (strcmp(op, "~") == 0)
		return vars_matches(a, b);
	if (strcmp(op, "==") == 0)
		return strcmp(a, b) == 0;
	if (strcmp(op, "!=") == 0)
		return strcmp(a, b) != 0;
	if (!numbers)
		fail_test("expect %s %s %s: both must be numbers", a, op, b);
	if (strcmp(op, ">=") == 0)
		return x >= y;
	if (strcmp(op, ">") == 0)
		return x > y;
	if (strcmp(op, "<=") == 0)
		return x <= y;
	if (strcmp(op, "<") == 0)
		return x < y;
	fail_test("expect: unknown operator %s", op);
}

void
vars_expect(const struct command *c)
{
	bool elapsed = false;
	const char *a = value_of(words_need(c, 1, "left side"), &elapsed), *op = words_need(c, 2, "operator");
	const char *b = value_of(words_need(c, 3, "right side"), &elapsed);

	if (elapsed && strcmp(op, ">=") != 0 && strcmp(op, ">") != 0)
		fail_test("a time can only be bounded from below: %s %s %s", a, op, b);
	if (!holds(a, op, b))
		fail_test("expected %s %s %s; it is %s %s %s", c->word[1].text, op, c->word[3].text, a, op, b);
}

int64_t
vars_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void
vars_mark(const char *name)
{
	pthread_mutex_lock(&lock);
	find_or_add(name)->mark = vars_now_ns();
	pthread_mutex_unlock(&lock);
}

double
vars_since_mark(const char *name)
{
	const struct var *v;
	int64_t mark;

	pthread_mutex_lock(&lock);
	v = find(name, strlen(name));
	mark = v == NULL ? 0 : v->mark;
	pthread_mutex_unlock(&lock);
	if (mark == 0)
		fail_test("no mark %s was made", name);
	return (double)(vars_now_ns() - mark) / 1e6;
}

void
vars_barrier(const struct command *c)
{
	const char *name = words_need(c, 1, "name");
	long long need = words_number(c, 2, "count");

	pthread_mutex_lock(&lock);
	if (barrier_count == TABLE_MAX || need < 1)
		fail_test("barrier: too many, or a count below 1");
	barriers[barrier_count++] = (struct barrier){ .name = copy_of(name), .need = (unsigned)need };
	pthread_mutex_unlock(&lock);
}

void
vars_sync(const char *name)
{
	struct barrier *b = NULL;
	unsigned turn;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < barrier_count; i++)
		if (strcmp(barriers[i].name, name) == 0)
			b = &barriers[i];
	if (b == NULL)
		fail_test("no barrier %s", name);
	turn = b->turn;
	if (++b->here == b->need) {
		b->here = 0;
		b->turn++;
		pthread_cond_broadcast(&met);
	}
	while (b->turn == turn)
		pthread_cond_wait(&met, &lock);
	pthread_mutex_unlock(&lock);
}

bool
vars_matches(const char *text, const char *regex)
{
	char why[128];
	regex_t re;
	int r = regcomp(&re, regex, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		regerror(r, &re, why, sizeof(why));
		fail_test("bad expression %s: %s", regex, why);
	}
	r = regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return r == 0;
}
