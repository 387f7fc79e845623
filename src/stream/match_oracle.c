/* SPDX-License-Identifier: MIT */
/* match_oracle.c - gathers messages and results by key, and judges each. */
#include "stream/match_oracle.h"

#include "base/assert.h"
#include "base/buf.h"
#include "stream/stream_link.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY 65536u
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define WRITE_BYTES ((size_t)64 << 10)

/* The state of an input until all records are read. */
#define ACKED 1u
#define REFUSED 2u

struct message {
	struct match_input in;
	uint32_t state;
};

struct gather {
	struct match_oracle_job *job;
	struct message *messages;
	size_t message_count, message_cap;
	struct match_output *outputs, *given;
	size_t output_count, output_cap, given_count, given_cap;
	struct match_input *inputs, *others;    /* of one key */
	struct match_value_state *states;
	size_t bytes;
};

static int
fail(struct gather *g, int rc, const char *path, const char *what)
{
	snprintf(g->job->error, sizeof(g->job->error), "%s%s%s", path, path[0] != '\0' ? ": " : "", what);
	return rc;
}

/* Room for one more in a growing array. */
static void *
room(struct gather *g, void *array, size_t size, size_t count, size_t *cap)
{
	size_t more = *cap == 0 ? 1024 : *cap * 2;
	void *grown;

	if (count < *cap)
		return array;
	if (g->bytes + (more - *cap) * size > g->job->memory_bytes)
		return NULL;
	grown = realloc(array, more * size);
	if (grown == NULL)
		return NULL;
	g->bytes += (more - *cap) * size;
	*cap = more;
	return grown;
}

static int
too_many(struct gather *g)
{
	return fail(g, -ENOMEM, "", "the messages and results do not fit into the memory; give more --memory");
}

static int
by_name(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	if (x->in.flow != y->in.flow)
		return x->in.flow < y->in.flow ? -1 : 1;
	return x->in.n < y->in.n ? -1 : x->in.n > y->in.n;
}

static int
by_key(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	if (x->in.key != y->in.key)
		return x->in.key < y->in.key ? -1 : 1;
	return by_name(a, b);
}

static int
output_by_key(const void *a, const void *b)
{
	const struct match_output *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->sink != y->sink)
		return x->sink < y->sink ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* A record of a sender, in the first reading (messages) or the second (what became of them). */
static int
take_sent(struct gather *g, const struct match_rec *r, bool second, size_t *hint)
{
	struct message name = { .in = { .flow = r->flow, .n = r->n } }, *m;

	if (!second && r->kind == MATCH_SENT) {
		m = room(g, g->messages, sizeof(*m), g->message_count, &g->message_cap);
		if (m == NULL)
			return too_many(g);
		g->messages = m;
		m[g->message_count++] = (struct message){ .in = { .flow = r->flow, .key = r->key, .n = r->n, .value = r->value } };
	}
	if (!second || (r->kind != MATCH_ACK && r->kind != MATCH_REFUSED))
		return 0;
	if (*hint >= g->message_count || by_name(&g->messages[*hint], &name) != 0) {
		m = g->message_count == 0 ? NULL : bsearch(&name, g->messages, g->message_count, sizeof(*m), by_name);
		if (m == NULL)
			return 0;
		*hint = (size_t)(m - g->messages);
	}
	g->messages[*hint].state |= r->kind == MATCH_ACK ? ACKED : REFUSED;
	++*hint;
	return 0;
}

static int
read_sent(struct gather *g, bool second)
{
	struct match_oracle_job *job = g->job;
	struct match_rec r;
	uint64_t place;
	size_t hint = 0;

	for (uint32_t i = 0; i < job->sent_count; i++) {
		int rc;

		stream_reader_rewind(&job->sent[i]);
		job->sent[i].wants = NULL;
		while ((rc = stream_reader_next(&job->sent[i], &r, &place)) == 1) {
			job->result->again += second && r.kind == MATCH_AGAIN;
			rc = take_sent(g, &r, second, &hint);
			if (rc == 0 && place % LOOK_EVERY == 0 && job->stop())
				rc = -ECANCELED;
			if (rc != 0)
				return rc;
		}
		if (rc < 0)
			return fail(g, -EINVAL, job->sent[i].path, job->sent[i].error);
		job->acks |= job->sent[i].head.acks;
	}
	return 0;
}

/* Count the messages, and drop those that nobody took and those that stand there twice. */
static void
settle_messages(struct gather *g)
{
	struct match_result *result = g->job->result;
	size_t kept = 0;

	for (size_t i = 0; i < g->message_count; i++) {
		struct message *m = &g->messages[i];

		if (i > 0 && by_name(m, &g->messages[i - 1]) == 0)
			continue;
		g->job->flow_count += i == 0 || g->messages[i - 1].in.flow != m->in.flow;
		result->sent++;
		result->acked += (m->state & ACKED) != 0;
		result->refused += m->state == REFUSED;
		if (m->state == REFUSED)
			continue;
		m->in.certain = (m->state & ACKED) != 0 || g->job->promised_sent || !g->job->acks;
		result->promised += m->in.certain;
		g->messages[kept++] = *m;
	}
	g->message_count = kept;
}

static int
take_output(struct gather *g, const struct match_rec *r, uint32_t sink, uint64_t place)
{
	struct match_output *o = room(g, g->outputs, sizeof(*o), g->output_count, &g->output_cap), read = { .count = 0 };
	struct match_example x = { .rank = (uint64_t)sink << 48 | place, .sink = sink, .place = place + 1 };

	if (o == NULL)
		return too_many(g);
	g->outputs = o;
	g->job->result->outputs++;
	if (match_value_read(r->bytes, r->byte_count, &read) != 0) {
		match_result_add(g->job->result, MATCH_DEFECT_CORRUPT, &x);
		return 0;
	}
	read.sink = sink;
	read.place = place;
	read.at = r->at + g->job->received[sink].head.mono;
	g->outputs[g->output_count++] = read;
	return 0;
}

static int
read_received(struct gather *g)
{
	struct match_oracle_job *job = g->job;
	struct match_rec r;
	uint64_t place;

	for (uint32_t i = 0; i < job->received_count; i++) {
		int rc;

		stream_reader_rewind(&job->received[i]);
		job->received[i].wants = NULL;
		while ((rc = stream_reader_next(&job->received[i], &r, &place)) == 1) {
			rc = r.kind == MATCH_OUTPUT || r.kind == MATCH_CORRUPT ? take_output(g, &r, i, place) : 0;
			if (rc == 0 && place % LOOK_EVERY == 0 && job->stop())
				rc = -ECANCELED;
			if (rc != 0)
				return rc;
			if (r.kind == MATCH_GOT)
				return fail(g, -EINVAL, job->received[i].path, "there are messages in it, not results; collect them with --outputs");
		}
		if (rc < 0)
			return fail(g, -EINVAL, job->received[i].path, job->received[i].error);
	}
	return 0;
}

/* ---- a program as the oracle ---- */

static int
take_given(struct gather *g, const char *line, size_t n)
{
	struct match_output *o = room(g, g->given, sizeof(*o), g->given_count, &g->given_cap), read;

	if (o == NULL)
		return too_many(g);
	g->given = o;
	if (n == 0)
		return 0;
	if (match_value_read(line, n, &read) != 0)
		return fail(g, -EIO, "the oracle", "it wrote a line that is no result: expected KEY VALUE...");
	read.place = g->given_count;
	g->given[g->given_count++] = read;
	return 0;
}

static int
take_lines(struct gather *g, struct buf *in, bool ended)
{
	const char *end;
	int rc = 0;

	while (rc == 0 && (end = memchr(buf_data(in), '\n', buf_len(in))) != NULL) {
		size_t n = (size_t)(end - buf_data(in));

		rc = take_given(g, buf_data(in), n);
		buf_consume(in, n + 1);
	}
	if (rc == 0 && ended && buf_len(in) > 0)
		rc = take_given(g, buf_data(in), buf_len(in));
	return rc == 0 && buf_len(in) > LINE_MAX_BYTES ? fail(g, -EIO, "the oracle", "it wrote a line that is too long") : rc;
}

/* The next messages into out, so that there is always something to write. */
static void
refill(struct gather *g, size_t *next, struct buf *out)
{
	while (*next < g->message_count && buf_len(out) < WRITE_BYTES) {
		const struct match_input *m = &g->messages[(*next)++].in;

		buf_printf(out, "%" PRIu32 " %" PRIu64 " %" PRId64 " %" PRIu32 "\n", m->key, m->n, m->value, m->flow);
	}
}

/* Messages in, results out, both at once. */
static int
converse(struct gather *g, int *from, int *to)
{
	struct buf in, out;
	size_t next = 0;
	int rc = 0;
	bool ended = false;

	buf_init(&in, 4 * LINE_MAX_BYTES);
	buf_init(&out, 4 * WRITE_BYTES);
	while (rc == 0 && !ended) {
		struct pollfd fds[2] = { { .fd = *from, .events = POLLIN }, { .fd = *to, .events = POLLOUT } };
		char *space;
		ssize_t n;

		refill(g, &next, &out);
		if (buf_len(&out) == 0 && *to >= 0) {
			close(*to);
			*to = fds[1].fd = -1;
		}
		(void)poll(fds, 2, 100);
		if (g->job->stop())
			rc = -ECANCELED;
		if (fds[1].revents != 0) {
			n = write(*to, buf_data(&out), buf_len(&out));
			if (n > 0)
				buf_consume(&out, (size_t)n);
			else if (n < 0 && errno != EAGAIN && errno != EINTR)
				rc = fail(g, -EIO, "the oracle", "it ended before it had read all messages");
		}
		if (rc == 0 && fds[0].revents != 0 && (space = buf_reserve(&in, WRITE_BYTES)) != NULL) {
			n = read(*from, space, WRITE_BYTES);
			buf_claim(&in, n > 0 ? (size_t)n : 0);
			ended = n == 0;
			rc = take_lines(g, &in, ended);
		}
	}
	buf_fini(&in);
	buf_fini(&out);
	return rc;
}

static int
ask_program(struct gather *g)
{
	int from = -1, to = -1, rc, status;
	pid_t pid = 0;

	for (size_t i = 0; i < g->message_count; i++)
		if (!g->messages[i].in.certain)
			return fail(g, -EIO, "", "there are messages in doubt, of which a program cannot know whether they count; "
			    "use --promised sent, or a function");
	rc = stream_link_spawn(g->job->command, &pid, &from, &to);
	if (rc != 0)
		return fail(g, -EIO, "the oracle", "it cannot be started");
	rc = converse(g, &from, &to);
	if (to >= 0)
		close(to);
	close(from);
	status = stream_link_reap(pid);
	return rc == 0 && status != 0 ? fail(g, -EIO, "the oracle", "it failed: its exit code is not 0") : rc;
}

/* ---- judging ---- */

static uint32_t
inputs_of(struct gather *g, size_t from, size_t to, uint32_t flow, bool any, struct match_input *into)
{
	uint32_t n = 0;

	for (size_t i = from; i < to; i++)
		if (any || g->messages[i].in.flow == flow)
			into[n++] = g->messages[i].in;
	return n;
}

/* The end of the run of a key in outputs sorted by key. */
static size_t
run_of(const struct match_output *o, size_t from, size_t count, uint32_t key)
{
	while (from < count && o[from].key == key)
		from++;
	return from;
}

static void
judge_key(struct gather *g, uint32_t key, size_t *message, size_t *output, size_t *given)
{
	const struct match_oracle *o = g->job->oracle;
	struct match_value_key k = { .oracle = o, .key = key, .inputs = g->inputs, .others = g->others, .states = g->states };
	size_t to = *message;

	while (to < g->message_count && g->messages[to].in.key == key)
		to++;
	k.input_count = inputs_of(g, *message, to, o->flow_a, o->function != MATCH_JOIN, g->inputs);
	if (o->function == MATCH_JOIN)
		k.other_count = inputs_of(g, *message, to, o->flow_b, false, g->others);
	*message = to;
	k.outputs = g->outputs + *output;
	to = run_of(g->outputs, *output, g->output_count, key);
	k.output_count = (uint32_t)(to - *output);
	*output = to;
	k.given = g->given + *given;
	to = run_of(g->given, *given, g->given_count, key);
	k.given_count = (uint32_t)(to - *given);
	*given = to;
	match_value_judge(&k, g->job->result);
}

static int
judge_keys(struct gather *g)
{
	size_t message = 0, output = 0, given = 0;

	g->inputs = calloc(g->message_count + 1, sizeof(*g->inputs));
	g->others = calloc(g->message_count + 1, sizeof(*g->others));
	g->states = calloc(2 * MATCH_VALUE_STATES, sizeof(*g->states));
	if (g->inputs == NULL || g->others == NULL || g->states == NULL)
		return too_many(g);
	while (message < g->message_count || output < g->output_count || given < g->given_count) {
		uint64_t key = UINT64_MAX;

		if (message < g->message_count)
			key = FL_MIN(key, g->messages[message].in.key);
		if (output < g->output_count)
			key = FL_MIN(key, g->outputs[output].key);
		if (given < g->given_count)
			key = FL_MIN(key, g->given[given].key);
		judge_key(g, (uint32_t)key, &message, &output, &given);
		if (g->job->stop())
			return -ECANCELED;
	}
	return 0;
}

static int
gather(struct gather *g)
{
	enum match_function function = g->job->oracle->function;
	int rc = read_sent(g, false);

	if (rc != 0)
		return rc;
	if (g->message_count > 0)
		qsort(g->messages, g->message_count, sizeof(*g->messages), by_name);
	rc = read_sent(g, true);
	if (rc != 0)
		return rc;
	settle_messages(g);
	if (g->job->flow_count > 1 && function != MATCH_JOIN && function != MATCH_GIVEN)
		return fail(g, -EINVAL, "", "this function is of one flow, and there are several: give the log of one sender");
	rc = read_received(g);
	if (rc == 0 && function == MATCH_GIVEN)
		rc = ask_program(g);
	return rc;
}

int
match_oracle_run(struct match_oracle_job *job)
{
	struct gather g = { .job = job };
	int rc;

	match_result_init(job->result);
	job->flow_count = 0;
	job->acks = false;
	rc = gather(&g);
	if (rc == 0) {
		if (g.message_count > 0)
			qsort(g.messages, g.message_count, sizeof(*g.messages), by_key);
		if (g.output_count > 0)
			qsort(g.outputs, g.output_count, sizeof(*g.outputs), output_by_key);
		if (g.given_count > 0)
			qsort(g.given, g.given_count, sizeof(*g.given), output_by_key);
		rc = judge_keys(&g);
	}
	free(g.messages);
	free(g.outputs);
	free(g.given);
	free(g.inputs);
	free(g.others);
	free(g.states);
	return rc;
}
