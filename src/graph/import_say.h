/* SPDX-License-Identifier: MIT */
/*
 * import_say.h - what all importers share: memory, places, telling, lines of text, and documents one by one.
 *
 * Every importer has the form import_X_add(im), which reads im->file, and, where files belong together, import_X_finish(im).
 */
#ifndef GRAPH_IMPORT_SAY_H
#define GRAPH_IMPORT_SAY_H

#include "base/map.h"
#include "graph/import.h"

struct import_k8s;
struct import_compose;
struct import_backstage;
struct import_sockets;
struct import_tally;
struct import_velero;

/* Of each format what waits for the last file; NULL while there was none. From im->mem. */
struct import_parts {
	struct import_k8s *k8s;
	struct import_compose *compose;
	struct import_backstage *backstage;
	struct import_sockets *sockets;
	struct import_tally *tally;
	struct import_velero *velero;
	const char *file;               /* name of im->file, kept */
	char where[600];
};

/* A place in a file that is to be named later. */
struct import_at {
	const char *file;
	uint32_t line;                  /* 0: the file as a whole */
};

/* A list of texts, in the order added. */
struct import_text {
	struct import_text *next;
	const char *key, *value;
};

/* Zeroed memory, or a copy of s, that lives as long as im. NULL: im->failed is set, and nothing more is told. */
void *import_alloc(struct import *im, size_t n);
char *import_keep(struct import *im, const char *s);
char *import_keepn(struct import *im, const char *s, size_t n);
char *import_printf(struct import *im, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void import_push(struct import *im, struct import_text **last, const char *key, const char *value);

struct import_at import_here(struct import *im, const struct doc_node *n);
struct import_at import_line(struct import *im, uint32_t line);
/* A sighting of that place and time; the rest is for the caller to fill. */
struct sight import_sight(enum sight_what what, const char *source);
/* Tell it. Where and when are filled in when they are not. */
void import_tell(struct import *im, struct sight *s, struct import_at at);
void import_fact(struct import *im, const char *source, const char *name, const char *space, const char *key, const char *value, struct import_at at);
/* A line or record that could not be read. */
void import_drop(struct import *im);

/* The text of a scalar below map, "" when there is none. */
const char *import_word(const struct doc_node *map, const char *key);
/* The same by several steps; the list ends with NULL. */
const struct doc_node *import_path(const struct doc_node *map, const char *const *keys);
#define IMPORT_PATH(map, ...) import_path((map), (const char *const[]){ __VA_ARGS__, NULL })

/* RFC 3339 ("2026-11-20T22:31:06.213Z", with offset; a space instead of T) to ns since 1970. false: it is none. */
bool import_time(const char *s, size_t n, int64_t *ret_ns);
/* Days since 1970 of a date of the Gregorian calendar. */
int64_t import_days(int64_t year, unsigned month, unsigned day);

/* The next line of [*p, end), without its end; false when there is none. */
bool import_next_line(const char **p, const char *end, const char **ret_line, size_t *ret_len);

/*
 * import_docs - each document of im->file: of a YAML stream, of JSON values one behind the other, of a List its items, of an array its
 * elements. One that cannot be read is complained about and dropped, the others are still given to fn.
 */
typedef void import_doc_fn(struct import *im, const struct doc_node *root);
void import_docs(struct import *im, import_doc_fn *fn);
/* The same for a file that is one JSON document: arrays and lists are not taken apart. */
void import_json(struct import *im, import_doc_fn *fn);

#endif
