/* SPDX-License-Identifier: MIT */
/* http_caller.c - see http_caller.h. */
#include "http_caller.h"
#include "mark.h"
#include "stream.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

#define PART_MAX (64 * 1024)
#define TUNNEL_BYTES_MAX 20000

static void schedule(struct web_client *c, fl_ns at);

static fl_ns
now(const struct web_client *c)
{
	return c->web->world->now;
}

/* ---- the end ---- */

static void
over(struct web_client *c)
{
	c->over = true;
	if (c->probe)
		c->web->probing--;
}

/* What was asked and not answered has come to nothing. checked: there must be a reason. */
static void
lose_all(struct web_client *c, bool reset, bool checked)
{
	for (unsigned i = 0; i < c->waiting_count; i++) {
		if (checked && i == 0)                  /* with the first, those behind it are lost */
			web_check_loss(c->web, c->waiting[i], reset);
		c->waiting[i]->lost = true;
	}
	c->waiting_count = 0;
}

static void
leave(struct web_client *c)
{
	c->closed_first = true;
	lose_all(c, false, false);
	end_close(c->end);
	over(c);
}

static void
broken_off(struct web_client *c)
{
	c->reset_got = true;
	world_note(c->web->world, "client %lld: reset after %lld bytes", c->number, (long long)c->got, 0);
	lose_all(c, true, true);
	end_close(c->end);
	over(c);
}

/* ---- requests ---- */

static void
draw_method(struct web_client *c, struct web_request *q)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "GET" };
	const struct http_swarm *s = c->web->swarm;
	uint64_t sum = 0, x;
	unsigned m;

	for (m = 0; m < FL_ARRAY_LEN(methods); m++)
		sum += s->method_weight[m];
	x = rnd_below(&c->rnd, sum);
	for (m = 0; x >= s->method_weight[m]; m++)
		x -= s->method_weight[m];
	if (c->probe || (m == 5 && c->minor == 0))
		m = 0;
	q->method = methods[m];
	q->upgrade = m == 5;
	q->head_only = m == 1;
	q->framing = (m == 2 || m == 3) && !rnd_chance(&c->rnd, 50) ?
	    rnd_chance(&c->rnd, s->chunked) && c->minor > 0 ? WIRE_CHUNKED : WIRE_LENGTH : WIRE_NONE;
	q->body_bytes = q->framing == WIRE_NONE ? 0 : (uint64_t)rnd_log(&c->rnd, 0, (int64_t)s->body_bytes_max);
	q->keyed = !q->upgrade && !c->probe && rnd_chance(&c->rnd, s->keyed);
	q->idempotent = (m != 2 && m != 5) || q->keyed;
	q->expects = q->body_bytes > 0 && c->minor > 0 && rnd_chance(&c->rnd, s->expects);
}

static struct web_request *
draw_request(struct web_client *c)
{
	struct web *x = c->web;
	struct web_request *q = web_request_new(x);

	q->client = c;
	q->line = c->line;
	q->place = ++c->asked;
	q->version = c->line->version_count - 1;
	q->key = rnd_u64(&c->rnd);
	q->probe = c->probe;
	q->begun = now(c);
	draw_method(c, q);
	snprintf(q->target, sizeof(q->target), "/%s/%u", rnd_chance(&c->rnd, 300) ? "a" : rnd_chance(&c->rnd, 300) ? "b" : "p",
	    (unsigned)rnd_below(&c->rnd, 4));
	if (!c->probe && rnd_chance(&c->rnd, x->swarm->deadlines))
		q->deadline = rnd_log(&c->rnd, 1, 5000) * FL_MS;
	q->closes = c->minor > 0 && c->asked == c->requests && rnd_chance(&c->rnd, 300);
	return q;
}

static void
ask(struct web_client *c)
{
	struct web *x = c->web;
	struct web_request *q = draw_request(c);
	char head[1024];
	size_t n = (size_t)snprintf(head, sizeof(head), "%s %s HTTP/1.%u\r\nHost: sim\r\nx-id: %llu\r\n", q->method, q->target, c->minor,
	    (unsigned long long)q->id);

	if (q->framing == WIRE_LENGTH)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Content-Length: %llu\r\n", (unsigned long long)q->body_bytes);
	else if (q->framing == WIRE_CHUNKED)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Transfer-Encoding: chunked\r\n");
	if (q->expects)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Expect: 100-continue\r\n");
	if (q->upgrade)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Connection: upgrade\r\nUpgrade: echo\r\n");
	if (q->keyed)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Idempotency-Key: %llu\r\n", (unsigned long long)q->id);
	if (q->deadline > 0)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "x-faultline-deadline: %lld\r\n", (long long)(q->deadline / FL_MS));
	if (q->closes)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Connection: close\r\n");
	else if (c->minor == 0 && c->asked < c->requests)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Connection: keep-alive\r\n");
	snprintf(head + n, sizeof(head) - n, "\r\n");
	wire_out_start(&c->out, head, q->framing, q->key, q->body_bytes, c->chunk_bytes_max);
	c->go_on_at = q->expects ? now(c) + rnd_log(&c->rnd, FL_MS, 2 * FL_SEC) : 0;
	c->saying = q;
	c->waiting[c->waiting_count++] = q;
	c->ask_at = now(c) + (c->think_ns_max > 0 ? rnd_log(&c->rnd, 0, c->think_ns_max) : 0);
	world_note(x->world, "client %lld: asks request %lld, body %lld", c->number, (long long)q->id, (long long)q->body_bytes);
	if (x->world->verbose)
		fprintf(stderr, "                %s", head);
}

static bool
may_ask(const struct web_client *c)
{
	return c->saying == NULL && c->asked < c->requests && c->waiting_count < c->depth && !c->said_close && !c->fin_sent && !c->eof_got &&
	    !c->tunnel && (c->waiting_count == 0 || !c->waiting[c->waiting_count - 1]->upgrade);
}

/* How much of the request may be said now: not its body while the server has not said to go on. */
static size_t
may_say(const struct web_client *c)
{
	bool head = c->saying->head_sent == 0;

	if (head)
		return c->out.piece_bytes - c->out.piece_at;
	return c->go_on_at > now(c) ? 0 : PART_MAX;
}

static size_t
say_tunnel(struct web_client *c, size_t max)
{
	struct web_request *q = c->saying;
	uint8_t bytes[4096];
	uint64_t n = FL_MIN(q->tunnel_bytes - c->tunnel_said, (uint64_t)FL_MIN(max, FL_MIN(sizeof(bytes), end_room(c->end))));

	stream_fill(q->key, c->tunnel_said, bytes, (size_t)n);
	end_write(c->end, bytes, (size_t)n);
	c->tunnel_said += n;
	if (c->tunnel_said == q->tunnel_bytes && !c->fin_sent) {
		c->fin_sent = true;
		end_fin(c->end);
	}
	return (size_t)n;
}

static size_t
say(struct web_client *c)
{
	struct web_request *q = c->saying;
	size_t part = (size_t)rnd_log(&c->rnd, 1, c->chunk_bytes_max), n, most;

	if (c->finishing)
		part = PART_MAX;
	if (c->tunnel)
		return say_tunnel(c, part);
	most = may_say(c);
	n = wire_out_write(&c->out, c->end, FL_MIN(part, most));
	c->sent += n;
	if (q->head_sent == 0 && c->out.piece_at == c->out.piece_bytes)
		q->head_sent = now(c);
	if (wire_out_done(&c->out)) {
		q->sent = now(c);
		c->saying = NULL;
		if (c->fin_after && c->asked == c->requests) {
			world_note(c->web->world, "client %lld: FIN", c->number, 0, 0);
			c->fin_sent = true;
			end_fin(c->end);
		}
	}
	return n;
}

/* ---- answers ---- */

static void
take_body(void *ud, const uint8_t *p, size_t n, uint64_t at)
{
	struct web_client *c = ud;

	web_check_body(c->web, c->waiting[0], p, n, at);
}

static void
answered(struct web_client *c)
{
	struct web_request *q = c->waiting[0];

	memmove(c->waiting, c->waiting + 1, --c->waiting_count * sizeof(c->waiting[0]));
	wire_in_start(&c->in, true, false);
	c->in.head_bytes = 0;
	c->quiet_since = now(c);
	bool served = q->status == 200 || (q->status == 203 && web_facts_of(q).rehearses);
	if (c->probe)
		c->line->served_in_a_row = served ? c->line->served_in_a_row + 1 : 0;
}

static void
head_came(struct web_client *c)
{
	struct web_request *q = c->waiting[0];
	struct wire_in *m = &c->in;
	char conn[64] = "";

	if (m->status < 200 && m->status != 101) {
		if (c->minor == 0)
			world_fail(c->web->world, "client %u of HTTP/1.0 gets an interim answer", c->number);
		if (m->status == 100)
			c->go_on_at = 0;
		mark_hit(MARK_WEB_INTERIM, 1);
		wire_in_start(m, true, q->head_only && q->head_sent > 0);
		return;
	}
	c->go_on_at = 0;
	web_check_answer(c->web, q, m);
	if (m->status == 408 && q->head_only) {         /* who says that may not have read enough to know that it was HEAD */
		c->deaf = true;
		m->state = WIRE_WHOLE;
	}
	wire_field(m, "connection", conn, sizeof(conn));
	if (m->status == 101) {
		if (!q->upgrade)
			world_fail(c->web->world, "request %llu did not ask for the upgrade that it gets", (unsigned long long)q->id);
		c->tunnel = c->said_close = true;
		c->saying = q;
		q->tunnel_bytes = (uint64_t)rnd_log(&c->rnd, 0, TUNNEL_BYTES_MAX);
		mark_hit(MARK_WEB_TUNNELS, 1);
	} else if (strstr(conn, "close") != NULL || m->framing == WIRE_UNTIL_END || (c->minor == 0 && strstr(conn, "keep-alive") == NULL)) {
		c->said_close = true;
	}
}

static void
take_tunnel(struct web_client *c, const uint8_t *p, size_t n)
{
	const struct web_request *q = c->waiting[0];

	web_check_body(c->web, q, p, n, c->tunnel_got);
	c->tunnel_got += n;
	if (q->answer == NULL || c->tunnel_got > q->answer->body_bytes)
		world_fail(c->web->world, "the tunnel of request %llu brings more than was sent", (unsigned long long)q->id);
}

static void
take(struct web_client *c, const uint8_t *p, size_t n)
{
	while (n > 0 && !c->deaf) {
		if (c->tunnel) {
			take_tunnel(c, p, n);
			return;
		}
		if (c->waiting_count == 0)
			world_fail(c->web->world, "client %u gets %zu bytes that it did not ask for", c->number, n);
		if (!wire_in_begun(&c->in))
			wire_in_start(&c->in, true, c->waiting[0]->head_only && c->waiting[0]->head_sent > 0);
		bool had_head = c->in.state != WIRE_HEAD;
		size_t k = wire_in_feed(&c->in, p, n, take_body, c);
		if (c->in.state == WIRE_BAD)
			world_fail(c->web->world, "client %u gets no HTTP: %s: %s", c->number, c->in.error, c->in.head);
		p += k;
		n -= k;
		if (!had_head && c->in.state != WIRE_HEAD)
			head_came(c);
		if (c->in.state == WIRE_WHOLE && !c->tunnel) {
			web_check_whole(c->web, c->waiting[0], &c->in);
			answered(c);
		}
	}
}

static void
tunnel_ended(struct web_client *c)
{
	struct web_request *q = c->waiting[0];
	const struct web_answer *a = q->answer;

	q->answered = true;
	if (c->tunnel_got != a->body_bytes && !a->spoiled && !c->cut)
		world_fail(c->web->world, "the tunnel of request %llu ends after %llu of %llu bytes", (unsigned long long)q->id,
		    (unsigned long long)c->tunnel_got, (unsigned long long)a->body_bytes);
	if (c->waiting_count > 0)
		answered(c);
}

static void
stream_ended(struct web_client *c)
{
	c->eof_got = true;
	world_note(c->web->world, "client %lld: end of stream after %lld bytes", c->number, (long long)c->got, 0);
	if (c->tunnel && c->waiting_count > 0) {
		tunnel_ended(c);
	} else if (c->waiting_count > 0 && wire_in_begun(&c->in) && wire_in_end(&c->in)) {
		web_check_whole(c->web, c->waiting[0], &c->in);
		answered(c);
	}
	lose_all(c, false, true);
}

/* ---- its steps ---- */

static bool
is_stalled(const struct web_client *c)
{
	return !c->finishing && c->sent >= c->stall_at;
}

static void
do_read(struct web_client *c)
{
	uint8_t bytes[PART_MAX];
	size_t n = FL_MIN(end_readable(c->end), sizeof(bytes));

	if (is_stalled(c) || (!c->finishing && now(c) < c->read_at))
		return;
	if (!c->finishing) {
		size_t part = (size_t)rnd_log(&c->rnd, 1, c->read_bytes_max);

		n = FL_MIN(n, part);
		if (n > 0 && c->read_gap_ns_max > 0)
			c->read_at = now(c) + rnd_log(&c->rnd, 0, c->read_gap_ns_max);
	}
	n = end_read(c->end, bytes, n);
	c->got += n;
	take(c, bytes, n);
	if (!c->eof_got && end_at_eof(c->end))
		stream_ended(c);
}

/* End as the plan says. */
static bool
do_ending(struct web_client *c)
{
	bool done = c->waiting_count == 0 && c->saying == NULL;

	if (!c->finishing && c->sent >= c->reset_at) {
		world_note(c->web->world, "client %lld: RST after %lld bytes", c->number, (long long)c->sent, 0);
		c->reset_sent = true;
		lose_all(c, false, false);
		end_reset(c->end);
		over(c);
		return true;
	}
	if (is_stalled(c))
		return false;
	if (c->eof_got || (c->said_close && c->waiting_count == 0 && (c->tunnel ? c->saying == NULL : c->number % 3 == 0 || c->finishing)) ||
	    (done && c->asked == c->requests && (c->finishing || c->number % 4 != 0 || c->probe)) || (done && c->finishing)) {
		leave(c);
		return true;
	}
	return false;
}

/* A tunnel has nothing more to say. */
static void
tunnel_said(struct web_client *c)
{
	if (c->tunnel && c->saying != NULL && c->fin_sent)
		c->saying = NULL;
}

static bool
can_read(const struct web_client *c)
{
	return !is_stalled(c) && (end_readable(c->end) > 0 || (!c->eof_got && end_at_eof(c->end)));
}

static bool
do_write(struct web_client *c)
{
	size_t n = 0;

	if (is_stalled(c) || c->eof_got || (!c->finishing && now(c) < c->write_at))
		return false;
	if (may_ask(c) && !c->finishing && now(c) >= c->ask_at)
		ask(c);
	if (c->saying != NULL && !(c->said_close && !c->tunnel))
		n = say(c);
	tunnel_said(c);
	if (n > 0 && c->gap_ns_max > 0 && !c->finishing)
		c->write_at = now(c) + rnd_log(&c->rnd, 0, c->gap_ns_max);
	return n > 0;
}

static void
again(struct web_client *c, bool wrote)
{
	fl_ns at = FL_NEVER;

	if (can_read(c))
		at = c->finishing ? now(c) : c->read_at;
	if (!is_stalled(c) && c->saying != NULL && end_room(c->end) > 0 && (c->go_on_at <= now(c) || wrote))
		at = FL_MIN(at, c->finishing ? now(c) : c->write_at);
	else if (c->saying != NULL && c->go_on_at > now(c))
		at = FL_MIN(at, c->go_on_at);
	if (!c->finishing && !is_stalled(c) && may_ask(c))
		at = FL_MIN(at, FL_MAX(c->ask_at, c->write_at));
	if (at != FL_NEVER)
		schedule(c, FL_MAX(at, now(c) + 1));
}

static void
step(void *obj, uint64_t arg)
{
	struct web_client *c = obj;
	bool wrote;

	(void)arg;
	if (c->scheduled_at <= now(c))
		c->scheduled_at = FL_NEVER;
	if (c->over || c->end->state == END_CONNECTING)
		return;
	if (c->end->state == END_FAILED) {
		if (c->probe)
			c->line->served_in_a_row = 0;
		over(c);
		return;
	}
	do_read(c);
	if (c->end->err != 0 && !can_read(c) && !(is_stalled(c))) {
		broken_off(c);
		return;
	}
	wrote = do_write(c);
	if (!do_ending(c))
		again(c, wrote);
}

static void
schedule(struct web_client *c, fl_ns at)
{
	if (c->scheduled_at <= at || c->over)
		return;
	c->scheduled_at = at;
	world_at(c->web->world, at, step, c, 1);
}

static void
notify(void *owner)
{
	struct web_client *c = owner;

	if (!c->over)
		world_at(c->web->world, now(c), step, c, 0);
}

/* ---- life ---- */

static struct io_addr
address(const struct web_line *l, unsigned number)
{
	struct io_addr a = { .len = sizeof(a.in) };

	if (l->listen.sa.sa_family == AF_UNIX)
		return (struct io_addr){ .len = offsetof(struct sockaddr_un, sun_path), .un = { .sun_family = AF_UNIX } };
	a.in.sin_family = AF_INET;
	a.in.sin_addr.s_addr = htonl(10u << 24 | 2u << 16 | (1 + number % 5));
	return a;
}

static void
draw_plan(struct web_client *c)
{
	const struct http_swarm *s = c->web->swarm;
	struct rnd *r = &c->rnd;

	c->minor = 1;
	c->requests = c->depth = 1;
	c->chunk_bytes_max = c->read_bytes_max = PART_MAX;
	c->reset_at = c->stall_at = UINT64_MAX;
	if (c->probe)
		return;
	c->requests = (unsigned)rnd_log(r, 1, s->requests_max);
	c->depth = rnd_chance(r, s->pipeline) ? (unsigned)rnd_range(r, 1, s->depth_max) : 1;
	c->minor = rnd_chance(r, s->old_version) ? 0 : 1;
	c->chunk_bytes_max = s->chunk_bytes_max;
	c->read_bytes_max = s->read_bytes_max;
	c->think_ns_max = s->think_ns_max;
	c->gap_ns_max = s->gap_ns_max;
	c->read_gap_ns_max = s->read_gap_ns_max;
	if (rnd_chance(r, s->vanish))
		c->reset_at = (uint64_t)rnd_log(r, 1, 2000);
	if (rnd_chance(r, s->stall))
		c->stall_at = (uint64_t)rnd_log(r, 1, 2000);
	c->fin_after = rnd_chance(r, s->half_close);
}

struct web_client *
caller_new(struct web *x, struct web_line *l, unsigned number, bool probe)
{
	struct web_client *c = world_alloc(x->world, sizeof(*c));
	struct io_addr from = address(l, number);

	c->web = x;
	c->line = l;
	c->number = number;
	c->probe = probe;
	c->rnd = rnd_init(x->swarm->traffic_seed + number, probe ? 0xb0be : 0xc1e7);
	draw_plan(c);
	wire_in_start(&c->in, true, false);
	c->scheduled_at = FL_NEVER;
	c->quiet_since = now(c);
	c->next = x->clients;
	x->clients = c;
	x->client_count++;
	c->end = net_connect(x->net, &from, &l->listen, notify, c);
	world_note(x->world, "client %lld: connects to line %lld by wire %lld", number, l->number, c->end->wire->id);
	return c;
}

void
caller_finish(struct web_client *c)
{
	c->finishing = true;
	c->go_on_at = 0;
	c->reset_at = c->stall_at = UINT64_MAX;
	notify(c);
}
