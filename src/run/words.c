/* SPDX-License-Identifier: MIT */
/* words.c - see words.h. */
#include "run/words.h"

#include "base/text.h"
#include "proto/utf8.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *
words_verdict(enum result_verdict v)
{
	static const char *const names[] = { "HELD", "FINDING", "ABORTED", "COULD NOT JUDGE" };

	return names[v];
}

const char *
words_verdict_id(enum result_verdict v)
{
	static const char *const names[] = { "held", "finding", "aborted", "unknown" };

	return names[v];
}

static bool
invalid(const struct run_result *r)
{
	return r->audit != NULL && r->audit->verdict == VERDICT_INVALID && r->audit->evidence_count > 0;
}

/* The first audit by command that found something; NULL: none. */
static const struct result_audit *
found(const struct run_result *r)
{
	for (uint32_t i = 0; i < r->audit_count; i++)
		if (r->audits[i].verdict == RESULT_FINDING)
			return &r->audits[i];
	return NULL;
}

static void
held_headline(const struct run_result *r, struct buf *out)
{
	uint32_t landed = 0;

	for (uint32_t i = 0; i < r->fault_count; i++)
		landed += r->faults[i].landed;
	if ((r->audit != NULL && r->audit->verdict == VERDICT_VALID && r->audit->ops > 0) || (r->audit == NULL && r->audit_count > 0))
		buf_puts(out, "No answer was wrong");
	else
		buf_puts(out, "Everything asked for held");
	if (landed > 0)
		buf_printf(out, ", through %" PRIu32 " fault%s", landed, landed == 1 ? "" : "s");
}

void
words_headline(const struct run_result *r, struct buf *out)
{
	if (r->headline != NULL) {
		buf_puts(out, r->headline);
		return;
	}
	switch (r->verdict) {
	case RESULT_HELD:
		held_headline(r, out);
		break;
	case RESULT_FINDING:
		if (invalid(r))
			buf_printf(out, "%" PRIu32 " of %" PRIu32 " keys gave answers that contradict each other", r->audit->keys_invalid,
				   r->audit->keys);
		else if (found(r) != NULL)
			buf_printf(out, "The audit \"%s\" found what must not be", found(r)->name);
		else
			buf_puts(out, "Something did not hold");
		break;
	case RESULT_ABORTED:
		buf_puts(out, "A guard stopped the run before its end");
		break;
	case RESULT_UNKNOWN:
		buf_puts(out, "The run could not be judged");
		break;
	}
}

void
words_reason(const struct run_result *r, uint32_t i, struct buf *out)
{
	const char *reason = r->reasons[i];

	if (invalid(r) && strncmp(reason, "audit: ", 7) == 0) {
		const struct verdict_evidence *e = &r->audit->evidence[0];

		buf_printf(out, "audit: key %s: %s", e->key, e->say);
		if (r->audit->keys_invalid > 1)
			buf_printf(out, " (and %" PRIu32 " more key%s)", r->audit->keys_invalid - 1, r->audit->keys_invalid == 2 ? "" : "s");
		return;
	}
	buf_puts(out, reason);
}

void
words_moment(fl_ns t, struct buf *out)
{
	if (t == FL_NEVER)
		buf_puts(out, "the end");
	else
		buf_printf(out, "%.3f s", (double)t / (double)FL_SEC);
}

void
words_duration(fl_ns t, struct buf *out)
{
	static const struct { fl_ns unit; const char *name; } units[] = { { FL_SEC, "s" }, { FL_MS, "ms" }, { FL_US, "µs" } };
	size_t i = 0;

	if (t >= 120 * FL_SEC) {
		buf_printf(out, "%" PRId64 " min %" PRId64 " s", t / (60 * FL_SEC), t / FL_SEC % 60);
		return;
	}
	while (i + 1 < FL_ARRAY_LEN(units) && t < units[i].unit)
		i++;
	double v = (double)t / (double)units[i].unit;
	buf_printf(out, "%.*f %s", v >= 100 ? 0 : v >= 10 ? 1 : 2, v, units[i].name);
}

void
words_count(uint64_t n, struct buf *out)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_putc(out, ',');
		buf_putc(out, digits[i]);
	}
}

void
words_date(int64_t wall_ns, bool iso, struct buf *out)
{
	time_t t = (time_t)(wall_ns / FL_SEC);
	char text[64] = "?";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), iso ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%S UTC", &tm);
	buf_puts(out, text);
}

void
words_safen(const char *s, size_t n, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0, len; i < n; i += len) {
		size_t run = i;

		/* Plain characters in one go. */
		while (run < n && p[run] >= 0x20 && p[run] < 0x7f)
			run++;
		if (run > i) {
			(void)text_html(out, s + i, run - i);
			len = run - i;
			continue;
		}
		len = utf8_len(p + i, n - i);
		bool control = p[i] < 0x20 ? p[i] != '\n' && p[i] != '\t' : p[i] == 0x7f;
		/* U+FFFE and U+FFFF are no characters in XML 1.0. */
		bool never = len == 3 && p[i] == 0xef && p[i + 1] == 0xbf && p[i + 2] >= 0xbe;

		if (len == 0 || control || never)
			buf_puts(out, "\xef\xbf\xbd");
		else
			buf_append(out, s + i, len);
		len = len == 0 ? 1 : len;
	}
}

void
words_safe(const char *s, struct buf *out)
{
	if (s != NULL)
		words_safen(s, strlen(s), out);
}

void
words_safe_sentence(const char *s, struct buf *out)
{
	if (s == NULL || *s == '\0')
		return;
	if (*s >= 'a' && *s <= 'z')
		buf_putc(out, (char)(*s++ - 'a' + 'A'));
	words_safe(s, out);
	buf_putc(out, '.');
}
