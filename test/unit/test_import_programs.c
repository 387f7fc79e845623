/* SPDX-License-Identifier: MIT */
/* test_import_programs.c - what the ends of sockets are called, and which of two ends is the client, from dumps that say only half. */
#include "import_kit.h"

static void
test_a_host_is_its_one_listener(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LC");
	/* Tools, agents and what is over belong to the host's one service. */
	kit_good(&k, "web1.txt",
	    "LISTEN 0 5 *:8080 *:* users:((\"python3\",pid=7,fd=3))\n"
	    "LISTEN 0 5 *:22 *:* users:((\"sshd\",pid=1,fd=3))\n"
	    "ESTAB 0 0 10.0.0.1:40000 10.0.0.2:5432 users:((\"psql\",pid=90,fd=3))\n"
	    "ESTAB 0 0 10.0.0.1:40001 10.0.0.3:9200 users:((\"filebeat\",pid=91,fd=3))\n"
	    "TIME-WAIT 0 0 10.0.0.1:40002 10.0.0.4:6379\n", IMPORT_SS);
	KIT_TOLD(&k, "web1 -> 10.0.0.2:5432", "web1 -> 10.0.0.3:9200", "web1 -> 10.0.0.4:6379", "looked at web1");
	kit_stop(&k);
}

static void
test_two_of_one_name(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* By port; a worker is of the master that was started last before; the usual port needs no number. */
	kit_good(&k, "ss.txt",
	    "LISTEN 0 5 *:8001 *:* users:((\"python3\",pid=12,fd=3),(\"python3\",pid=10,fd=3))\n"
	    "LISTEN 0 5 *:9001 *:* users:((\"python3\",pid=10,fd=4))\n"
	    "LISTEN 0 5 *:8002 *:* users:((\"python3\",pid=20,fd=3))\n"
	    "LISTEN 0 5 *:6379 *:* users:((\"redis-server\",pid=30,fd=3))\n"
	    "LISTEN 0 5 *:6380 *:* users:((\"redis-server\",pid=31,fd=3))\n"
	    "ESTAB 0 0 127.0.0.1:40000 127.0.0.1:8002 users:((\"python3\",pid=12,fd=9))\n"
	    "ESTAB 0 0 127.0.0.1:40001 127.0.0.1:6379 users:((\"python3\",pid=21,fd=9))\n"
	    "ESTAB 0 0 127.0.0.1:40002 127.0.0.1:6380 users:((\"python3\",pid=20,fd=9))\n"
	    /* Whose it was is said by another one to the same server; of the last nobody says. */
	    "TIME-WAIT 0 0 127.0.0.1:40003 127.0.0.1:6380\n"
	    "TIME-WAIT 0 0 127.0.0.1:40004 127.0.0.1:9001\n", IMPORT_SS);
	KIT_TOLD(&k, "python3:8001 -> python3:8002", "python3:8002 -> redis-server", "python3:8002 -> redis-server:6380");
	kit_stop(&k);
}

static void
test_a_unit_of_several(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* One unit in which all were started tells nobody apart; one of its own does. */
	kit_good(&k, "ss.txt",
	    "LISTEN 0 5 *:80 *:* users:((\"nginx\",pid=1,fd=3)) cgroup:/system.slice/ci-runner.service\n"
	    "LISTEN 0 5 *:81 *:* users:((\"orders\",pid=2,fd=3)) cgroup:/system.slice/ci-runner.service\n"
	    "LISTEN 0 5 *:82 *:* users:((\"gunicorn\",pid=3,fd=3)) cgroup:/system.slice/stock.service\n"
	    "LISTEN 0 5 *:83 *:* users:((\"gunicorn\",pid=4,fd=3)) cgroup:/system.slice/stock.service\n"
	    "ESTAB 0 0 127.0.0.1:40000 127.0.0.1:81 users:((\"nginx\",pid=1,fd=9)) cgroup:/system.slice/ci-runner.service\n"
	    "ESTAB 0 0 127.0.0.1:40001 127.0.0.1:83 users:((\"orders\",pid=2,fd=9)) cgroup:/system.slice/ci-runner.service\n", IMPORT_SS);
	KIT_TOLD(&k, "nginx -> orders", "orders -> stock");
	kit_stop(&k);
}

static void
test_netstat_and_lsof(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "empty.txt", "Active Internet connections (servers and established)\nProto Recv-Q Send-Q Local Address Foreign Address State\n",
	    IMPORT_SS);
	kit_good(&k, "empty.tcp6", "  sl  local_address                         remote_address                        st tx_queue\n",
	    IMPORT_PROC_NET);
	kit_good(&k, "a.netstat",
	    "Active Internet connections (servers and established)\n"
	    "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name\n"
	    "tcp        0      0 127.0.0.1:6380          0.0.0.0:*               LISTEN      0          58653621   29004/redis-server 1\n"
	    "tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      0          58653519   28989/nginx: master\n"
	    "tcp        0      0 127.0.0.1:57734         127.0.0.1:6380          ESTABLISHED 0          58653519   28989/nginx: worker\n"
	    "tcp6       0      0 fd88::a:43000           fd88::b:5432            ESTABLISHED 0          58653519   28989/nginx: worker\n"
	    "unix  2      [ ACC ]     STREAM     LISTENING     1234     1/init  /run/x\n", IMPORT_SS);
	kit_good(&k, "b.lsof",
	    "COMMAND     PID   USER   FD   TYPE   DEVICE SIZE/OFF NODE NAME\n"
	    "postgres      7   root    4u  IPv6 58653519      0t0  TCP *:5432 (LISTEN)\n"
	    "postgres     70   root    4u  IPv6 58653519      0t0  TCP [fd88::b]:5432->[fd88::a]:43000 (ESTABLISHED)\n"
	    "postgres     70   root    4u  IPv4 58653519      0t0  UDP 127.0.0.1:5432->127.0.0.1:1\n"
	    "redis-ser    71   root    5u  IPv4 58653519      0t0  TCP 10.0.0.9:40000->10.0.0.8:6379 (SYN_SENT)\n", IMPORT_LSOF);
	KIT_TOLD(&k, "nginx -> redis-server", "nginx -> b", "b -> 10.0.0.8:6379");
	kit_stop(&k);
}

static void
one(const char *name, const char *dump, const char *want)
{
	struct kit k;

	kit_start(&k, "L");
	kit_good(&k, name, dump, IMPORT_SS);
	assert_int_equal(import_finish(&k.im), 0);
	if (k.count != 1 || strcmp(k.told[0], want) != 0)
		print_error("%s: %s, not %s\n", name, k.count > 0 ? k.told[0] : "nothing", want);
	assert_int_equal(k.count, 1);
	assert_string_equal(k.told[0], want);
	kit_stop(&k);
}

static void
test_direction(void **state)
{
	(void)state;
	/* A long connection whose listener is gone. */
	one("gone.ss", "LISTEN 0 1 *:22 *:*\nESTAB 0 0 10.0.0.1:8080 10.0.0.2:43210\n", "10.0.0.2 -> gone");
	/* No listeners in the dump, and a server's port that is high. */
	one("grpc.ss", "ESTAB 0 0 10.0.0.1:41000 10.0.0.2:50051\n", "grpc -> 10.0.0.2:50051");
	/* Many connections share the server's end, whatever the numbers. */
	one("fan.ss", "ESTAB 0 0 10.0.0.1:33000 10.0.0.2:47000\nESTAB 0 0 10.0.0.1:33001 10.0.0.2:47000\nESTAB 0 0 10.0.0.1:33002 10.0.0.2:47000\n",
	    "fan -> 10.0.0.2:47000");
	one("fans.ss", "ESTAB 0 0 10.0.0.1:47000 10.0.0.2:33000\nESTAB 0 0 10.0.0.1:47000 10.0.0.2:33001\nESTAB 0 0 10.0.0.1:47000 10.0.0.2:33002\n",
	    "10.0.0.2 -> fans");
	/* Clients whose ports look like services. */
	one("tool.ss", "ESTAB 0 0 10.0.0.1:5432 10.0.0.2:41000 users:((\"curl\",pid=1,fd=3))\n", "tool -> 10.0.0.2:41000");
	one("wide.ss", "LISTEN 0 1 *:22 *:*\nESTAB 0 0 10.0.0.1:5432 10.0.0.2:8080\n", "wide -> 10.0.0.2:8080");
	one("syn.ss", "SYN-RECV 0 0 10.0.0.1:48000 10.0.0.2:1024\n", "10.0.0.2 -> syn");
	/* A store by its name, though its port and the client's are both low. */
	one("store.ss", "ESTAB 0 0 10.0.0.1:6379 10.0.0.2:3306 users:((\"redis-server\",pid=1,fd=3))\n", "10.0.0.2 -> store");
}

static void
test_low_ports_of_a_host(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* The first connection shows that this host's clients use low ports: so the second's 5433 means nothing. */
	kit_good(&k, "db.ss", "LISTEN 0 1 *:5432 *:*\nESTAB 0 0 10.0.0.2:5432 10.0.0.1:5500\n", IMPORT_SS);
	kit_good(&k, "app.ss", "LISTEN 0 1 *:22 *:*\nESTAB 0 0 10.0.0.1:5500 10.0.0.2:5432\nESTAB 0 0 10.0.0.1:5433 10.0.0.9:40000\n", IMPORT_SS);
	KIT_TOLD(&k, "app -> db", "app -> 10.0.0.9:40000");
	kit_stop(&k);
}

static void
test_nat_of_what_is_over(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* The tracker saw another connection to the same virtual address, and the same client behind the mask. */
	kit_good(&k, "ct.txt",
	    "tcp 6 60 TIME_WAIT src=10.9.0.5 dst=10.99.0.80 sport=48746 dport=80 src=10.8.0.1 dst=10.8.0.254 sport=8000 dport=48746 use=1\n",
	    IMPORT_CONNTRACK);
	kit_good(&k, "client.ss", "TIME-WAIT 0 0 10.9.0.5:40000 10.99.0.80:80\n", IMPORT_SS);
	kit_good(&k, "server.ss", "LISTEN 0 1 *:8000 *:*\nESTAB 0 0 10.8.0.1:8000 10.8.0.254:40001\n", IMPORT_SS);
	KIT_TOLD(&k, "client -> server");
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_host_is_its_one_listener), cmocka_unit_test(test_two_of_one_name), cmocka_unit_test(test_a_unit_of_several),
		cmocka_unit_test(test_netstat_and_lsof), cmocka_unit_test(test_direction), cmocka_unit_test(test_low_ports_of_a_host),
		cmocka_unit_test(test_nat_of_what_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
