/* SPDX-License-Identifier: MIT */
/*
 * openmetrics.h - writes metrics in the text format of Prometheus (0.0.4) or in OpenMetrics 1.0.
 *
 * The two differ in the name of a counter's family, in units, in what information is called, and in the end mark; samples are
 * the same in both, so that a scraper may change between them.
 *
 * Invariants
 *  (1) The samples of a family follow its head, and no other family comes between.
 */
#ifndef CONTROL_OPENMETRICS_H
#define CONTROL_OPENMETRICS_H

#include "base/buf.h"

enum openmetrics_type { OPENMETRICS_COUNTER, OPENMETRICS_GAUGE, OPENMETRICS_HISTOGRAM, OPENMETRICS_INFO, OPENMETRICS_SUMMARY };

#define OPENMETRICS_LABELS_MAX 8
struct openmetrics_label {
	const char *name, *value;
};

struct openmetrics {
	struct buf *out;
	bool open;                      /* OpenMetrics, not 0.0.4 */
	enum openmetrics_type type;
	char family[96];                /* without _total or _info */
};

/* Media types to answer with. */
#define OPENMETRICS_TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Does who sends this Accept field rather want OpenMetrics? NULL: no such field. */
bool openmetrics_wanted(const char *accept);

void openmetrics_init(struct openmetrics *m, struct buf *out, bool open);
/*
 * openmetrics_family - begin a family.
 * name      without _total, _info and the like; its unit at the end: "faultline_http_phase_seconds"
 * unit      "seconds", "bytes", "ratio"; NULL: none
 */
void openmetrics_family(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help);
/* A sample of the family. labels: count of them, values of any bytes that are UTF-8. */
void openmetrics_uint(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count, uint64_t value);
void openmetrics_float(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count, double value);
/*
 * A histogram: upper bounds with the numbers at or below each, rising; the count of all and the sum.
 * At most OPENMETRICS_LABELS_MAX - 1 labels.
 */
struct openmetrics_bucket {
	double le;
	uint64_t count;
};
void openmetrics_histogram(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count,
    const struct openmetrics_bucket *buckets, unsigned bucket_count, uint64_t total, double sum);
/* The end of all. */
void openmetrics_end(struct openmetrics *m);

#endif
