/* SPDX-License-Identifier: MIT */
/*
 * test_cluster_watch.c - upstreams that are names: what they stand for changes, or is not known, and calls go on.
 *
 * The system's resolver is ours here: getaddrinfo() is this file's.
 */
#define RIG_SERVERS 4
#include "http_peers.h"

#include "io/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sched.h>

/* What the name stands for. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	const char *ips[100];
	unsigned count;                 /* 0: there is no such name */
	bool slow;                      /* answers wait */
	unsigned asked;
	unsigned waiting;               /* of those that ask, for an answer */
} names = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void
names_are(const char *const *ips, unsigned count)
{
	pthread_mutex_lock(&names.lock);
	names.count = count;
	for (unsigned i = 0; i < count; i++)
		names.ips[i] = ips[i];
	names.slow = false;
	pthread_cond_broadcast(&names.change);
	pthread_mutex_unlock(&names.lock);
}

/* While a resolver runs: at once, not when it asks again. */
static void
names_become(const struct rig_bed *b, const char *const *ips, unsigned count)
{
	names_are(ips, count);
	resolver_forget(b->resolver);
}

static unsigned
names_waiting(void)
{
	pthread_mutex_lock(&names.lock);
	unsigned n = names.waiting;
	pthread_mutex_unlock(&names.lock);
	return n;
}

static unsigned
names_asked(void)
{
	pthread_mutex_lock(&names.lock);
	unsigned n = names.asked;
	pthread_mutex_unlock(&names.lock);
	return n;
}

int
getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	struct addrinfo *list = NULL, **end = &list;
	(void)hints;
	pthread_mutex_lock(&names.lock);
	names.asked++;
	names.waiting++;
	while (names.slow)
		pthread_cond_wait(&names.change, &names.lock);
	names.waiting--;
	for (unsigned i = 0; strcmp(node, "many.test") == 0 && i < names.count; i++) {
		struct addrinfo *a = calloc(1, sizeof(*a) + sizeof(struct sockaddr_in6));
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)(a + 1);
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)(a + 1);
		in_port_t port = htons((uint16_t)strtoul(service, NULL, 10));
		a->ai_socktype = SOCK_STREAM;
		a->ai_addr = (struct sockaddr *)(void *)(a + 1);
		if (inet_pton(AF_INET, names.ips[i], &in->sin_addr) == 1) {
			a->ai_family = in->sin_family = AF_INET;
			a->ai_addrlen = sizeof(*in);
			in->sin_port = port;
		} else {
			assert_int_equal(inet_pton(AF_INET6, names.ips[i], &in6->sin6_addr), 1);
			a->ai_family = in6->sin6_family = AF_INET6;
			a->ai_addrlen = sizeof(*in6);
			in6->sin6_port = port;
		}
		*end = a;
		end = &a->ai_next;
	}
	pthread_mutex_unlock(&names.lock);
	*ret = list;
	return list != NULL ? 0 : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;
		free(list);
		list = next;
	}
}

static const char *const ips[] = { "127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.4" };

/* Servers at one port of these addresses; a line to the name, with this text behind its upstream. */
struct bed {
	struct rig_bed b;
	struct peers *ps;
	int fds[RIG_SERVERS];
	char text[512];
};

static void
bed_text(struct bed *d, uint16_t port, const char *more)
{
	snprintf(d->text, sizeof(d->text), "upstream: 'many.test:%u'\nbalance: round_robin\ndns: {refresh: 100ms}\n%s", port, more);
}

static uint16_t
bed_listen(struct bed *d)
{
	for (int tries = 0; tries < 50; tries++) {
		struct io_addr a;
		char at[64];
		uint16_t port = 0;
		int n = 0;
		for (; n < RIG_SERVERS; n++) {
			snprintf(at, sizeof(at), "%s:%u", ips[n], port);
			assert_int_equal(addr_parse(at, &a), 0);
			if (io_bind(&a, &d->fds[n], &a) < 0)
				break;
			port = addr_port(&a);
		}
		if (n == RIG_SERVERS)
			return port;
		while (n > 0)
			close(d->fds[--n]);
	}
	fail_msg("no port that is free at all addresses");
	return 0;
}

static uint16_t
bed_begin(struct bed *d, unsigned workers, const char *more)
{
	*d = (struct bed){ .ps = NULL };
	uint16_t port = bed_listen(d);
	bed_text(d, port, more);
	assert_int_equal(resolver_new(2, &d->b.resolver), 0);
	rig_start(&d->b, &(struct proxy_opts){ .workers = workers }, d->text);
	for (int i = 0; i < RIG_SERVERS; i++) {
		close(d->b.servers[i]);
		d->b.servers[i] = d->fds[i];
		snprintf(d->b.server[i], sizeof(d->b.server[i]), "%s:%u", ips[i], port);
	}
	d->ps = peers_start(&d->b, RIG_SERVERS);
	return port;
}

static void
bed_end(struct bed *d)
{
	peers_stop(d->ps);
	resolver_stop(d->b.resolver);
	rig_end(&d->b);
	resolver_free(d->b.resolver);
}

static bool
has(const struct rig_bed *b, unsigned server)
{
	return peers_report(b, server).address[0] != '\0';
}

/* So many answers, by server. */
static void
calls(int c, unsigned n, unsigned had[RIG_SERVERS])
{
	memset(had, 0, RIG_SERVERS * sizeof(had[0]));
	for (unsigned i = 0; i < n; i++) {
		int who = peers_get(c, "");
		assert_in_range(who, 0, RIG_SERVERS - 1);
		had[who]++;
	}
}

/* The first call is served; addresses come and go, in whatever order they are told, and no call fails. */
static void
test_changes(void **state)
{
	const char *const turned[] = { ips[1], ips[0] }, *const other[] = { ips[1], ips[2] };
	struct bed d;
	unsigned had[RIG_SERVERS];
	(void)state;
	names_are(ips, 2);
	bed_begin(&d, 2, "");
	int c = rig_dial(&d.b), k = rig_dial(&d.b);
	calls(c, 10, had);
	assert_int_equal(had[0], 5);
	assert_int_equal(had[1], 5);
	calls(k, 2, had);
	/* The same two, turned: nothing changes, connections stay. */
	unsigned conns = atomic_load(&d.ps->peer[0].accepted), asked = names_asked();
	names_become(&d.b, turned, 2);
	PEERS_UNTIL((resolver_forget(d.b.resolver), names_asked() >= asked + 2));
	calls(c, 10, had);
	assert_int_equal(had[0], 5);
	assert_int_equal(atomic_load(&d.ps->peer[0].accepted), conns);
	assert_int_equal(peers_report(&d.b, 0).requests, 11);
	/* One leaves, with a call on it; another one comes. */
	peers_tell(d.ps, 0, PEER_HOLD);
	int held = rig_dial(&d.b), second = rig_dial(&d.b);
	rig_say(held, RIG_GET("/held"));
	rig_say(second, RIG_GET("/held"));
	PEERS_UNTIL(peers_report(&d.b, 0).inflight == 1);
	names_become(&d.b, other, 2);
	PEERS_UNTIL(has(&d.b, 2) && !has(&d.b, 0));
	/* Each worker hears of it in its next turn. */
	do
		calls(c, 4, had);
	while (had[2] != 2);
	do
		calls(k, 4, had);
	while (had[2] != 2);
	peers_tell(d.ps, 0, PEER_ANSWER);
	rig_expect(held, 200, NULL);
	rig_expect(second, 200, NULL);
	PEERS_UNTIL(atomic_load(&d.ps->peer[0].conns) == 0);    /* those that were kept are closed */
	/* The name is gone: what was known of it stays. */
	asked = names_asked();
	names_become(&d.b, NULL, 0);
	PEERS_UNTIL((resolver_forget(d.b.resolver), names_asked() >= asked + 3));
	calls(c, 4, had);
	assert_int_equal(had[1], 2);
	assert_int_equal(had[2], 2);
	close(c);
	close(k);
	close(held);
	close(second);
	bed_end(&d);
}

/* A name that is not known at first is known as soon as there is an answer; a server that does not answer is not waited for. */
static void
test_late(void **state)
{
	struct bed d;
	unsigned had[RIG_SERVERS];
	(void)state;
	names_are(NULL, 0);
	pthread_mutex_lock(&names.lock);
	names.slow = true;
	pthread_mutex_unlock(&names.lock);
	bed_begin(&d, 1, "");
	int c = rig_dial(&d.b);
	rig_say(c, RIG_GET("/"));
	rig_expect_field(c, 503, "x-faultline-refused", "no-instance");
	/* It was asked twice, and is not again as long as it has not answered; whoever begins now does not wait for it. */
	PEERS_UNTIL(resolver_is_busy(d.b.resolver) && names_waiting() == 2);
	unsigned asked = names_asked();
	for (int i = 0; i < 5; i++) {
		rig_say(c, RIG_GET("/"));
		rig_expect(c, 503, NULL);
	}
	assert_int_equal(names_asked(), asked);
	names_become(&d.b, ips, 1);
	PEERS_UNTIL(has(&d.b, 0) && !resolver_is_busy(d.b.resolver));
	PEERS_UNTIL(peers_get(c, "") == 0);
	calls(c, 3, had);
	close(c);
	bed_end(&d);
}

/* The line is changed while its name cannot be looked up: it goes on with what the name stood for. */
static void
test_reload(void **state)
{
	struct bed d;
	unsigned had[RIG_SERVERS];
	(void)state;
	names_are(ips, 3);
	uint16_t port = bed_begin(&d, 1, "");
	int c = rig_dial(&d.b);
	calls(c, 3, had);
	assert_int_equal(cluster_drain(d.b.conf->http->routes[0].cluster, d.b.server[1], true), 0);
	names_become(&d.b, NULL, 0);
	unsigned asked = names_asked();
	PEERS_UNTIL((resolver_forget(d.b.resolver), names_asked() > asked));
	bed_text(&d, port, "pool: {idle: 3}\n");
	rig_change(&d.b, d.text);
	calls(c, 4, had);
	assert_int_equal(had[0], 2);
	assert_int_equal(had[2], 2);
	close(c);
	bed_end(&d);
}

/* Of both families: those of the first; and many. */
static void
test_families(void **state)
{
	static char text[80][32];
	const char *const both[] = { "::1", ips[1], "::2", ips[0] };
	const char *list[80];
	static struct cluster_report reports[128];
	struct bed d;
	unsigned had[RIG_SERVERS];
	(void)state;
	names_are(both, 4);
	bed_begin(&d, 1, "");
	assert_int_equal(cluster_reports(d.b.conf->http->routes[0].cluster, clock_mono(), reports, 128), 2);
	int c = rig_dial(&d.b);
	calls(c, 4, had);
	assert_int_equal(had[0], 2);
	assert_int_equal(had[1], 2);
	for (int i = 0; i < 80; i++) {
		snprintf(text[i], sizeof(text[i]), "127.9.1.%d", i + 1);
		list[i] = text[i];
	}
	names_become(&d.b, list, 80);
	PEERS_UNTIL(cluster_reports(d.b.conf->http->routes[0].cluster, clock_mono(), reports, 128) == RESOLVE_ADDRS_MAX);
	close(c);
	bed_end(&d);
}

/* A server that listens at its address of the other family alone: it is found there, by checks and by calls, and then looked for there first. */
static void
test_other_family(void **state)
{
	static const char *const texts[] = { "pool: {idle: 0}\n", "pool: {idle: 0}\nhealth: {http: /health, interval: 10ms, timeout: 2s}\n" };
	const char *const both[] = { "127.9.0.200", "::1" };
	(void)state;
	for (unsigned k = 0; k < FL_ARRAY_LEN(texts); k++) {
		struct bed d;
		struct io_addr a;
		char at[64];
		unsigned had[RIG_SERVERS];
		names_are(both, 2);
		uint16_t port = bed_begin(&d, 1, texts[k]);
		snprintf(at, sizeof(at), "[::1]:%u", port);
		assert_int_equal(addr_parse(at, &a), 0);
		peers_stop(d.ps);
		close(d.b.servers[3]);
		if (io_bind(&a, &d.b.servers[3], NULL) < 0)
			skip();                         /* no IPv6 here */
		d.ps = peers_start(&d.b, RIG_SERVERS);
		snprintf(d.b.server[3], sizeof(d.b.server[3]), "127.9.0.200:%u", port);
		if (k == 1)
			PEERS_UNTIL(peers_report(&d.b, 3).health == 1);
		int c = rig_dial(&d.b);
		calls(c, 6, had);
		assert_int_equal(had[3], 6);
		assert_int_equal(peers_report(&d.b, 3).connect_failures, 0);
		PEERS_UNTIL(peers_report(&d.b, 3).conns == (int)peers_report(&d.b, 3).idle);
		/* Neither is there: the second failure is told. */
		peers_stop(d.ps);
		close(d.b.servers[3]);
		d.b.servers[3] = -1;
		d.ps = peers_start(&d.b, RIG_SERVERS - 1);
		assert_int_equal(peers_get(c, ""), -502);
		PEERS_UNTIL(peers_report(&d.b, 3).conns == 0);
		close(c);
		bed_end(&d);
	}
}

/* Checks begin for those who come, and end for those who go. */
static void
test_checks(void **state)
{
	const char *const other[] = { ips[1], ips[2] };
	struct bed d;
	(void)state;
	names_are(ips, 2);
	bed_begin(&d, 1, "health: {http: /health, interval: 10ms, timeout: 2s}\n");
	PEERS_UNTIL(peers_report(&d.b, 0).health == 1 && peers_report(&d.b, 1).health == 1);
	/* A check is under way when its instance goes. */
	peers_tell(d.ps, 0, PEER_SILENT);
	unsigned checks = atomic_load(&d.ps->peer[0].checks);
	PEERS_UNTIL(atomic_load(&d.ps->peer[0].checks) > checks);
	names_become(&d.b, other, 2);
	PEERS_UNTIL(has(&d.b, 2) && peers_report(&d.b, 2).health == 1);
	PEERS_UNTIL(atomic_load(&d.ps->peer[0].conns) == 0);
	checks = atomic_load(&d.ps->peer[0].checks);
	unsigned others = atomic_load(&d.ps->peer[1].checks);
	PEERS_UNTIL(atomic_load(&d.ps->peer[1].checks) > others + 20);
	assert_int_equal(atomic_load(&d.ps->peer[0].checks), checks);
	bed_end(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_other_family),
		cmocka_unit_test(test_checks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
