/* SPDX-License-Identifier: MIT */
/* test_import_logs.c - logs of proxies and of DNS, graphs that others made, records of backups. */
#include "import_kit.h"

static void
test_nginx(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "hosts", "10.0.0.11 api1\n10.0.0.12 api2\n10.0.0.5 web\n", IMPORT_HOSTS);
	kit_good(&k, "logs/gateway.access.log",
	    "10.0.0.5 - - [20/Nov/2026:22:31:06 +0000] \"GET / HTTP/1.1\" 200 612 \"-\" \"curl/7.88.1\" ua=\"10.0.0.11:80\" us=\"200\""
	    " host=\"shop\" proxy_host=\"api\"\n"
	    "203.0.113.9 - bob [20/Nov/2026:22:31:07 +0000] \"GET /x?y=\\\"z HTTP/1.1\" 502 0 \"-\" \"a b [c]\" ua=\"10.0.0.11:80,"
	    " 10.0.0.12:80\" us=\"502, 504\" host=\"s\"\n"
	    "203.0.113.10 - - [20/Nov/2026:22:31:08 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" ua=\"10.0.0.13:9000 : 10.0.0.11:80\" us=\"404 :"
	    " 200\" proxy_host=\"stock:9000\"\n"
	    "10.0.0.5 - - [20/Nov/2026:22:31:09 +0000] \"GET / HTTP/1.1\" 499 0 \"-\" \"-\" ua=\"-\" us=\"-\"\n"
	    "10.0.0.5 - - [20/Nov/2026:22:31:09 +0000] \"GE", IMPORT_NGINX);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "web -> gateway http 2/0", "user -> gateway http 2/1", "gateway -> api1 http 3/1", "gateway -> api2 http 1/1",
	    "gateway -> stock http 1/0");
	kit_stop(&k);
}

static void
test_ingress(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "ingress.log",
	    "192.168.65.3 - - [20/Nov/2026:22:31:06 +0000] \"GET / HTTP/1.1\" 200 612 \"-\" \"curl/7\" 77 0.003 [shop-web-80] [] 10.1.0.5:8080"
	    " 612 0.003 200 "
	    "0b9a\n", IMPORT_NGINX);
	KIT_TOLD(&k, "192.168.65.3 -> ingress", "ingress -> shop/web");
	kit_stop(&k);
}

static void
test_haproxy(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "haproxy.log",
	    "Nov 20 22:31:06 lb haproxy[123]: 10.77.0.11:55090 [20/Nov/2026:22:31:06.213] fe_api be_api/api1 0/0/0/56/56 200 104 - - ----"
	    " 1/1/0/0/0 0/0 "
	    "\"GET / HTTP/1.1\"\n"
	    "Nov 20 22:31:06 lb haproxy[123]: 10.77.0.11:55091 [20/Nov/2026:22:31:06.300] fe_api be_api/api2 0/0/-1/-1/56 503 104 - - SC--"
	    " 1/1/0/0/0 0/0 "
	    "\"GET / HTTP/1.1\"\n"
	    "Nov 20 22:31:07 lb haproxy[123]: 10.77.0.11:55092 [20/Nov/2026:22:31:07.300] fe_api be_api/<NOSRV> 0/-1/-1/-1/0 503 104 - - SC--"
	    " 1/1/0/0/0 0/0 "
	    "\"GET / HTTP/1.1\"\n"
	    "Nov 20 22:31:08 lb haproxy[123]: 10.77.0.11:55093 [20/Nov/2026:22:31:08.300] fe_pg be_orders-db/srv1 1/0/5007 212 -- 0/0/0/0/3 0/0\n"
	    "Nov 20 22:31:08 lb haproxy[123]: ::ffff:10.77.0.12:55093 [20/Nov/2026:22:31:08.300] fe_pg be_orders-db/srv1 1/0/7 212 -- 0/0/0/0/3 0/0\n"
	    "Nov 20 22:31:08 lb haproxy[123]: fd00::5:55093 [20/Nov/2026:22:31:08.300] fe_pg be_orders-db/srv1 1/0/7 212 -- 0/0/0/0/3 0/0\n"
	    "Nov 20 22:31:09 lb haproxy[123]: Server be_api/api2 is DOWN, reason: Layer4 timeout.\n", IMPORT_HAPROXY);
	assert_int_equal(k.im.dropped, 0);
	KIT_TOLD(&k, "10.77.0.11 -> lb http 4/2", "lb -> api1 http 1/0", "lb -> api2 http 1/1", "lb -> orders-db tcp 3/0",
	    "10.77.0.12 -> lb http 1/0", "fd00::5 -> lb http 1/0");
	kit_stop(&k);
}

static void
test_envoy(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "edge.log",
	    "[2026-11-20T22:31:06.213Z] \"GET /api HTTP/1.1\" 200 - 0 123 5 4 \"203.0.113.9\" \"curl/7\" \"1-2-3\" \"reviews:9080\""
	    " \"10.0.0.5:9080\"\n"
	    "[2026-11-20T22:31:07.213Z] \"GET /api HTTP/1.1\" 503 UH 0 19 0 - \"-\" \"curl/7\" \"1-2-4\" \"shop.example.com\" \"-\"\n"
	    "[2026-11-20T22:31:08.213Z] \"GET /api HTTP/1.1\" 504 UT 0 24 15 - \"-\" \"a\\\"b\" \"1-2-5\" \"shop.example.com\" \"10.0.0.6:80\"\n"
	    "not a line\n", IMPORT_ENVOY);
	kit_good(&k, "productpage.log",
	    "[2026-11-20T22:31:06.213Z] \"GET /reviews/0 HTTP/1.1\" 200 - via_upstream - \"-\" 0 375 12 11 \"-\" \"python\" \"id\""
	    " \"reviews:9080\" \"10.44.1.9:9080\" "
	    "outbound|9080||reviews.default.svc.cluster.local 10.44.1.27:40000 10.96.1.1:9080 10.44.1.27:40002 - default\n"
	    "[2026-11-20T22:31:06.213Z] \"GET /productpage HTTP/1.1\" 200 - via_upstream - \"-\" 0 5000 20 19 \"-\" \"curl\" \"id\" \"shop\""
	    " \"10.44.1.27:9080\" "
	    "inbound|9080|| 127.0.0.6:40001 10.44.1.27:9080 10.44.1.2:50000 - default\n"
	    "[2026-11-20T22:31:06.213Z] \"GET /v2 HTTP/1.1\" 200 - via_upstream - \"-\" 0 5 20 19 \"-\" \"curl\" \"id\" \"api.bank.example\""
	    " \"203.0.113.8:443\" "
	    "PassthroughCluster 10.44.1.27:40001 203.0.113.8:443 10.44.1.27:50000 - allow_any\n"
	    "[2026-11-20T22:31:09.000Z] \"- - -\" 0 - - - \"-\" 10 20 30 - \"-\" \"-\" \"-\" \"-\" \"10.44.1.30:3306\""
	    " outbound|3306||mysql.data.svc.cluster.local "
	    "10.44.1.27:40005 10.96.1.2:3306 10.44.1.27:40006 - -\n", IMPORT_ENVOY);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "edge -> reviews http 1/0", "edge -> 10.0.0.6:80 http 1/1", "productpage -> default/reviews http 1/0",
	    "productpage -> api.bank.example http 1/0", "productpage -> data/mysql tcp 1/0");
	kit_stop(&k);
}

static void
test_dns(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "hosts", "10.0.0.5 web\n10.244.0.5 cart\n", IMPORT_HOSTS);
	kit_good(&k, "plain.log", "2026-11-20T22:31:06Z 10.0.0.5 api.stripe.example A\n2026-11-20T22:31:07Z 10.0.0.5 api.stripe.example AAAA\n",
	    IMPORT_DNS_LOG);
	kit_good(&k, "coredns.log",
	    "[INFO] 10.244.0.5:41234 - 51032 \"A IN orders-db.shop.svc.cluster.local. udp 32 false 512\" NOERROR qr,aa,rd 106 0.0012s\n"
	    "[INFO] 10.244.0.5:41234 - 51033 \"A IN api.bank.example.shop.svc.cluster.local. udp 32 false 512\" NXDOMAIN qr,aa,rd 106 0.0012s\n"
	    "[INFO] 10.244.0.5:41234 - 51034 \"A IN api.bank.example. udp 32 false 512\" NOERROR qr,rd,ra 106 0.0012s\n"
	    "[INFO] 10.244.0.5:41234 - 51035 \"PTR IN 5.0.0.10.in-addr.arpa. udp 32 false 512\" NOERROR qr,rd,ra 106 0.0012s\n", IMPORT_DNS_LOG);
	kit_good(&k, "named.log",
	    "20-Nov-2026 22:31:06.213 queries: info: client @0x7f3c 10.0.0.5#53124 (mail.example.org): query: mail.example.org IN A +E(0)K"
	    " (10.0.0.1)\n",
	    IMPORT_DNS_LOG);
	kit_good(&k, "dnsmasq.log",
	    "Nov 20 22:31:06 dnsmasq[123]: query[A] cdn.example.net from 10.0.0.5\nNov 20 22:31:06 dnsmasq[123]: reply cdn.example.net is 1.2.3.4\n",
	    IMPORT_DNS_LOG);
	assert_int_equal(k.im.dropped, 0);
	KIT_TOLD(&k, "web -> api.stripe.example  2/0", "cart -> shop/orders-db  1/0", "cart -> api.bank.example  1/0", "web -> mail.example.org  1/0",
	    "web -> cdn.example.net  1/0");
	kit_stop(&k);
}

static void
test_graphs_of_others(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "kiali.json", "{\"timestamp\":1,\"graphType\":\"versionedApp\",\"elements\":{\"nodes\":["
	    "{\"data\":{\"id\":\"a\",\"nodeType\":\"app\",\"namespace\":\"b\",\"app\":\"productpage\",\"workload\":\"productpage-v1\"}},"
	    "{\"data\":{\"id\":\"s\",\"nodeType\":\"service\",\"namespace\":\"b\",\"service\":\"reviews\"}},"
	    "{\"data\":{\"id\":\"r\",\"nodeType\":\"app\",\"namespace\":\"b\",\"app\":\"reviews\"}},"
	    "{\"data\":{\"id\":\"u\",\"nodeType\":\"unknown\",\"namespace\":\"unknown\",\"workload\":\"unknown\",\"app\":\"unknown\"}}],\"edges\":["
	    "{\"data\":{\"id\":\"1\",\"source\":\"a\",\"target\":\"s\",\"traffic\":{\"protocol\":\"grpc\"}}},{\"data\":{\"id\":\"2\",\"source"
	    "\":\"s\",\"target\":\"r\"}},"
	    "{\"data\":{\"id\":\"3\",\"source\":\"u\",\"target\":\"a\"}}]}}", IMPORT_KIALI);
	kit_good(&k, "hubble.jsonl",
	    "{\"flow\":{\"time\":\"2026-11-20T22:31:06Z\",\"verdict\":\"FORWARDED\",\"IP\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2"
	    "\"},\"l4\":{\"TCP\":"
	    "{\"source_port\":4000,\"destination_port\":5432}},\"source\":{\"namespace\":\"n\",\"labels\":[\"k8s:app=x\"],\"pod_name\":\"cart-7"
	    "d9f8c6b5-x2x4z\","
	    "\"workloads\":[{\"name\":\"cart\",\"kind\":\"Deployment\"}]},\"destination\":{\"namespace\":\"n\",\"pod_name\":\"pg-0\"},\"is_repl"
	    "y\":false}}\n"
	    "{\"flow\":{\"verdict\":\"FORWARDED\",\"l4\":{\"TCP\":{\"source_port\":5432,\"destination_port\":4000}},\"source\":{\"namespace\":"
	    "\"n\",\"pod_name\":\"pg-0\"},"
	    "\"destination\":{\"namespace\":\"n\",\"workloads\":[{\"name\":\"cart\"}]},\"is_reply\":true}}\n"
	    "{\"flow\":{\"verdict\":\"DROPPED\",\"l4\":{\"TCP\":{\"destination_port\":443}},\"source\":{\"namespace\":\"n\",\"workloads\":[{\"n"
	    "ame\":\"cart\"}]},"
	    "\"IP\":{\"destination\":\"203.0.113.1\"},\"destination\":{\"labels\":[\"reserved:world\"]},\"destination_names\":[\"api.bank.examp"
	    "le\"],\"is_reply\":false}}\n",
	    IMPORT_HUBBLE);
	kit_good(&k, "metrics.txt",
	    "# TYPE traces_service_graph_request_total counter\n"
	    "traces_service_graph_request_total{client=\"web\",server=\"cart\",connection_type=\"\"} 12\n"
	    "traces_service_graph_request_failed_total{client=\"web\",server=\"cart\",connection_type=\"\"} 2\n"
	    "traces_service_graph_request_total{client=\"cart\",server=\"redis \\\"x\\\"\",connection_type=\"database\"} 7e0\n"
	    "traces_service_graph_request_total{client=\"cart\",server=\"unknown\",connection_type=\"virtual_node\"} 7\n"
	    "istio_requests_total{reporter=\"source\",source_workload=\"productpage-v1\",source_canonical_service=\"pp\",destination_service_na"
	    "me=\"details\","
	    "source_workload_namespace=\"b\",destination_service_namespace=\"b\",response_code=\"503\"} 3\n"
	    "istio_requests_total{reporter=\"destination\",source_canonical_service=\"pp\",destination_service_name=\"details\",source_workload"
	    "_namespace=\"b\","
	    "destination_service_namespace=\"b\",response_code=\"503\"} 3\n"
	    "istio_requests_total{reporter=\"source\",source_workload=\"unknown\",destination_service_name=\"details\"} 3\n"
	    "go_goroutines 7\nistio_requests_total{reporter=\"sou", IMPORT_PROMETHEUS);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "b/productpage -> b/reviews rpc 0/0", "n/cart -> n/pg db 1/0", "n/cart -> api.bank.example http 1/1", "web -> cart  12/2",
	    "cart -> redis \"x\" db 7/0", "b/pp -> b/details http 3/3");
	kit_stop(&k);
}

static void
test_backups(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "F");
	kit_good(&k, "p.json",
	    "[{\"archive\":[{\"id\":\"16-1\",\"max\":\"0002\",\"min\":\"0001\"}],\"backup\":[{\"error\":false,\"label\":\"20261119-020000F\","
	    "\"info\":"
	    "{\"size\":2048},\"timestamp\":{\"start\":1795053600,\"stop\":1795053660},\"type\":\"full\"}],\"cipher\":\"none\",\"db\":[{\"id\":1"
	    "}],\"name\":\"orders-db\","
	    "\"status\":{\"code\":0,\"message\":\"ok\"}},{\"archive\":[],\"backup\":[],\"db\":[],\"name\":\"users-db\",\"status\":{\"code\":2,"
	    "\"message\":\"no valid backups\"}}]",
	    IMPORT_PGBACKREST);
	kit_good(&k, "r.json",
	    "[{\"time\":\"2026-11-19T02:00:00.5+01:00\",\"tree\":\"x\",\"paths\":[\"/var/lib/a\"],\"hostname\":\"files\",\"tags\":[\"service=up"
	    "loads\"],"
	    "\"id\":\"1\"}]", IMPORT_RESTIC);
	kit_good(&k, "b.json", "{\"archives\":[{\"archive\":\"wiki-2026-11-19T02:00:03\",\"name\":\"wiki-2026-11-19T02:00:03\",\"id\":\"a\",\"time\":"
	    "\"2026-11-19T02:00:03.000000\"}],\"encryption\":{\"mode\":\"repokey\"},\"repository\":{\"id\":\"b\"}}", IMPORT_BORG);
	kit_good(&k, "log.jsonl", "{\"node\":\"mail\",\"kind\":\"backup\",\"finished\":\"2026-11-19T02:00:00Z\",\"ok\":true,\"bytes\":10}\n"
	    "{\"node\":\"mail\",\"kind\":\"restore\",\"finished\":\"2026-11-01T02:00:00Z\",\"ok\":true}\n", IMPORT_JSON_RECORDS);
	kit_good(&k, "stock-db.txt",
	    " archived_count | last_archived_wal |      last_archived_time       | failed_count | last_failed_time | stats_reset \n"
	    "----------------+-------------------+-------------------------------+----+---+---\n"
	    "             42 | 00000001000000A5  | 2026-11-20 10:03:02.12345+00   |            0 |                  | 2026-11-01\n(1 row)\n",
	    IMPORT_PG_ARCHIVER);
	KIT_TOLD(&k, "orders-db: backup.by=pgbackrest", "orders-db: backup.last=2026-11-19T02:01:00Z", "orders-db: backup.seconds=60",
	    "orders-db: backup.bytes=2048",
	    "orders-db: backup.ok=true", "users-db: backup.by=pgbackrest", "users-db: backup.ok=false", "users-db: backup.ran=never",
	    "uploads: backup.by=restic", "uploads: backup.last=2026-11-19T01:00:00Z", "uploads: backup.ok=true", "wiki: backup.by=borg",
	    "wiki: backup.last=2026-11-19T02:00:03Z", "wiki: backup.ok=true", "mail: backup.last=2026-11-19T02:00:00Z", "mail: backup.bytes=10",
	    "mail: backup.ok=true", "mail: backup.verified=2026-11-01T02:00:00Z", "stock-db: backup.by=pg_stat_archiver",
	    "stock-db: backup.archived=2026-11-20T10:03:02Z", "stock-db: backup.ok=true");
	kit_stop(&k);
}

static void
test_spans_are_left_to_their_reader(void **state)
{
	static const struct { const char *text; enum import_format want; } files[] = {
		{ "{\"resourceSpans\":[{\"resource\":{}}]}", IMPORT_OTLP_JSON }, { "[{\"traceId\":\"a\",\"id\":\"b\",\"name\":\"x\"}]",
		IMPORT_ZIPKIN },
		{ "{\"data\":[{\"traceID\":\"a\",\"spans\":[]}]}", IMPORT_JAEGER }, { "\x1f\x8b\x08", IMPORT_GZIP }, { "", IMPORT_EMPTY },
		{ " \n", IMPORT_EMPTY },
		{ "hello world\n", IMPORT_UNKNOWN }, { "\x7f" "ELF", IMPORT_UNKNOWN }, { "{}", IMPORT_UNKNOWN }, { "replicas: 3\nimage: x\n",
		IMPORT_UNKNOWN },
		{ "\n\x08\x12\x06\n\x04\n\x02\x10\x01", IMPORT_OTLP_PROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_string_equal(import_format_name(import_recognise("x", files[i].text, strlen(files[i].text))),
		    import_format_name(files[i].want));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nginx), cmocka_unit_test(test_ingress), cmocka_unit_test(test_haproxy), cmocka_unit_test(test_envoy),
		cmocka_unit_test(test_dns), cmocka_unit_test(test_graphs_of_others), cmocka_unit_test(test_backups),
		cmocka_unit_test(test_spans_are_left_to_their_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
