/* SPDX-License-Identifier: MIT */
/* feed.c - the sender: schedule, lanes, answers. */
#include "stream/feed.h"

#include "audit/match_msg.h"
#include "base/assert.h"
#include "base/rng.h"
#include "io/clock.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAKE_PER_TURN 1000              /* messages, so that answers are not left waiting */
#define OUT_ENOUGH ((size_t)256 << 10)  /* bytes in a link's buffer: no more are put behind them */
#define WAIT_MAX (100 * FL_MS)          /* between looks at who may stop it */
#define LOG_EVERY (100 * FL_MS)
#define ANSWERS_KEPT_MAX 1000

struct item {
	uint64_t n;
	int64_t value;
	uint32_t key, attempts;
	uint32_t hash;
	bool logged, done, doubt;       /* doubt: an earlier attempt may have arrived */
	uint64_t from, to;              /* its bytes among those of the link */
	fl_ns at;                       /* when it was handed over last */
};

/* A connection and its messages: a ring, oldest first. */
struct lane {
	struct stream_link link;
	struct item *items;
	uint32_t head, count, flown;
};

struct feed {
	const struct feed_conf *conf;
	struct feed_stats *stats;
	struct stream_writer log;
	struct lane *lanes;
	uint64_t next;                  /* number of the next message to be made, from 0 on */
	uint64_t *counts;               /* of messages by key (FEED_VALUES_COUNT) */
	bool full;                      /* the lane of the next message has no room */
	uint64_t handed;                /* attempts that stand in the log on disk */
	fl_ns start, now, log_at;
	fl_ns moved_at;                 /* when a message was sent, answered or given up last */
	uint64_t moved;
	char *text;
	char date[40];
};

static struct item *
item_at(const struct feed *f, struct lane *l, uint32_t i)
{
	fl_assert(i < l->count);
	return &l->items[(l->head + i) % f->conf->window];
}

static void
log_item(struct feed *f, const struct item *it, enum match_kind kind)
{
	struct match_rec r = { .kind = kind, .flow = f->conf->flow, .key = it->key, .n = it->n, .value = it->value, .hash = it->hash, .at = f->now };

	(void)stream_writer_put(&f->log, &r);
}

/* (2) */
static struct item
make_item(struct feed *f, uint64_t i)
{
	const struct feed_conf *c = f->conf;
	uint64_t key = rng_key(c->seed, c->flow);
	struct item it = { .n = c->first + i };

	it.key = (uint32_t)(c->random_keys ? rng_below(rng_draw(key, it.n, 1), c->keys) : (it.n - 1) % c->keys);
	it.value = c->values == FEED_VALUES_RANDOM ? (int64_t)(rng_draw(key, it.n, 2) % 1000000) : (int64_t)it.n;
	if (c->values == FEED_VALUES_COUNT)
		it.value = (int64_t)f->counts[it.key] + 1;
	return it;
}

/* How many messages are due by now. */
static uint64_t
due(const struct feed *f)
{
	const struct feed_conf *c = f->conf;
	fl_ns since = FL_MIN(f->now - f->start, c->duration);
	double n = c->rate > 0 ? floor((double)since / (double)FL_SEC * c->rate) + (since < c->duration ? 1 : 0) : INFINITY;

	if (c->rate <= 0 && f->now - f->start >= c->duration)
		return f->next;
	if (c->count > 0 && n > (double)c->count)
		return c->count;
	return n >= 9e18 ? UINT64_MAX : (uint64_t)n;
}

static bool
is_made(const struct feed *f)
{
	return (f->conf->count > 0 && f->next >= f->conf->count) || f->now - f->start >= f->conf->duration || f->stats->stopped;
}

static void
make_items(struct feed *f)
{
	const struct feed_conf *c = f->conf;
	uint64_t to = due(f);

	f->full = false;
	for (int k = 0; k < MAKE_PER_TURN && f->next < to && !f->stats->stopped; k++) {
		struct item it = make_item(f, f->next);
		struct lane *l = &f->lanes[it.key % c->links];

		if (l->count == c->window) {
			f->full = true;
			break;
		}
		l->items[(l->head + l->count) % c->window] = it;
		l->count++;
		if (f->counts != NULL)
			f->counts[it.key]++;
		f->next++;
		if (c->rate > 0) {
			fl_ns planned = f->start + (fl_ns)((double)(f->next - 1) / c->rate * (double)FL_SEC);

			f->stats->behind_max = FL_MAX(f->stats->behind_max, f->now - planned);
		}
	}
}

static void
put_item(struct feed *f, struct lane *l, struct item *it)
{
	const struct feed_conf *c = f->conf;
	struct match_msg m = { .flow = c->flow, .key = it->key, .n = it->n, .value = it->value };
	size_t before = buf_len(&l->link.out), n = match_msg_write(&m, c->size, c->seed, f->text, MATCH_MSG_BYTES_MAX, &it->hash);

	match_frame_put(&c->frame, f->text, n, f->date, &l->link.out);
	it->from = l->link.queued;
	l->link.queued += buf_len(&l->link.out) - before;
	it->to = l->link.queued;
	it->at = f->now;
	it->attempts++;
	if (!it->logged) {
		log_item(f, it, MATCH_SENT);
		f->stats->sent++;
		it->logged = true;
	} else if (it->doubt) {
		log_item(f, it, MATCH_AGAIN);
		f->stats->again++;
	}
}

/* Waiting messages into the link's buffer, as many as it may have. */
static void
fly(struct feed *f, struct lane *l)
{
	bool one = f->conf->frame.framing == MATCH_FRAME_HTTP;

	if (l->link.state != STREAM_UP)
		return;
	while (l->flown < l->count && buf_len(&l->link.out) < OUT_ENOUGH) {
		struct item *it = item_at(f, l, l->flown);

		if (!it->done && one && l->flown > 0)
			return;
		if (!it->done)
			put_item(f, l, it);
		l->flown++;
	}
}

/* Messages that are done leave at the front. */
static void
pop_done(struct feed *f, struct lane *l)
{
	while (l->count > 0 && l->flown > 0 && item_at(f, l, 0)->done) {
		l->head = (l->head + 1) % f->conf->window;
		l->count--;
		l->flown--;
	}
}

/* The link is broken: what was under way waits again, or is given up. */
static void
rewind_lane(struct feed *f, struct lane *l)
{
	uint64_t written = l->link.written_last;

	for (uint32_t i = 0; i < l->flown; i++) {
		struct item *it = item_at(f, l, i);

		if (it->done)
			continue;
		if (it->from >= written)
			it->attempts--;         /* not a byte of it has left */
		else
			it->doubt = true;
		if (!f->conf->acks && it->to <= written) {
			it->done = true;        /* it has left as a whole; nobody will say more */
		} else if (f->conf->attempts > 0 && it->attempts >= f->conf->attempts) {
			it->done = true;
			f->stats->given_up++;
		}
	}
	pop_done(f, l);
	l->flown = 0;
}

static void
broken(struct feed *f, struct lane *l, int err)
{
	f->stats->link_err = err;
	stream_link_break(&l->link, f->now, err);
	rewind_lane(f, l);
}

/* The message an answer is for; NULL: none that is under way. */
static struct item *
answered_item(struct feed *f, struct lane *l, const struct match_answer *a)
{
	for (uint32_t i = 0; i < l->flown; i++) {
		struct item *it = item_at(f, l, i);

		if (!it->done && (!a->named || (it->n == a->n && it->hash == a->hash && a->flow == f->conf->flow)))
			return it;
	}
	return NULL;
}

static void
settle(struct feed *f, struct item *it, const struct match_answer *a)
{
	it->done = true;
	if (a->kind == MATCH_ANSWER_KEPT) {
		log_item(f, it, MATCH_ACK);
		f->stats->acked++;
	} else if (!it->doubt) {
		log_item(f, it, MATCH_REFUSED);
		f->stats->refused++;
	} else {
		f->stats->given_up++;
	}
}

/* false: the link was given up. */
static bool
take_answer(struct feed *f, struct lane *l, const struct match_answer *a)
{
	struct item *it = answered_item(f, l, a);

	if (it == NULL) {
		f->stats->odd++;
		return true;
	}
	if (a->kind == MATCH_ANSWER_DOUBT) {
		it->doubt = true;
		if (f->conf->attempts > 0 && it->attempts >= f->conf->attempts) {
			it->done = true;
			f->stats->given_up++;
		} else {
			broken(f, l, -EAGAIN);  /* a pause, then once more */
			return false;
		}
	} else {
		settle(f, it, a);
	}
	pop_done(f, l);
	if (a->close)
		broken(f, l, -ECONNRESET);
	return !a->close;
}

static void
take_answers(struct feed *f, struct lane *l)
{
	struct match_answer a;
	int rc;

	if (!f->conf->acks) {
		buf_clear(&l->link.in);
		return;
	}
	while ((rc = match_frame_answer_take(f->conf->frame.framing, buf_data(&l->link.in), buf_len(&l->link.in), &a)) == 1) {
		buf_consume(&l->link.in, a.used);
		if (!take_answer(f, l, &a))
			return;
	}
	if (rc < 0)
		broken(f, l, -EPROTO);          /* no answer in any way: what follows cannot be understood */
}

/* Without answers a message is done when its bytes have left. */
static void
let_go(struct feed *f, struct lane *l)
{
	for (uint32_t i = 0; i < l->flown && item_at(f, l, i)->to <= l->link.written; i++)
		item_at(f, l, i)->done = true;
	pop_done(f, l);
}

static void
run_lane(struct feed *f, struct lane *l, const struct pollfd *polled, unsigned count)
{
	bool was_up = l->link.state == STREAM_UP, fine = stream_link_turn(&l->link, polled, count, f->now);

	if (buf_len(&l->link.in) > 0)
		take_answers(f, l);
	if (!fine && l->link.state == STREAM_UP)
		broken(f, l, l->link.err);
	else if (!fine && was_up)
		rewind_lane(f, l);
	if (l->link.state == STREAM_UP && !f->conf->acks)
		let_go(f, l);
	if (l->link.state == STREAM_UP && f->conf->acks && l->flown > 0 && f->now - item_at(f, l, 0)->at >= f->conf->timeout)
		broken(f, l, -ETIMEDOUT);
}

static void
push_lane(struct feed *f, struct lane *l)
{
	if (l->link.state != STREAM_UP || buf_len(&l->link.out) == 0)
		return;
	if (!stream_link_push(&l->link, f->now))
		rewind_lane(f, l);
	else if (!f->conf->acks)
		let_go(f, l);
}

static bool
is_idle(const struct feed *f)
{
	for (uint32_t i = 0; i < f->conf->links; i++)
		if (f->lanes[i].count > 0)
			return false;
	return true;
}

/* Until something is to be done, with the time of the next message as the latest. */
static int
wait_ms(const struct feed *f)
{
	fl_ns until = f->now + WAIT_MAX;

	for (uint32_t i = 0; i < f->conf->links; i++) {
		struct lane *l = &f->lanes[i];

		until = FL_MIN(until, stream_link_due(&l->link));
	}
	if (!is_made(f) && !f->full) {
		fl_ns next = f->conf->rate > 0 ? f->start + (fl_ns)((double)f->next / f->conf->rate * (double)FL_SEC) : f->now;

		until = FL_MIN(until, next);
	}
	return until <= f->now ? 0 : (int)((until - f->now + FL_MS - 1) / FL_MS);
}

static void
set_date(struct feed *f)
{
	int64_t wall = clock_wall();
	time_t seconds = (time_t)(wall / FL_SEC);
	struct tm tm;
	char text[24];

	if (f->conf->frame.framing != MATCH_FRAME_SYSLOG)
		return;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(f->date, sizeof(f->date), "%s.%06dZ", text, (int)(wall % FL_SEC / 1000));
}

/* Messages before they leave (1); answers when there is nothing else to do, or many. */
static int
flush_log(struct feed *f)
{
	uint64_t handed = f->stats->sent + f->stats->again;

	if (handed == f->handed && f->log.pack->count < ANSWERS_KEPT_MAX && f->now < f->log_at)
		return f->log.err;
	f->handed = handed;
	f->log_at = f->now + LOG_EVERY;
	return stream_writer_flush(&f->log);
}

/* No room for the next message, and nothing has happened to make some: for as long as it may take? */
static bool
is_stalled(struct feed *f)
{
	uint64_t moved = f->stats->sent + f->stats->acked + f->stats->refused + f->stats->given_up;

	if (moved != f->moved || !f->full)
		f->moved_at = f->now;
	f->moved = moved;
	return f->now - f->moved_at >= f->conf->drain;
}

static int
turn(struct feed *f)
{
	struct pollfd fds[2 * FEED_LINKS_MAX];
	unsigned counts[FEED_LINKS_MAX], n = 0, at = 0;

	for (uint32_t i = 0; i < f->conf->links; i++)
		n += counts[i] = stream_link_polls(&f->lanes[i].link, fds + n);
	(void)poll(fds, n, wait_ms(f));
	f->now = clock_mono();
	set_date(f);
	for (uint32_t i = 0; i < f->conf->links; i++) {
		run_lane(f, &f->lanes[i], fds + at, counts[i]);
		at += counts[i];
	}
	make_items(f);
	for (uint32_t i = 0; i < f->conf->links; i++) {
		stream_link_wake(&f->lanes[i].link, f->now);
		fly(f, &f->lanes[i]);
	}
	if (flush_log(f) != 0)
		return f->log.err;
	for (uint32_t i = 0; i < f->conf->links; i++)
		push_lane(f, &f->lanes[i]);
	return f->log.err;
}

/* All is written: end the streams and wait until the other side has read them to their ends. */
static void
say_goodbye(struct feed *f, fl_ns until)
{
	for (uint32_t i = 0; i < f->conf->links; i++)
		stream_link_end(&f->lanes[i].link);
	while (!f->conf->stop() && f->now < until) {
		struct pollfd fds[2 * FEED_LINKS_MAX];
		unsigned n = 0;

		for (uint32_t i = 0; i < f->conf->links; i++) {
			struct lane *l = &f->lanes[i];
			struct pollfd own[2];
			unsigned k = l->link.state == STREAM_UP ? stream_link_polls(&l->link, own) : 0;

			if (k > 0)
				fds[n++] = own[0];
		}
		if (n == 0)
			return;
		(void)poll(fds, n, (int)(WAIT_MAX / FL_MS));
		f->now = clock_mono();
		for (uint32_t i = 0, at = 0; i < f->conf->links; i++) {
			struct lane *l = &f->lanes[i];

			if (l->link.state != STREAM_UP)
				continue;
			if (!stream_link_turn(&l->link, fds + at++, 1, f->now)) {
				if (l->link.state == STREAM_UP)
					stream_link_break(&l->link, f->now, l->link.err);
				l->link.broken--;       /* that is how it should end */
			}
			buf_clear(&l->link.in);
		}
	}
}

static int
prepare(struct feed *f)
{
	const struct feed_conf *c = f->conf;
	struct match_log_head head = { .side = MATCH_SIDE_SENT, .acks = c->acks, .seed = c->seed };
	int rc = stream_writer_open(&f->log, c->log, &head);

	if (rc != 0)
		return rc;
	f->text = malloc(MATCH_MSG_BYTES_MAX);
	f->lanes = calloc(c->links, sizeof(*f->lanes));
	if (c->values == FEED_VALUES_COUNT)
		f->counts = calloc(c->keys, sizeof(*f->counts));
	if (f->text == NULL || f->lanes == NULL || (c->values == FEED_VALUES_COUNT && f->counts == NULL))
		return -ENOMEM;
	for (uint32_t i = 0; i < c->links; i++)
		stream_link_init(&f->lanes[i].link, &c->target);
	for (uint32_t i = 0; i < c->links; i++) {
		f->lanes[i].items = calloc(c->window, sizeof(struct item));
		if (f->lanes[i].items == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
clean_up(struct feed *f)
{
	for (uint32_t i = 0; f->lanes != NULL && i < f->conf->links; i++) {
		f->stats->opened += f->lanes[i].link.opened;
		f->stats->broken += f->lanes[i].link.broken;
		stream_link_fini(&f->lanes[i].link);
		free(f->lanes[i].items);
	}
	free(f->lanes);
	free(f->text);
	free(f->counts);
}

int
feed_run(const struct feed_conf *conf, struct feed_stats *ret_stats)
{
	struct feed f = { .conf = conf, .stats = ret_stats, .log = { .fd = -1 } };
	fl_ns drain_until = FL_NEVER;
	int rc, closed;

	fl_assert(conf->links >= 1 && conf->links <= FEED_LINKS_MAX && conf->window >= 1 && conf->keys >= 1 && conf->first >= 1);
	*ret_stats = (struct feed_stats){ .sent = 0 };
	rc = prepare(&f);
	f.start = f.now = f.moved_at = clock_mono();
	while (rc == 0) {
		rc = turn(&f);
		if (conf->progress != NULL)
			conf->progress(conf->ud, conf, f.stats->sent, f.now - f.start);
		if (!f.stats->stopped && conf->stop())
			f.stats->stopped = true;
		if (!is_made(&f) && is_stalled(&f)) {
			f.stats->stalled = true;
			break;
		}
		if (!is_made(&f))
			continue;
		if (drain_until == FL_NEVER)
			drain_until = f.now + conf->drain;
		if (is_idle(&f) || f.now >= drain_until || (f.stats->stopped && conf->stop()))
			break;
	}
	if (rc == 0 && !conf->acks)
		say_goodbye(&f, FL_MAX(drain_until, f.now));
	f.stats->took = f.now - f.start;
	clean_up(&f);
	closed = stream_writer_close(&f.log);
	f.stats->in_doubt = f.stats->sent - f.stats->acked - f.stats->refused;
	return rc != 0 ? rc : closed;
}
