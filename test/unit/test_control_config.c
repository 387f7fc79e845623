/* SPDX-License-Identifier: MIT */
/* test_control_config.c - the configuration file: read, refused with places, applied, and applied again after it changed. */
#include "control/config.h"
#include "control_rig.h"

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

static struct config *
parse(const char *yaml)
{
	struct config *c = NULL;
	int rc;

	buf_clear(&text);
	rc = config_parse("f.yaml", yaml, strlen(yaml), &text, &c);
	if (rc != 0)
		print_error("%s\n", buf_str(&text));
	assert_int_equal(rc, 0);
	return c;
}

static void
refuses(const char *yaml, const char *complaint)
{
	struct config *c = NULL;

	buf_clear(&text);
	assert_true(config_parse("f.yaml", yaml, strlen(yaml), &text, &c) < 0);
	assert_null(c);
	assert_string_equal(buf_str(&text), complaint);
}

/* Apply, and return what it reports. */
static const char *
apply(const char *yaml, unsigned *failed)
{
	struct config *c = parse(yaml);

	buf_clear(&text);
	while (config_apply(c, &rig.lines, &text, failed) == -EINPROGRESS)
		rig_wait(&rig);
	config_free(c);
	return buf_str(&text);
}

static void
test_read(void **state)
{
	struct config *c = parse("seed: -7\napi: {host: 127.0.0.1, port: 9000, token: x}\n"
	    "limits: {connections: 10, buffer: 2MB, pipe_buffer: 64KB}\nworkers: 3\nstate: s.json\nevents: e.jsonl\n"
	    "lines:\n  redis: {listen: 'localhost:1', upstream: 'localhost:2', half_close: false, key: client, connect_timeout: 3s, enabled: false,\n"
	    "    faults: [{type: latency, attributes: {latency: 100ms, jitter: 5}}, {type: bandwidth, stream: upstream, "
	    "attributes: {rate: 1MB/s}}]}\n"
	    "  two: {listen: 'unix:/tmp/x', upstream: 'unix:@y'}\n");
	const struct lines_ask *a = &c->lines[0];

	(void)state;
	assert_true(c->has_seed && (int64_t)c->seed == -7);
	assert_string_equal(c->host, "127.0.0.1");
	assert_int_equal(c->port, 9000);
	assert_string_equal(c->token, "x");
	assert_int_equal(c->connections, 10);
	assert_int_equal(c->buffer_bytes, 2000000);
	assert_int_equal(c->pipe_bytes, 64000);
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->state, "s.json");
	assert_string_equal(c->events, "e.jsonl");
	assert_int_equal(c->line_count, 2);
	assert_string_equal(a->name, "redis");
	assert_true(!a->half_close && !a->enabled && a->key == LINE_KEY_CLIENT && a->connect_timeout == 3 * FL_SEC);
	assert_int_equal(a->toxic_count, 2);
	assert_int_equal(a->toxics[0].values[LATENCY_LATENCY].i, 100);
	assert_int_equal(a->toxics[1].values[BANDWIDTH_RATE].i, 1000);
	assert_int_equal(a->toxics[1].dir, FL_C2S);
	assert_true(c->lines[1].half_close && c->lines[1].enabled);
	assert_string_not_equal(a->origin, c->lines[1].origin);
	config_free(c);
	c = parse("");
	assert_int_equal(c->line_count, 0);
	config_free(c);
}

static void
test_refusals(void **state)
{
	(void)state;
	refuses("lnes: {}\n", "f.yaml:1:1: found the key \"lnes\", expected one of seed, api, limits, workers, state, events, trace,"
	    " lines; did you mean \"lines\"?");
	refuses("workers: 0\n", "f.yaml:1:10: found the number 0, expected a whole number from 1 to 64");
	refuses("api: {port: 70000}\n", "f.yaml:1:13: found the number 70000, expected a whole number from 0 to 65535");
	refuses("limits: {buffer: lots}\n", "f.yaml:1:18: found \"lots\", expected a size such as 4096, 64KB or 1.5MB");
	refuses("lines: {a: {listen: ':0'}}\n", "f.yaml:1:12: found a line without upstream, expected one such as upstream: 127.0.0.1:6379");
	refuses("lines: {a: {listen: x, upstream: 'u:1'}}\n",
	    "f.yaml:1:21: found \"x\", expected an address such as 127.0.0.1:6379 or unix:/run/x.sock");
	refuses("lines:\n  a: {listen: ':0', upstream: 'u:1', faults: [{type: latncy}, {type: slicer}]}\n",
	    "f.yaml:2:54: found \"latncy\", expected one of latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data, noop, "
	    "limit_time, corrupt, duplicate_chunk, drop_chunk, stall, half_open, connect_delay, connect_refuse, "
	    "http_delay, http_abort, http_reset, http_truncate, http_corrupt, http_header, http_body, http_slow, http_length; "
	    "did you mean \"latency\"?\n"
	    "f.yaml:2:63: average_size: found 0, expected at least 1");
	refuses("lines:\n  a: {listen: ':0', upstream: 'u:1', faults: [{type: latency, attributes: {latency: 1.5ms, jiter: 2}}]}\n",
	    "f.yaml:2:85: found \"1.5ms\", expected whole milliseconds\n"
	    "f.yaml:2:92: found the attribute \"jiter\", but latency has only: latency, jitter, distribution, shape, "
	    "samples; did you mean \"jitter\"?");
	refuses("[{\"name\":\"a\"}]", "f.yaml: missing required field: upstream at proxy 1");
	refuses("[{\"name\":", "f.yaml: unexpected EOF");
	refuses("lines: [\n", "f.yaml:2:1: found flow sequence without a closing bracket, expected YAML or JSON");
}

static void
test_reload(void **state)
{
	struct lines_line *api = NULL, *a, *b;
	struct lines_toxic *x;
	unsigned failed = 9;
	char before[LINES_ADDRESS_MAX];

	(void)state;
	assert_int_equal(rig_create(&rig, "{\"name\":\"api\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\"}", &api), 0);
	assert_string_equal(apply("lines:\n  a: {listen: 'localhost:0', upstream: 'u:1'}\n  b: {listen: '127.0.0.1:0', upstream: 'u:1'}\n", &failed),
	    "new a\nnew b\n");
	assert_int_equal(failed, 0);
	a = lines_find(&rig.lines, "a");
	b = lines_find(&rig.lines, "b");
	memcpy(before, a->listen, sizeof(before));
	assert_int_equal(rig_toxic(&rig, b, "{\"type\":\"noop\"}", &x), 0);
	/* The same again: nothing is touched, what the API did to it neither. */
	assert_string_equal(apply("lines:\n  a: {listen: 'localhost:0', upstream: 'u:1'}\n  b: {listen: '127.0.0.1:0', upstream: 'u:1'}\n", &failed),
	    "nothing has changed\n");
	assert_int_equal(b->toxic_count, 1);
	/* A fault more on a, which keeps its port; b is gone; the API's line is left alone. */
	assert_string_equal(apply("lines:\n  a: {listen: 'localhost:0', upstream: 'u:1', faults: [{type: noop}]}\n",
	    &failed), "deleted b\nchanged a\n");
	assert_string_equal(a->listen, before);
	assert_int_equal(a->toxic_count, 1);
	assert_ptr_equal(lines_find(&rig.lines, "api"), api);
	/* One that cannot listen is told, the others go on; the next reload tries again. */
	assert_string_equal(apply("lines:\n  a: {listen: '192.0.2.1:1', upstream: 'u:1'}\n  c: {listen: '127.0.0.1:0', upstream: 'u:1'}\n", &failed),
	    "failed a: listen tcp 192.0.2.1:1: bind: cannot assign requested address\nnew c\n");
	assert_int_equal(failed, 1);
	assert_string_equal(apply("lines:\n  a: {listen: '127.0.0.1:0', upstream: 'u:1'}\n  c: {listen: '127.0.0.1:0', upstream: 'u:1'}\n", &failed),
	    "changed a\n");
	assert_true(a->enabled);
	assert_string_equal(apply("", &failed), "deleted a\ndeleted c\n");
	assert_int_equal(rig.lines.by_name.count, 1);
}

static void
test_toxiproxy_file(void **state)
{
	unsigned failed = 9;
	struct lines_line *l;

	(void)state;
	assert_string_equal(apply(" [{\"name\":\"a\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"u:1\","
	    "\"toxics\":[{\"type\":\"noop\"}]}]", &failed), "new a\n");
	l = lines_find(&rig.lines, "a");
	assert_true(!l->half_close && l->toxic_count == 1);
}

static void
test_missing_file(void **state)
{
	struct config *c = NULL;

	(void)state;
	buf_clear(&text);
	assert_int_equal(config_read("/nonexistent.yaml", &text, &c), -ENOENT);
	assert_string_equal(buf_str(&text), "/nonexistent.yaml: No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_reload, start, stop),
		cmocka_unit_test_setup_teardown(test_toxiproxy_file, start, stop),
		cmocka_unit_test_setup_teardown(test_missing_file, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
