/* SPDX-License-Identifier: MIT */
/* test_import_sockets.c - dumps of sockets and of trackers, of one host and of several that see the same connections. */
#include "import_kit.h"

/* A gateway, two instances behind it, a database; the gateway's second call is over already. */
static const char gw[] =
    "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
    "LISTEN     0      511          0.0.0.0:80         0.0.0.0:*     users:((\"nginx\",pid=11,fd=6),(\"nginx\",pid=10,fd=6))\n"
    "LISTEN     0      128             [::]:22            [::]:*     users:((\"sshd\",pid=9,fd=4))\n"
    "ESTAB      0      0         10.77.0.10:80      10.77.0.99:51000 users:((\"nginx\",pid=11,fd=8))\n"
    "ESTAB      0      0         10.77.0.10:37374   10.77.0.11:8080  users:((\"nginx\",pid=11,fd=9))\n"
    "TIME-WAIT  0      0         10.77.0.10:37380   10.77.0.12:8080\n"
    "ESTAB      0      36        10.77.0.10:22      10.77.0.200:60000 users:((\"sshd\",pid=99,fd=4))\n";
static const char api1[] =
    "tcp   LISTEN 0      4096                    *:8080                  *:*    users:((\"api\",pid=7,fd=3)) ino:1 sk:1"
    " cgroup:/system.slice/api.service <->\n"
    "tcp   ESTAB  0      0      [::ffff:10.77.0.11]:8080 [::ffff:10.77.0.10]:37374 users:((\"api\",pid=7,fd=5))\n"
    "tcp   ESTAB  0      0              10.77.0.11:41000         10.77.0.13:5432  users:((\"api\",pid=7,fd=6))\n"
    "\t ts sack cubic wscale:7,7 rto:204 rtt:0.05/0.02 mss:1448\n";
/* /proc/net/tcp of api2: 10.77.0.12:8080 listens, 10.77.0.12:42000 -> 10.77.0.13:5432, and one in TIME_WAIT from the gateway. */
static const char api2[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 16 1 0 100 0 0 10 0\n"
    "   1: 0C004D0A:A410 0D004D0A:1538 01 00000000:00000000 00:00000000 00000000     0        0 17 1 0 20 4 24 10 -1\n"
    "   2: 0C004D0A:1F90 0A004D0A:9204 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0\n";
static const char db[] =
    "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
    "tcp   LISTEN 0      244          0.0.0.0:5432      0.0.0.0:*    users:((\"postgres\",pid=5,fd=6))\n"
    "tcp   ESTAB  0      0         10.77.0.13:5432   10.77.0.11:41000 users:((\"postgres\",pid=50,fd=9))\n"
    "u_str ESTAB  0      0                  * 20001             * 20002\n"
    "udp   UNCONN 0      0          127.0.0.1:323       0.0.0.0:*\n";

static void
test_several_hosts(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LIC");
	k.detail = true;
	kit_good(&k, "dumps/gw-ss-tanp.txt", gw, IMPORT_SS);
	kit_good(&k, "dumps/api1.ss", api1, IMPORT_SS);
	kit_good(&k, "dumps/api2.tcp", api2, IMPORT_PROC_NET);
	kit_good(&k, "dumps/ss_db.txt", db, IMPORT_SS);
	KIT_TOLD(&k, "10.77.0.99 -> gw http 1/0", "gw -> api1 http 1/0", "gw -> api2 http 1/0", "api1 -> db db 1/0", "api2 -> db db 1/0",
	    "gw at 10.77.0.10:80",
	    "api1 at 10.77.0.11:8080", "api2 at 10.77.0.12:8080", "db at 10.77.0.13:5432", "looked at gw", "looked at api1", "looked at api2",
	    "looked at db");
	kit_stop(&k);
}

static void
test_one_host_of_many_services(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "ss.txt",
	    "LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* users:((\"redis-server\",pid=5,fd=6))\n"
	    "LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=6,fd=6))\n"
	    "LISTEN 0 511 127.0.0.1:3000 0.0.0.0:* users:((\"node\",pid=7,fd=6))\n"
	    "ESTAB 0 0 127.0.0.1:40000 127.0.0.1:6379 users:((\"node\",pid=7,fd=9))\n"
	    "ESTAB 0 0 127.0.0.1:6379 127.0.0.1:40000 users:((\"redis-server\",pid=5,fd=9))\n"
	    "ESTAB 0 0 127.0.0.1:3000 127.0.0.1:40002 users:((\"node\",pid=7,fd=8))\n"
	    "ESTAB 0 0 127.0.0.1:40002 127.0.0.1:3000 users:((\"nginx\",pid=6,fd=8))\n"
	    "ESTAB 0 0 192.168.1.5:80 198.51.100.7:33333 users:((\"nginx\",pid=6,fd=10))\n"
	    "ESTAB 0 0 192.168.1.5:50000 203.0.113.9:443 users:((\"node\",pid=7,fd=12))\n"
	    "SYN-SENT 0 1 192.168.1.5:50002 192.168.1.9:9000 users:((\"node\",pid=7,fd=13))\n", IMPORT_SS);
	KIT_TOLD(&k, "node -> redis-server", "nginx -> node", "user -> nginx", "node -> 203.0.113.9:443", "node -> 192.168.1.9:9000");
	kit_stop(&k);
}

static void
test_only_established(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* Nobody says who listens: the registered port is the server's. Names from a file of hosts. */
	kit_good(&k, "hosts", "127.0.0.1 localhost\n10.0.0.1 web web.shop.example\n10.0.0.2 cart\n::1 ip6-localhost\n", IMPORT_HOSTS);
	kit_good(&k, "est.txt",
	    "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 10.0.0.1:55000 10.0.0.2:7070\n0 0 10.0.0.1:http 10.0.0.9:40000\n", IMPORT_SS);
	KIT_TOLD(&k, "web -> cart", "10.0.0.9 -> web");
	kit_stop(&k);
}

static void
test_conntrack(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "hosts", "10.77.0.10 gw\n10.77.0.12 api\n10.77.0.13 db\n10.77.0.20 node\n", IMPORT_HOSTS);
	kit_good(&k, "gw.conntrack",
	    "tcp      6 431999 ESTABLISHED src=10.77.0.10 dst=10.77.0.12 sport=37374 dport=8080 src=10.77.0.12 dst=10.77.0.10 sport=8080"
	    " dport=37374 [ASSURED]"
	    " mark=0 use=1\n"
	    /* A virtual address, and masquerading: who really called, and who answered. */
	    "ipv4     2 tcp      6 100 TIME_WAIT src=10.77.0.12 dst=10.96.0.5 sport=41000 dport=5432 src=10.77.0.13 dst=10.77.0.20 sport=5432"
	    " dport=1024 [ASSURED] use=1\n"
	    "tcp      6 118 SYN_SENT src=10.77.0.12 dst=10.77.0.99 sport=41002 dport=81 [UNREPLIED] src=10.77.0.99 dst=10.77.0.12 sport=81"
	    " dport=41002 mark=0 use=1\n"
	    "udp      17 29 src=10.77.0.10 dst=10.77.0.53 sport=5000 dport=53 src=10.77.0.53 dst=10.77.0.10 sport=53 dport=5000 mark=0 use=1\n"
	    "icmp     1 29 src=10.77.0.10 dst=10.77.0.53 type=8 code=0 id=1 src=10.77.0.53 dst=10.77.0.10 type=0 code=0 id=1 use=1\n"
	    "conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.\n", IMPORT_CONNTRACK);
	/* The same connection from the other host, and events. */
	kit_good(&k, "api.conntrack",
	    "[1795212777.264]\t    [NEW] tcp      6 120 SYN_SENT src=10.77.0.10 dst=10.77.0.12 sport=37374 dport=8080 [UNREPLIED]"
	    " src=10.77.0.12 dst=10.77.0.10"
	    " sport=8080 dport=37374\n"
	    "[1795212778.264]\t[DESTROY] tcp      6 src=10.77.0.10 dst=10.77.0.12 sport=37400 dport=8080 src=10.77.0.12 dst=10.77.0.10"
	    " sport=8080 dport=37400 [ASSURED]\n",
	    IMPORT_CONNTRACK);
	KIT_TOLD(&k, "gw -> api http 2/0", "api -> db db 1/0", "api -> 10.77.0.99:81 tcp 1/1");
	kit_stop(&k);
}

static void
test_nat_without_a_tracker(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	/* The client sees a virtual address, the server the client's: one connection, by the client's port. */
	kit_good(&k, "web.ss", "LISTEN 0 1 10.1.0.1:80 0.0.0.0:*\nESTAB 0 0 10.1.0.1:50123 10.96.0.7:6379\n", IMPORT_SS);
	kit_good(&k, "cache.ss", "LISTEN 0 1 *:6379 *:*\nESTAB 0 0 10.1.0.2:6379 10.1.0.1:50123\n", IMPORT_SS);
	KIT_TOLD(&k, "web -> cache");
	kit_stop(&k);
}

static void
test_cluster(void **state)
{
	struct kit k;
	char text[1024], name[32];

	(void)state;
	kit_start(&k, "LFG");
	for (int i = 1; i <= 3; i++) {
		snprintf(name, sizeof(name), "etcd-%d.ss", i);
		snprintf(text, sizeof(text),
		    "LISTEN 0 1 10.2.0.%d:2379 0.0.0.0:* users:((\"etcd\",pid=1,fd=3))\nLISTEN 0 1 10.2.0.%d:2380 0.0.0.0:*"
		    " users:((\"etcd\",pid=1,fd=4))\n"
		    "ESTAB 0 0 10.2.0.%d:4000%d 10.2.0.%d:2380 users:((\"etcd\",pid=1,fd=5))\n", i, i, i, i, i % 3 + 1);
		kit_good(&k, name, text, IMPORT_SS);
	}
	kit_good(&k, "api.ss", "LISTEN 0 1 10.2.0.9:80 0.0.0.0:* users:((\"api\",pid=1,fd=3))\n"
	    "ESTAB 0 0 10.2.0.9:50001 10.2.0.1:2379 users:((\"api\",pid=1,fd=4))\nESTAB 0 0 10.2.0.9:50002 10.2.0.2:2379"
	    " users:((\"api\",pid=1,fd=5))\n"
	    "ESTAB 0 0 10.2.0.9:50003 10.2.0.3:2379 users:((\"api\",pid=1,fd=6))\n", IMPORT_SS);
	KIT_TOLD(&k, "etcd-1 -> etcd-2", "etcd-2 -> etcd-3", "etcd-3 -> etcd-1", "api -> etcd-1", "api -> etcd-2", "api -> etcd-3",
	    "etcd-1: cluster=etcd of 3", "etcd-2: cluster=etcd of 3", "etcd-3: cluster=etcd of 3", "api needs 2 of etcd-3 etcd-2 etcd-1");
	kit_stop(&k);
}

static void
test_bad_lines_are_counted(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "a.ss",
	    "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 10.0.0.1:99999 10.0.0.2:80\nESTAB 0 0 10.0.0.1:5000 \n"
	    "ESTAB 0 0 10.0.0.1:50000 10.0.0.2:80\nESTAB 0 0 10.0.0.1:500", IMPORT_SS);
	kit_good(&k, "a.conntrack", "tcp 6 1 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=x dport=80 src=10.0.0.2\ntcp 6 1 src=1.2.3 dst=",
	    IMPORT_CONNTRACK);
	kit_good(&k, "a.tcp",
	    "  sl  local_address rem_address   st\n 0: 0B004D0A:1F90 0A004D0A:94AE\n 1: zz004D0A:1F90 0A004D0A:94AE 01\n 2: 0B00", IMPORT_PROC_NET);
	assert_int_equal(k.im.dropped, 3 + 2 + 3);
	KIT_TOLD(&k, "a -> 10.0.0.2:80");
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_hosts), cmocka_unit_test(test_one_host_of_many_services), cmocka_unit_test(test_only_established),
		cmocka_unit_test(test_conntrack), cmocka_unit_test(test_nat_without_a_tracker), cmocka_unit_test(test_cluster),
		cmocka_unit_test(test_bad_lines_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
