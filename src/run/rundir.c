/* SPDX-License-Identifier: MIT */
/* rundir.c - making the run directory and writing files into it. */
#include "run/rundir.h"

#include "base/assert.h"
#include "io/append.h"
#include "io/dir.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SAME_NAME_MAX 1000

/* A name that is safe in a path: what is not a letter, digit, _ . becomes -. */
static void
safe_name(const char *name, char *out, size_t max)
{
	size_t n = 0;

	for (; *name != '\0' && n + 1 < max; name++) {
		bool fine = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9') ||
		    *name == '_' || (*name == '.' && n > 0);
		if (fine || (n > 0 && out[n - 1] != '-'))
			out[n++] = fine ? *name : '-';
	}
	out[n] = '\0';
	if (n == 0)
		snprintf(out, max, "run");
}

static int
make_unique(const char *runs, const char *base, char *path, size_t max)
{
	int rc = -EEXIST;

	for (int i = 1; rc == -EEXIST && i < SAME_NAME_MAX; i++) {
		int n = i == 1 ? snprintf(path, max, "%s/%s", runs, base) : snprintf(path, max, "%s/%s-%d", runs, base, i);
		rc = n >= (int)max ? -ENAMETOOLONG : dir_make_new(path);
	}
	return rc;
}

/* Make it and open ret for it; no directories inside yet. */
static int
make(const char *runs, const char *base, struct rundir *ret, char *error)
{
	char path[PATH_MAX], full[PATH_MAX];
	int rc = dir_make(runs);

	if (rc == 0)
		rc = make_unique(runs, base, path, sizeof(path));
	if (rc == 0)
		rc = dir_absolute(path, full, sizeof(full));
	if (rc < 0) {
		snprintf(error, RUNDIR_ERROR_MAX, "%.200s: the run directory cannot be made there: %s", runs, strerror(-rc));
		return rc;
	}
	*ret = (struct rundir){ 0 };
	arena_init(&ret->mem, 1u << 20);
	ret->path = arena_strdup(&ret->mem, full);
	return 0;
}

/* NAME-DATE-SEED */
static void
usual_name(const char *name, uint64_t seed, int64_t wall_ns, char *ret, size_t max)
{
	char safe[80], date[32];
	time_t seconds = (time_t)(wall_ns / FL_SEC);
	struct tm tm;

	safe_name(name, safe, sizeof(safe));
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(ret, max, "%s-%s-%" PRIu64, safe, date, seed);
}

int
rundir_group(const char *runs, const char *name, uint64_t seed, int64_t wall_ns, struct rundir *ret, char *error)
{
	char base[160];

	usual_name(name, seed, wall_ns, base, sizeof(base));
	return make(runs, base, ret, error);
}

int
rundir_new(const char *runs, const char *exact, const char *name, uint64_t seed, int64_t wall_ns, struct rundir *ret, char *error)
{
	char base[160];
	int rc;

	usual_name(name, seed, wall_ns, base, sizeof(base));
	rc = make(runs, exact != NULL ? exact : base, ret, error);
	if (rc < 0)
		return rc;
	ret->data = rundir_file(ret, "data");
	ret->logs = rundir_file(ret, "logs");
	rc = dir_make_new(ret->data);
	if (rc == 0)
		rc = dir_make_new(ret->logs);
	if (rc < 0) {
		snprintf(error, RUNDIR_ERROR_MAX, "%.300s: %s", ret->path, strerror(-rc));
		rundir_fini(ret);
	}
	return rc;
}

void
rundir_fini(struct rundir *d)
{
	arena_fini(&d->mem);
	d->path = d->data = d->logs = NULL;
}

const char *
rundir_file(struct rundir *d, const char *name)
{
	const char *path = arena_printf(&d->mem, "%s/%s", d->path, name);

	fl_assert(path != NULL);
	return path;
}

int
rundir_write(struct rundir *d, const char *name, const void *p, size_t n)
{
	struct append a;
	size_t done = 0;

	append_open(&a, rundir_file(d, name));
	while (a.err == 0 && done < n) {
		size_t part = FL_MIN(n - done, (size_t)256 << 10);
		buf_append(&a.out, (const char *)p + done, part);
		(void)append_flush(&a);
		done += part;
	}
	return append_close(&a);
}
