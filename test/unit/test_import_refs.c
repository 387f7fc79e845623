/* SPDX-License-Identifier: MIT */
/*
 * test_import_refs.c - what settings, arguments and files of a workload name: tables of what people write, with the services that are meant.
 * Each row is a workload "w" next to the same services, so that words which merely look like one of them would be seen.
 */
#include "import_kit.h"

struct row {
	const char *key, *value, *want;         /* want: services, with spaces between */
};

static const struct row settings[] = {
	{ "KAFKA_BROKERS", "kafka:9092,kafka.default.svc:9092", "kafka" },
	{ "DSN", "jdbc:oracle:thin:@orders-db:1521:ORCL", "orders-db" },
	{ "DSN", "jdbc:oracle:thin:@//orders-db:1521/X", "orders-db" },
	{ "CART_TARGET", "dns:///cart:8080", "cart" },
	{ "DATABASE_URL", "postgres://user:123&x!y@orders-db:5432/x", "orders-db" },
	{ "DB", "user:pass@tcp(mysql:3306)/x?parseTime=true", "mysql" },
	{ "CONNECTION_STRING", "Server=tcp:mysql,1433;Initial Catalog=x;User ID=cart;", "mysql" },
	{ "CONN", "Data Source=mysql;Initial Catalog=stock;User Id=sa", "mysql" },
	{ "JAVA_OPTS", "-Xmx1g -Dspring.datasource.url=jdbc:mysql://mysql/orders -Dcart.url=http://cart:8080 -Dname=stock", "mysql cart" },
	{ "PAY_URL", "http://bank/pay", "api.bank.example" },
	{ "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", "http://cart:8761/eureka/", "cart" },
	{ "eureka.client.serviceUrl.defaultZone", "http://cart:8761/eureka/", "cart" },
	{ "SERVICES", "cart=http://cart:80,stock=http://stock:80", "cart stock" },
	{ "UPSTREAMS", "[{\"name\":\"web\",\"url\":\"http://cart:80\"},{\"host\":\"stock\",\"port\":80}]", "cart stock" },
	{ "CONFIG", "{\"redis\":{\"host\":\"stock\",\"port\":6379},\"kafka\":{\"brokers\":[\"kafka:9092\"]}}", "stock kafka" },
	{ "SLACK_WEBHOOK", "https://hooks.slack.example/x", "hooks.slack.example" },
	{ "STRIPE_API_BASE", "https://api.stripe.example", "api.stripe.example" },
	{ "MONGO", "mongodb+srv://u:p@cluster0.mongo.example/db?retryWrites=true", "cluster0.mongo.example" },
	{ "DB_HOST", "pg.shared.svc.cluster.local", "shared/pg" },
	{ "X_URL", "http://user-api.users:8080", "users/user-api" },
	{ "ZK", "cart:2181,stock:2181/kafka", "cart stock" },
	{ "CATALOG_ENDPOINT", "http://STOCK:80", "stock" },
	{ "GRPC_CART", "cart.default.svc.cluster.local.:8080", "cart" },
	{ "ES", "https://elastic:pw@[2001:db8::5]:9200", "2001:db8::5" },
	{ "ORDERS_BASE_URL", "https://orders.example.com/v1", "orders.example.com" },
	{ "FRONTEND_ADDR", "web:8080", "web" },
	{ "FRONTEND_HOST", "web", "web" },
	{ "APP_HOST", "cart", "cart" },
	{ "APP_URL", "http://cart:80", "cart" },
	{ "SITE_HOST", "shop.example.com", "" },
	{ "ALLOWED_HOSTS", "web,cart", "" },
	{ "CORS_ORIGIN", "http://web", "" },
	{ "NO_PROXY", "cart,stock", "" },
	{ "SERVER_NAME", "cart", "" },
	{ "APP_URL", "https://shop.example.com", "" },
	{ "NEXTAUTH_URL", "https://shop.example.com", "" },
	{ "GF_SERVER_ROOT_URL", "https://g.example.com", "" },
	{ "KC_HOSTNAME", "sso.example.com", "" },
	{ "BASE_URL", "https://x.example.com", "" },
	{ "APP_BASE_URL", "https://x.example.com", "" },
	{ "HOSTNAME", "web", "" },
	{ "COOKIE_DOMAIN", "cart", "" },
	{ "DB_NAME", "stock", "" },
	{ "OTEL_SERVICE_NAME", "cart", "" },
	{ "MAIL_FROM", "cart@example.com", "" },
	{ "IMAGE", "cart:1.0", "" },
	{ "LISTEN_ADDR", "cart:80", "" },
	{ "METRICS_ADDR", ":9090", "" },
	{ "LEVELS", "root:1,io:2", "" },
	{ "HOME_PAGE", "https://x.example.com", "" },
	{ "OTLP", "http://$(NODE_IP):4317", "" },
};

static const struct row arguments[] = {
	{ "", "--redis-addr=stock:6379 --db-host orders-db --name cart", "stock orders-db" },
	{ "", "sh -c until nc -z kafka 9092; do sleep 1; done; exec ./run --url http://cart:80 | tee /dev/stock", "kafka cart" },
	{ "", "-stock stock:6379 -kafka=kafka:9092", "stock kafka" },
	{ "", "--destination=registry.example.com/app:1.0 --image=web:80", "" },
	{ "", "/wait-for-it.sh mysql:3306 -- ./start", "mysql" },
	{ "", "celery -A web worker -b amqp://kafka", "kafka" },
	{ "", "curl -sf http://orders-db:80/x -H \"Host: cart\"", "orders-db" },
	{ "", "mysqldump -h mysql -u cart stock", "mysql" },
	{ "", "mysqladmin -hmysql -ustock ping", "mysql" },
	{ "", "psql postgresql://cart@orders-db/stock", "orders-db" },
	{ "", "dockerize -wait tcp://mysql:3306 -wait http://cart:80 -timeout 60s", "mysql cart" },
	{ "", "--upstream http://web:80 --http-address=0.0.0.0:4180 --redirect-url=https://x.example.com/cb", "web" },
};

static const struct row files[] = {
	{ "a.yaml", "clients:\n  stock: http://stock:8080\n  host: cart\n  name: web\n", "stock cart" },
	{ "a.conf", "upstream b { server cart:8080; server stock:8080 backup; }\nserver { server_name web; location / { grpc_pass grpc://kafka:"
	"9000; } }\n", "cart stock kafka" },
	{ "a.json", "{ \"ConnectionStrings\": { \"Default\": \"Host=orders-db;Database=stock;Username=cart\" }, \"Bus\": {\"Host\":\"kafka\"},"
	" \"Name\": \"web\" }", "orders-db kafka" },
	{ "a.toml", "[x]\naddr = \"stock:6379\"\nbrokers = [\"kafka:9092\", \"kafka:9093\"]\nname = \"cart\"\n", "stock kafka" },
	{ "a.properties", "cart.url=http://cart:80\ndb.host=orders-db\ndb.name=stock\n# old=http://web\n", "cart orders-db" },
};

static const char services[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"bank\"},\"spec\":{\"type\":\"ExternalName\",\"externalName\":"
    "\"api.bank.example\"}}\n---\n";

static void
put_json(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			buf_puts(b, "\\n");
		else
			buf_printf(b, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
	}
	buf_putc(b, '"');
}

static void
put_workload(struct buf *b, const char *name)
{
	buf_printf(b, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},\"spec\":{\"template\":{\"metadata\":"
	    "{\"labels\":{\"app\":\"%s\"}},\"spec\":", name, name);
}

static void
put_services(struct buf *b)
{
	static const char *const names[] = { "cart", "stock", "orders-db", "kafka", "web", "mysql" };

	buf_puts(b, services);
	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		put_workload(b, names[i]);
		buf_puts(b, "{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}}}\n---\n");
		buf_printf(b, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"%s\"},\"spec\":{\"selector\":"
		"{\"app\":\"%s\"}}}\n---\n",
		    names[i], names[i]);
	}
}

/* The lines of w must be those of the row, and no others. */
static void
check(const struct row *r, struct buf *text)
{
	const char *want[8] = { NULL };
	char lines[8][128];
	unsigned n = 0;
	struct kit k;

	for (const char *p = r->want; *p != '\0'; p += strspn(p, " ")) {
		snprintf(lines[n], sizeof(lines[n]), "w -> %.*s", (int)strcspn(p, " "), p);
		want[n] = lines[n];
		n++;
		p += strcspn(p, " ");
	}
	kit_start(&k, "L");
	kit_good(&k, "m.yaml", buf_str(text), IMPORT_KUBERNETES);
	print_message("%s %s\n", r->key, r->value);
	kit_told(&k, want);
	kit_stop(&k);
}

static void
test_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(settings); i++) {
		struct buf b;

		buf_init(&b, 100000);
		put_services(&b);
		put_workload(&b, "w");
		buf_puts(&b, "{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"env\":[{\"name\":");
		put_json(&b, settings[i].key);
		buf_puts(&b, ",\"value\":");
		put_json(&b, settings[i].value);
		buf_puts(&b, "}]}]}}}}\n");
		check(&settings[i], &b);
		buf_fini(&b);
	}
}

static void
test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(arguments); i++) {
		struct buf b;

		buf_init(&b, 100000);
		put_services(&b);
		put_workload(&b, "w");
		buf_puts(&b, "{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"args\":[");
		put_json(&b, arguments[i].value);
		buf_puts(&b, "]}]}}}}\n");
		check(&arguments[i], &b);
		buf_fini(&b);
	}
}

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(files); i++) {
		struct buf b;

		buf_init(&b, 100000);
		put_services(&b);
		buf_puts(&b, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},\"data\":{");
		put_json(&b, files[i].key);
		buf_putc(&b, ':');
		put_json(&b, files[i].value);
		buf_puts(&b, "}}\n---\n");
		put_workload(&b, "w");
		buf_puts(&b, "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"m\"}}],\"containers\":[{\"name\":\"c\",\"image\":\"x\","
		    "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/x\"}]}]}}}}\n");
		check(&files[i], &b);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings), cmocka_unit_test(test_arguments), cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
