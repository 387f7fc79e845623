/* SPDX-License-Identifier: MIT */
/* test_upconn.c - connections to instances: kept, lent again, bounded over all workers, closed in time. */
#include "http_peers.h"

#include <sched.h>

/* One call, served by hand on this connection of the server's; -1: on a new one. returns the connection. */
static int
call_by_hand(const struct rig_bed *b, int client, int s, const char *answer)
{
	rig_say(client, RIG_GET("/"));
	if (s < 0)
		s = rig_take(b, 0);
	rig_serve(s, "GET / ", answer);
	rig_expect(client, 200, NULL);
	return s;
}

static void
test_kept(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\n");
	int s = -1;
	/* One connection for calls of many clients, one after the other. */
	for (int i = 0; i < 5; i++) {
		int c = rig_dial(&b);
		s = call_by_hand(&b, c, s, RIG_OK(2, "ok"));
		s = call_by_hand(&b, c, s, RIG_OK(2, "ok"));
		close(c);
		PEERS_UNTIL(peers_report(&b, 0).idle == 1);
	}
	assert_int_equal(peers_report(&b, 0).conns, 1);
	/* Not after an answer that ends it. */
	int c = rig_dial(&b);
	call_by_hand(&b, c, s, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
	rig_hear_end(s);
	close(s);
	/* Nor after one with something behind it. */
	s = call_by_hand(&b, c, -1, RIG_OK(2, "ok") "HTTP/1.1 200 OK\r\n");
	rig_hear_broken(s);
	close(s);
	/* Nor when the server says something that nobody asked for, or ends it. */
	s = call_by_hand(&b, c, -1, RIG_OK(2, "ok"));
	PEERS_UNTIL(peers_report(&b, 0).idle == 1);
	rig_say(s, RIG_OK(4, "evil"));
	rig_hear_broken(s);
	close(s);
	s = call_by_hand(&b, c, -1, RIG_OK(2, "ok"));
	close(s);
	PEERS_UNTIL(peers_report(&b, 0).conns == 0);
	close(call_by_hand(&b, c, -1, RIG_OK(2, "ok")));
	close(c);
	rig_end(&b);
}

static void
test_limits_of_one(void **state)
{
	struct rig_bed b;
	(void)state;
	rig_begin(&b, "upstream: $0\npool: {requests: 2}\n");
	int c = rig_dial(&b), s = call_by_hand(&b, c, -1, RIG_OK(0, ""));
	call_by_hand(&b, c, s, RIG_OK(0, ""));
	rig_hear_end(s);
	close(s);
	/* Idle for too long. */
	rig_change(&b, "upstream: $0\npool: {idle_timeout: 30ms}\n");
	s = call_by_hand(&b, c, -1, RIG_OK(0, ""));
	rig_hear_end(s);
	close(s);
	/* Too old: when its answer is there, or when nothing is on it. */
	rig_change(&b, "upstream: $0\npool: {lifetime: 30ms}\n");
	s = call_by_hand(&b, c, -1, RIG_OK(0, ""));
	rig_hear_end(s);
	close(s);
	/* None are kept. */
	rig_change(&b, "upstream: $0\npool: {idle: 0}\n");
	s = call_by_hand(&b, c, -1, RIG_OK(0, ""));
	rig_hear_end(s);
	close(s);
	close(c);
	rig_end(&b);
}

/* No more are kept than was asked for. */
static void
test_kept_most(void **state)
{
	struct rig_bed b;
	int c[4];
	(void)state;
	rig_begin(&b, "upstream: $0\npool: {idle: 2}\n");
	struct peers *ps = peers_start(&b, 1);
	peers_tell(ps, 0, PEER_HOLD);
	for (int i = 0; i < 4; i++) {
		c[i] = rig_dial(&b);
		rig_say(c[i], RIG_GET("/"));
	}
	PEERS_UNTIL(atomic_load(&ps->peer[0].requests) == 4);
	peers_tell(ps, 0, PEER_ANSWER);
	for (int i = 0; i < 4; i++) {
		rig_expect(c[i], 200, "0");
		close(c[i]);
	}
	PEERS_UNTIL(atomic_load(&ps->peer[0].conns) == 2 && peers_report(&b, 0).idle == 2);
	peers_stop(ps);
	rig_end(&b);
}

/* Each client gets what it asked for, and the instance never has more connections than it may, whichever worker they are of. */
struct asker {
	const struct rig_bed *bed;
	pthread_t thread;
	unsigned good, full, other;
};

static void *
asker_run(void *ud)
{
	struct asker *a = ud;
	for (int i = 0; i < 60; i++) {
		int c = rig_dial(a->bed), who = peers_get(c, "");
		a->good += who == 0;
		a->full += who == -503;
		a->other += who != 0 && who != -503;
		close(c);
	}
	return NULL;
}

static void
test_global_limit(void **state)
{
	struct rig_bed b = { .specs = NULL };
	struct asker a[4];
	unsigned good = 0, full = 0;
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 2 }, "upstream: $0\npool: {max_connections: 2}\n");
	struct peers *ps = peers_start(&b, 1);
	for (int i = 0; i < 4; i++) {
		a[i] = (struct asker){ .bed = &b };
		assert_int_equal(thread_start(&a[i].thread, "asker", asker_run, &a[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		thread_join(a[i].thread);
		assert_int_equal(a[i].other, 0);
		good += a[i].good;
		full += a[i].full;
	}
	assert_int_equal(good + full, 240);
	assert_true(good >= 60);
	assert_true(atomic_load(&ps->peer[0].conns_most) <= 2);
	/* All of them in use: refused, and who asks is told by what. */
	peers_tell(ps, 0, PEER_HOLD);
	int held[2], c = rig_dial(&b);
	for (int i = 0; i < 2; i++) {
		held[i] = rig_dial(&b);
		unsigned before = atomic_load(&ps->peer[0].requests);
		rig_say(held[i], RIG_GET("/"));
		PEERS_UNTIL(atomic_load(&ps->peer[0].requests) > before);
	}
	rig_say(c, RIG_GET("/"));
	rig_expect_field(c, 503, "x-faultline-refused", "pool");
	peers_tell(ps, 0, PEER_ANSWER);
	for (int i = 0; i < 2; i++) {
		rig_expect(held[i], 200, "0");
		close(held[i]);
	}
	close(c);
	peers_stop(ps);
	rig_end(&b);
}

/* One worker keeps as many as there may be; another one needs one. Calls one after the other are all served. */
static void
test_idle_elsewhere(void **state)
{
	struct rig_bed b = { .specs = NULL };
	(void)state;
	rig_start(&b, &(struct proxy_opts){ .workers = 2 }, "upstream: $0\npool: {max_connections: 1}\n");
	struct peers *ps = peers_start(&b, 1);
	int c[2] = { rig_dial(&b), rig_dial(&b) };      /* of one worker each */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(peers_get(c[i % 2], ""), 0);
		/* A call is over for its client a moment before it is for the pool. */
		PEERS_UNTIL(peers_report(&b, 0).idle == 1);
	}
	assert_int_equal(atomic_load(&ps->peer[0].conns_most), 1);
	assert_int_equal(atomic_load(&ps->peer[0].accepted), 20);
	close(c[0]);
	close(c[1]);
	peers_stop(ps);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_limits_of_one),
		cmocka_unit_test(test_kept_most),
		cmocka_unit_test(test_global_limit),
		cmocka_unit_test(test_idle_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
