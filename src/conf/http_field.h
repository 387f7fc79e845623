/* SPDX-License-Identifier: MIT */
/*
 * http_field.h - the keys of a map as a table: what each is called, what it may be, and where its value goes in a struct.
 *
 * One table reads a map, writes it as JSON again (in the words that are read), and says by a digest whether two are the same.
 * The type is given; how wide the member is, the table knows by itself.
 */
#ifndef CONF_HTTP_FIELD_H
#define CONF_HTTP_FIELD_H

#include "base/types.h"
#include "proto/doc.h"
#include "proto/jsonw.h"

#define HTTP_FIELDS_MAX 64              /* keys of one map, those of the caller included */

enum http_field_type {
	HTTP_FIELD_NS,                  /* "250ms": fl_ns */
	HTTP_FIELD_NUMBER,              /* a whole number: an integer of any width */
	HTTP_FIELD_FLOAT,               /* a number: float or double */
	HTTP_FIELD_SHARE,               /* "30%" or 0.3: float or double from 0 to 1 */
	HTTP_FIELD_SHARE16,             /* the same in 1/65536: an integer */
	HTTP_FIELD_ENFORCE,             /* observe (0), enforce (1), or a share: double */
	HTTP_FIELD_BYTES,               /* "64KB": an integer */
	HTTP_FIELD_RATE,                /* "100/s", "5/m" or a number a second: double */
	HTTP_FIELD_BOOL,
	HTTP_FIELD_CHOICE,              /* one of words: an integer, the index, or map[index] where there is a map */
	HTTP_FIELD_TEXT,                /* a char array; max bytes follow from it */
};

struct http_field {
	const char *key;
	enum http_field_type type;
	unsigned offset, width;
	double min, max;                /* of the value; ignored for bool, choice and text */
	const char *const *words;       /* of a choice, NULL-terminated */
};

#define HTTP_FIELD_AT(type_, member) offsetof(type_, member), sizeof(((type_ *)NULL)->member)
#define HTTP_FIELD_END { NULL, HTTP_FIELD_NS, 0, 0, 0, 0, NULL }

/*
 * http_field_read - lay what a map says over *base. Keys that are missing or null leave it alone.
 * extra     NULL-terminated keys that the caller reads itself; NULL: none
 * Complaints go to d. returns false when there was one.
 */
bool http_field_read(const struct doc_node *map, const struct http_field *fields, const char *const *extra, struct doc_diag *d, void *base);
/* One value, as the table's entry says. */
bool http_field_value(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base);

/* The pairs, in the words that http_field_read() reads. */
void http_field_json(struct jsonw *w, const struct http_field *fields, const void *base);
/* A number that stands for all that the fields say, but for those of the NULL-terminated list. */
uint64_t http_field_digest(const struct http_field *fields, const void *base, const char *const *without);
/* Do both say the same? Texts are compared with what stands behind their end: both must have begun zeroed. */
bool http_field_same(const struct http_field *fields, const void *a, const void *b);

/* "30%" or 0.3 by itself, -1 after a complaint. */
double http_field_share(const struct doc_node *n, struct doc_diag *d);
/* A duration in the fewest words that mean exactly it: "250ms", "90s", "2h". buf of 32 bytes. Returns buf. */
char *http_field_duration(char *buf, fl_ns ns);

#endif
