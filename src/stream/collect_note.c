/* SPDX-License-Identifier: MIT */
/* collect_note.c - one message into the log of a receiver. */
#include "stream/collect_note.h"

#include <errno.h>

#define GARBAGE_BYTES_KEPT 64u          /* of what is damaged: enough to see what it was */

static void
keep(struct collect_note *n, const struct match_rec *r)
{
	(void)stream_writer_put(&n->log, r);
	n->last = n->now;
}

void
collect_note_garbage(struct collect_note *n, const char *p, size_t bytes)
{
	struct match_rec r = { .kind = MATCH_CORRUPT, .at = n->now, .bytes = p, .byte_count = (uint32_t)FL_MIN(bytes, (size_t)GARBAGE_BYTES_KEPT) };

	n->stats->corrupt++;
	n->stats->bad_frames++;
	keep(n, &r);
}

bool
collect_note(struct collect_note *n, const char *message, size_t bytes, struct match_msg *ret_msg, uint32_t *ret_hash)
{
	struct match_msg m = { .flow = 0 };
	struct match_rec r = { .kind = MATCH_GOT, .at = n->now, .bytes = message };
	uint32_t hash = 0;
	int rc = n->conf->outputs ? -ENOMSG : match_msg_read(message, bytes, &m, &hash);

	r.flow = m.flow;
	r.key = m.key;
	r.n = m.n;
	r.value = m.value;
	r.hash = hash;
	if (n->conf->outputs) {
		r.kind = MATCH_OUTPUT;
		r.byte_count = (uint32_t)FL_MIN(bytes, (size_t)MATCH_LOG_BYTES_MAX);
		n->stats->outputs++;
	} else if (rc != 0) {
		r.kind = MATCH_CORRUPT;
		r.claimed = rc == -EBADMSG;
		r.byte_count = (uint32_t)FL_MIN(bytes, (size_t)GARBAGE_BYTES_KEPT);
		n->stats->corrupt++;
	} else {
		n->stats->got++;
		*ret_msg = m;
		*ret_hash = hash;
	}
	keep(n, &r);
	return rc == 0;
}

bool
collect_note_over(struct collect_note *n)
{
	const struct collect_conf *c = n->conf;

	if (c->progress != NULL)
		c->progress(c->ud, n->stats->got + n->stats->outputs);
	if (c->stop()) {
		n->stats->stopped = true;
		return true;
	}
	return (c->count > 0 && n->stats->got + n->stats->outputs >= c->count) || n->now - n->started >= c->duration ||
	       (n->last != 0 && n->now - n->last >= c->quiet);
}
