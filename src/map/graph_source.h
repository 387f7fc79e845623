/* SPDX-License-Identifier: MIT */
/* graph_source.h - the files that the words of a command line stand for, read as a whole: folders, standard input, compressed ones. */
#ifndef MAP_GRAPH_SOURCE_H
#define MAP_GRAPH_SOURCE_H

#include "map/graph_ask.h"

struct graph_source_file {
	char *name;                     /* as it was given; "NAME/FILE" for one of a folder */
	struct buf bytes;
	int64_t mtime;                  /* ns since 1970; 0: not a file */
	char *real;                     /* its path without links; NULL: not a file */
	char *root;                     /* the folder beyond which no other file is read for this one; NULL: no other is */
	bool found;                     /* nobody named it, but the folder it lies in, or another file */
};
struct graph_source {
	unsigned count, room;
	struct graph_source_file *files;
};

/* Read them all. 0, or -errno with r->error. graph_source_fini() it in any case. */
int graph_source_read(struct graph_source *s, const char *const *words, unsigned count, struct graph_reply *r);
/* The same for bytes that came otherwise. name: NULL is "request". */
int graph_source_body(struct graph_source *s, const char *name, const struct buf *body, struct graph_reply *r);
/*
 * Read path, relative to the folder of the i-th file, which names it, too; one that does not exist, that was read already or that lies
 * outside of what the user named, links followed, is left out. 0, or -errno with r->error.
 */
int graph_source_beside(struct graph_source *s, unsigned i, const char *path, struct graph_reply *r);
void graph_source_fini(struct graph_source *s);

#endif
