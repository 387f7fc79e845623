/* SPDX-License-Identifier: MIT */
/* refusal.c - why a call was refused, in words. */
#include "faultline/base.h"
#include "policy/common.h"

#include <stdio.h>

const char *
fl_version(void)
{
	return "0.1.0";
}

const char *
fl_who_name(enum fl_who w)
{
	static const char *const names[] = {
#define FL_WHO_ROW(id, word, text) word,
		FL_WHOS(FL_WHO_ROW)
#undef FL_WHO_ROW
	};
	return (unsigned)w < FL_WHO_COUNT ? names[w] : "none";
}

/* The sentence behind "the circuit breaker "x" ", its numbers put in. All formats take five doubles, in order. */
static const char *const sentences[FL_REASON_COUNT] = {
	[FL_REASON_NONE] = "refused",
	[FL_REASON_BREAKER_OPEN] = "is open: %.0f of %.0f calls failed or were too slow (%.0f %%; surely more than %.0f %%, limit %.0f %%)",
	[FL_REASON_BREAKER_PROBING] = "is half-open: %.0f of %.0f probes are under way",
	[FL_REASON_BREAKER_PROBE] = "is open: a probe failed or did not report (opened %.0f times in a row)",
	[FL_REASON_BREAKER_FORCED] = "was forced open",
	[FL_REASON_RATE] = "lets %.6g a second through, %.0f at once",
	[FL_REASON_BULKHEAD_FULL] = "is full: %.0f of %.0f in flight, %.0f of %.0f waiting",
	[FL_REASON_BULKHEAD_TIMEOUT] = "gave no permit within %.1f ms: %.0f of %.0f in flight",
	[FL_REASON_BULKHEAD_DELAY] = "let it wait too long: %.1f ms where %.1f are allowed",
	[FL_REASON_BULKHEAD_DEADLINE] = "cannot serve it in time: %.1f ms are left, %.1f needed",
	[FL_REASON_ADAPTIVE_FULL] = "is reached: %.0f in flight, limit %.0f",
	[FL_REASON_SHED_DELAY] = "sheds: requests have been queued for %.1f ms, target %.1f",
	[FL_REASON_SHED_PRIORITY] = "sheds priority %.0f: only up to %.0f is admitted now (queued for %.1f ms, target %.1f)",
	[FL_REASON_SHED_ACCEPTS] = "throttles: of %.0f requests only %.0f were accepted; %.0f %% are refused here",
	[FL_REASON_DEADLINE_PASSED] = "has passed",
	[FL_REASON_DEADLINE_SHORT] = "is too near: %.1f ms are left, %.1f needed",
	[FL_REASON_BUDGET_EMPTY] = "is spent: %.2f of %.0f tokens",
	[FL_REASON_ALL_OUT] = ": of %.0f instances %.0f are usable",
	[FL_REASON_ALL_REFUSED] = ": %.0f were asked, all refused",
	[FL_REASON_POOL_FULL] = "is reached: %.0f of %.0f connections",
	[FL_REASON_EJECTED] = "took it out: %.0f failures in a row",
	[FL_REASON_FALLBACK_FULL] = "is full: %.0f of %.0f in flight",
};

char *
fl_refusal_say(const struct fl_refusal *r, char *buf, size_t buf_bytes)
{
	static const char *const texts[] = {
#define FL_WHO_ROW(id, word, text) text,
		FL_WHOS(FL_WHO_ROW)
#undef FL_WHO_ROW
	};
	char what[256], when[32];
	unsigned by = (unsigned)r->by < FL_WHO_COUNT ? (unsigned)r->by : 0, reason = (unsigned)r->reason < FL_REASON_COUNT ? (unsigned)r->reason : 0;
	if (buf_bytes == 0)
		return buf;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	snprintf(what, sizeof(what), sentences[reason], r->n[0], r->n[1], r->n[2], r->n[3], r->n[4]);
#pragma GCC diagnostic pop
	const char *space = what[0] == ':' ? "" : " ";
	if (r->name[0] != '\0')
		snprintf(buf, buf_bytes, "%s \"%s\"%s%s", texts[by], r->name, space, what);
	else
		snprintf(buf, buf_bytes, "%s%s%s", texts[by], space, what);
	if (r->retry_after > 0 && r->retry_after != FL_NEVER) {
		size_t n = 0;
		while (n < buf_bytes && buf[n] != '\0')
			n++;
		snprintf(buf + n, buf_bytes - n, "; try again in %s", common_time(r->retry_after, when, sizeof(when)));
	}
	return buf;
}
