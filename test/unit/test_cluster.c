/* SPDX-License-Identifier: MIT */
/* test_cluster.c - which instance a call goes to: weights, priorities, health, ejection, drain, slow start, reloads. */
#define RIG_SERVERS 6
#include "http_peers.h"

#include <sched.h>

#define HEALTH "health: {http: /health, interval: 20ms, timeout: 2s, rise: 1, fall: 2}\n"

#define EJECT "outlier: {consecutive: 2, ejection: 1h, ejection_max: 1h}\n"

/* So many calls on one connection: how many each server had. Others than 200 end the test. */
static void
calls(const struct rig_bed *b, unsigned n, unsigned ret_had[RIG_SERVERS])
{
	int c = rig_dial(b);
	memset(ret_had, 0, RIG_SERVERS * sizeof(ret_had[0]));
	for (unsigned i = 0; i < n; i++) {
		int who = peers_get(c, "");
		if (who < 0)
			fail_msg("call %u: %d", i, -who);
		ret_had[who]++;
	}
	close(c);
}

static void
test_weights(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: [{address: '$0', weight: 1}, {address: '$1', weight: 3}, {address: '$2', weight: 6}]\nbalance: round_robin\n");
	struct peers *ps = peers_start(&b, 3);
	calls(&b, 100, had);
	assert_int_equal(had[0], 10);
	assert_int_equal(had[1], 30);
	assert_int_equal(had[2], 60);
	peers_stop(ps);
	rig_end(&b);
}

/* Of whoever has most to do nobody wants more. */
static void
test_least_request(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	int waiting[4];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nbalance: least_request\n");
	struct peers *ps = peers_start(&b, 2);
	peers_tell(ps, 0, PEER_HOLD);
	/* Calls that wait at 0 until there are some; the others are answered by 1. */
	for (unsigned i = 0; i < 4; i++) {
		waiting[i] = rig_dial(&b);
		rig_say(waiting[i], RIG_GET("/w"));
		PEERS_UNTIL(peers_report(&b, 0).requests + peers_report(&b, 1).requests == i + 1);
	}
	PEERS_UNTIL(peers_report(&b, 0).inflight > 0 && peers_report(&b, 1).inflight == 0);
	calls(&b, 20, had);
	assert_int_equal(had[1], 20);
	peers_tell(ps, 0, PEER_ANSWER);
	for (unsigned i = 0; i < 4; i++) {
		rig_expect(waiting[i], 200, NULL);
		close(waiting[i]);
	}
	peers_stop(ps);
	rig_end(&b);
}

/* Who has the same key goes to the same instance; when one leaves, only its keys move. */
static void
test_ring(void **state)
{
	struct rig_bed b;
	int was[40], now, moved = 0;
	unsigned had[3] = { 0 };
	char extra[64];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', '$2']\nbalance: {kind: ring_hash, header: x-user}\n");
	struct peers *ps = peers_start(&b, 3);
	int c = rig_dial(&b);
	for (int i = 0; i < 40; i++) {
		snprintf(extra, sizeof(extra), "x-user: u%d\r\n", i);
		was[i] = peers_get(c, extra);
		assert_in_range(was[i], 0, 2);
		had[was[i]]++;
		assert_int_equal(peers_get(c, extra), was[i]);
	}
	assert_true(had[0] > 0 && had[1] > 0 && had[2] > 0);
	rig_change(&b, "upstreams: ['$0', '$2']\nbalance: {kind: ring_hash, header: x-user}\n");
	for (int i = 0; i < 40; i++) {
		snprintf(extra, sizeof(extra), "x-user: u%d\r\n", i);
		now = peers_get(c, extra);
		assert_int_not_equal(now, 1);
		if (was[i] != 1)
			assert_int_equal(now, was[i]);
		moved += now != was[i];
	}
	assert_int_equal(moved, had[1]);
	close(c);
	peers_stop(ps);
	rig_end(&b);
}

/* 600 instances, one server behind all of their addresses. */
static void
test_many(void **state)
{
	static struct cluster_report reports[600];
	struct rig_bed b;
	struct buf y;
	(void)state;
	struct io_addr any, at;
	assert_int_equal(addr_parse("0.0.0.0:0", &any), 0);
	int fd;
	assert_int_equal(io_bind(&any, &fd, &at), 0);
	buf_init(&y, 1 << 20);
	buf_puts(&y, "balance: round_robin\nupstreams:\n");
	for (int i = 0; i < 600; i++)
		buf_printf(&y, "  - '127.7.%d.%d:%d'\n", i / 200, 1 + i % 200, addr_port(&at));
	rig_begin(&b, buf_str(&y));
	int mine = b.servers[0], c = rig_dial(&b);
	b.servers[0] = fd;
	struct peers *ps = peers_start(&b, 1);
	for (int i = 0; i < 600; i++)
		assert_int_equal(peers_get(c, "connection: keep-alive\r\n"), i < 600 ? 0 : -1);
	assert_int_equal(cluster_reports(b.conf->http->routes[0].cluster, clock_mono(), reports, 600), 600);
	for (int i = 0; i < 600; i++)
		assert_int_equal(reports[i].requests, 1);
	close(c);
	peers_stop(ps);
	rig_end(&b);
	close(mine);
	buf_fini(&y);
}

/* ---- health ---- */

static void
test_health(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', '$2']\nbalance: round_robin\n" HEALTH);
	struct peers *ps = peers_start(&b, 3);
	PEERS_UNTIL(peers_report(&b, 0).health == 1 && peers_report(&b, 1).health == 1 && peers_report(&b, 2).health == 1);
	peers_tell(ps, 1, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 1).health == -1);
	assert_int_equal(peers_report(&b, 1).health_status, 500);
	assert_false(peers_report(&b, 1).usable);
	calls(&b, 30, had);
	assert_int_equal(had[1], 0);
	assert_int_equal(had[0] + had[2], 30);
	/* A connection that is taken and never answered is not health either; it is found out by its time limit alone. */
	peers_tell(ps, 1, PEER_ANSWER);
	PEERS_UNTIL(peers_report(&b, 1).health == 1 && peers_report(&b, 1).usable);
	calls(&b, 30, had);
	assert_int_equal(had[1], 10);
	peers_stop(ps);
	rig_end(&b);
}

static void
test_health_silent(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nbalance: round_robin\nhealth: {http: /health, interval: 10ms, timeout: 200ms, rise: 1, fall: 2}\n");
	struct peers *ps = peers_start(&b, 2);
	peers_tell(ps, 0, PEER_SILENT);
	PEERS_UNTIL(peers_report(&b, 0).health == -1);
	assert_int_equal(peers_report(&b, 0).health_status, -ETIMEDOUT);
	calls(&b, 6, had);
	assert_int_equal(had[1], 6);
	/* Checks are closed when their time is over: they do not pile up. */
	PEERS_UNTIL(atomic_load(&ps->peer[0].checks) > 8);
	assert_true(atomic_load(&ps->peer[0].conns_most) <= 2);
	peers_stop(ps);
	rig_end(&b);
}

/* A status that was not asked for is not health; one that was is, be it 500. */
static void
test_health_status(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nhealth: {http: /health, interval: 10ms, timeout: 2s, rise: 1, fall: 1, status: 500}\n");
	struct peers *ps = peers_start(&b, 2);
	peers_tell(ps, 0, PEER_BAD);
	PEERS_UNTIL(peers_report(&b, 0).health == 1 && peers_report(&b, 1).health == -1);
	assert_int_equal(peers_report(&b, 1).health_status, 200);
	peers_stop(ps);
	rig_end(&b);
}

/* By connecting alone: an instance that nobody listens at is found, and found again when somebody does. */
static void
test_health_tcp(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nbalance: round_robin\nhealth: {tcp: true, interval: 10ms, rise: 3, fall: 3}\n");
	struct io_addr at;
	socklen_t len = sizeof(at.in);
	memset(&at, 0, sizeof(at));
	assert_int_equal(getsockname(b.servers[1], &at.sa, &len), 0);
	at.len = len;
	close(b.servers[1]);
	b.servers[1] = -1;
	struct peers *ps = peers_start(&b, 1);
	PEERS_UNTIL(peers_report(&b, 1).health == -1 && peers_report(&b, 0).health == 1);
	assert_int_equal(peers_report(&b, 1).health_status, -ECONNREFUSED);
	assert_int_equal(peers_report(&b, 0).health_status, 0);
	calls(&b, 4, had);
	assert_int_equal(had[0], 4);
	assert_int_equal(io_bind(&at, &b.servers[1], NULL), 0);
	PEERS_UNTIL(peers_report(&b, 1).health == 1);
	assert_true(peers_report(&b, 1).usable);
	peers_stop(ps);
	rig_end(&b);
}

static void
count_panics(void *ud, const struct fl_event *e)
{
	atomic_uint *n = ud;
	if (strcmp(e->to, "panic") == 0 && strcmp(e->why, "2 of 2 instances are out: all are used") == 0)
		atomic_fetch_add(&n[0], 1);
	if (strcmp(e->from, "panic") == 0)
		atomic_fetch_add(&n[1], 1);
}

/* Nobody is well: then checks are not believed, and everybody is used. It is told once, and once when it is over. */
static void
test_health_panic(void **state)
{
	atomic_uint told[2] = { 0 };
	struct rig_bed b = { .listener = { count_panics, told } };
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 1, .records_max = 1024 }, "upstreams: ['$0', '$1']\nbalance: round_robin\n" HEALTH);
	struct peers *ps = peers_start(&b, 2);
	peers_tell(ps, 0, PEER_ILL);
	peers_tell(ps, 1, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 0).health == -1 && peers_report(&b, 1).health == -1);
	calls(&b, 10, had);
	assert_int_equal(had[0], 5);
	assert_int_equal(had[1], 5);
	assert_true(atomic_load(&told[0]) == 1 && atomic_load(&told[1]) == 0);
	/* But whoever was taken out by hand stays out. */
	assert_int_equal(cluster_drain(b.conf->http->routes[0].cluster, b.server[0], true), 0);
	calls(&b, 10, had);
	assert_int_equal(had[1], 10);
	peers_tell(ps, 1, PEER_ANSWER);
	PEERS_UNTIL(peers_report(&b, 1).health == 1);
	calls(&b, 10, had);
	assert_int_equal(had[1], 10);
	assert_true(atomic_load(&told[0]) == 1 && atomic_load(&told[1]) == 1);
	peers_stop(ps);
	rig_end(&b);
}

/* Instances are told by PROXY headers whose a connection is: a check says that it is our own. */
static void
test_health_proxy_header(void **state)
{
	static const char *const expected[] = { "PROXY UNKNOWN\r\n", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" };
	static const size_t bytes[] = { 15, 16 };
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct rig_bed b = { .specs = NULL };
		struct line_wire *wire = line_wire_new();
		assert_non_null(wire);
		wire->send_proxy = (uint8_t)(v + 1);
		b.wire = wire;
		rig_start(&b, &(struct proxy_opts){ .workers = 1 }, "upstream: $0\nhealth: {http: /health, interval: 1h, timeout: 10s}\n");
		int s = rig_take(&b, 0);
		char got[16];
		rig_hear_bytes(s, got, bytes[v]);
		assert_memory_equal(got, expected[v], bytes[v]);
		rig_serve(s, "GET /health ", RIG_OK(0, ""));
		PEERS_UNTIL(peers_report(&b, 0).health == 1);
		close(s);
		rig_end(&b);
		line_wire_unref(wire);
	}
}

/* ---- priorities ---- */

/* Both primaries are out: their calls go to the backup, and not to them because "most are out". */
static void
test_backup(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', {address: '$2', backup: true}]\nbalance: round_robin\n" HEALTH);
	struct peers *ps = peers_start(&b, 3);
	PEERS_UNTIL(peers_report(&b, 0).health == 1 && peers_report(&b, 1).health == 1 && peers_report(&b, 2).health == 1);
	calls(&b, 10, had);
	assert_int_equal(had[2], 0);
	peers_tell(ps, 0, PEER_ILL);
	peers_tell(ps, 1, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 0).health == -1 && peers_report(&b, 1).health == -1);
	calls(&b, 10, had);
	assert_int_equal(had[2], 10);
	assert_false(peers_report(&b, 0).usable);
	/* The backup is out too: nobody is left, all are used. */
	peers_tell(ps, 2, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 2).health == -1);
	calls(&b, 10, had);
	assert_int_equal(had[0] + had[1] + had[2], 10);
	assert_true(peers_report(&b, 0).usable);
	peers_tell(ps, 0, PEER_ANSWER);
	PEERS_UNTIL(peers_report(&b, 0).health == 1);
	peers_tell(ps, 1, PEER_ANSWER);
	PEERS_UNTIL(peers_report(&b, 1).health == 1);
	calls(&b, 10, had);
	assert_int_equal(had[2], 0);
	peers_stop(ps);
	rig_end(&b);
}

/* ---- ejection ---- */

static void
test_ejection(void **state)
{
	struct rig_bed b;
	unsigned out = 0;
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', '$2', '$3']\nbalance: round_robin\noutlier: {consecutive: 3, ejection: 1h, ejection_max: 1h}\n");
	struct peers *ps = peers_start(&b, 4);
	for (unsigned i = 0; i < 3; i++)
		peers_tell(ps, i, PEER_BAD);
	int c = rig_dial(&b), ok = 0;
	for (int i = 0; i < 60; i++)
		ok += peers_get(c, "") == 3;
	/* Three are sick, but only half of them all may be ejected: the last one is used on. */
	for (unsigned i = 0; i < 4; i++)
		out += peers_report(&b, i).ejected;
	assert_int_equal(out, 2);
	assert_false(peers_report(&b, 3).ejected);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(strstr(peers_report(&b, i).ejected_why, "in a row: 3 failures in a row") != NULL, peers_report(&b, i).ejected);
	assert_in_range(ok, 20, 30);
	assert_true(peers_report(&b, 0).failures >= 3);
	close(c);
	peers_stop(ps);
	rig_end(&b);
}

/* The breakers of all that come first are open: the backup takes everything, and nobody panics. */
static void
test_breakers_backup(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', '$2', {address: '$3', backup: true}]\n"
	    "policies: {breaker: {min_calls: 3, open: 1h, open_max: 1h}}\n");
	struct peers *ps = peers_start(&b, 4);
	for (unsigned i = 0; i < 3; i++)
		peers_tell(ps, i, PEER_BAD);
	int c = rig_dial(&b), in_a_row = 0;
	for (int i = 0; i < 400 && in_a_row < 30; i++)
		in_a_row = peers_get(c, "") == 3 ? in_a_row + 1 : 0;
	assert_int_equal(in_a_row, 30);
	close(c);
	peers_stop(ps);
	rig_end(&b);
}

/* ---- drain ---- */

static void
test_drain(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nbalance: round_robin\n");
	struct cluster *k = b.conf->http->routes[0].cluster;
	struct peers *ps = peers_start(&b, 2);
	calls(&b, 4, had);
	assert_int_equal(had[0], 2);
	/* One call is under way there when it is drained. */
	peers_tell(ps, 0, PEER_HOLD);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/held"));
	int d = rig_dial(&b);
	rig_say(d, RIG_GET("/held"));
	PEERS_UNTIL(peers_report(&b, 0).inflight == 1);
	assert_int_equal(cluster_drain(k, b.server[0], true), 0);
	assert_int_equal(cluster_drain(k, "127.0.0.1:1", true), -ENOENT);
	calls(&b, 10, had);
	assert_int_equal(had[1], 10);
	assert_true(peers_report(&b, 0).draining);
	peers_tell(ps, 0, PEER_ANSWER);
	rig_expect(c, 200, NULL);
	rig_expect(d, 200, NULL);
	/* Its connections end when nothing is on them any more. */
	PEERS_UNTIL(peers_report(&b, 0).conns == 0 && atomic_load(&ps->peer[0].conns) == 0);
	/* Over a reload it stays drained, until it is put back. */
	rig_change(&b, "upstreams: ['$0', '$1', '$2']\nbalance: round_robin\n");
	assert_true(peers_report(&b, 0).draining);
	rig_change(&b, "upstreams: ['$0', '$1']\nbalance: round_robin\n");
	calls(&b, 6, had);
	assert_int_equal(had[1], 6);
	assert_int_equal(cluster_drain(b.conf->http->routes[0].cluster, b.server[0], false), 0);
	calls(&b, 6, had);
	assert_int_equal(had[0], 3);
	/* All of them: then there is nobody. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(cluster_drain(b.conf->http->routes[0].cluster, b.server[i], true), 0);
	rig_say(c, RIG_GET("/none"));
	rig_expect_field(c, 503, "x-faultline-refused", "no-instance");
	close(c);
	close(d);
	peers_stop(ps);
	rig_end(&b);
}

/* ---- slow start ---- */

static void
test_slow_start(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1']\nbalance: round_robin\nslow_start: 1h\n" HEALTH);
	struct peers *ps = peers_start(&b, 3);
	/* Who is there from the beginning has its whole share at once. */
	calls(&b, 20, had);
	assert_int_equal(had[0], 10);
	/* Who joins begins with a tenth of it. */
	rig_change(&b, "upstreams: ['$0', '$1', '$2']\nbalance: round_robin\nslow_start: 1h\n" HEALTH);
	calls(&b, 300, had);
	assert_in_range(had[2], 1, 40);
	assert_in_range(had[0], 100, 199);
	/* So does who was out and is back. */
	PEERS_UNTIL(peers_report(&b, 0).health == 1);
	peers_tell(ps, 0, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 0).health == -1);
	peers_tell(ps, 0, PEER_ANSWER);
	PEERS_UNTIL(peers_report(&b, 0).usable);
	calls(&b, 300, had);
	assert_in_range(had[0], 1, 80);
	assert_true(had[1] > 150);
	peers_stop(ps);
	rig_end(&b);
}

/* ---- reloads ---- */

/* What was found out of an instance is not forgotten when another one is added. */
static void
test_reload_remembers(void **state)
{
	struct rig_bed b;
	unsigned had[RIG_SERVERS];
	(void)state;
	rig_begin(&b, "upstreams: ['$0', '$1', '$2']\nbalance: round_robin\n" EJECT HEALTH);
	struct peers *ps = peers_start(&b, 4);
	PEERS_UNTIL(peers_report(&b, 0).health == 1 && peers_report(&b, 1).health == 1 && peers_report(&b, 2).health == 1);
	peers_tell(ps, 0, PEER_ILL);
	PEERS_UNTIL(peers_report(&b, 0).health == -1);
	rig_change(&b, "upstreams: ['$0', '$1', '$2', '$3']\nbalance: round_robin\n" EJECT HEALTH);
	assert_int_equal(peers_report(&b, 0).health, -1);
	calls(&b, 30, had);
	assert_int_equal(had[0], 0);
	assert_int_equal(had[3], 10);
	/* When it is asked something else, it is judged anew. */
	rig_change(&b, "upstreams: ['$0', '$1', '$2']\nbalance: round_robin\n");
	calls(&b, 30, had);
	assert_int_equal(had[0], 10);
	peers_stop(ps);
	rig_end(&b);
}

struct caller {
	const struct rig_bed *bed;
	atomic_bool *stop;
	pthread_t thread;
	unsigned good, bad;
	int status;
};

static void *
caller_run(void *ud)
{
	struct caller *k = ud;
	int c = -1;
	while (!atomic_load(k->stop)) {
		if (c < 0)
			c = rig_dial(k->bed);
		int who = peers_get(c, k->good % 16 == 15 ? "connection: close\r\n" : "");
		if (who >= 0) {
			k->good++;
		} else {
			k->bad++;
			k->status = -who;
		}
		if (k->good % 16 == 0) {
			close(c);
			c = -1;
		}
	}
	if (c >= 0)
		close(c);
	return NULL;
}

/* Instances come and go, workers share them, and no request is dropped. */
static void
test_reload_under_load(void **state)
{
	static const char *const texts[] = { "upstreams: ['$0', '$1']\n", "upstreams: ['$1', '$2']\npool: {idle: 1}\n",
		("upstreams: ['$0', '$1', '$2', '$3']\n" HEALTH), "upstreams: ['$3']\n",
		"upstreams: ['$0', '$3']\noutlier: true\npolicies: {breaker: true}\n" };
	struct rig_bed b = { .specs = NULL };
	atomic_bool stop = false;
	struct caller callers[3];
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 2 }, texts[0]);
	struct peers *ps = peers_start(&b, 4);
	for (int i = 0; i < 3; i++) {
		callers[i] = (struct caller){ .bed = &b, .stop = &stop };
		assert_int_equal(thread_start(&callers[i].thread, "caller", caller_run, &callers[i]), 0);
	}
	for (unsigned i = 1; i <= 25; i++) {
		unsigned before = 0, now = 0;
		rig_change(&b, texts[i % FL_ARRAY_LEN(texts)]);
		for (unsigned k = 0; k < 4; k++)
			before += atomic_load(&ps->peer[k].requests);
		/* A few calls under each. */
		do {
			now = 0;
			for (unsigned k = 0; k < 4; k++)
				now += atomic_load(&ps->peer[k].requests);
			sched_yield();
		} while (now < before + 20);
	}
	atomic_store(&stop, true);
	unsigned good = 0;
	for (int i = 0; i < 3; i++) {
		thread_join(callers[i].thread);
		if (callers[i].bad > 0)
			fail_msg("%u of %u calls failed, one with %d", callers[i].bad, callers[i].good + callers[i].bad, callers[i].status);
		good += callers[i].good;
	}
	assert_in_range(good, 400, 1000000);
	peers_stop(ps);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_least_request),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_health_silent),
		cmocka_unit_test(test_health_status),
		cmocka_unit_test(test_health_tcp),
		cmocka_unit_test(test_health_panic),
		cmocka_unit_test(test_health_proxy_header),
		cmocka_unit_test(test_backup),
		cmocka_unit_test(test_ejection),
		cmocka_unit_test(test_breakers_backup),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_slow_start),
		cmocka_unit_test(test_reload_remembers),
		cmocka_unit_test(test_reload_under_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
