/* SPDX-License-Identifier: MIT */
/* test_import_declared.c - what people declare: faultline.yaml, compose files, Backstage's catalog, CSV and JSON. */
#include "import_kit.h"

static void
test_faultline_yaml(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "NLFIARG");
	kit_file(&k, "examples/sources/services.yaml", IMPORT_DECLARED);
	KIT_TOLD(&k, "checkout (1) shop", "orders-db (2) shop", "web (1) ", "bank-a (4) ", "checkout -> orders-db", "checkout -> cart",
	    "web -> checkout",
	    "checkout -> cart: since=2024", "checkout needs 1 of bank-a bank-b", "orders-db needs 2 of etcd-1 etcd-2 etcd-3",
	    "checkout at 10.0.0.5:8080",
	    "checkout at 10.0.0.6:8080", "checkout: tier=1", "checkout: owner=payments", "checkout: rto=15m", "checkout: zone=a,b",
	    "checkout: pager=+1-555",
	    "orders-db: rpo=1h", "orders-db: stateful=true", "orders-db: backup.schedule=0 2 * * *", "10.0.0.9 is orders-db", "legacy-cart is cart",
	    "deny web* -> *-db", "allow checkout -> orders-db");
	kit_stop(&k);
}

static void
refused(const char *text, const char *complaint)
{
	struct kit k;

	kit_start(&k, "NLFIARG");
	assert_int_equal(kit_add(&k, "f.yaml", text, NULL), -EINVAL);
	if (strstr(buf_str(&k.im.diag.text), complaint) == NULL)
		print_error("%s\n", buf_str(&k.im.diag.text));
	assert_non_null(strstr(buf_str(&k.im.diag.text), complaint));
	/* Nothing of a file with a mistake is told. */
	assert_int_equal(import_finish(&k.im), 0);
	assert_int_equal(k.count, 0);
	kit_stop(&k);
}

static void
test_mistakes_have_places(void **state)
{
	(void)state;
	refused("services:\n  web:\n    tier: 1\n    ownr: x\n", "f.yaml:4:5: ");
	refused("services:\n  web:\n    tier: 1\n    needs: cart\n", "f.yaml:4:12: found \"cart\", expected a list of what the service depends on");
	refused("services:\n  web:\n    rto: soon\n", "f.yaml:3:10: ");
	refused("services:\n  web:\n    needs: [{any: [a, b], need: 3}]\n", "f.yaml:3:33: ");
	refused("services:\n  web:\n    needs: [{to: a, any: [b]}]\n", "f.yaml:3:13: found several of to, any and quorum, expected one");
	refused("services:\n  web:\n    needs: [{to: a, strength: strong}]\n", "f.yaml:3:31: ");
	refused("services:\n  web: {needs: [a]}\nrules:\n  - {deny: web}\n", "f.yaml:4:12: found \"web\", expected a rule such as");
	refused("services:\n  web: {needs: [a]}\nrules:\n  - {deny: a -> b, allow: b -> c}\n",
	    "f.yaml:4:5: found both, expected one of deny and allow");
	refused("services:\n  web: {needs: [a]}\naliases:\n  x: {why: y}\n", "f.yaml:4:6: found no key is");
	refused("services:\n  web: {tier: 1}\n  web: {tier: 2}\n", "f.yaml:3:3: found the key \"web\" twice");
}

static void
test_compose(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LF");
	/* In whatever order the files come. */
	kit_file(&k, "examples/sources/.env", IMPORT_DOTENV);
	kit_file(&k, "examples/sources/compose.yaml", IMPORT_COMPOSE);
	kit_file(&k, "examples/sources/checkout.env", IMPORT_DOTENV);
	KIT_TOLD(&k, "frontend -> cart", "frontend -> ad", "frontend -> checkout", "frontend -> otelcol", "ad -> flagd", "cart -> valkey-cart",
	    "checkout -> cart", "checkout -> kafka", "checkout -> api.bank.example", "accounting -> kafka", "accounting -> postgresql",
	    "reviews -> valkey-cart", "reviews -> postgresql", "postgresql: stateful=true");
	kit_stop(&k);
}

static void
test_compose_override(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "p/compose.yaml",
	    "services:\n  a: {image: a, environment: {DB_HOST: old}}\n  old: {image: postgres}\n  db: {image: postgres}\n", IMPORT_COMPOSE);
	kit_good(&k, "p/compose.override.yaml",
	    "services:\n  a: {environment: [DB_HOST=db], extends: {service: base}}\n  base: {environment: [C_URL=http://db:1]}\n",
	    IMPORT_COMPOSE);
	kit_good(&k, "q/compose.yaml",
	    "services:\n  a: {image: a, environment: {X_URL: 'http://${NONE:-other}:${PORT-80}/$$x'}}\n  other: {image: o}\n", IMPORT_COMPOSE);
	KIT_TOLD(&k, "a -> db", "base -> db", "a -> other");
	kit_stop(&k);
}

/* An include brings its services, its settings and its .env; what is only extended from runs nowhere. */
static void
test_compose_several_files(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LN");
	kit_good(&k, "p/compose.yaml",
	    "include:\n  - infra/compose.yaml\n  - {path: [../far/compose.yaml], env_file: far.env}\n  - missing.yaml\n"
	    "services:\n  web: {extends: {file: ./common.yaml, service: base}, environment: [CART_ADDR=cart], depends_on: [redis]}\n"
	    "  cart: {image: cart}\n  api: {extends: {file: common.yaml, service: api}}\n", IMPORT_COMPOSE);
	kit_good(&k, "./p/common.yaml",
	    "services:\n  base: {image: nginx, env_file: base.env, environment: {DB_HOST: '${DBH}', CART_ADDR: nowhere}, depends_on: [gone]}\n"
	    "  api: {image: api, extends: {service: base}}\n", IMPORT_COMPOSE);
	kit_good(&k, "p/base.env", "MQ_HOST=mq\n", IMPORT_DOTENV);
	kit_good(&k, "p/.env", "DBH=pg\n", IMPORT_DOTENV);
	kit_good(&k, "p/infra/.env", "STOCK=cart\n", IMPORT_DOTENV);
	kit_good(&k, "p/infra/compose.yaml",
	    "include: [compose.yaml, ../compose.yaml]\nservices:\n  redis: {image: redis}\n  pg: {image: postgres}\n  mq: {image: rabbitmq}\n"
	    "  stock: {image: stock, environment: {X_ADDR: '${STOCK}:80', Y_ADDR: '${FAR:-none}'}}\n", IMPORT_COMPOSE);
	kit_good(&k, "far/compose.yaml", "services:\n  far: {image: far, links: [redis]}\n", IMPORT_COMPOSE);
	kit_good(&k, "p/far.env", "FAR=far\n", IMPORT_DOTENV);
	KIT_TOLD(&k, "web (1) ", "cart (1) ", "api (1) ", "redis (2) ", "pg (2) ", "mq (3) ", "stock (1) ", "far (1) ", "web -> redis", "web -> cart",
	    "web -> pg", "web -> mq", "api -> pg", "api -> mq", "stock -> cart", "stock -> far", "far -> redis");
	assert_int_equal(k.im.dropped, 1);
	kit_stop(&k);
}

static void
keep_path(void *arg, const char *path)
{
	buf_printf(arg, "%s ", path);
}

static void
test_compose_names_files(void **state)
{
	static const char text[] = "include: [a.yaml, {path: [b.yaml, c.yaml], env_file: d.env}]\n"
	    "services:\n  x: {extends: {file: e.yaml, service: y}, env_file: [f.env, {path: g.env, required: false}]}\n";
	struct buf paths;

	(void)state;
	buf_init(&paths, 1000);
	import_named_files(text, strlen(text), keep_path, &paths);
	assert_string_equal(buf_str(&paths), ".env a.yaml b.yaml c.yaml d.env f.env g.env e.yaml ");
	import_named_files("include: [", 10, keep_path, &paths);
	assert_string_equal(buf_str(&paths), ".env a.yaml b.yaml c.yaml d.env f.env g.env e.yaml ");
	buf_fini(&paths);
}

static void
test_backstage(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "NLF");
	kit_file(&k, "examples/sources/catalog-info.yaml", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "checkout (1) shop", "payment (1) shop", "orders-db (2) shop", "legacy/billing (1) ", "checkout -> payment",
	    "checkout -> orders-db",
	    "legacy/billing -> orders-db", "checkout -> fraud-api", "checkout -> orders-topic", "orders-topic (3) ", "checkout: owner=team-checkout",
	    "checkout: lifecycle=production", "checkout: type=service", "payment: owner=group:default/pay", "payment: lifecycle=production",
	    "payment: type=service", "orders-db: owner=team-checkout", "orders-db: type=database", "orders-db: stateful=true",
	    "legacy/billing: owner=x", "legacy/billing: lifecycle=deprecated", "legacy/billing: type=service", "orders-topic: type=kafka-topic",
	    "orders-topic: owner=x");
	kit_stop(&k);
}

static void
test_csv(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "NLF");
	k.detail = true;
	kit_good(&k, "lines.csv",
	    "\xef\xbb\xbfSource,Target,Protocol,Calls,Errors,Strength\r\nweb,cart,http,10,1,hard\r\n\"a, b\",\"c \"\"d\"\"\",,,,\r\n# no\r\n",
	    IMPORT_CSV);
	kit_good(&k, "nodes.csv", "name;kind;owner;rto\ncart;service;shop;15m\norders;database;;\n", IMPORT_CSV);
	KIT_TOLD(&k, "web -> cart http 10/1", "a, b -> c \"d\"  0/0", "cart (1) ", "cart: owner=shop", "cart: rto=15m", "orders (2) ");
	kit_stop(&k);
	kit_start(&k, "L");
	assert_int_equal(kit_add(&k, "x.csv", "from,to,count\na,b,1\nc,d,many\ne,,1\nf,g,2,9\nh,i,3\n", NULL), -EINVAL);
	assert_int_equal(k.im.dropped, 3);
	assert_non_null(strstr(buf_str(&k.im.diag.text), "x.csv:3:1: found \"many\" as count"));
	assert_non_null(strstr(buf_str(&k.im.diag.text), "x.csv:4:1: "));
	KIT_TOLD(&k, "a -> b", "h -> i");
	kit_stop(&k);
}

static void
test_json(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "NLIF");
	k.detail = true;
	kit_good(&k, "g.json",
	    "{\"services\":[{\"name\":\"a\",\"kind\":\"service\",\"facts\":{\"tier\":1,\"rto\":{\"value\":\"5m\",\"source\":\"x\"}},\"instances\":"
	    "[\"10.0.0.1:80\"]},{\"name\":\"b\",\"kind\":\"datastore\"}],\"lines\":[{\"from\":\"a\",\"to\":\"b\",\"kind\":\"db\",\"sources\":["
	    "\"otlp\"],"
	    "\"first\":\"2026-11-20T10:00:00Z\",\"last\":1795212777000000000,\"count\":7}]}", IMPORT_JSON_GRAPH);
	kit_good(&k, "d3.json", "{\"nodes\":[{\"id\":\"1\",\"label\":\"x\"},{\"id\":2,\"label\":\"y\"}],\"links\":[{\"source\":1,\"target\":2}]}",
	    IMPORT_JSON_GRAPH);
	kit_good(&k, "zipkin-deps.json", "[{\"parent\":\"p\",\"child\":\"q\",\"callCount\":9,\"errorCount\":1}]", IMPORT_JSON_GRAPH);
	kit_good(&k, "jaeger-deps.json", "{\"data\":[{\"parent\":\"r\",\"child\":\"s\",\"callCount\":3}],\"total\":0}", IMPORT_JSON_GRAPH);
	KIT_TOLD(&k, "a (1) ", "b (2) ", "a: tier=1", "a: rto=5m", "a at 10.0.0.1:80", "a -> b db 7/0", "x (0) ", "y (0) ", "x -> y  0/0",
	    "p -> q  9/1",
	    "r -> s  3/0");
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faultline_yaml), cmocka_unit_test(test_mistakes_have_places), cmocka_unit_test(test_compose),
		cmocka_unit_test(test_compose_override),
		cmocka_unit_test(test_compose_several_files), cmocka_unit_test(test_compose_names_files), cmocka_unit_test(test_backstage),
			cmocka_unit_test(test_csv), cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
