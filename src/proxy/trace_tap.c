/* SPDX-License-Identifier: MIT */
/* trace_tap.c - see trace_tap.h. */
#include "proxy/trace_tap.h"

#include "proxy/trace_conf.h"
#include "proxy/trace_ring.h"
#include <string.h>

/* Of one connection. */
struct trace_tap {
	struct trace_conf *conf;                /* a reference: frames do not change under a connection */
	struct trace_frame frame[2][2];         /* by direction; came in, went out */
};

static struct trace_tap **
tap_of(struct worker *w, const struct session *s)
{
	return &w->taps[(uint32_t)pool_handle(&w->sessions, s) - 1];    /* the low half of a handle is the slot + 1 */
}

void
trace_tap_open(struct worker *w, struct session *s)
{
	struct trace_conf *conf = s->wline->conf->trace;
	struct trace_tap *t;

	if (conf == NULL || w->traces == NULL || s->received[FL_C2S] + s->received[FL_S2C] > 0)
		return;
	t = slab_alloc(w->mem, sizeof(*t));
	if (t == NULL)
		return;                         /* traffic goes on without */
	t->conf = trace_conf_ref(conf);
	for (int d = 0; d < 2; d++)
		for (int out = 0; out < 2; out++)
			trace_frame_init(&t->frame[d][out], 0);
	*tap_of(w, s) = t;
	s->traced = true;
}

struct telling {
	struct worker *w;
	const struct session *s;
	const struct trace_conf *conf;
	enum fl_dir d;
	bool out;
};

static void
tell(void *ud, const struct trace_message *m)
{
	const struct telling *t = ud;
	struct trace_mark *k = trace_ring_next(t->w->traces);
	size_t n;

	if (k == NULL)
		return;
	*k = (struct trace_mark){ .at = io_clock(t->w->io), .conn = t->s->ordinal, .number = m->number, .offset = m->offset, .bytes = m->bytes,
		.hash = m->hash, .dir = (uint8_t)t->d, .out = t->out, .cut = m->cut, .unframed = m->unframed,
		.group = t->conf->frame[t->d].id.group };
	n = strnlen(t->s->wline->line->name, sizeof(k->line) - 1);
	memcpy(k->line, t->s->wline->line->name, n);
	n = strnlen(m->id, sizeof(k->id) - 1);
	memcpy(k->id, m->id, n);
	trace_ring_put(t->w->traces);
}

void
trace_tap_bytes(struct worker *w, struct session *s, enum fl_dir d, bool out, const void *p, size_t n)
{
	struct trace_tap *t = *tap_of(w, s);
	struct telling to = { .w = w, .s = s, .conf = t->conf, .d = d, .out = out };

	trace_frame_feed(&t->frame[d][out], &t->conf->frame[d], p, n, tell, &to);
}

void
trace_tap_close(struct worker *w, struct session *s)
{
	struct trace_tap *t = *tap_of(w, s);

	for (int d = 0; d < 2; d++)
		for (int out = 0; out < 2; out++) {
			struct telling to = { .w = w, .s = s, .conf = t->conf, .d = (enum fl_dir)d, .out = out != 0 };

			trace_frame_end(&t->frame[d][out], &t->conf->frame[d], tell, &to);
		}
	trace_conf_unref(t->conf);
	slab_give(w->mem, t, sizeof(*t));
	s->traced = false;
}
