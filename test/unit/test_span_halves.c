/* SPDX-License-Identifier: MIT */
/* test_span_halves.c - halves of calls meet across imports, receivers and kills; nothing counts twice, and what waits is bounded. */
#include "unit.h"

#include "base/types.h"
#include "io/clock.h"
#include "map/graph_import.h"
#include "map/span_intake.h"
#include "store/past.h"
#include "store/past_db.h"
#include "store/past_half.h"
#include "store/past_read.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig {
	char dir[64], store[96];
	char said[4096];
	size_t n;
};

static void
start(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/halves.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->store, sizeof(r->store), "%s/map.db", r->dir);
}

static void
stop(struct rig *r)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	assert_int_equal(system(command), 0);
}

/* One span of trace n. peer: an attribute, or NULL. */
static const char *
span(const char *service, unsigned n, unsigned id, unsigned parent, int kind, const char *key, const char *value)
{
	static char text[2048];

	snprintf(text, sizeof(text),
	    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"%s\"}}]},"
	    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"parentSpanId\":\"%016x\",\"kind\":%d,\"name\":\"x\","
	    "\"startTimeUnixNano\":\"1790000000000000000\",\"endTimeUnixNano\":\"1790000000000000100\",\"attributes\":["
	    "{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}]}]}]}]}",
	    service, n, id, parent, kind, key != NULL ? key : "x", value != NULL ? value : "x");
	return text;
}

static struct past *
open_store(const struct rig *r)
{
	struct past *p = NULL;
	char error[256];

	if (past_open(&(struct past_opts){ .path = r->store }, error, &p) != 0)
		fail_msg("%s", error);
	return p;
}

/* As `graph import` does. option, value: or NULL. */
static void
import_with(const struct rig *r, const char *text, int64_t now, const char *option, const char *value)
{
	struct graph_ask *a = calloc(1, sizeof(*a));
	struct graph_reply reply;
	struct buf body;

	graph_reply_init(&reply);
	buf_init(&body, 1 << 20);
	buf_puts(&body, text);
	a->past = open_store(r);
	a->now = now;
	a->body = &body;
	if (option != NULL)
		graph_ask_add(a, option, value);
	if (graph_import(a, &reply) != 0)
		fail_msg("%s", reply.error);
	past_close(a->past);
	graph_reply_fini(&reply);
	buf_fini(&body);
	free(a);
}

static void
import(const struct rig *r, const char *text)
{
	import_with(r, text, clock_wall(), NULL, NULL);
}

static struct span_intake *
receive(const struct rig *r)
{
	struct span_intake_opts o = { .store = r->store, .memory_bytes = SPANS_MEMORY_MIN, .unpacked_bytes_max = 1 << 20, .where = "test" };
	struct span_intake *in = NULL;
	char error[512];

	if (span_intake_open(&o, clock_mono(), error, &in) != 0)
		fail_msg("%s", error);
	return in;
}

static void
put(struct span_intake *in, const char *text)
{
	struct span_intake_outcome out;

	assert_int_equal(span_intake_put(in, SPAN_INTAKE_JSON, UNPACK_PLAIN, text, strlen(text), clock_mono(), &out), 0);
}

static int
note_line(void *arg, const struct sight *s)
{
	struct rig *r = arg;

	if (s->what == SIGHT_LINE)
		r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s > %s %" PRIu64 "\n", s->from, s->to, s->count);
	return 0;
}

/* Lines of the map; known: as it was known then, 0 now. */
static const char *
lines(struct rig *r, int64_t known)
{
	struct past *p = open_store(r);

	r->n = 0;
	r->said[0] = '\0';
	assert_int_equal(past_read(p, &(struct past_view){ .known = known }, note_line, r), 0);
	past_close(p);
	return r->said;
}

static struct past_half_counts
waiting(const struct rig *r)
{
	struct past *p = open_store(r);
	struct past_half_counts c;

	assert_int_equal(past_half_count(p, &c), 0);
	past_close(p);
	return c;
}

static void
two_imports_meet(void **state)
{
	struct rig r;
	int64_t then;

	(void)state;
	start(&r);
	/* By address, by name alone, and the server first. */
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "server.address", "cart.svc"));
	import(&r, span("web", 2, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	import(&r, span("cart", 3, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart.svc 1\nweb > cart-svc 1\n");
	assert_int_equal(waiting(&r).waiting, 3);
	then = clock_wall();
	import(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	import(&r, span("cart", 2, 2, 1, SPAN_SERVER, NULL, NULL));
	import(&r, span("web", 3, 1, 0, SPAN_CLIENT, "server.address", "cart.svc"));
	assert_string_equal(lines(&r, 0), "web > cart 3\n");
	assert_int_equal(waiting(&r).waiting, 0);
	/* It was known otherwise. */
	assert_string_equal(lines(&r, then), "web > cart.svc 1\nweb > cart-svc 1\n");
	stop(&r);
}

/* Of two calls under one name one finds its other side: the other stays. */
static void
one_of_several_is_taken_back(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	import(&r, span("web", 2, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	import(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart-svc 1\nweb > cart 1\n");
	assert_int_equal(waiting(&r).waiting, 1);
	stop(&r);
}

static void
the_same_half_in_other_bytes(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc "));
	assert_int_equal(waiting(&r).waiting, 1);
	import(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart 1\n");
	stop(&r);
}

static void
what_waits_is_bounded(void **state)
{
	struct rig r;
	int64_t now = clock_wall();

	(void)state;
	start(&r);
	for (unsigned n = 1; n <= 6; n++)
		import_with(&r, span("web", n, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"), now, "halves", "4");
	assert_int_equal(waiting(&r).waiting, 4);
	assert_int_equal(waiting(&r).dropped, 2);
	/* The oldest went. */
	import_with(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL), now, NULL, NULL);
	import_with(&r, span("cart", 6, 2, 1, SPAN_SERVER, NULL, NULL), now, NULL, NULL);
	assert_string_equal(lines(&r, 0), "web > cart-svc 5\nweb > cart 1\n");
	/* And by age. */
	import_with(&r, span("web", 9, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"), now + 3600 * FL_SEC, "halves-for", "30m");
	assert_int_equal(waiting(&r).waiting, 1);
	/* None at all. */
	import_with(&r, span("web", 10, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"), now + 3600 * FL_SEC, "halves", "0");
	assert_string_equal(lines(&r, 0), "web > cart-svc 7\nweb > cart 1\n");
	stop(&r);
}

/* An import that fails changes nothing of what waits. */
static void
a_refused_import_leaves_all(void **state)
{
	struct graph_ask *a = calloc(1, sizeof(*a));
	struct graph_reply reply;
	struct buf body;
	struct rig r;

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	graph_reply_init(&reply);
	buf_init(&body, 1 << 20);
	buf_puts(&body, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	buf_puts(&body, "\n{\"resourceSpans\": nonsense}");
	a->past = open_store(&r);
	a->now = clock_wall();
	a->body = &body;
	assert_int_not_equal(graph_import(a, &reply), 0);
	past_close(a->past);
	graph_reply_fini(&reply);
	buf_fini(&body);
	free(a);
	assert_int_equal(waiting(&r).waiting, 1);
	assert_string_equal(lines(&r, 0), "web > cart-svc 1\n");
	import(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart 1\n");
	stop(&r);
}

static void
an_import_meets_a_live_batch(void **state)
{
	struct span_intake *in;
	struct rig r;

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	in = receive(&r);
	put(in, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart 1\n");
	/* Kept by somebody else while it runs. */
	import(&r, span("cart", 2, 2, 1, SPAN_SERVER, NULL, NULL));
	put(in, span("web", 2, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	span_intake_close(in, clock_mono());
	assert_string_equal(lines(&r, 0), "web > cart 2\n");
	assert_int_equal(waiting(&r).waiting, 0);
	stop(&r);
}

/* A span that was given to a receiver and does not pair there waits on. */
static void
what_does_not_pair_live_waits_on(void **state)
{
	struct span_intake *in;
	struct rig r;

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	in = receive(&r);
	put(in, span("other", 1, 9, 8, SPAN_INTERNAL, NULL, NULL));
	assert_int_equal(waiting(&r).waiting, 0);
	span_intake_close(in, clock_mono());
	assert_int_equal(waiting(&r).waiting, 1);
	assert_string_equal(lines(&r, 0), "web > cart-svc 1\n");
	import(&r, span("cart", 1, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart 1\n");
	stop(&r);
}

/* Killed after the batch that took the waiting span up: the next one has it still, from the journal. */
static void
killed_with_a_half_in_hand(void **state)
{
	struct span_intake *in;
	struct rig r;
	int status;

	(void)state;
	start(&r);
	for (unsigned round = 1; round <= 3; round++) {
		import(&r, span("web", round, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
		fflush(NULL);
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			in = receive(&r);
			put(in, span("other", round, 9, 8, SPAN_INTERNAL, NULL, NULL));
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	in = receive(&r);
	for (unsigned round = 1; round <= 3; round++)
		put(in, span("cart", round, 2, 1, SPAN_SERVER, NULL, NULL));
	span_intake_close(in, clock_mono());
	assert_string_equal(lines(&r, 0), "web > cart 3\n");
	assert_int_equal(waiting(&r).waiting, 0);
	stop(&r);
}

/* What somebody else wrote there is dropped, and nothing else happens. */
static void
broken_bytes_are_dropped(void **state)
{
	struct past *p;
	struct rig r;

	(void)state;
	start(&r);
	p = open_store(&r);
	assert_int_equal(past_begin(p, &(struct past_batch){ .now = clock_wall() }), 0);
	assert_int_equal(past_half_keep(p, (const uint64_t[]){ 1 }, 1, "nonsense", 8), 0);
	assert_int_equal(past_commit(p, NULL), 0);
	past_close(p);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "server.address", "cart.svc"));
	assert_string_equal(lines(&r, 0), "web > cart.svc 1\n");
	assert_int_equal(waiting(&r).waiting, 1);
	stop(&r);
}

/* A map that an earlier version made is read as it is, and brought up to date when it is written. */
static void
a_map_of_version_1(void **state)
{
	struct past *p = NULL;
	struct rig r;
	char error[256];

	(void)state;
	start(&r);
	import(&r, span("web", 1, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	p = open_store(&r);
	assert_int_equal(sqlite3_exec(p->db, "DROP TABLE half_trace; DROP TABLE half; PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
	past_close(p);
	assert_int_equal(past_open(&(struct past_opts){ .path = r.store, .read_only = true }, error, &p), 0);
	r.n = 0;
	assert_int_equal(past_read(p, &(struct past_view){ .known = 0 }, note_line, &r), 0);
	assert_string_equal(r.said, "web > cart-svc 1\n");
	past_close(p);
	import(&r, span("web", 2, 1, 0, SPAN_CLIENT, "peer.service", "cart-svc"));
	import(&r, span("cart", 2, 2, 1, SPAN_SERVER, NULL, NULL));
	assert_string_equal(lines(&r, 0), "web > cart-svc 1\nweb > cart 1\n");
	/* What no version ever made is refused with words. */
	p = open_store(&r);
	assert_int_equal(sqlite3_exec(p->db, "PRAGMA user_version = -5", NULL, NULL, NULL), SQLITE_OK);
	past_close(p);
	assert_int_equal(past_open(&(struct past_opts){ .path = r.store }, error, &p), -EBADMSG);
	assert_non_null(strstr(error, "damaged"));
	stop(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(two_imports_meet), cmocka_unit_test(one_of_several_is_taken_back),
		cmocka_unit_test(the_same_half_in_other_bytes), cmocka_unit_test(what_waits_is_bounded),
		cmocka_unit_test(a_refused_import_leaves_all), cmocka_unit_test(an_import_meets_a_live_batch),
		cmocka_unit_test(what_does_not_pair_live_waits_on), cmocka_unit_test(killed_with_a_half_in_hand),
		cmocka_unit_test(broken_bytes_are_dropped), cmocka_unit_test(a_map_of_version_1) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
