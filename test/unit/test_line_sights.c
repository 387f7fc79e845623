/* SPDX-License-Identifier: MIT */
/* test_line_sights.c - what our own lines tell the map: each connection once, whoever is asked how often. */
#include "control_rig.h"
#include "control/line_sights.h"
#include "io/addr.h"

#include <arpa/inet.h>
#include <sys/socket.h>

struct taken {
	unsigned nodes, instances, lines;
	uint64_t count, errors;
	char from[64], to[64], address[128];
	int64_t first, last;
	int stop;
};

static int
take(void *arg, const struct sight *s)
{
	struct taken *t = arg;

	assert_string_equal(s->source, "proxied");
	if (s->what == SIGHT_NODE)
		t->nodes++;
	if (s->what == SIGHT_INSTANCE) {
		t->instances++;
		snprintf(t->address, sizeof(t->address), "%s", s->address);
	}
	if (s->what == SIGHT_LINE) {
		t->lines++;
		t->count += s->count;
		t->errors += s->errors;
		t->first = s->first;
		t->last = s->last;
		snprintf(t->from, sizeof(t->from), "%s", s->from);
		snprintf(t->to, sizeof(t->to), "%s", s->to);
	}
	return t->stop;
}

/* A connection to the line, taken by its upstream: both ends. */
static void
connect_through(struct rig *r, const char *listen, int upstream, int *client, int *server)
{
	struct io_addr a;
	struct line_counters c;

	(void)r;
	(void)c;
	assert_int_equal(addr_parse(listen, &a), 0);
	*client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, &a.sa, a.len), 0);
	*server = accept(upstream, NULL, NULL);
	assert_true(*server >= 0);
}

static void
test_tcp_line(void **state)
{
	struct rig r;
	struct line_sights s;
	struct lines_line *l;
	struct lines_ask ask;
	struct taken t = { .nodes = 0 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	char upstream[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0), ends[4];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	snprintf(upstream, sizeof(upstream), "127.0.0.1:%u", ntohs(a.sin_port));
	rig_start(&r);
	line_body_init(&ask);
	ask.name = "orders-db";
	ask.listen = "127.0.0.1:0";
	ask.upstream = upstream;
	ask.enabled = true;
	assert_int_equal(lines_create(&r.lines, &ask, &r.e, &l), 0);
	line_sights_init(&s, 1000);
	assert_int_equal(line_sights_tell(&s, &r.lines, 2000, take, &t), 0);
	assert_int_equal(t.nodes, 1);
	assert_int_equal(t.instances, 1);
	assert_int_equal(t.lines, 0);
	assert_string_equal(t.address, upstream);
	connect_through(&r, l->listen, fd, &ends[0], &ends[1]);
	connect_through(&r, l->listen, fd, &ends[2], &ends[3]);
	assert_int_equal(line_sights_tell(&s, &r.lines, 3000, take, &t), 0);
	assert_int_equal(t.lines, 1);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.errors, 0);
	assert_string_equal(t.from, "?orders-db");
	assert_string_equal(t.to, "orders-db");
	assert_int_equal(t.first, 2000);
	assert_int_equal(t.last, 3000);
	/* Nothing new: nothing is told twice. */
	assert_int_equal(line_sights_tell(&s, &r.lines, 4000, take, &t), 0);
	assert_int_equal(t.lines, 1);
	t.stop = -ENOSPC;
	assert_int_equal(line_sights_tell(&s, &r.lines, 5000, take, &t), -ENOSPC);
	for (int i = 0; i < 4; i++)
		close(ends[i]);
	close(fd);
	line_sights_fini(&s);
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tcp_line) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
