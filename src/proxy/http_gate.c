/* SPDX-License-Identifier: MIT */
/* http_gate.c - one message on its way out, as the faults on it want it. */
#include "proxy/http_gate.h"
#include "base/assert.h"
#include "proto/h1_body.h"

#include <errno.h>
#include <string.h>

#define GATE_BOUND (128 * 1024)
#define PIECE 4096                      /* of a replaced body, and of a chunk */
#define CHAIN_STEP (16 * 1024)

enum stage { WAIT, HEAD, PAUSE, BODY, CLOSING, OVER, ENDED };

struct http_gate {
	struct wtimer timer;
	struct http_fault_plan plan;            /* as it was drawn */
	struct http_fault_plan live;            /* as pace and damage of the body follow changes of the faults */
	struct http_fault_set *set, *live_set;  /* references */
	const struct http_gate_ops *ops;
	void *owner;
	struct http_out *out;
	struct io_sock *sock;
	struct http_who who;
	struct chain wait, bend;                /* payload that came; what is in the faults' hands, the head first, then payload */
	struct h1_body walker;                  /* takes framing off */
	char *head;
	char *tail;                             /* trailer fields and the empty line behind them */
	uint32_t head_n, head_room, tail_n, tail_room;
	uint64_t end_at, passed;                /* bytes of payload */
	uint64_t made;                          /* of a replaced body */
	fl_ns since, due;
	uint8_t stage;                          /* enum stage */
	bool chunked, raw, has_body, replaced, deaf, over_in, begun;
};

/* ---- framing ---- */

struct http_frame
http_gate_frame(const struct http_fault_plan *plan, const struct h1_head *message, bool dechunk)
{
	struct http_frame f = { .framing = message->framing, .length = message->length };
	uint64_t lie;
	if (message->framing == H1_NONE || message->framing == H1_TUNNEL)
		return f;
	if (dechunk) {
		f.reframe = true;
		f.framing = H1_CLOSE;
	}
	if (plan->body != NULL) {
		f.reframe = true;
		f.framing = H1_LENGTH;
		f.length = http_fault_body(plan->body).bytes;
	}
	bool known = f.framing == H1_LENGTH || (plan->length != NULL && plan->length->values[HTTP_LENGTH_VALUE].i >= 0);
	if (known && http_fault_length(plan, f.framing == H1_LENGTH ? f.length : 0, &lie)) {
		f.reframe = f.lies = true;
		f.framing = H1_LENGTH;
		f.length = lie;
	}
	return f;
}

/* ---- life ---- */

static void
gate_timer(struct worker *w, struct wtimer *t, fl_ns now)
{
	struct http_gate *g = FL_CONTAINER_OF(t, struct http_gate, timer);
	const struct http_gate_ops *ops = g->ops;
	void *owner = g->owner;
	(void)now;
	http_gate_run(w, g);
	if (ops != NULL)
		ops->moved(w, owner);
}

struct http_gate *
http_gate_new(struct worker *w, const struct http_fault_plan *plan, struct http_fault_set *set, const struct http_who *who, const char *head,
    size_t n, const struct h1_head *message, const struct http_frame *frame)
{
	struct http_gate *g = slab_alloc(w->mem, sizeof(*g));
	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->head_room = g->head_n = (uint32_t)n;
	g->head = slab_alloc(w->mem, n);
	if (g->head == NULL) {
		slab_give(w->mem, g, sizeof(*g));
		return NULL;
	}
	memcpy(g->head, head, n);
	g->timer.fire = gate_timer;
	g->plan = g->live = *plan;
	g->set = http_fault_set_ref(set);
	g->live_set = http_fault_set_ref(set);
	g->who = *who;
	g->wait.dir = g->bend.dir = (uint8_t)plan->dir;
	g->since = io_now(w->io);
	g->due = plan->head_delay >= FL_NEVER - g->since ? FL_NEVER : g->since + plan->head_delay;
	g->has_body = message->framing != H1_NONE;
	g->raw = message->framing == H1_TUNNEL;
	g->replaced = g->has_body && !g->raw && plan->body != NULL;
	g->chunked = !frame->reframe && message->framing == H1_CHUNKED;
	g->end_at = http_fault_end_bytes(plan, message);
	h1_body_begin(&g->walker, message->framing, message->length, 0);
	worker_trim_later(w, g->since);
	return g;
}

void
http_gate_open(struct http_gate *g, struct http_out *out, struct io_sock *sock, const struct http_gate_ops *ops, void *owner)
{
	g->out = out;
	g->sock = sock;
	g->ops = ops;
	g->owner = owner;
}

static void
give_text(struct worker *w, char **text, uint32_t room)
{
	if (*text != NULL)
		slab_give(w->mem, *text, room);
	*text = NULL;
}

void
http_gate_free(struct worker *w, struct http_gate *g)
{
	if (g == NULL)
		return;
	struct chain_env env = http_out_env(w, &g->who);
	heap_del(&w->wtimers, &g->timer.node);
	chain_fini(&g->wait, &env);
	chain_fini(&g->bend, &env);
	give_text(w, &g->head, g->head_room);
	give_text(w, &g->tail, g->tail_room);
	http_fault_set_unref(g->set);
	http_fault_set_unref(g->live_set);
	slab_give(w->mem, g, sizeof(*g));
}

bool http_gate_busy(const struct http_gate *g) { return g->stage < CLOSING && g->wait.held_bytes >= GATE_BOUND; }
bool http_gate_over(const struct http_gate *g) { return g->stage >= OVER; }
bool http_gate_begun(const struct http_gate *g) { return g->begun; }

bool
http_gate_idle(const struct http_gate *g)
{
	return g->stage >= OVER || (g->stage == BODY && g->wait.held_bytes == 0 && g->bend.held_bytes == 0);
}

void
http_gate_deafen(struct http_gate *g)
{
	g->deaf = g->over_in = true;
}

void
http_gate_finish(struct http_gate *g)
{
	g->over_in = true;
}

/* ---- what comes ---- */

static int
keep_tail(struct worker *w, struct http_gate *g, const char *p, size_t n)
{
	if (!g->chunked)
		return 0;
	if (g->tail_n + n > g->tail_room) {
		size_t room = FL_MAX(256, g->tail_room);
		while (room < g->tail_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL)
			return -ENOMEM;
		if (g->tail_n > 0)
			memcpy(more, g->tail, g->tail_n);
		give_text(w, &g->tail, g->tail_room);
		g->tail = more;
		g->tail_room = (uint32_t)room;
	}
	memcpy(g->tail + g->tail_n, p, n);
	g->tail_n += (uint32_t)n;
	return 0;
}

static int
put_payload(struct worker *w, struct http_gate *g, const char *p, size_t n)
{
	struct chain_env env = http_out_env(w, &g->who);
	fl_ns now = io_now(w->io);
	int r = chain_put(&g->wait, &env, (const uint8_t *)p, n, now);
	if (r == 0)
		chain_run(&g->wait, &env, &g->plan.key, now);
	return r;
}

int
http_gate_put(struct worker *w, struct http_gate *g, const char *p, size_t n)
{
	struct h1_span span;
	enum h1_verdict v = H1_MORE;
	int r = 0;
	if (g->deaf || g->stage >= CLOSING)
		return 0;
	if (g->raw)
		return n > 0 ? put_payload(w, g, p, n) : 0;
	for (size_t at = 0; at < n && v == H1_MORE && r == 0; at += span.bytes) {
		v = h1_body_next(&g->walker, p + at, n - at, &span);
		if (span.kind == H1_SPAN_TRAILER)
			r = keep_tail(w, g, p + at, span.bytes);
		else if (span.kind == H1_SPAN_PAYLOAD && span.bytes > 0 && !g->replaced)
			r = put_payload(w, g, p + at, span.bytes);
	}
	return r;
}

/* ---- what goes ---- */

static bool
emit(struct worker *w, struct http_gate *g, const char *p, size_t n)
{
	g->begun = true;
	line_count(&g->who.wline->cell->sent_bytes[g->plan.dir], n);
	return http_out_put(w, g->out, g->sock, p, n) == 0;
}

/* Up to PIECE bytes of payload, as a chunk if those are asked for. */
static bool
emit_payload(struct worker *w, struct http_gate *g, const uint8_t *p, size_t n)
{
	char piece[H1_CHUNK_HEAD_MAX + PIECE + 2];
	if (!g->chunked)
		return emit(w, g, (const char *)p, n);
	size_t k = h1_chunk_head(n, piece);
	memcpy(piece + k, p, n);
	memcpy(piece + k + n, "\r\n", 2);
	return emit(w, g, piece, k + n + 2);
}

static bool
emit_end(struct worker *w, struct http_gate *g)
{
	if (!g->chunked)
		return true;
	if (g->tail_n == 0)
		return emit(w, g, H1_CHUNK_LAST, strlen(H1_CHUNK_LAST));
	return emit(w, g, "0\r\n", 3) && emit(w, g, g->tail, g->tail_n);
}

/* The next piece of a body that replaces another. */
static int
make_more(struct worker *w, struct http_gate *g)
{
	struct http_fault_body b = http_fault_body(g->plan.body);
	char piece[PIECE];
	size_t n = (size_t)FL_MIN(b.bytes - g->made, sizeof(piece));
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		piece[i] = b.text[(g->made + i) % b.text_len];
	g->made += n;
	return put_payload(w, g, piece, n);
}

static bool
all_in(const struct http_gate *g)
{
	return g->over_in && (!g->replaced || g->made == http_fault_body(g->plan.body).bytes);
}

/* Payload from where it waits into the chain that damages and paces it. */
static int
into_chain(struct http_gate *g, const struct chain_env *env, fl_ns now)
{
	const uint8_t *p;
	size_t n;
	int r = 0;
	while (r == 0 && chain_wants(&g->bend, env) && (n = chain_peek(&g->wait, &p)) > 0) {
		n = FL_MIN(n, CHAIN_STEP);
		r = chain_put(&g->bend, env, p, n, now);
		if (r == 0)
			chain_sent(&g->wait, env, n);
		chain_run(&g->bend, env, &g->live.key, now);
	}
	return r;
}

/* As much of the body as may go. false: broken. */
static bool
step_body(struct worker *w, struct http_gate *g, fl_ns now)
{
	struct chain_env env = http_out_env(w, &g->who);
	struct chain *from = g->live.body_chain || !chain_idle(&g->bend) ? &g->bend : &g->wait;
	const uint8_t *p;
	size_t n = 0;
	fl_ns next = FL_NEVER;
	bool moved = true;
	while (moved) {
		moved = false;
		if (g->replaced && g->wait.held_bytes < PIECE && make_more(w, g) < 0)
			return false;
		if (from == &g->bend && into_chain(g, &env, now) < 0)
			return false;
		next = chain_run(from, &env, &g->live.key, now);
		while (!http_out_busy(g->out) && (n = chain_peek(from, &p)) > 0 && g->passed < g->end_at) {
			n = (size_t)FL_MIN(FL_MIN(n, PIECE), g->end_at - g->passed);
			if (!emit_payload(w, g, p, n))
				return false;
			chain_sent(from, &env, n);
			g->passed += n;
			moved = true;
		}
		n = chain_peek(from, &p);
		if (g->passed >= g->end_at && (!g->plan.end_cut || n > 0)) {
			g->stage = CLOSING;
			return true;
		}
	}
	g->due = next;
	if (all_in(g) && g->wait.held_bytes == 0 && (from == &g->wait || (g->bend.held_bytes == 0 && g->bend.segs == 0)) && !http_out_busy(g->out)) {
		g->stage = OVER;
		return emit_end(w, g);
	}
	return true;
}

static void
after_head(struct http_gate *g, fl_ns now)
{
	if (g->end_at == 0 && !g->plan.end_cut) {
		g->stage = CLOSING;
	} else if (!g->has_body) {
		g->stage = OVER;
	} else {
		g->stage = PAUSE;
		g->due = g->plan.body_delay >= FL_NEVER - now ? FL_NEVER : now + g->plan.body_delay;
	}
}

/* The head, at once or through its chain. */
static bool
step_head(struct worker *w, struct http_gate *g, fl_ns now)
{
	struct chain_env env = http_out_env(w, &g->who);
	const uint8_t *p;
	size_t n;
	if (!g->plan.head_chain) {
		bool good = emit(w, g, g->head, g->head_n);
		after_head(g, now);
		return good;
	}
	if (g->head != NULL) {
		if (chain_set(&g->bend, &env, http_fault_head_set(&g->plan), &g->plan.key, g->since, now) < 0 ||
		    chain_put(&g->bend, &env, (const uint8_t *)g->head, g->head_n, now) < 0)
			return false;
		give_text(w, &g->head, g->head_room);
	}
	do {
		g->due = chain_run(&g->bend, &env, &g->plan.key, now);
		n = http_out_busy(g->out) ? 0 : chain_peek(&g->bend, &p);
		if (n > 0) {
			if (!emit(w, g, (const char *)p, n))
				return false;
			chain_sent(&g->bend, &env, n);
		}
	} while (n > 0);
	if (g->bend.held_bytes == 0 && g->bend.segs == 0) {
		chain_fini(&g->bend, &env);
		g->bend.dir = (uint8_t)g->plan.dir;
		after_head(g, now);
	}
	return true;
}

static bool
enter_body(struct worker *w, struct http_gate *g, fl_ns now)
{
	struct chain_env env = http_out_env(w, &g->who);
	g->stage = BODY;
	return !g->live.body_chain || chain_set(&g->bend, &env, http_fault_body_set(&g->live), &g->live.key, g->since, now) == 0;
}

/* One stage. false: broken. */
static bool
step(struct worker *w, struct http_gate *g, fl_ns now)
{
	switch ((enum stage)g->stage) {
	case WAIT:
		if (now >= g->due) {
			g->stage = g->plan.end == HTTP_FAULT_END_HEAD ? CLOSING : HEAD;
			g->due = FL_NEVER;
		}
		return true;
	case HEAD:
		return step_head(w, g, now);
	case PAUSE:
		return now < g->due || enter_body(w, g, now);
	case BODY:
		return step_body(w, g, now);
	case CLOSING:
		if (http_out_idle(g->out)) {
			g->stage = ENDED;
			http_out_tell(w, &g->who, g->plan.end_by, g->plan.end_rst ? "reset" : "close", g->plan.dir, g->passed, now - g->since);
			g->ops->ended(w, g->owner, g->plan.end_rst);
		}
		return true;
	case OVER: case ENDED:
		break;
	}
	return true;
}

bool
http_gate_run(struct worker *w, struct http_gate *g)
{
	fl_ns now = io_now(w->io);
	uint8_t was;
	do {
		was = g->stage;
		if (was < OVER && !step(w, g, now)) {
			g->stage = OVER;                /* the connection is broken: reading says so */
			return false;
		}
	} while (g->stage != was && g->stage < OVER);
	if (g->stage < CLOSING && g->due > now)
		worker_timer(w, &g->timer, g->due);
	return true;
}

void
http_gate_stop(struct worker *w, struct http_gate *g)
{
	if (g == NULL)
		return;
	heap_del(&w->wtimers, &g->timer.node);
	g->stage = FL_MAX(g->stage, OVER);
}

void
http_gate_renew(struct worker *w, struct http_gate *g, struct http_fault_set *set)
{
	struct chain_env env = http_out_env(w, &g->who);
	struct http_fault_plan old = g->live;
	const struct fault_set *body;
	if (set == g->live_set || g->stage >= CLOSING)
		return;
	http_fault_renew(&g->live, set);
	/* With none left, nobody is a member of those that were. */
	body = http_fault_body_set(set != NULL ? &g->live : &old);
	if (g->stage == BODY && body != NULL && chain_set(&g->bend, &env, body, &g->live.key, g->since, io_now(w->io)) < 0) {
		g->live = old;                  /* no memory: it stays as it was */
		return;
	}
	if (set == NULL)
		return;                         /* the stages may be those of the set before: it is kept */
	http_fault_set_unref(g->live_set);
	g->live_set = http_fault_set_ref(set);
}
