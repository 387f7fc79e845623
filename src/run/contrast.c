/* SPDX-License-Identifier: MIT */
/* contrast.c - what the runs of the variants come to together. */
#include "run/contrast.h"

#include "base/buf.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define REASONS_OF_ONE 4

void
contrast_judge(struct contrast *c)
{
	static const int codes[] = { [RESULT_HELD] = 0, [RESULT_FINDING] = 1, [RESULT_ABORTED] = 3, [RESULT_UNKNOWN] = 4 };
	bool aborted = false, finding = false, unknown = false;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct run_result *r = c->sides[i].r;
		aborted = aborted || (r != NULL && r->verdict == RESULT_ABORTED);
		finding = finding || (r != NULL && r->verdict == RESULT_FINDING);
		unknown = unknown || r == NULL || r->exit_code == codes[RESULT_UNKNOWN];
	}
	for (uint32_t i = 0; i < c->claim_count; i++) {
		finding = finding || (c->claims[i].outcome.known && !c->claims[i].outcome.held);
		unknown = unknown || !c->claims[i].outcome.known;
	}
	c->verdict = aborted ? RESULT_ABORTED : finding ? RESULT_FINDING : unknown ? RESULT_UNKNOWN : RESULT_HELD;
	c->exit_code = codes[c->verdict];
}

static uint32_t
broken_claims(const struct contrast *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->claim_count; i++)
		n += c->claims[i].outcome.known && !c->claims[i].outcome.held;
	return n;
}

void
contrast_headline(const struct contrast *c, struct buf *out)
{
	uint32_t bad = 0, broken = broken_claims(c);

	for (uint32_t i = 0; i < c->count; i++)
		bad += c->sides[i].r != NULL && c->sides[i].r->verdict == RESULT_FINDING;
	if (c->verdict == RESULT_HELD && c->claim_count > 0)
		buf_printf(out, "%" PRIu32 " variants ran, and all %" PRIu32 " comparisons between them hold", c->count, c->claim_count);
	else if (c->verdict == RESULT_HELD)
		buf_printf(out, "Everything asked for held in all %" PRIu32 " variants", c->count);
	else if (c->verdict == RESULT_ABORTED)
		buf_puts(out, "Stopped before all variants had run");
	else if (c->verdict == RESULT_UNKNOWN)
		buf_puts(out, "Not all of it could be judged");
	else if (broken > 0)
		buf_printf(out, "%" PRIu32 " of %" PRIu32 " comparisons between the variants %s not hold", broken, c->claim_count,
		    broken == 1 ? "does" : "do");
	else
		buf_printf(out, "%" PRIu32 " of %" PRIu32 " variants did not do what was asked of %s", bad, c->count, bad == 1 ? "it" : "them");
}

void
contrast_reasons(const struct contrast *c, void (*tell)(void *ud, const char *text), void *ud)
{
	char text[768];

	for (uint32_t i = 0; i < c->claim_count; i++) {
		const struct contrast_claim *k = &c->claims[i];
		if (k->outcome.held && k->outcome.known)
			continue;
		snprintf(text, sizeof(text), k->outcome.known ? "%s does not hold: %s" : "%s cannot be told: %s", k->text, k->outcome.got);
		tell(ud, text);
	}
	for (uint32_t i = 0; i < c->count; i++) {
		const struct contrast_side *s = &c->sides[i];
		if (s->r == NULL) {
			snprintf(text, sizeof(text), "%s: %s", s->name, s->error != NULL && s->error[0] != '\0' ? s->error : "it did not run");
			tell(ud, text);
		}
		for (uint32_t k = 0; s->r != NULL && k < s->r->reason_count && k < REASONS_OF_ONE; k++) {
			snprintf(text, sizeof(text), "%s: %s", s->name, s->r->reasons[k]);
			tell(ud, text);
		}
	}
}

static double
value(const struct contrast *c, uint32_t side, enum metric m)
{
	return c->sides[side].r == NULL ? NAN : c->sides[side].r->metrics.of[m];
}

bool
contrast_known(const struct contrast *c, enum metric m)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!isnan(value(c, i, m)))
			return true;
	return false;
}

int
contrast_best(const struct contrast *c, enum metric m)
{
	const bool more = metric_info(m)->more_is_better;
	double best = NAN, worst = NAN;
	int at = -1;

	/* To refuse is what some are there for. */
	if (m == METRIC_REFUSED)
		return -1;
	for (uint32_t i = 0; i < c->count; i++) {
		double v = value(c, i, m);
		if (isnan(v))
			continue;
		if (at < 0 || (more ? v > best : v < best)) {
			best = v;
			at = (int)i;
		}
		worst = isnan(worst) ? v : more ? fmin(worst, v) : fmax(worst, v);
	}
	/* Two per cent are noise, and so are small times. */
	if (at < 0 || (isinf(best) && isinf(worst)) || (!isinf(worst) && fabs(best - worst) <= 0.02 * fmax(fabs(best), fabs(worst))))
		return -1;
	if (metric_info(m)->unit == UNIT_DURATION && fabs(best - worst) < 1e6)
		return -1;
	return at;
}
