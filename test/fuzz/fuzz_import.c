/* SPDX-License-Identifier: MIT */
/*
 * fuzz_import.c - any bytes as files that say something of the map: nothing crashes, whatever is told is whole, and it ends. The first byte
 * chooses how the bytes are given: as one file, or cut in two at a zero byte; the name, by which .env files and hosts are told apart.
 */
#include "base/assert.h"
#include "graph/import.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *s)
{
	fl_assert(s == NULL || strlen(s) < (1 << 20));
}

static int
take(void *arg, const struct sight *s)
{
	uint64_t *told = arg;

	fl_assert(s->source != NULL && s->source[0] != '\0');
	fl_assert(s->first != 0 && s->last >= s->first);
	check_text(s->where);
	check_text(s->app);
	switch (s->what) {
	case SIGHT_LINE:
		fl_assert(s->from != NULL && s->to != NULL && s->from[0] != '\0' && s->to[0] != '\0');
		break;
	case SIGHT_GROUP:
		fl_assert(s->from != NULL && s->member_count > 0 && s->k > 0 && s->k <= s->member_count);
		for (uint32_t i = 0; i < s->member_count; i++)
			fl_assert(s->members[i] != NULL);
		break;
	case SIGHT_FACT:
		fl_assert(s->key != NULL && s->value != NULL && (s->name != NULL || (s->from != NULL && s->to != NULL)));
		break;
	case SIGHT_INSTANCE:
		fl_assert(s->name != NULL && s->address != NULL);
		break;
	case SIGHT_ALIAS:
		fl_assert(s->name != NULL && s->to != NULL && s->value != NULL);
		break;
	case SIGHT_RULE:
		fl_assert(s->from != NULL && s->to != NULL && s->value != NULL);
		break;
	default:
		fl_assert(s->name != NULL);
	}
	++*told;
	return *told > 2000000 ? -ENOSPC : 0;
}

static void
add(struct import *im, const char *name, const uint8_t *data, size_t n)
{
	char *copy = malloc(n + (n == 0));
	struct import_file f = { .name = name, .text = copy, .n = n };
	unsigned complaints = im->diag.count;
	int r;

	memcpy(copy, data, n);
	r = import_add(im, &f, NULL);
	fl_assert(r == 0 || r == -EINVAL || r == -ENOTSUP || r == -ENOMEM || r == -ENOSPC);
	fl_assert(r != -EINVAL || im->diag.count > complaints);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a/x", "a/.env", "web1-ss.txt", "a/access.log" };
	uint64_t told = 0;
	struct import im;
	struct import_opts opts = { .take = take, .arg = &told, .now = INT64_C(1795212777000000000), .memory_bytes = 64 << 20 };
	const uint8_t *cut;

	if (size == 0)
		return 0;
	import_init(&im, &opts);
	cut = (data[0] & 1) != 0 ? memchr(data + 1, '\0', size - 1) : NULL;
	if (cut != NULL) {
		add(&im, names[data[0] >> 1 & 3], data + 1, (size_t)(cut - data) - 1);
		add(&im, names[data[0] >> 3 & 3], cut + 1, (size_t)(data + size - cut) - 1);
	} else {
		add(&im, names[data[0] >> 1 & 3], data + 1, size - 1);
	}
	(void)import_finish(&im);
	fl_assert(im.told == told || im.failed != 0);
	import_fini(&im);
	return 0;
}
