/* SPDX-License-Identifier: MIT */
/* test_control_lines.c - the table of lines on a real proxy: what changes, what stays, what is refused whole. */
#include "control_rig.h"

#include "control/line_json.h"
#include "conf/fault_doc.h"
#include <poll.h>
#include <sys/socket.h>

static struct rig rig;
static struct buf text;

static int
start(void **state)
{
	(void)state;
	rig_start(&rig);
	buf_init(&text, 1 << 20);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_fini(&text);
	rig_stop(&rig);
	return 0;
}

static int
dial(const char *address)
{
	struct io_addr a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(addr_parse(address, &a), 0);
	if (connect(fd, &a.sa, a.len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A listening socket of the test's and its address. */
static int
server(char *ret_address)
{
	struct io_addr any, bound;
	int fd;

	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &fd, &bound), 0);
	addr_format(&bound, ret_address, ADDR_TEXT_MAX);
	return fd;
}

static int
accept_one(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 20000), 1);
	return accept(listener, NULL, NULL);
}

/* Wait for the end of the connection. */
static bool
ends(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 20000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static struct lines_ask
ask_of(const struct lines_line *l)
{
	return (struct lines_ask){ .name = l->name, .listen = l->listen, .upstream = l->upstream, .origin = l->origin, .enabled = l->enabled,
		.half_close = l->half_close, .key = l->key, .connect_timeout = l->connect_timeout };
}

static int
update(struct lines_line *l, const struct lines_ask *changed)
{
	char listen[LINES_ADDRESS_MAX];
	struct lines_ask ask = *changed;
	int rc;

	snprintf(listen, sizeof(listen), "%s", ask.listen);
	ask.listen = listen;
	while ((rc = lines_update(&rig.lines, l, &ask, &rig.e)) == -EINPROGRESS)
		rig_wait(&rig);
	return rc;
}

static void
test_create(void **state)
{
	struct lines_line *l = NULL, *again = NULL;
	int fd;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &l), 0);
	assert_true(l->enabled && l->line != NULL);
	assert_ptr_equal(lines_find(&rig.lines, "a"), l);
	fd = dial(l->listen);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &again), -EEXIST);
	assert_int_equal(rig.e.status, 409);
	assert_string_equal(rig.e.text, "proxy already exists");
	assert_int_equal(rig.lines.by_name.count, 1);
}

static void
test_names_are_looked_up(void **state)
{
	struct lines_line *l = NULL;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"localhost:0\",\"upstream\":\"u:1\"}", &l), 0);
	assert_memory_equal(l->listen, "127.0.0.1:", 10);
	assert_true(rig_create(&rig, "{\"name\":\"b\",\"listen\":\"no.such.host.invalid:0\",\"upstream\":\"u:1\"}", &l) < 0);
	assert_int_equal(rig.e.status, 500);
	assert_memory_equal(rig.e.text, "listen tcp: lookup no.such.host.invalid: ", 41);
}

static void
test_bad_listen(void **state)
{
	static const struct { const char *listen, *error; } cases[] = {
		{ "nonsense", "listen tcp: address nonsense: missing port in address" },
		{ "1:2:3", "listen tcp: address 1:2:3: too many colons in address" },
		{ "[::1", "listen tcp: address [::1: missing ']' in address" },
		{ "[::1]", "listen tcp: address [::1]: missing port in address" },
		{ "[::1]x:1", "listen tcp: address [::1]x:1: missing port in address" },
		{ "[[::1]]:1", "listen tcp: address [[::1]]:1: missing port in address" },
		{ "a[b:1", "listen tcp: address a[b:1: unexpected '[' in address" },
		{ "a]b:1", "listen tcp: address a]b:1: unexpected ']' in address" },
		{ "127.0.0.1:99999", "listen tcp: address 99999: invalid port" },
		{ "127.0.0.1:-1", "listen tcp: address -1: invalid port" },
		{ "127.0.0.1:nosuch", "listen tcp: lookup tcp/nosuch: unknown port" },
		{ "192.0.2.1:1", "listen tcp 192.0.2.1:1: bind: cannot assign requested address" },
		{ "unix:", "listen tcp: address unix:: expected unix: and a path of at most 107 bytes" },
		{ "unix:/nonexistent/x", "listen unix /nonexistent/x: bind: no such file or directory" },
	};
	struct lines_line *l = NULL;
	char body[256];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		snprintf(body, sizeof(body), "{\"name\":\"a\",\"listen\":\"%s\",\"upstream\":\"u:1\"}", cases[i].listen);
		assert_true(rig_create(&rig, body, &l) < 0);
		assert_string_equal(rig.e.text, cases[i].error);
		assert_int_equal(rig.e.status, 500);
		assert_null(lines_find(&rig.lines, "a"));
	}
}

static void
test_in_use(void **state)
{
	char address[ADDR_TEXT_MAX], body[256], error[256];
	struct lines_line *l = NULL;
	const char *port;
	int fd = server(address);

	(void)state;
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"listen\":\"%s\",\"upstream\":\"u:1\"}", address);
	snprintf(error, sizeof(error), "listen tcp %s: bind: address already in use", address);
	assert_int_equal(rig_create(&rig, body, &l), -EADDRINUSE);
	assert_string_equal(rig.e.text, error);
	port = strchr(address, ':') + 1;
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"listen\":\":%s\",\"upstream\":\"u:1\"}", port);
	snprintf(error, sizeof(error), "listen tcp :%s: bind: address already in use", port);
	assert_int_equal(rig_create(&rig, body, &l), -EADDRINUSE);
	assert_string_equal(rig.e.text, error);
	close(fd);
}

static void
test_update(void **state)
{
	char address[ADDR_TEXT_MAX], body[256], before[LINES_ADDRESS_MAX];
	struct lines_line *l = NULL;
	struct lines_toxic *x;
	struct lines_ask ask;
	int listener = server(address), fd, peer;

	(void)state;
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"%s\"}", address);
	assert_int_equal(rig_create(&rig, body, &l), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\"}", &x), 0);
	fd = dial(l->listen);
	peer = accept_one(listener);
	memcpy(before, l->listen, sizeof(before));
	ask = ask_of(l);
	ask.half_close = true;
	ask.listen = "localhost:1";
	ask.listen = before;
	assert_int_equal(update(l, &ask), 0);
	assert_true(l->half_close);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(recv(peer, body, 1, 0), 1);    /* the connection lives on */
	ask = ask_of(l);
	ask.upstream = "127.0.0.1:1";
	assert_int_equal(update(l, &ask), 0);
	assert_true(ends(fd));                          /* a changed upstream ends it */
	assert_string_equal(l->listen, before);
	assert_int_equal(l->toxic_count, 1);
	ask = ask_of(l);
	ask.listen = "nonsense";
	assert_int_equal(update(l, &ask), -EINVAL);
	assert_string_equal(rig.e.text, "address nonsense: missing port in address");
	assert_true(l->enabled);
	assert_string_equal(l->listen, before);
	ask.listen = address;
	assert_int_equal(update(l, &ask), -EADDRINUSE);
	assert_false(l->enabled);
	assert_string_equal(l->listen, address);
	ask = ask_of(l);
	ask.listen = before;
	ask.enabled = true;
	assert_int_equal(update(l, &ask), 0);
	assert_true(l->enabled);
	close(fd);
	close(peer);
	close(listener);
}

static void
test_toxics_are_ordered(void **state)
{
	struct lines_line *l = NULL;
	struct lines_toxic *x, *y;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &l), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"d1\"}", &x), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"u1\",\"stream\":\"upstream\"}", &x), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"d2\"}", &x), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"u2\",\"stream\":\"upstream\"}", &y), 0);
	assert_string_equal(l->toxics[0]->spec.name, "u1");
	assert_string_equal(l->toxics[1]->spec.name, "u2");
	assert_string_equal(l->toxics[2]->spec.name, "d1");
	assert_string_equal(l->toxics[3]->spec.name, "d2");
	assert_true(y->spec.id > x->spec.id);
	assert_true(y->spec.key == spec_key(42, "a", "u2"));
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"u1\"}", &x), -EEXIST);
	lines_toxic_remove(&rig.lines, l->toxics[1]);
	assert_int_equal(l->toxic_count, 3);
	assert_string_equal(l->toxics[1]->spec.name, "d1");
}

static void
test_toxic_update(void **state)
{
	struct lines_line *l = NULL;
	struct lines_toxic *x;
	struct fault_spec spec;
	uint64_t id;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &l), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"bandwidth\",\"attributes\":{\"rate\":5,\"shared\":true},\"ttl\":\"1h\"}", &x), 0);
	assert_non_null(x->spec.shared);
	id = x->spec.id;
	spec = x->spec;
	spec.values[BANDWIDTH_RATE].i = 7;
	assert_int_equal(lines_toxic_set(&rig.lines, x, &spec, false, &rig.e), 0);
	assert_int_equal(x->spec.version, 2);
	assert_true(x->spec.id == id && x->spec.shared == spec.shared);
	assert_true(x->expires != FL_NEVER);
	spec = x->spec;
	spec.values[BANDWIDTH_SHARED].i = 0;
	spec.ttl_ns = 0;
	assert_int_equal(lines_toxic_set(&rig.lines, x, &spec, true, &rig.e), 0);
	assert_null(x->spec.shared);
	assert_true(x->expires == FL_NEVER && lines_next(&rig.lines) == FL_NEVER);
}

static void
test_leases(void **state)
{
	struct lines_line *l = NULL;
	struct lines_toxic *x;
	fl_ns now = io_clock(rig.io);

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\","
	    "\"toxics\":[{\"type\":\"noop\",\"name\":\"long\",\"ttl\":\"1h\"},{\"type\":\"noop\",\"name\":\"ever\"}]}", &l), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"noop\",\"name\":\"short\",\"ttl\":60000}", &x), 0);
	assert_true(lines_next(&rig.lines) > now + 59 * FL_SEC && lines_next(&rig.lines) < now + 70 * FL_SEC);
	lines_tick(&rig.lines, now + 59 * FL_SEC);
	assert_int_equal(l->toxic_count, 3);
	lines_tick(&rig.lines, now + 100 * FL_SEC);
	assert_int_equal(l->toxic_count, 2);
	assert_null(lines_toxic_find(l, "short"));
	lines_tick(&rig.lines, now + 100000 * FL_SEC);
	assert_int_equal(l->toxic_count, 1);
	assert_string_equal(l->toxics[0]->spec.name, "ever");
	lines_delete(&rig.lines, l);
	assert_true(lines_next(&rig.lines) == FL_NEVER);
}

static int
populate(const char *body, struct lines_line **lines, uint32_t *done)
{
	struct doc *doc = rig_json(body);
	struct lines_ask *asks;
	uint32_t count;
	int rc = line_body_list(doc->root, &asks, &count, &rig.e);

	if (rc == 0) {
		while ((rc = lines_populate(&rig.lines, asks, count, &rig.e, lines, done)) == -EINPROGRESS)
			rig_wait(&rig);
		line_body_list_free(asks, count);
	}
	doc_free(doc);
	return rc;
}

static void
test_populate(void **state)
{
	struct lines_line *made[4], *again[4];
	struct lines_toxic *x;
	char body[512];
	uint32_t done = 0;
	int port;

	(void)state;
	assert_int_equal(populate("[{\"name\":\"a\",\"listen\":\"0.0.0.0:0\",\"upstream\":\"u:1\"},"
	    "{\"name\":\"b\",\"listen\":\"localhost:1\",\"upstream\":\"u:1\",\"enabled\":false}]", made, &done), 0);
	assert_int_equal(done, 2);
	assert_memory_equal(made[0]->listen, "[::]:", 5);
	port = (int)strtol(made[0]->listen + 5, NULL, 10);
	assert_int_equal(rig_toxic(&rig, made[0], "{\"type\":\"noop\"}", &x), 0);
	assert_int_equal(rig_toxic(&rig, made[1], "{\"type\":\"noop\"}", &x), 0);
	/* 0.0.0.0 is [::], localhost is 127.0.0.1: nothing is touched, the flag neither. */
	snprintf(body, sizeof(body), "[{\"name\":\"a\",\"listen\":\"0.0.0.0:%d\",\"upstream\":\"u:1\",\"enabled\":false},"
	    "{\"name\":\"b\",\"listen\":\"127.0.0.1:1\",\"upstream\":\"u:1\"}]", port);
	assert_int_equal(populate(body, again, &done), 0);
	assert_ptr_equal(again[0], made[0]);
	assert_true(again[0]->enabled && !again[1]->enabled);
	assert_int_equal(again[0]->toxic_count + again[1]->toxic_count, 2);
	/* Another upstream: a fresh line. Then one that fails: what is done stays. */
	snprintf(body, sizeof(body), "[{\"name\":\"a\",\"listen\":\"[::]:%d\",\"upstream\":\"u:2\",\"toxics\":[{\"type\":\"timeout\"}]},"
	    "{\"name\":\"c\",\"listen\":\"nonsense\",\"upstream\":\"u:1\"},{\"name\":\"d\",\"listen\":\":0\",\"upstream\":\"u:1\"}]", port);
	assert_int_equal(populate(body, again, &done), -EINVAL);
	assert_int_equal(done, 1);
	assert_string_equal(again[0]->upstream, "u:2");
	assert_int_equal(again[0]->toxic_count, 1);
	assert_string_equal(again[0]->toxics[0]->spec.name, "timeout_downstream");
	assert_null(lines_find(&rig.lines, "c"));
	assert_null(lines_find(&rig.lines, "d"));
	assert_int_equal(populate("[{\"name\":\"z\",\"upstream\":\"u:1\"},{\"name\":\"y\"}]", again, &done), -EINVAL);
	assert_string_equal(rig.e.text, "missing required field: upstream at proxy 2");
	assert_null(lines_find(&rig.lines, "z"));
}

static void
test_reset(void **state)
{
	struct lines_line *l = NULL, *off = NULL;
	int rc;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\","
	    "\"toxics\":[{\"type\":\"noop\"}]}", &l), 0);
	assert_int_equal(rig_create(&rig, "{\"name\":\"b\",\"listen\":\"localhost:0\",\"upstream\":\"u:1\",\"enabled\":false}", &off), 0);
	assert_false(off->enabled);
	while ((rc = lines_reset(&rig.lines, &rig.e)) == -EINPROGRESS)
		rig_wait(&rig);
	assert_int_equal(rc, 0);
	assert_true(l->enabled && off->enabled);
	assert_int_equal(l->toxic_count, 0);
}

static void
test_counters_outlive_a_pause(void **state)
{
	char address[ADDR_TEXT_MAX], body[256], c;
	struct line_counters n;
	struct lines_line *l = NULL;
	struct lines_ask ask;
	int listener = server(address), fd, peer;

	(void)state;
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"%s\"}", address);
	assert_int_equal(rig_create(&rig, body, &l), 0);
	fd = dial(l->listen);
	peer = accept_one(listener);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(recv(peer, &c, 1, 0), 1);
	ask = ask_of(l);
	ask.enabled = false;
	assert_int_equal(update(l, &ask), 0);
	lines_counters(l, &n);
	assert_int_equal(n.accepted, 1);
	assert_int_equal(n.sent_bytes[FL_C2S], 1);
	assert_int_equal(n.active, 0);
	close(fd);
	close(peer);
	close(listener);
}

static void
test_show(void **state)
{
	struct lines_line *l = NULL;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"x\",\"upstream\":\"u:1\",\"enabled\":false,"
	    "\"half_close\":true,\"key\":\"client\","
	    "\"connect_timeout\":1500,\"toxics\":[{\"type\":\"latency\",\"toxicity\":0.25,\"attributes\":{\"latency\":5,\"distribution\":\"normal\"},"
	    "\"scope\":{\"every\":2,\"duty\":{\"period\":\"1s\",\"on\":0.5}},\"ttl\":\"1m\"}]}", &l), 0);
	assert_string_equal(rig_show(l, &text), "{\"name\":\"a\",\"listen\":\"x\",\"upstream\":\"u:1\",\"enabled\":false,\"half_close\":true,"
	    "\"key\":\"client\",\"connect_timeout\":1500,\"toxics\":[{\"attributes\":{\"latency\":5,\"jitter\":0,\"distribution\":\"normal\"},"
	    "\"name\":\"latency_downstream\",\"type\":\"latency\",\"stream\":\"downstream\",\"toxicity\":0.25,"
	    "\"scope\":{\"every\":2,\"duty\":{\"period\":1000,\"on\":0.5}},\"ttl\":60000}]}");
}

static void
test_refusals_change_nothing(void **state)
{
	static const char *const bodies[] = {
		"{\"name\":\"b\",\"upstream\":\"u:1\",\"toxics\":[{\"type\":\"noop\"},{\"type\":\"slicer\"}]}",
		"{\"name\":\"b\",\"upstream\":\"u:1\",\"toxics\":[{\"type\":\"noop\"},{\"type\":\"noop\"}]}",
		"{\"name\":\"b\",\"upstream\":\"u:1\",\"toxics\":5}", "{\"name\":\"b\",\"upstream\":\"u:1\",\"key\":\"x\"}",
		"{\"name\":\"b\",\"upstream\":\"u:1\",\"connect_timeout\":0}", "{\"name\":\"b\",\"upstream\":\"u:1\",\"half_close\":1}",
	};
	struct lines_line *l = NULL;
	uint64_t changes = rig.lines.changes;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bodies); i++) {
		rig.e.status = 0;
		assert_true(rig_create(&rig, bodies[i], &l) < 0);
		assert_true(rig.e.status == 400 || rig.e.status == 409);
	}
	assert_int_equal(rig.lines.by_name.count, 0);
	assert_true(rig.lines.changes == changes);
}

static void
test_samples_are_shared(void **state)
{
	char path[] = "/tmp/faultline-unit-XXXXXX", body[256];
	struct lines_line *l = NULL;
	struct lines_toxic *x;
	struct fault_spec spec;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "3\n1.5 # ms\n\n 200us \n", 20), 20);
	close(fd);
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &l), 0);
	snprintf(body, sizeof(body), "{\"type\":\"latency\",\"attributes\":{\"distribution\":\"samples\",\"samples\":\"%s\"}}", path);
	assert_int_equal(rig_toxic(&rig, l, body, &x), 0);
	assert_int_equal(x->spec.samples->count, 3);
	assert_true(x->spec.samples->values[0] == 200 * FL_US && x->spec.samples->values[2] == 3 * FL_MS);
	spec = x->spec;
	assert_int_equal(lines_toxic_set(&rig.lines, x, &spec, false, &rig.e), 0);
	lines_toxic_remove(&rig.lines, x);
	unlink(path);
	assert_true(rig_toxic(&rig, l, body, &x) < 0);
	assert_int_equal(l->toxic_count, 0);
}

static void
shown(const struct lines_toxic *x, const char *want)
{
	struct jsonw w;

	buf_clear(&text);
	jsonw_init(&w, &text);
	line_json_toxic(&w, &x->spec);
	assert_string_equal(buf_str(&text), want);
}

/* Faults on messages: only on lines that have messages; shown as they were asked for; what is wrong with them is said. */
static void
test_http_toxics(void **state)
{
	static const struct { const char *body, *says; } wrong[] = {
		{ "{\"type\":\"http_header\"}", "bad request body: name: found \"\", expected the name of a header" },
		{ "{\"type\":\"http_abort\",\"attributes\":{\"status\":99}}", "bad request body: status: found 99, expected 200 to 599" },
		{ "{\"type\":\"http_abort\",\"scope\":{\"method\":\"post\"}}", "did you mean \"POST\"?" },
		{ "{\"type\":\"http_abort\",\"scope\":{\"path\":\"cart\"}}", "expected a pattern such as /api/" },
		{ "{\"type\":\"http_abort\",\"scope\":{\"pth\":\"/cart\"}}", "did you mean \"path\"?" },
		{ "{\"type\":\"latency\",\"scope\":{\"path\":\"/cart\"}}", "latency acts on connections" },
	};
	struct lines_line *l;
	struct lines_toxic *x;

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &l), 0);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"http_abort\"}", &x), -EINVAL);
	assert_string_equal(rig.e.text, "http_abort acts on HTTP messages, and \"a\" is not an HTTP line (protocol: http)");
	assert_int_equal(rig.e.status, 400);
	for (size_t i = 0; i < FL_ARRAY_LEN(wrong); i++) {
		assert_true(rig_toxic(&rig, l, wrong[i].body, &x) < 0);
		if (strstr(rig.e.text, wrong[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", rig.e.text, wrong[i].says);
	}
	l->http = (struct http_doc *)&text;             /* nothing looks into it */
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"http_abort\",\"attributes\":{\"status\":429,\"body\":\"a\\\"b\"},"
	    "\"scope\":{\"method\":[\"GET\",\"HEAD\"],\"path\":\"/a/**\",\"host\":\"*.b\",\"header\":\"X:  y\",\"experiment\":\"e\","
	    "\"key\":\"trace\",\"every\":3}}", &x), 0);
	shown(x, "{\"attributes\":{\"status\":429,\"body\":\"a\\\"b\"},\"name\":\"http_abort_downstream\",\"type\":\"http_abort\","
	    "\"stream\":\"downstream\",\"toxicity\":1,\"scope\":{\"method\":\"GET,HEAD\",\"path\":\"/a/**\",\"host\":\"*.b\","
	    "\"header\":\"X: y\",\"experiment\":\"e\",\"key\":\"trace\",\"every\":3}}");
	lines_toxic_remove(&rig.lines, x);
	for (unsigned i = 0; i < 64; i++) {
		char body[128];

		snprintf(body, sizeof(body), "{\"type\":\"http_delay\",\"name\":\"d%u\"}", i);
		assert_int_equal(rig_toxic(&rig, l, body, &x), 0);
	}
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"http_delay\"}", &x), -ENOSPC);
	assert_int_equal(rig_toxic(&rig, l, "{\"type\":\"latency\"}", &x), 0);
	l->http = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, start, stop),
		cmocka_unit_test_setup_teardown(test_names_are_looked_up, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_listen, start, stop),
		cmocka_unit_test_setup_teardown(test_in_use, start, stop),
		cmocka_unit_test_setup_teardown(test_update, start, stop),
		cmocka_unit_test_setup_teardown(test_toxics_are_ordered, start, stop),
		cmocka_unit_test_setup_teardown(test_toxic_update, start, stop),
		cmocka_unit_test_setup_teardown(test_leases, start, stop),
		cmocka_unit_test_setup_teardown(test_populate, start, stop),
		cmocka_unit_test_setup_teardown(test_reset, start, stop),
		cmocka_unit_test_setup_teardown(test_counters_outlive_a_pause, start, stop),
		cmocka_unit_test_setup_teardown(test_show, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals_change_nothing, start, stop),
		cmocka_unit_test_setup_teardown(test_samples_are_shared, start, stop),
		cmocka_unit_test_setup_teardown(test_http_toxics, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
