/* SPDX-License-Identifier: MIT */
/* http_shape.c - what the faults of a line do to a request. */
#include "proxy/http_shape.h"
#include "base/rng.h"
#include "proxy/http_peer.h"

#include <stdio.h>
#include <string.h>

struct http_who
http_shape_who(const struct http_exchange *ex)
{
	return (struct http_who){ ex->conn->wline, ex->conn->ordinal, ex->conn->key, ex->number };
}

void
http_shape_begin(struct worker *w, struct http_exchange *ex)
{
	struct http_fault_set *s = ex->conn->wline->conf->http_faults;
	(void)w;
	if (s == NULL)
		return;
	ex->faults = http_fault_set_ref(s);
	if (http_fault_counts_requests(s))
		ex->on_line = atomic_fetch_add_explicit(&ex->conn->wline->line->requests, 1, memory_order_relaxed) + 1;
}

/* What acts is noted: in the events, the first of them in the request's record. */
static void
note(struct worker *w, struct http_exchange *ex, const struct http_fault_plan *plan)
{
	struct http_who who = http_shape_who(ex);
	for (uint64_t left = plan->acting; left != 0; left &= left - 1) {
		const struct fault_spec *f = http_fault_spec(plan->set, (unsigned)__builtin_ctzll(left));
		if (ex->fault_id == 0)
			ex->fault_id = f->id;
		http_out_tell(w, &who, f, "applies", plan->dir, ex->number, (int64_t)(decide_toxicity_draw(f, &plan->key) * 1e9));
	}
	if (plan->abort != NULL)
		http_out_tell(w, &who, plan->abort, "abort", plan->dir, ex->number, plan->abort_status);
}

struct http_fault_plan *
http_shape_draw(struct worker *w, struct http_exchange *ex, const char *p, const struct h1_head *h, enum fl_dir dir, uint32_t attempt)
{
	struct http_fault_view v = { .p = p, .head = h, .conn_key = ex->conn->key, .number = ex->number, .ordinal = ex->on_line,
		.has_trace = ex->has_trace, .attempt = attempt };
	struct http_fault_plan drawn, *plan;
	const struct io_addr *peer;
	if (!http_fault_has(ex->faults, dir))
		return NULL;
	peer = http_peer(w, ex->conn);
	v.has_ip = peer != NULL && addr_ip16(peer, v.ip);
	memcpy(v.trace, ex->trace, sizeof(v.trace));
	http_fault_plan(ex->faults, &v, dir, io_now(w->io), &drawn);
	if (drawn.acting == 0 || (plan = slab_alloc(w->mem, sizeof(*plan))) == NULL)
		return NULL;
	*plan = drawn;
	note(w, ex, plan);
	return plan;
}

void
http_shape_drop(struct worker *w, struct http_fault_plan *plan)
{
	if (plan != NULL)
		slab_give(w->mem, plan, sizeof(*plan));
}

size_t
http_shape_abort(const struct http_fault_plan *plan, bool head_only, char *out)
{
	struct http_fault_body b = http_fault_body(plan->abort);
	struct h1_edit edits[2];
	char after[16];
	struct h1_out o = { .edits = edits, .reframe = true, .framing = H1_LENGTH, .length = b.bytes };
	if (b.type[0] != '\0' && h1_edit_init(&edits[o.edit_count], H1_EDIT_ADD, "content-type", b.type))
		o.edit_count++;
	snprintf(after, sizeof(after), "%u", plan->retry_after);
	if (plan->retry_after > 0 && h1_edit_init(&edits[o.edit_count], H1_EDIT_ADD, "retry-after", after))
		o.edit_count++;
	size_t n = h1_write_answer(plan->abort_status, &o, out, HTTP_SHAPE_ABORT_BYTES);
	if (head_only || plan->abort_status == 204 || plan->abort_status == 304 || n + b.bytes > HTTP_SHAPE_ABORT_BYTES)
		return n;
	memcpy(out + n, b.text, b.bytes);
	return n + b.bytes;
}

struct decide_conn
http_shape_attempt(struct worker *w, struct http_exchange *ex, unsigned attempt)
{
	struct decide_conn c = { .key = rng_key(rng_key(ex->conn->key, ex->number), attempt), .ordinal = ex->conn->ordinal };
	const struct io_addr *peer = http_peer(w, ex->conn);
	c.has_ip = peer != NULL && addr_ip16(peer, c.ip);
	return c;
}
