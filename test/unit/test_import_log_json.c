/* SPDX-License-Identifier: MIT */
/* test_import_log_json.c - access logs as JSON lines, with the keys that people give them. */
#include "import_kit.h"

/* What log_format escape=json makes of the variables' own names, and of short ones. */
static void
test_nginx(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "hosts", "10.0.0.11 cart\n10.0.0.12 catalog\n10.0.0.5 web\n", IMPORT_HOSTS);
	kit_good(&k, "logs/gateway-access.json",
	    "{\"time_iso8601\":\"2026-11-20T22:31:06+00:00\",\"remote_addr\":\"10.0.0.5\",\"request_uri\":\"/cart?x=1\",\"status\":\"200\","
	    "\"request_time\":\"0.010\",\"upstream_addr\":\"10.0.0.11:8080\",\"upstream_status\":\"200\",\"upstream_response_time\":\"0.009\","
	    "\"host\":\"shop.example.com\",\"server_name\":\"_\",\"http_user_agent\":\"a \\\"b\\\" c\"}\n"
	    "{\"time_iso8601\":\"2026-11-20T22:31:07+00:00\",\"remote_addr\":\"203.0.113.9\",\"request_uri\":\"/x\",\"status\":\"502\","
	    "\"upstream_addr\":\"10.0.0.11:8080, 10.0.0.12:8080\",\"upstream_status\":\"502, 504\",\"upstream_response_time\":\"0.001, 1.0\"}\n"
	    "{\"time_iso8601\":\"2026-11-20T22:31:08+00:00\",\"remote_addr\":\"203.0.113.9\",\"request_uri\":\"/static\",\"status\":\"200\","
	    "\"upstream_addr\":\"\",\"upstream_status\":\"\"}\n"
	    "{\"time_iso8601\":\"2026-11-20T22:31:09+00:00\",\"remote_addr\":\"10.0.0.5\",\"status\":200,\"upstream_addr\":\"10.0.0.13:9000\","
	    "\"proxy_host\":\"stock:9000\"}\n"
	    "{\"time_iso8601\":\"2026-11-20T22:31:09+00:00\",\"remote_addr\":\"10.0.", IMPORT_LOG_JSON);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "web -> gateway http 2/0", "user -> gateway http 2/1", "gateway -> cart http 2/1", "gateway -> catalog http 1/1",
	    "gateway -> stock http 1/0");
	kit_stop(&k);
}

/* Formats written by hand leave values without quotes, and bytes as \x22. */
static void
test_not_quite_json(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "edge.log",
	    "{\"ts\": 1795212666.123, \"client\": \"203.0.113.9\", \"uri\": \"/\", \"ua\": \"x\\x22y\", \"status\": 200, \"upstream\": \"10.0.0.1:"
	    "80\","
	    " \"ut\": 0.1}\n"
	    "{\"ts\": 1795212667.123, \"client\": \"203.0.113.9\", \"uri\": \"/\", \"status\": 404, \"upstream\": \"-\", \"upstream_status\": -,"
	    " \"upstream_response_time\": -}\n"
	    "{\"ts\": 1795212668.123, \"client\": \"203.0.113.9\", \"status\": 200, \"upstream_response_time\": 0.001, 0.002, \"upstream_status\":"
	    " 502,"
	    " 200, \"upstream\": \"10.0.0.1:80, 10.0.0.2:80\"}\n"
	    "{\"ts\": 17952\n", IMPORT_LOG_JSON);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "user -> edge http 3/0", "edge -> 10.0.0.1:80 http 2/1", "edge -> 10.0.0.2:80 http 1/0");
	kit_stop(&k);
}

static void
test_ingress(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "ingress.log",
	    "{\"time\":\"2026-11-20T22:31:06+00:00\",\"remote_addr\":\"203.0.113.9\",\"status\":"
	    "200,\"namespace\":\"team-a\",\"ingress_name\":\"shop\","
	    "\"service_name\":\"order-api\",\"service_port\":\"80\",\"upstream_addr\":\"10.1.0.5:8080\",\"upstream_status\":\"200\"}\n"
	    "{\"time\":\"2026-11-20T22:31:06+00:00\",\"remote_addr\":\"203.0.113.9\",\"status\":200,\"proxy_upstream_name\":\"shop-web-80\","
	    "\"upstream_addr\":\"10.1.0.6:8080, 10.1.0.7:8080\",\"upstream_status\":\"502, 200\"}\n"
	    "{\"time\":\"2026-11-20T22:31:06+00:00\",\"remote_addr\":\"203.0.113.9\",\"status\":"
	    "404,\"proxy_upstream_name\":\"upstream-default-backend\","
	    "\"upstream_addr\":\"-\"}\n", IMPORT_LOG_JSON);
	KIT_TOLD(&k, "user -> ingress", "ingress -> team-a/order-api", "ingress -> shop/web");
	kit_stop(&k);
}

static void
test_envoy(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "hosts", "10.44.1.2 ingressgateway\n", IMPORT_HOSTS);
	kit_good(&k, "productpage.json",
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"method\":\"GET\",\"path\":\"/reviews/0\",\"response_code\":200,\"response_flags\":\"-\","
	    "\"authority\":\"reviews:9080\",\"upstream_host\":\"10.44.1.9:"
	    "9080\",\"upstream_cluster\":\"outbound|9080|v2|reviews.default.svc.cluster.local\","
	    "\"upstream_local_address\":\"10.44.1.27:40000\",\"downstream_local_address\":\"10.96.1.1:9080\","
	    "\"downstream_remote_address\":\"10.44.1.27:40002\",\"requested_server_name\":null,\"upstream_service_time\":\"11\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"method\":\"GET\",\"response_code\":200,\"response_flags\":\"-\",\"authority\":\"shop\","
	    "\"upstream_host\":\"10.44.1.27:9080\",\"upstream_cluster\":\"inbound|9080||\",\"upstream_local_address\":\"127.0.0.6:40001\","
	    "\"downstream_remote_address\":\"10.44.1.2:50000\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"response_code\":0,\"response_flags\":\"-\",\"method\":null,"
	    "\"upstream_host\":\"10.44.1.30:3306\",\"upstream_cluster\":\"outbound|3306||mysql.data.svc.cluster.local\","
	    "\"upstream_local_address\":\"10.44.1.27:40005\",\"downstream_remote_address\":\"10.44.1.27:40006\"}\n", IMPORT_LOG_JSON);
	/* A gateway's own callers, and clusters by other control planes and by hand. */
	kit_good(&k, "ingressgateway.json",
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"method\":\"GET\",\"response_code\":"
	    "503,\"response_flags\":\"UF\",\"authority\":\"shop.example.com\","
	    "\"upstream_host\":\"10.44.1.27:9080\",\"upstream_cluster\":\"outbound|9080||productpage.default.svc.cluster.local\","
	    "\"upstream_local_address\":\"10.44.1.2:40000\",\"downstream_remote_address\":\"198.51.100.7:40002\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"response_code\":200,\"response_flags\":\"-\",\":authority\":\"shop.example.com\","
	    "\"upstream_host\":\"10.1.0.1:80\",\"upstream_cluster\":\"shop_cart_80\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"response_code\":200,\"response_flags\":\"-\",\"authority\":\"localhost:10000\","
	    "\"upstream_host\":\"10.1.0.2:80\",\"upstream_cluster\":\"stock_cluster\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"response_code\":200,\"response_flags\":\"-\",\"authority\":\"www.example.com\","
	    "\"upstream_host\":\"10.1.0.3:80\",\"upstream_cluster\":\"httproute/default/backend/rule/0\"}\n"
	    "{\"start_time\":\"2026-11-20T22:31:06.213Z\",\"response_code\":404,\"response_flags\":\"NR\",\"authority\":\"www.example.com\","
	    "\"upstream_host\":null,\"upstream_cluster\":null}\n", IMPORT_LOG_JSON);
	assert_int_equal(k.im.dropped, 0);
	KIT_TOLD(&k, "productpage -> default/reviews http 1/0", "ingressgateway -> productpage http 1/0", "productpage -> data/mysql tcp 1/0",
	    "user -> ingressgateway http 1/1", "ingressgateway -> default/productpage http 1/1", "ingressgateway -> shop/cart http 1/0",
	    "ingressgateway -> stock http 1/0", "ingressgateway -> 10.1.0.3:80 http 1/0");
	kit_stop(&k);
}

static void
test_haproxy(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_good(&k, "lb.log",
	    "Nov 20 22:31:06 lb1 haproxy[123]: {\"timestamp\":1795212666,\"client_ip\":\"10.77.0.11\",\"client_port\":55090,\"frontend_name\":\"fe\","
	    "\"backend_name\":\"be_api\",\"server_name\":\"api1\",\"http_status\":200,\"http_request\":\"GET / HTTP/1.1\"}\n"
	    "Nov 20 22:31:07 lb1 haproxy[123]: {\"timestamp\":1795212666,\"client_ip\":\"10.77.0.11\",\"client_port\":55090,\"frontend_name\":\"fe\","
	    "\"backend_name\":\"be_orders\",\"server_name\":\"srv2\",\"http_status\":503,\"http_request\":\"GET / HTTP/1.1\"}\n"
	    "Nov 20 22:31:07 lb1 haproxy[123]: {\"timestamp\":1795212666,\"client_ip\":\"10.77.0.11\",\"client_port\":55090,\"frontend_name\":\"fe\","
	    "\"backend_name\":\"be_orders\",\"server_name\":\"<NOSRV>\",\"http_status\":503,\"http_request\":\"GET / HTTP/1.1\"}\n", IMPORT_LOG_JSON);
	assert_int_equal(k.im.dropped, 0);
	KIT_TOLD(&k, "10.77.0.11 -> lb1 http 3/2", "lb1 -> api1 http 1/0", "lb1 -> orders http 1/1");
	kit_stop(&k);
}

static void
test_traefik_caddy_kong(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "traefik.json",
	    "{\"ClientAddr\":\"203.0.113.9:4711\",\"ClientHost\":\"203.0.113.9\",\"DownstreamStatus\":200,\"Duration\":1300000,\"OriginDuration\":"
	    "1200000,"
	    "\"OriginStatus\":200,\"RequestHost\":\"shop.example.com\",\"RequestMethod\":\"GET\",\"RequestPath\":\"/\",\"RouterName\":\"cart@docke"
	    "r\","
	    "\"ServiceAddr\":\"172.18.0.4:8080\",\"ServiceName\":\"cart-shop@docker\",\"ServiceURL\":{\"Scheme\":\"http\",\"Host\":\"172.18.0.4:"
	    "8080\"},"
	    "\"StartUTC\":\"2026-11-20T22:31:06.213Z\",\"entryPointName\":\"web\",\"level\":\"info\",\"msg\":\"\",\"time\":\"2026-11-20T22:31:"
	    "06Z\"}\n"
	    "{\"ClientAddr\":\"203.0.113.9:4711\",\"DownstreamStatus\":200,\"ServiceName\":\"shop-stock-80@kubernetes\","
	    "\"ServiceURL\":\"http://10.42.0.9:8080\",\"time\":\"2026-11-20T22:31:06Z\"}\n"
	    "{\"ClientAddr\":\"203.0.113.9:4711\",\"DownstreamStatus\":404,\"RequestHost\":\"x\",\"time\":\"2026-11-20T22:31:06Z\"}\n",
	    IMPORT_LOG_JSON);
	kit_good(&k, "traefik.access.log",
	    "203.0.113.9 - - [20/Nov/2026:22:31:06 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" 1 \"bank@file\" \"http://bank:8080\" 3ms\n"
	    "203.0.113.9 - - [20/Nov/2026:22:31:06 +0000] \"GET / HTTP/1.1\" 404 5 \"-\" \"-\" 1 \"-\" \"-\" 0ms\n", IMPORT_NGINX);
	kit_good(&k, "caddy.log",
	    "{\"level\":\"info\",\"ts\":1795212666.77,\"logger\":\"http.log.access.log0\",\"msg\":\"handled request\",\"request\":{\"remote_ip\":"
	    "\"203.0.113.9\",\"remote_port\":\"41342\",\"proto\":\"HTTP/2.0\",\"method\":\"GET\",\"host\":\"shop.example.com\",\"uri\":\"/\",\"hea"
	    "ders\":"
	    "{\"Upstream-Addr\":[\"evil:1\"]}},\"duration\":0.0009,\"size\":10900,\"status\":200}\n"
	    "{\"level\":\"info\",\"ts\":1795212666.77,\"msg\":\"serving initial configuration\"}\n"
	    "{\"level\":\"debug\",\"ts\":1795212666.78,\"logger\":\"http.handlers.reverse_proxy\",\"msg\":\"upstream "
	    "roundtrip\",\"upstream\":\"cart:8080\","
	    "\"duration\":0.0009,\"request\":{\"remote_ip\":\"203.0.113.9\",\"host\":\"shop.example.com\",\"uri\":\"/\"},\"status\":200}\n",
	    IMPORT_LOG_JSON);
	kit_good(&k, "kong.json",
	    "{\"started_at\":1795212666123,\"client_ip\":\"203.0.113.9\",\"request\":{\"method\":\"GET\",\"uri\":\"/\",\"url\":\"http:"
	    "//shop.example.com:8000/\","
	    "\"headers\":{\"host\":\"x\"}},\"response\":{\"status\":200,\"headers\":{}},\"service\":{\"name\":\"catalog\",\"host\":"
	    "\"catalog.shop.svc.cluster.local\",\"port\":80,\"protocol\":\"http\"},\"upstream_uri\":\"/\",\"tries\":"
	    "[{\"ip\":\"10.0.0.1\",\"port\":80}]}\n",
	    IMPORT_LOG_JSON);
	assert_int_equal(k.im.dropped, 0);
	KIT_TOLD(&k, "user -> traefik", "traefik -> cart-shop", "traefik -> shop/stock", "traefik -> bank", "user -> caddy", "caddy -> cart",
	    "user -> kong", "kong -> shop/catalog");
	kit_stop(&k);
}

/* As a container's runtime keeps them. */
static void
test_wrapped(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "edge.log",
	    "{\"log\":\"/docker-entrypoint.sh: ready for start up\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T22:31:05.1Z\"}\n"
	    "{\"log\":\"{\\\"remote_addr\\\":\\\"203.0.113.9\\\",\\\"status\\\":\\\"200\\\",\\\"upstream_addr\\\":\\\"10.0.0.1:80\\\"}\\n\","
	    "\"stream\":\"stdout\",\"time\":\"2026-11-20T22:31:06.1Z\"}\n", IMPORT_LOG_JSON);
	kit_good(&k,
	    "/var/log/containers/front-7d9f8c6b5-x2x4z_shop_nginx-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log",
	    "2026-11-20T22:31:06.213456789Z stdout P 203.0.113.9 - - [20/Nov/2026:22:31:06 +0000] \"GET / HT\n"
	    "2026-11-20T22:31:06.213456789+01:00 stdout F TP/1.1\" 200 612 \"-\" \"-\" upstream_addr=10.0.0.2:80\n", IMPORT_NGINX);
	assert_int_equal(k.im.dropped, 1);
	KIT_TOLD(&k, "user -> edge", "edge -> 10.0.0.1:80", "user -> front", "front -> 10.0.0.2:80");
	kit_stop(&k);
}

static void
test_example(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	k.detail = true;
	kit_file(&k, "examples/sources/gateway.access.json", IMPORT_LOG_JSON);
	KIT_TOLD(&k, "user -> gateway http 3/1", "gateway -> cart http 1/0", "gateway -> ad http 1/1");
	kit_stop(&k);
}

/* What is JSON lines but no access log stays what it was. */
static void
test_others_are_left_alone(void **state)
{
	static const char *const texts[] = { "{\"level\":\"info\",\"msg\":\"started\",\"status\":\"ok\"}\n", "{\"a\":1}\n",
		"{\"host\":\"a\",\"status\":200}\n" };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++)
		assert_int_equal(import_recognise("x.log", texts[i], strlen(texts[i])), IMPORT_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nginx), cmocka_unit_test(test_not_quite_json), cmocka_unit_test(test_ingress), cmocka_unit_test(test_envoy),
		cmocka_unit_test(test_haproxy), cmocka_unit_test(test_traefik_caddy_kong), cmocka_unit_test(test_wrapped),
			cmocka_unit_test(test_example),
			cmocka_unit_test(test_others_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
