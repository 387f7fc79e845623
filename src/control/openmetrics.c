/* SPDX-License-Identifier: MIT */
/* openmetrics.c - metrics as text. */
#include "control/openmetrics.h"
#include "base/assert.h"
#include "proto/jsonw.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which of the two ---- */

/* The quality of a media range "type/subtype;q=0.5;...", of n bytes. */
static double
quality(const char *range, size_t n)
{
	for (const char *p = range; p < range + n; p++) {
		if (*p != ';')
			continue;
		p += 1 + strspn(p + 1, " \t");
		if (strncasecmp(p, "q=", 2) == 0)
			return strtod(p + 2, NULL);
	}
	return 1;
}

bool
openmetrics_wanted(const char *accept)
{
	static const char open[] = "application/openmetrics-text", text[] = "text/plain";
	double best_open = 0, best_text = 0;

	while (accept != NULL && *accept != '\0') {
		size_t n;

		accept += strspn(accept, " \t,");
		n = strcspn(accept, ",");
		if (strncasecmp(accept, open, sizeof(open) - 1) == 0)
			best_open = FL_MAX(best_open, quality(accept, n));
		else if (strncasecmp(accept, text, sizeof(text) - 1) == 0)
			best_text = FL_MAX(best_text, quality(accept, n));
		accept += n;
	}
	return best_open > 0 && best_open >= best_text;
}

/* ---- families and samples ---- */

void
openmetrics_init(struct openmetrics *m, struct buf *out, bool open)
{
	*m = (struct openmetrics){ .out = out, .open = open };
}

static const char *
suffix(const struct openmetrics *m)
{
	return m->type == OPENMETRICS_COUNTER ? "_total" : m->type == OPENMETRICS_INFO ? "_info" : "";
}

void
openmetrics_family(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help)
{
	static const char *const open_words[] = { "counter", "gauge", "histogram", "info", "summary" };
	static const char *const words[] = { "counter", "gauge", "histogram", "gauge", "summary" };

	fl_assert(strlen(name) < sizeof(m->family));
	snprintf(m->family, sizeof(m->family), "%s", name);
	m->type = type;
	if (m->open) {
		buf_printf(m->out, "# TYPE %s %s\n", name, open_words[type]);
		if (unit != NULL)
			buf_printf(m->out, "# UNIT %s %s\n", name, unit);
		buf_printf(m->out, "# HELP %s %s\n", name, help);
	} else {
		buf_printf(m->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix(m), help, name, suffix(m), words[type]);
	}
}

static void
put_label(struct buf *out, const struct openmetrics_label *l, char before)
{
	buf_printf(out, "%c%s=\"", before, l->name);
	for (const char *p = l->value; *p != '\0'; p++) {
		if (*p == '\n')
			buf_puts(out, "\\n");
		else if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else
			buf_putc(out, *p);
	}
	buf_putc(out, '"');
}

static void
put_name(struct openmetrics *m, const char *end, const struct openmetrics_label *labels, unsigned count)
{
	fl_assert(count <= OPENMETRICS_LABELS_MAX);
	buf_printf(m->out, "%s%s", m->family, end);
	for (unsigned i = 0; i < count; i++)
		put_label(m->out, &labels[i], i == 0 ? '{' : ',');
	buf_puts(m->out, count > 0 ? "} " : " ");
}

static void
put_number(struct buf *out, double v)
{
	char text[48];

	if (isnan(v))
		buf_puts(out, "NaN\n");
	else if (isinf(v))
		buf_puts(out, v > 0 ? "+Inf\n" : "-Inf\n");
	else
		buf_printf(out, "%s\n", jsonw_format_float(text, v, false));
}

void
openmetrics_uint(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count, uint64_t value)
{
	put_name(m, suffix(m), labels, count);
	buf_printf(m->out, "%" PRIu64 "\n", value);
}

void
openmetrics_float(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count, double value)
{
	put_name(m, suffix(m), labels, count);
	put_number(m->out, value);
}

/* An upper bound as OpenMetrics wants it in both formats, so that series keep their names: "1.0", "0.25", "+Inf". */
static void
write_bound(char *text, size_t bytes, double le)
{
	char number[48];

	if (isinf(le)) {
		snprintf(text, bytes, "+Inf");
		return;
	}
	jsonw_format_float(number, le, false);
	snprintf(text, bytes, "%s%s", number, strpbrk(number, ".e") == NULL ? ".0" : "");
}

void
openmetrics_histogram(struct openmetrics *m, const struct openmetrics_label *labels, unsigned count,
    const struct openmetrics_bucket *buckets, unsigned bucket_count, uint64_t total, double sum)
{
	struct openmetrics_label all[OPENMETRICS_LABELS_MAX];
	char bound[56];

	fl_assert(count < OPENMETRICS_LABELS_MAX);
	if (count > 0)
		memcpy(all, labels, count * sizeof(*labels));
	all[count] = (struct openmetrics_label){ "le", bound };
	for (unsigned i = 0; i <= bucket_count; i++) {
		write_bound(bound, sizeof(bound), i < bucket_count ? buckets[i].le : (double)INFINITY);
		put_name(m, "_bucket", all, count + 1);
		buf_printf(m->out, "%" PRIu64 "\n", i < bucket_count ? buckets[i].count : total);
	}
	put_name(m, "_sum", labels, count);
	put_number(m->out, sum);
	put_name(m, "_count", labels, count);
	buf_printf(m->out, "%" PRIu64 "\n", total);
}

void
openmetrics_end(struct openmetrics *m)
{
	if (m->open)
		buf_puts(m->out, "# EOF\n");
}
