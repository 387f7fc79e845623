/* SPDX-License-Identifier: MIT */
/* map_metrics.c - the map on /metrics. */
#include "control/map_metrics.h"
#include "base/types.h"
#include "control/graph_service.h"
#include "control/span_receiver.h"

/* Kinds of one counter: the value of its label, and where the count stands. */
struct kind {
	const char *name;
	uint64_t count;
};

static void
put(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help, uint64_t value)
{
	openmetrics_family(m, name, type, unit, help);
	openmetrics_uint(m, NULL, 0, value);
}

static void
put_kinds(struct openmetrics *m, const char *name, const char *label, const char *help, const struct kind *kinds, unsigned count)
{
	openmetrics_family(m, name, OPENMETRICS_COUNTER, NULL, help);
	for (unsigned i = 0; i < count; i++)
		openmetrics_uint(m, &(struct openmetrics_label){ label, kinds[i].name }, 1, kinds[i].count);
}

static void
put_sightings(struct graph_service *map, struct openmetrics *m)
{
	struct graph_service_counts c = graph_service_count(map);

	put(m, "faultline_map_sightings_kept", OPENMETRICS_COUNTER, NULL, "Sightings of our own lines written to the map.", c.kept);
	put(m, "faultline_map_sightings_dropped", OPENMETRICS_COUNTER, NULL,
	    "Sightings for which there was no room while the map could not be written.", c.dropped);
	put(m, "faultline_map_sightings_waiting", OPENMETRICS_GAUGE, NULL, "Sightings that wait to be written.", c.waiting);
	put(m, "faultline_map_waiting_bytes", OPENMETRICS_GAUGE, "bytes", "Memory of the sightings that wait.", c.waiting_bytes);
}

static void
put_spans(struct span_receiver *receiver, struct openmetrics *m)
{
	struct span_receiver_counts c = span_receiver_count(receiver);
	const struct spans_counts *s = &c.spans;
	const struct kind batches[] = {
		{ "acknowledged", c.batches }, { "repeated", c.repeated }, { "refused", c.refused }, { "put_off", c.put_off },
	};
	const struct kind left_out[] = {
		{ "rejected", c.rejected }, { "duplicate", s->duplicates }, { "orphan", s->orphans }, { "self", s->self }, { "probe", s->probes },
		{ "nameless", s->nameless }, { "link_lost", s->links_lost }, { "no_room_for_name", s->names_dropped },
		{ "no_room_for_line", s->lines_dropped },
	};

	put(m, "faultline_span_requests", OPENMETRICS_COUNTER, NULL, "Requests to the receivers of spans.", c.requests);
	put_kinds(m, "faultline_span_batches", "result", "Batches of spans, by what became of them.", batches, FL_ARRAY_LEN(batches));
	put(m, "faultline_spans_taken", OPENMETRICS_COUNTER, NULL, "Spans taken.", s->spans);
	put_kinds(m, "faultline_spans_left_out", "reason", "Spans, links and names that made no line, by reason.", left_out, FL_ARRAY_LEN(left_out));
	put(m, "faultline_spans_early", OPENMETRICS_COUNTER, NULL, "Spans settled before their time because memory was full.", s->early);
	put(m, "faultline_spans_bad_times", OPENMETRICS_COUNTER, NULL, "Spans without a believable time.", s->bad_times);
	put(m, "faultline_spans_held", OPENMETRICS_GAUGE, NULL, "Spans that wait for their relatives.", s->held);
	put(m, "faultline_spans_held_max", OPENMETRICS_GAUGE, NULL, "Spans that fit.", s->held_max);
}

void
map_metrics_write(const struct api_env *env, struct openmetrics *m)
{
	if (env->graph != NULL)
		put_sightings(env->graph, m);
	if (env->receiver != NULL)
		put_spans(env->receiver, m);
}
