/* SPDX-License-Identifier: MIT */
/*
 * line_json.h - lines and toxics as JSON: Toxiproxy's objects, in its order of keys. What Toxiproxy does not know appears only
 * where it is set away from Toxiproxy's ways.
 */
#ifndef CONTROL_LINE_JSON_H
#define CONTROL_LINE_JSON_H

#include "control/lines.h"
#include "proto/jsonw.h"

#define LINE_JSON_CONNECT_TIMEOUT (10 * FL_SEC)         /* the default: not shown */

/* {"name","listen","upstream","enabled","toxics":[...]} */
void line_json_line(struct jsonw *w, const struct lines_line *l);
/* {"attributes":{...},"name","type","stream","toxicity"} */
void line_json_toxic(struct jsonw *w, const struct fault_spec *f);
/* The toxics alone, as an array. */
void line_json_toxics(struct jsonw *w, const struct lines_line *l);

/* The pairs of a line without toxics, and those of a toxic, for callers that add more. */
void line_json_line_pairs(struct jsonw *w, const struct lines_line *l);
void line_json_toxic_pairs(struct jsonw *w, const struct fault_spec *f);
/* The key "scope" with its object, also when nothing is in it. */
void line_json_scope(struct jsonw *w, const struct spec_scope *s);
/* A duration as milliseconds. */
void line_json_ms(struct jsonw *w, const char *key, fl_ns ns);

#endif
