/* SPDX-License-Identifier: MIT */
/* args.c - flags of a command line. */
#include "cmd/args.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
has_name(const char *names, const char *name, size_t n)
{
	while (*names != '\0') {
		size_t len = strcspn(names, " ");

		if (len == n && memcmp(names, name, n) == 0)
			return true;
		names += len;
		names += strspn(names, " ");
	}
	return false;
}

static const struct args_flag *
find(const struct args_flag *flags, const char *name, size_t n)
{
	for (; flags->names != NULL; flags++) {
		if (has_name(flags->names, name, n))
			return flags;
	}
	return NULL;
}

/* No such flag: is there one like it? */
static int
refuse(const struct args_flag *flags, const char *arg, struct args *ret)
{
	char names[32][32];
	const char *words[33] = { NULL }, *near;
	size_t count = 0;

	for (; flags->names != NULL && count < 32; flags++) {
		snprintf(names[count], sizeof(names[count]), "--%.*s", (int)strcspn(flags->names, " "), flags->names);
		words[count] = names[count];
		count++;
	}
	near = text_nearest(arg, words);
	snprintf(ret->error, sizeof(ret->error), "unknown flag %.80s%s%s%s", arg, near != NULL ? ", did you mean " : "",
	    near != NULL ? near : "", near != NULL ? "?" : "");
	return -EINVAL;
}

static int
set_flag(const struct args_flag *f, const char *value, struct args *ret)
{
	if (value == NULL || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
		*f->flag = true;
	} else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0) {
		*f->flag = false;
	} else {
		snprintf(ret->error, sizeof(ret->error), "--%.*s is true or false, not \"%.60s\"", (int)strcspn(f->names, " "), f->names, value);
		return -EINVAL;
	}
	return 0;
}

static int
set_value(const struct args_flag *f, const char *value, struct args *ret)
{
	if (f->type == ARGS_TEXT) {
		*f->text = value;
	} else if (f->list->count < ARGS_LIST_MAX) {
		f->list->items[f->list->count++] = value;
	} else {
		snprintf(ret->error, sizeof(ret->error), "--%.*s is given too often", (int)strcspn(f->names, " "), f->names);
		return -EINVAL;
	}
	return 0;
}

static int
add_word(struct args *ret, const char *word)
{
	if (ret->count == ARGS_WORDS_MAX) {
		snprintf(ret->error, sizeof(ret->error), "too many arguments");
		return -EINVAL;
	}
	ret->words[ret->count++] = word;
	return 0;
}

/* The flag at argv[*i]; its value may be the next argument. */
static int
parse_flag(const struct args_flag *flags, int argc, char **argv, int *i, struct args *ret)
{
	const char *arg = argv[*i], *name = arg + 1 + (arg[1] == '-');
	const char *value = strchr(name, '=');
	const struct args_flag *f = find(flags, name, value != NULL ? (size_t)(value - name) : strlen(name));

	if (f == NULL)
		return refuse(flags, arg, ret);
	value = value != NULL ? value + 1 : NULL;
	if (f->type == ARGS_FLAG)
		return set_flag(f, value, ret);
	if (value == NULL && *i + 1 == argc) {
		snprintf(ret->error, sizeof(ret->error), "%.80s needs a value", arg);
		return -EINVAL;
	}
	if (value == NULL)
		value = argv[++*i];
	return set_value(f, value, ret);
}

int
args_parse(const struct args_flag *flags, int argc, char **argv, struct args *ret)
{
	bool only_words = false;
	int rc = 0;

	*ret = (struct args){ .count = 0 };
	for (int i = 1; i < argc && rc == 0; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
			rc = parse_flag(flags, argc, argv, &i, ret);
		else
			rc = add_word(ret, argv[i]);
	}
	return rc;
}
