/* SPDX-License-Identifier: MIT */
/*
 * replay.c - runs a fuzz driver over saved inputs: each file given, and each file below each directory given.
 *
 *   fuzz_units test/fuzz/corpus/units [FILE...]
 *
 * An input that makes the driver crash is the last one named with -v. Prints how many were run; exit 1 when a file could
 * not be read or there was none.
 */
#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole file in memory of exactly its size, so that the sanitizer sees a read beyond it. */
static int
read_file(const char *path, size_t size, uint8_t **ret_data)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return -errno;
	uint8_t *data = malloc(size > 0 ? size : 1);
	bool whole = data != NULL && fread(data, 1, size, f) == size;

	fclose(f);
	if (!whole) {
		free(data);
		return -EIO;
	}
	*ret_data = data;
	return 0;
}

static int
run_file(const char *path, size_t size, bool verbose)
{
	uint8_t *data = NULL;
	int r = size > INPUT_MAX ? -EFBIG : read_file(path, size, &data);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	if (verbose)
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int
main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	char **paths = argv + 1 + verbose;
	unsigned ran = 0, failed = 0;

	(void)argc;
	if (*paths == NULL) {
		fprintf(stderr, "usage: %s [-v] FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	FTS *walk = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);

	if (walk == NULL)
		return 1;
	for (FTSENT *e; (e = fts_read(walk)) != NULL; ) {
		if (e->fts_info == FTS_F) {
			int r = run_file(e->fts_path, (size_t)e->fts_statp->st_size, verbose);

			ran += r == 0;
			failed += r < 0;
		} else if (e->fts_info != FTS_D && e->fts_info != FTS_DP) {
			fprintf(stderr, "%s: %s\n", e->fts_path, strerror(e->fts_errno));
			failed++;
		}
	}
	fts_close(walk);
	printf("%u inputs\n", ran);
	return failed > 0 || ran == 0;
}
