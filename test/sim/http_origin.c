/* SPDX-License-Identifier: MIT */
/* http_origin.c - see http_origin.h. */
#include "http_origin.h"
#include "http_caller.h"
#include "mark.h"
#include "resolve_sim.h"
#include "stream.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX (64 * 1024)
#define TUNNEL_BYTES_MAX 20000

static void schedule(struct origin_conn *k, fl_ns at);

static struct web *
web_of(const struct origin_conn *k)
{
	return k->server->web;
}

static fl_ns
now(const struct origin_conn *k)
{
	return web_of(k)->world->now;
}

static bool
sins(const struct origin_conn *k, enum web_sin sin)
{
	return k->sin == sin;
}

/* ---- ends ---- */

/* The connection goes, and with it what was not said yet. */
static void
gone(struct origin_conn *k)
{
	const struct flow *f = end_out(k->end);

	if (k->answer != NULL && (k->answering || k->tunnel || f->read < f->written))
		k->answer->spoiled = true;
	k->over = true;
}

static void
break_off(struct origin_conn *k, bool reset)
{
	world_note(web_of(k)->world, "server %lld: breaks wire %lld off, reset %lld", k->server->number, k->end->wire->id, reset);
	gone(k);
	if (reset) {
		end_reset(k->end);
	} else {
		if (k->answer != NULL)
			k->answer->ended = true;
		end_close(k->end);
	}
}

static void
close_well(struct origin_conn *k)
{
	k->over = true;
	end_close(k->end);
}

/* ---- the bulkhead, seen from here ---- */

/* The proxy still waits for something on this connection. */
static bool
is_under_way(const struct origin_conn *k)
{
	const struct end *near = end_other(k->end);

	if (k->over || k->request == NULL || near->state != END_OPEN || near->rst_seen)
		return false;
	return !k->answered || end_in(near)->read < end_in(near)->written;
}

static void
check_bulkhead(struct web *x, struct web_request *q)
{
	struct web_facts f = web_facts_of(q);
	struct web_request *seen[256];
	unsigned count = 0, i;

	if (f.bulkhead == 0 || f.fallback_upstreams || f.rehearses || q->version > 0)
		return;
	for (unsigned s = 0; s < x->swarm->servers; s++) {
		for (struct origin_conn *k = x->servers[s].conns; k != NULL; k = k->next) {
			if (!is_under_way(k) || k->request->line != q->line)
				continue;
			for (i = 0; i < count && seen[i] != k->request; i++)
				;
			if (i == count && count < FL_ARRAY_LEN(seen))
				seen[count++] = k->request;
		}
	}
	mark_hit(MARK_WEB_BULKHEADS, 1);
	if (count > f.bulkhead)
		world_fail(x->world, "%u requests of line %u are at the servers at once (%llu and %llu, say), its bulkhead has %u places", count,
		    q->line->number, (unsigned long long)seen[0]->id, (unsigned long long)seen[1]->id, f.bulkhead);
}

/* ---- requests ---- */

static void
check_body(void *ud, const uint8_t *p, size_t n, uint64_t at)
{
	struct origin_conn *k = ud;
	struct web_request *q = k->request;
	uint8_t want[512];

	if (q == NULL)
		return;
	for (size_t m; n > 0; p += m, at += m, n -= m) {
		m = FL_MIN(n, sizeof(want));
		stream_fill(q->key, at, want, m);
		if (at + m > (k->tunnel ? q->tunnel_bytes : q->body_bytes) || memcmp(p, want, m) != 0)
			world_fail(web_of(k)->world, "the body of request %llu arrives changed, from byte %llu on", (unsigned long long)q->id,
			    (unsigned long long)at);
	}
}

static void
check_head(struct origin_conn *k, const struct web_request *q)
{
	const struct wire_in *m = &k->in;
	struct world *w = web_of(k)->world;
	char word[128];

	wire_word(m, 0, word, sizeof(word));
	if (strcmp(word, q->method) != 0)
		world_fail(w, "request %llu (%s) arrives as %s", (unsigned long long)q->id, q->method, word);
	wire_word(m, 1, word, sizeof(word));
	if (strcmp(word, q->target) != 0)
		world_fail(w, "request %llu for %s arrives for %s", (unsigned long long)q->id, q->target, word);
	if (!wire_field(m, "host", word, sizeof(word)))
		world_fail(w, "request %llu arrives without a host", (unsigned long long)q->id);
	if (m->framing != q->framing && !(q->body_bytes == 0 && m->body_bytes == 0 && m->framing != WIRE_CHUNKED))
		world_fail(w, "request %llu arrives with another framing: %s", (unsigned long long)q->id, m->head);
}

static void
draw_sin(struct origin_conn *k)
{
	const struct http_swarm *s = web_of(k)->swarm;
	uint32_t list[WEB_SIN_COUNT], n = 0;

	k->sin = ORIGIN_SINS_NONE;
	if (web_of(k)->calm || !k->server->sick || s->sins == 0 || !rnd_chance(&k->rnd, s->sinful))
		return;
	for (uint32_t i = 0; i < WEB_SIN_COUNT; i++)
		if (s->sins & UINT32_C(1) << i)
			list[n++] = i;
	k->sin = list[rnd_below(&k->rnd, n)];
	mark_hit(MARK_WEB_SIN + k->sin, 1);
}

static void
head_came(struct origin_conn *k)
{
	struct web *x = web_of(k);
	const struct http_swarm *s = x->swarm;
	char id[32], value[64];

	wire_word(&k->in, 1, value, sizeof(value));
	k->health = strcmp(value, "/healthz") == 0;
	if (k->told_close)
		world_fail(x->world, "a request arrives on wire %u, whose server has said that it closes", k->end->wire->id);
	k->requests++;
	draw_sin(k);
	k->request = NULL;
	k->answer = NULL;
	k->answer_at = FL_NEVER;
	if (k->health)
		return;
	if (!wire_field(&k->in, "x-id", id, sizeof(id)) || (k->request = web_request_get(x, strtoull(id, NULL, 10))) == NULL)
		world_fail(x->world, "a request arrives that nobody made: %s", k->in.head);
	struct web_request *q = k->request;
	q->heads++;
	q->fell += k->requests > 1;
	world_note(x->world, "server %lld: request %lld arrives by wire %lld", k->server->number, (long long)q->id, k->end->wire->id);
	if (x->world->verbose && k->sin != ORIGIN_SINS_NONE)
		fprintf(stderr, "                it %s\n", web_sin_text((enum web_sin)k->sin));
	check_head(k, q);
	web_check_arrival(x, q);
	check_bulkhead(x, q);
	/* Who expects a word before the body gets it, unless it is too late. */
	if (q->expects && wire_field(&k->in, "expect", value, sizeof(value)) && !sins(k, WEB_EARLY) && k->in.state != WIRE_WHOLE)
		k->interims = 100;
	if (sins(k, WEB_INTERIM))
		k->interims = 103;
	if (sins(k, WEB_EARLY))
		k->answer_at = now(k) + (s->serve_ns_max > 0 ? rnd_log(&k->rnd, 0, s->serve_ns_max) : 0);
}

/* The request is whole: when is it answered? */
static void
request_came(struct origin_conn *k)
{
	const struct http_swarm *s = web_of(k)->swarm;

	k->whole = true;
	if (k->request != NULL && k->in.body_bytes != k->request->body_bytes)
		world_fail(web_of(k)->world, "request %llu arrives with %llu of %llu bytes as if that were all", (unsigned long long)k->request->id,
		    (unsigned long long)k->in.body_bytes, (unsigned long long)k->request->body_bytes);
	if (k->answering || k->answered || k->answer_at != FL_NEVER)
		return;
	k->answer_at = now(k);
	if (!web_of(k)->calm && s->serve_ns_max > 0)
		k->answer_at += rnd_log(&k->rnd, 0, s->serve_ns_max);
	if (sins(k, WEB_SLOW_HEAD))
		k->answer_at += rnd_log(&k->rnd, 0, s->slow_ns_max);
	if (sins(k, WEB_SILENT) && !web_of(k)->calm)
		k->answer_at = FL_NEVER;
}

/* ---- answers ---- */

static unsigned
draw_status(struct origin_conn *k)
{
	static const unsigned bad[] = { 500, 502, 503, 504, 501 }, good[] = { 200, 200, 200, 200, 200, 204, 404, 304 };

	if (sins(k, WEB_STATUS))
		return bad[rnd_below(&k->rnd, FL_ARRAY_LEN(bad))];
	if (sins(k, WEB_OVERLOADED))
		return rnd_chance(&k->rnd, 500) ? 503 : 429;
	return web_of(k)->healing ? 200 : good[rnd_below(&k->rnd, FL_ARRAY_LEN(good))];
}

static enum wire_framing
draw_framing(struct origin_conn *k)
{
	if (sins(k, WEB_SHORT) || sins(k, WEB_EXTRA))
		return WIRE_LENGTH;
	if (sins(k, WEB_OLD))
		return WIRE_UNTIL_END;
	return rnd_chance(&k->rnd, 50) ? WIRE_UNTIL_END : rnd_chance(&k->rnd, 400) ? WIRE_CHUNKED : WIRE_LENGTH;
}

static size_t
put_head(struct origin_conn *k, const struct web_answer *a, enum wire_framing framing, uint64_t declared, char *to, size_t room)
{
	size_t n = (size_t)snprintf(to, room, "HTTP/1.%d %u Word\r\nx-answer: %llu\r\n", sins(k, WEB_OLD) ? 0 : 1, a->status,
	    (unsigned long long)a->serial);

	if (a->status == 101)
		n += (size_t)snprintf(to + n, room - n, "Connection: upgrade\r\nUpgrade: echo\r\n");
	else if (framing == WIRE_LENGTH && a->status != 204)
		n += (size_t)snprintf(to + n, room - n, "Content-Length: %llu\r\n", (unsigned long long)declared);
	else if (framing == WIRE_CHUNKED && a->status != 204)
		n += (size_t)snprintf(to + n, room - n, "Transfer-Encoding: chunked\r\n");
	if (sins(k, WEB_OVERLOADED))
		n += (size_t)snprintf(to + n, room - n, "Retry-After: %u\r\n", (unsigned)rnd_below(&k->rnd, 4));
	if (k->told_close && !sins(k, WEB_OLD) && a->status != 101)
		n += (size_t)snprintf(to + n, room - n, "Connection: close\r\n");
	return n + (size_t)snprintf(to + n, room - n, "\r\n");
}

static void
draw_answer(struct origin_conn *k, struct web_answer *a, struct web_request *q)
{
	const struct http_swarm *s = web_of(k)->swarm;

	a->request = q;
	a->wire = k->end->wire;
	a->status = draw_status(k);
	a->framing = draw_framing(k);
	a->key = rnd_u64(&k->rnd);
	a->body_bytes = (uint64_t)rnd_log(&k->rnd, 0, (int64_t)s->answer_bytes_max);
	if (q->upgrade && a->status < 300 && !sins(k, WEB_OLD) && rnd_chance(&k->rnd, 800)) {
		a->status = 101;
		a->framing = WIRE_UNTIL_END;
		a->body_bytes = FL_MIN(a->body_bytes, TUNNEL_BYTES_MAX);
		k->tunnel = true;
	}
	a->no_body = q->head_only || a->status == 204 || a->status == 304;
	if (a->no_body && a->framing == WIRE_UNTIL_END)
		a->framing = WIRE_LENGTH;
}

static void
begin_answer(struct origin_conn *k)
{
	struct web *x = web_of(k);
	struct web_answer *a = web_answer_new(x);
	struct web_request *q = k->request;
	uint64_t declared, said;
	char head[1024];

	draw_answer(k, a, q);
	k->told_close = k->told_close || (a->framing == WIRE_UNTIL_END && !k->tunnel) || sins(k, WEB_OLD) || rnd_chance(&k->rnd, 50);
	declared = said = a->body_bytes;
	if (sins(k, WEB_SHORT) && !a->no_body) {
		declared += (uint64_t)rnd_log(&k->rnd, 1, 5000);
		a->spoiled = true;
	} else if (sins(k, WEB_EXTRA) && !k->tunnel) {
		said += (uint64_t)rnd_log(&k->rnd, 1, 5000);
	}
	put_head(k, a, a->framing, declared, head, sizeof(head));
	if (sins(k, WEB_RUBBISH)) {
		snprintf(head, sizeof(head), "%s", rnd_chance(&k->rnd, 500) ? "220 mail.sim ESMTP\r\n\r\n" : "HTTP/1.1 ABC\r\nx: \n\n\r\n\r\n");
		a->no_body = a->spoiled = true;
	}
	wire_out_start(&k->out, head, a->no_body ? WIRE_NONE : a->framing, a->key, said, (uint32_t)x->swarm->chunk_bytes_max);
	k->break_at = (uint64_t)rnd_log(&k->rnd, 0, (int64_t)(said + strlen(head)));
	k->answer = a;
	a->out = &k->out;
	k->answering = true;
	q->served++;
	world_note(x->world, "server %lld: answers request %lld with answer %lld", k->server->number, (long long)q->id, (long long)a->serial);
	if (x->world->verbose)
		fprintf(stderr, "                %s                (%llu bytes)\n", head, (unsigned long long)said);
}

static void
answer_health(struct origin_conn *k)
{
	char head[128];
	bool well = k->sin == ORIGIN_SINS_NONE;

	snprintf(head, sizeof(head), "HTTP/1.1 %u Word\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", well ? 200 : 500);
	wire_out_start(&k->out, head, WIRE_NONE, 1, 0, 1);
	k->told_close = k->answering = true;
	k->break_at = UINT64_MAX;
}

static void
answer_done(struct origin_conn *k)
{
	const struct http_swarm *s = web_of(k)->swarm;

	k->answering = false;
	k->answered = true;
	if (k->tunnel) {
		k->fin_sent = true;
		end_fin(k->end);
		return;
	}
	if (k->told_close || sins(k, WEB_LEAVES) || sins(k, WEB_SHORT)) {
		close_well(k);
		return;
	}
	if (rnd_chance(&k->rnd, s->leaves_idle) && !web_of(k)->calm)
		k->leave_at = now(k) + rnd_log(&k->rnd, 0, 5 * FL_SEC);
}

static void
say(struct origin_conn *k)
{
	struct web *x = web_of(k);
	size_t part = x->calm ? PART_MAX : (size_t)rnd_log(&k->rnd, 1, x->swarm->chunk_bytes_max);
	bool breaks = k->answer != NULL && (sins(k, WEB_RESET) || sins(k, WEB_CUT));

	if (breaks && k->break_at >= k->out.said)
		part = FL_MIN(part, (size_t)(k->break_at - k->out.said));
	wire_out_write(&k->out, k->end, part);
	if (breaks && k->out.said >= k->break_at) {
		break_off(k, sins(k, WEB_RESET));
		return;
	}
	if (sins(k, WEB_SLOW_BODY) && !x->calm)
		k->say_at = now(k) + rnd_log(&k->rnd, 0, x->swarm->slow_ns_max);
	if (wire_out_done(&k->out))
		answer_done(k);
}

/* An interim answer, if it is due and there is room. */
static void
say_interim(struct origin_conn *k)
{
	char text[64];
	size_t n = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 %u Word\r\n%s\r\n", k->interims, k->interims == 103 ? "link: a\r\n" : "");

	if (end_room(k->end) < n)
		return;
	end_write(k->end, (const uint8_t *)text, n);
	k->interims = k->interims == 103 && rnd_chance(&k->rnd, 300) ? 103 : 0;
}

/* ---- its steps ---- */

static void
take_tunnel(struct origin_conn *k, const uint8_t *p, size_t n)
{
	check_body(k, p, n, k->tunnel_got);
	k->tunnel_got += n;
}

static void
take(struct origin_conn *k, const uint8_t *p, size_t n)
{
	while (n > 0) {
		if (k->tunnel && k->answer != NULL && k->whole) {
			take_tunnel(k, p, n);
			return;
		}
		if (k->whole && !k->answered)
			world_fail(web_of(k)->world, "bytes arrive on wire %u behind a request that is not answered", k->end->wire->id);
		if (k->whole) { /* the next one */
			wire_in_start(&k->in, false, false);
			k->whole = k->answered = false;
			k->request = NULL;
			k->leave_at = k->answer_at = FL_NEVER;
		}
		bool had_head = k->in.state != WIRE_HEAD;
		size_t used = wire_in_feed(&k->in, p, n, check_body, k);
		if (k->in.state == WIRE_BAD)
			world_fail(web_of(k)->world, "no HTTP arrives on wire %u: %s: %s", k->end->wire->id, k->in.error, k->in.head);
		p += used;
		n -= used;
		if (!had_head && k->in.state != WIRE_HEAD)
			head_came(k);
		if (k->in.state == WIRE_WHOLE)
			request_came(k);
	}
}

static void
do_read(struct origin_conn *k)
{
	uint8_t bytes[PART_MAX];
	size_t n = FL_MIN(end_readable(k->end), sizeof(bytes));
	bool calm = web_of(k)->calm;

	if (!calm && now(k) < k->read_at)
		return;
	if (!calm) {
		size_t part = (size_t)rnd_log(&k->rnd, 1, sins(k, WEB_SLOW_READ) && !k->whole ? 2000 : PART_MAX);

		n = FL_MIN(n, part);
	}
	if (n > 0 && sins(k, WEB_SLOW_READ) && !calm)
		k->read_at = now(k) + rnd_log(&k->rnd, 0, web_of(k)->swarm->slow_ns_max / 10);
	n = end_read(k->end, bytes, n);
	take(k, bytes, n);
}

static bool
can_read(const struct origin_conn *k)
{
	return end_readable(k->end) > 0;
}

/* returns whether it is over. */
static bool
do_ending(struct origin_conn *k)
{
	if (k->over)
		return true;
	if (k->end->err != 0 && !can_read(k)) {
		gone(k);
		end_close(k->end);
		return true;
	}
	if (end_at_eof(k->end) && !can_read(k)) {
		if (k->tunnel ? k->fin_sent : !k->answering) {
			close_well(k);
			return true;
		}
		if (!k->tunnel) {
			break_off(k, true);
			return true;
		}
	}
	if (k->leave_at <= now(k) && k->answered && k->in.state == WIRE_WHOLE && !can_read(k)) {
		close_well(k);
		return true;
	}
	return false;
}

static void
do_say(struct origin_conn *k)
{
	if (k->interims != 0 && !k->answering)
		say_interim(k);
	if (!k->answering && !k->answered && k->answer_at <= now(k) && k->interims == 0) {
		if (k->health)
			answer_health(k);
		else
			begin_answer(k);
	}
	if (k->answering && (k->say_at <= now(k) || web_of(k)->calm))
		say(k);
}

static void
step(void *obj, uint64_t arg)
{
	struct origin_conn *k = obj;
	fl_ns at = FL_NEVER;

	(void)arg;
	if (k->scheduled_at <= now(k))
		k->scheduled_at = FL_NEVER;
	if (k->over || k->end->state == END_CONNECTING)
		return;
	do_read(k);
	do_say(k);
	if (do_ending(k))
		return;
	if (can_read(k))
		at = FL_MAX(k->read_at, now(k) + 1);
	if (k->answering && end_room(k->end) > 0)
		at = FL_MIN(at, FL_MAX(k->say_at, now(k) + 1));
	if (!k->answering && !k->answered)
		at = FL_MIN(at, FL_MAX(k->answer_at, now(k) + 1));
	if (k->answered)
		at = FL_MIN(at, FL_MAX(k->leave_at, now(k) + 1));
	if (at != FL_NEVER)
		schedule(k, at);
}

static void
schedule(struct origin_conn *k, fl_ns at)
{
	if (k->scheduled_at <= at || k->over)
		return;
	k->scheduled_at = at;
	world_at(web_of(k)->world, at, step, k, 1);
}

static void
notify(void *owner)
{
	struct origin_conn *k = owner;

	if (!k->over)
		world_at(web_of(k)->world, now(k), step, k, 0);
}

/* ---- the server ---- */

static void
accept_one(void *obj, uint64_t arg)
{
	struct web_server *s = obj;
	struct end *e = s->listener != NULL ? listener_accept(s->listener) : NULL;

	(void)arg;
	if (e == NULL)
		return;
	struct origin_conn *k = world_alloc(s->web->world, sizeof(*k));
	k->server = s;
	k->end = e;
	k->rnd = rnd_init(rnd_u64(&s->rnd), 0x0419);
	k->sin = ORIGIN_SINS_NONE;
	k->answer_at = k->leave_at = k->scheduled_at = FL_NEVER;
	k->next = s->conns;
	s->conns = k;
	wire_in_start(&k->in, false, false);
	e->notify = notify;
	e->owner = k;
	notify(k);
}

static void
listener_notify(void *owner)
{
	struct web_server *s = owner;

	world_at(s->web->world, s->web->world->now + net_delay(s->web->net), accept_one, s, 0);
}

void
origin_up(struct web_server *s)
{
	if (s->listener != NULL)
		return;
	fl_assert(net_listen(s->web->net, &s->addr, &s->listener) == 0);
	s->listener->notify = listener_notify;
	s->listener->owner = s;
}

void
origin_down(struct web_server *s, bool crash)
{
	if (s->listener == NULL)
		return;
	world_note(s->web->world, "server %lld goes down, crash %lld", s->number, crash, 0);
	listener_close(s->listener);
	s->listener = NULL;
	for (struct origin_conn *k = s->conns; k != NULL && crash; k = k->next)
		if (!k->over)
			break_off(k, true);
}

void
origin_init(struct web *x, struct web_server *s, unsigned number)
{
	s->web = x;
	s->number = number;
	s->rnd = rnd_init(x->swarm->behaviour_seed, number);
	s->addr.len = sizeof(s->addr.in);
	s->addr.in.sin_family = AF_INET;
	s->addr.in.sin_port = htons(9000);
	s->addr.in.sin_addr.s_addr = htonl(10u << 24 | 9u << 16 | (number + 1));
	snprintf(s->text, sizeof(s->text), "10.9.0.%u:9000", number + 1);
	resolve_sim_name(x->net, &s->addr, 0, s->name, sizeof(s->name) - 5);
	memcpy(s->name + strlen(s->name), ":9000", 6);
	origin_up(s);
}

void
origin_finish(struct web_server *s)
{
	bool endless = false;

	s->sick = false;
	origin_up(s);
	for (unsigned i = 0; i < s->web->swarm->lines; i++)
		for (unsigned v = 0; v < s->web->lines[i].version_count; v++)
			endless |= s->web->lines[i].versions[v].facts.endless;
	for (struct origin_conn *k = s->conns; k != NULL; k = k->next) {
		if (k->over)
			continue;
		/* Who has no time limit waits for an answer for ever, as it was told to. */
		if (endless && sins(k, WEB_SILENT) && k->whole && !k->answered && !k->answering)
			k->answer_at = FL_MIN(k->answer_at, now(k));
		notify(k);
	}
}
