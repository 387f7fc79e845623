/* SPDX-License-Identifier: MIT */
/* main.c - pictures DIR: writes all pictures there. */
#include "pictures.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	char path[512];
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 2;
	}
	for (unsigned i = 0; pictures_name(i) != NULL; i++) {
		struct buf out;
		buf_init(&out, 8u << 20);
		pictures_draw(i, &out);
		snprintf(path, sizeof(path), "%s/%s", argv[1], pictures_name(i));
		FILE *f = fopen(path, "w");
		if (f == NULL || fwrite(buf_data(&out), 1, buf_len(&out), f) != buf_len(&out) || fclose(f) != 0) {
			perror(path);
			return 1;
		}
		buf_fini(&out);
	}
	return 0;
}
