/* SPDX-License-Identifier: MIT */
/* match_say.c - the report on a stream. */
#include "audit/match_say.h"

#include "base/units.h"
#include <inttypes.h>
#include <stdio.h>

static const char *const deliveries[] = { "at-most-once", "at-least-once", "exactly-once", "any" };
static const char *const orders[] = { "none", "key", "total" };

static void
count(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_putc(out, ',');
		buf_putc(out, digits[i]);
	}
}

static void
part(struct buf *out, const char *before, uint64_t n, const char *after)
{
	buf_puts(out, before);
	count(out, n);
	buf_puts(out, after);
}

const char *
match_say_verdict(enum match_verdict v)
{
	static const char *const verdicts[] = { [MATCH_HELD] = "held", [MATCH_FINDING] = "finding", [MATCH_UNKNOWN] = "unknown" };

	return verdicts[v];
}

/* The names of a set of defects: "lost, duplicate". */
static void
put_set(struct buf *out, uint32_t bits)
{
	const char *before = "";

	for (unsigned i = 0; i < MATCH_DEFECT_COUNT; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		buf_printf(out, "%s%s", before, match_result_name((enum match_defect)i));
		before = ", ";
	}
}

static void
headline(const struct match_report *m, struct buf *out)
{
	if (m->verdict == MATCH_UNKNOWN) {
		buf_printf(out, "COULD NOT JUDGE: %s\n", m->why);
	} else if (m->expect->nomatch) {
		if (m->verdict == MATCH_HELD) {
			buf_puts(out, "HELD: a finding was expected, and there is one: ");
			put_set(out, m->findings);
		} else {
			buf_puts(out, "FINDING: ");
			put_set(out, m->expect->these);
			buf_printf(out, "%s was expected and not found: the detector did not fire", m->expect->these == 0 ? "a defect" : "");
		}
		buf_putc(out, '\n');
	} else if (m->verdict == MATCH_HELD) {
		buf_puts(out, "HELD: what was promised is what arrived\n");
	} else {
		buf_puts(out, "FINDING: ");
		put_set(out, m->findings);
		buf_putc(out, '\n');
	}
}

static void
put_counts(const struct match_report *m, struct buf *out)
{
	const struct match_result *r = m->result;

	part(out, "sent       ", r->sent, " messages in ");
	part(out, "", m->flow_count, m->flow_count == 1 ? " flow" : " flows");
	if (m->acks) {
		part(out, ": acknowledged ", r->acked, "");
		part(out, ", refused ", r->refused, "");
		part(out, ", in doubt ", r->sent - r->acked - r->refused, "");
	} else {
		buf_puts(out, ", none acknowledged: all that was not refused counts as promised");
	}
	if (r->again > 0)
		part(out, "; sent again ", r->again, " times");
	part(out, "\nreceived   ", r->got, " messages, ");
	part(out, "", r->first, " different ones");
	if (r->outputs > 0)
		part(out, ", ", r->outputs, " results");
	if (r->missing_unpromised > 0)
		part(out, "; ", r->missing_unpromised, " that nobody had promised did not arrive");
	if (r->beyond > 0)
		part(out, "; ", r->beyond, " beyond the end of the sender's log, which was cut off");
	buf_putc(out, '\n');
	if (r->latency.total > 0) {
		char a[32], b[32], c[32];

		buf_printf(out, "latency    median %s, p99 %s, most %s\n", units_duration(a, sizeof(a), hist_quantile(&r->latency, 0.5)),
		    units_duration(b, sizeof(b), hist_quantile(&r->latency, 0.99)), units_duration(c, sizeof(c), r->latency.max));
	}
	if (m->values)
		part(out, "values     ", r->values_checked, " results compared with the oracle's");
	if (m->values && r->rewinds > 0)
		part(out, "; ", r->rewinds, " times they went back and came again");
	if (m->values)
		buf_putc(out, '\n');
}

static void
put_promise(const struct match_report *m, const char *name, uint32_t breaks, bool asked, struct buf *out)
{
	uint32_t broken = breaks & match_result_found(m->result);

	buf_printf(out, "  %-15s", name);
	if (broken != 0)
		put_set(out, broken);
	else
		buf_puts(out, "held");
	buf_puts(out, asked ? "   (asked for)\n" : "\n");
}

static void
put_promises(const struct match_report *m, struct buf *out)
{
	const struct match_expect *e = m->expect;
	uint32_t always = match_result_breaks(MATCH_ANY_DELIVERY, MATCH_ORDER_NONE);

	for (int d = MATCH_AT_MOST_ONCE; d <= MATCH_EXACTLY_ONCE; d++)
		put_promise(m, deliveries[d], match_result_breaks((enum match_delivery)d, MATCH_ORDER_NONE) & ~always,
		    e->delivery == (enum match_delivery)d, out);
	put_promise(m, "order per key", MATCH_BIT(REORDERED), e->order >= MATCH_ORDER_KEY, out);
	put_promise(m, "total order", MATCH_BIT(OVERTAKEN), e->order == MATCH_ORDER_TOTAL, out);
	put_promise(m, "content", always, true, out);
}

static void
put_example(const struct match_report *m, enum match_defect d, const struct match_example *x, struct buf *out)
{
	char took[32];

	buf_puts(out, "    ");
	if (x->named)
		buf_printf(out, "%sflow %" PRIu32 " key %" PRIu32 " number %" PRIu64, d == MATCH_DEFECT_CORRUPT ? "says it is " : "",
		    x->flow, x->key, x->n);
	else
		buf_puts(out, "does not say which message it is");
	if (d == MATCH_DEFECT_REORDERED || d == MATCH_DEFECT_OVERTAKEN)
		buf_printf(out, ", behind number %" PRIu64, x->other);
	if (d == MATCH_DEFECT_LATE)
		buf_printf(out, ", after %s", units_duration(took, sizeof(took), x->took));
	if (d == MATCH_DEFECT_CHANGED)
		buf_printf(out, ", content %08" PRIx32 " was sent as %08" PRIx32, x->hash_got, x->hash_sent);
	if (x->say[0] != '\0')
		buf_printf(out, ": %s", x->say);
	if (x->place > 0)
		buf_printf(out, "   (%s, record %" PRIu64 ")", m->files[x->sink], x->place);
	buf_putc(out, '\n');
}

static void
put_defect(const struct match_report *m, enum match_defect d, struct buf *out)
{
	const struct match_result *r = m->result;
	uint32_t shown = FL_MIN(r->example_counts[d], m->examples_max);

	buf_printf(out, "\n%s  ", match_result_name(d));
	count(out, r->defects[d]);
	buf_printf(out, " %s%s", match_result_say(d), (m->findings >> d & 1) != 0 ? "" : " (counts for nothing here)");
	if (d == MATCH_DEFECT_LOST && r->lost_corrupt > 0)
		part(out, "; of ", r->lost_corrupt, " something damaged arrived");
	if (d == MATCH_DEFECT_DUPLICATE) {
		part(out, ": ", r->repeated, " different ones");
		if (r->again > 0)
			part(out, ", ", r->repeated_again, " of which the sender had sent again");
	}
	buf_putc(out, '\n');
	for (uint32_t i = 0; i < shown; i++)
		put_example(m, d, &r->examples[d][i], out);
	if (shown > 0 && shown < r->defects[d])
		part(out, "    and ", r->defects[d] - shown, " more\n");
}

static void
put_notes(const struct match_report *m, struct buf *out)
{
	if (m->expect->sent_cut)
		buf_puts(out, "note: the sender's log was cut off (its writer was killed); it is judged up to its last whole block\n");
	if (m->expect->received_cut)
		buf_puts(out, "note: the receiver's log was cut off (its writer was killed); nothing is held to be lost for that\n");
	if (!m->clocks)
		buf_puts(out, "note: the clocks of the two sides cannot be compared: no latencies\n");
	if (m->result->backwards > 0)
		part(out, "note: ", m->result->backwards, " messages arrived before they were sent, by the clocks\n");
	if (m->result->keys_overflowed)
		buf_puts(out, "note: more keys than fit into the memory: the order per key is only known for some\n");
}

void
match_say_text(const struct match_report *m, struct buf *out)
{
	headline(m, out);
	buf_printf(out, "expected   %s delivery, order %s%s\n", deliveries[m->expect->delivery], orders[m->expect->order],
	    m->expect->nomatch ? ", and that this does not hold" : "");
	put_counts(m, out);
	buf_putc(out, '\n');
	put_promises(m, out);
	for (unsigned d = 0; d < MATCH_DEFECT_COUNT; d++)
		if (m->result->defects[d] > 0)
			put_defect(m, (enum match_defect)d, out);
	put_notes(m, out);
}

static void
json_set(struct jsonw *w, const char *key, uint32_t bits)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (unsigned i = 0; i < MATCH_DEFECT_COUNT; i++)
		if ((bits >> i & 1) != 0)
			jsonw_string(w, match_result_name((enum match_defect)i));
	jsonw_end(w);
}

static void
json_example(const struct match_report *m, enum match_defect d, const struct match_example *x, struct jsonw *w)
{
	jsonw_object(w);
	if (x->named) {
		jsonw_num(w, "flow", x->flow);
		jsonw_num(w, "key", x->key);
		jsonw_key(w, "number");
		jsonw_uint(w, x->n);
	}
	if (x->place > 0) {
		jsonw_str(w, "file", m->files[x->sink]);
		jsonw_num(w, "record", (int64_t)x->place);
	}
	if (d == MATCH_DEFECT_REORDERED || d == MATCH_DEFECT_OVERTAKEN) {
		jsonw_key(w, "behind");
		jsonw_uint(w, x->other);
	}
	if (d == MATCH_DEFECT_LATE)
		jsonw_num(w, "took_ns", x->took);
	if (d == MATCH_DEFECT_CHANGED) {
		jsonw_key(w, "content");
		jsonw_printf(w, "%08" PRIx32, x->hash_got);
		jsonw_key(w, "content_sent");
		jsonw_printf(w, "%08" PRIx32, x->hash_sent);
	}
	if (x->at != 0)
		jsonw_num(w, "at_ns", x->at + m->result->base);
	if (x->say[0] != '\0')
		jsonw_str(w, "say", x->say);
	jsonw_end(w);
}

static void
json_defects(const struct match_report *m, struct jsonw *w)
{
	jsonw_key(w, "defects");
	jsonw_object(w);
	for (unsigned d = 0; d < MATCH_DEFECT_COUNT; d++) {
		jsonw_key(w, match_result_name((enum match_defect)d));
		jsonw_object(w);
		jsonw_num(w, "count", (int64_t)m->result->defects[d]);
		jsonw_flag(w, "counts", (m->findings >> d & 1) != 0);
		jsonw_str(w, "say", match_result_say((enum match_defect)d));
		jsonw_key(w, "examples");
		jsonw_array(w);
		for (uint32_t i = 0; i < FL_MIN(m->result->example_counts[d], m->examples_max); i++)
			json_example(m, (enum match_defect)d, &m->result->examples[d][i], w);
		jsonw_end(w);
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
json_promises(const struct match_report *m, struct jsonw *w)
{
	uint32_t found = match_result_found(m->result), always = match_result_breaks(MATCH_ANY_DELIVERY, MATCH_ORDER_NONE);

	jsonw_key(w, "promises");
	jsonw_object(w);
	for (int d = MATCH_AT_MOST_ONCE; d <= MATCH_EXACTLY_ONCE; d++)
		jsonw_flag(w, deliveries[d], (match_result_breaks((enum match_delivery)d, MATCH_ORDER_NONE) & ~always & found) == 0);
	jsonw_flag(w, "order-per-key", (found & MATCH_BIT(REORDERED)) == 0);
	jsonw_flag(w, "total-order", (found & MATCH_BIT(OVERTAKEN)) == 0);
	jsonw_flag(w, "content", (found & always) == 0);
	jsonw_end(w);
}

static void
json_counts(const struct match_report *m, struct jsonw *w)
{
	const struct match_result *r = m->result;

	jsonw_num(w, "flows", m->flow_count);
	jsonw_num(w, "sent", (int64_t)r->sent);
	jsonw_num(w, "acknowledged", (int64_t)r->acked);
	jsonw_num(w, "refused", (int64_t)r->refused);
	jsonw_num(w, "in_doubt", (int64_t)(r->sent - r->acked - r->refused));
	jsonw_num(w, "promised", (int64_t)r->promised);
	jsonw_num(w, "sent_again", (int64_t)r->again);
	jsonw_num(w, "received", (int64_t)r->got);
	jsonw_num(w, "received_different", (int64_t)r->first);
	jsonw_num(w, "repeated_different", (int64_t)r->repeated);
	jsonw_num(w, "missing_unpromised", (int64_t)r->missing_unpromised);
	jsonw_num(w, "lost_but_damaged_arrived", (int64_t)r->lost_corrupt);
	jsonw_num(w, "beyond_cut_log", (int64_t)r->beyond);
	jsonw_num(w, "results", (int64_t)r->outputs);
	jsonw_num(w, "values_checked", (int64_t)r->values_checked);
	jsonw_num(w, "rewinds", (int64_t)r->rewinds);
}

void
match_say_json(const struct match_report *m, struct jsonw *w)
{
	const struct match_result *r = m->result;

	jsonw_object(w);
	jsonw_str(w, "verdict", match_say_verdict(m->verdict));
	jsonw_str(w, "outcome", m->verdict == MATCH_UNKNOWN ? "unknown" : m->findings != 0 ? "nomatch" : "match");
	jsonw_str(w, "expected", m->expect->nomatch ? "nomatch" : "match");
	jsonw_str(w, "reason", m->why != NULL ? m->why : "");
	jsonw_str(w, "delivery", deliveries[m->expect->delivery]);
	jsonw_str(w, "order", orders[m->expect->order]);
	json_set(w, "findings", m->findings);
	json_promises(m, w);
	json_counts(m, w);
	if (r->latency.total > 0) {
		jsonw_num(w, "latency_median_ns", hist_quantile(&r->latency, 0.5));
		jsonw_num(w, "latency_p99_ns", hist_quantile(&r->latency, 0.99));
		jsonw_num(w, "latency_max_ns", r->latency.max);
	}
	jsonw_flag(w, "sent_cut", m->expect->sent_cut);
	jsonw_flag(w, "received_cut", m->expect->received_cut);
	jsonw_flag(w, "clocks_comparable", m->clocks);
	json_defects(m, w);
	jsonw_end(w);
}
