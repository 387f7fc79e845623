/* SPDX-License-Identifier: MIT */
/* test_spans.c - spans of an estate to its true lines: the keys of 2023 and of 2026, messaging, databases, externals, users, in any order. */
#include "spans_rig.h"

/* ---- a small writer of OTLP JSON: one span a line of a table ---- */

struct row {
	const char *service;            /* NULL: without a name */
	unsigned trace, id, parent;
	enum span_kind kind;
	const char *attrs;              /* JSON members "key":value, of the short form {"server.address":"x","server.port":1} */
	unsigned link;                  /* id of a linked span of the same trace; 0 none */
	bool error;
	unsigned flags;
};

static void
put_attrs(struct buf *b, const char *attrs)
{
	struct jpull *j = malloc(sizeof(*j));
	struct span_text key;
	struct span_value v;
	bool first = true;

	assert_non_null(j);
	jpull_init(j, attrs, strlen(attrs));
	assert_true(jpull_open(j, '{'));
	while (jpull_key(j, &key)) {
		assert_true(jpull_value(j, &v));
		buf_printf(b, "%s{\"key\":\"%.*s\",\"value\":", first ? "" : ",", (int)key.n, key.p);
		if (v.p != NULL)
			buf_printf(b, "{\"stringValue\":\"%.*s\"}}", (int)v.n, v.p);
		else
			buf_printf(b, "{\"intValue\":\"%lld\"}}", (long long)v.number);
		first = false;
	}
	assert_null(j->error);
	free(j);
}

static void
put_row(struct buf *b, const struct row *r)
{
	buf_puts(b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
	if (r->service != NULL && r->service[0] == '{')
		put_attrs(b, r->service);
	else if (r->service != NULL)
		buf_printf(b, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"%s\"}}", r->service);
	buf_printf(b, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"x\"},\"spans\":[{\"traceId\":\"%032x\",\"spanId\":\"%016x\",", r->trace + 1,
	    r->id + (r->trace << 8));
	if (r->parent != 0)
		buf_printf(b, "\"parentSpanId\":\"%016x\",", r->parent + (r->trace << 8));
	buf_printf(b, "\"name\":\"op\",\"kind\":%d,\"startTimeUnixNano\":\"%lld\",\"endTimeUnixNano\":\"%lld\",\"flags\":%u,"
	    "\"status\":{\"code\":%d},",
	    (int)r->kind, 1795212777000000000LL + r->id * 1000LL, 1795212777000000000LL + r->id * 1000LL + 500, r->flags, r->error ? 2 : 0);
	if (r->link != 0)
		buf_printf(b, "\"links\":[{\"traceId\":\"%032x\",\"spanId\":\"%016x\"}],", r->trace + 1, r->link + (r->trace << 8));
	buf_puts(b, "\"attributes\":[");
	put_attrs(b, r->attrs != NULL ? r->attrs : "{}");
	buf_puts(b, "]}]}]}]}\n");
}

static void
put_rows(struct rig *r, const struct row *rows, size_t n)
{
	struct buf b;

	buf_init(&b, 16u << 20);
	for (size_t i = 0; i < n; i++)
		put_row(&b, &rows[i]);
	assert_int_equal(rig_put(r, RIG_JSON, buf_data(&b), buf_len(&b), 0), 0);
	buf_fini(&b);
}

static struct rig *
run(const struct row *rows, size_t n)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);

	put_rows(r, rows, n);
	rig_finish(r);
	return r;
}
#define RUN(rows) run((rows), FL_ARRAY_LEN(rows))

/* ---- the estate, as SDKs of 2026 and of 2023 tell it ---- */

#define C2(host, port) "{\"http.request.method\":\"GET\",\"server.address\":\"" host "\",\"server.port\":" port "," \
	"\"url.full\":\"http://" host ":" port "/x\"}"
#define S2(host, port) "{\"http.request.method\":\"GET\",\"server.address\":\"" host "\",\"server.port\":" port ",\"url.path\":\"/x\"," \
	"\"user_agent.original\":\"curl/8\",\"network.peer.address\":\"10.77.0.9\"}"
#define C1(host, port) "{\"http.method\":\"GET\",\"net.peer.name\":\"" host "\",\"net.peer.port\":" port "," \
	"\"http.url\":\"http://" host ":" port "/x\"," \
	"\"net.peer.ip\":\"10.77.0.3\"}"
#define S1(host, port) "{\"http.method\":\"GET\",\"http.host\":\"" host ":" port "\",\"net.host.name\":\"" host "\",\"net.host.port\":" port "," \
	"\"http.target\":\"/x\",\"http.user_agent\":\"curl/8\",\"net.peer.ip\":\"::ffff:10.77.0.9\"}"

static const struct row estate_new[] = {
	{ "gateway", 0, 1, 0, SPAN_SERVER, S2("shop.example", "443"), 0, false, 0 },
	{ "gateway", 0, 2, 1, SPAN_INTERNAL, NULL, 0, false, 257 },
	{ "gateway", 0, 3, 2, SPAN_CLIENT, C2("cart.svc", "7003"), 0, false, 257 },
	{ "cart", 0, 4, 3, SPAN_SERVER, S2("cart.svc", "7003"), 0, true, 769 },
	{ "cart", 0, 5, 4, SPAN_CLIENT, "{\"db.system.name\":\"redis\",\"db.operation.name\":\"GET\","
	    "\"server.address\":\"redis-cart.db\",\"server.port\":6379}", 0, false, 257 },
	{ "cart", 0, 6, 5, SPAN_CLIENT, "{\"dns.question.name\":\"redis-cart.db\",\"net.peer.name\":\"redis-cart.db\"}", 0, false, 257 },
	{ "gateway", 0, 7, 2, SPAN_CLIENT, C2("checkout.svc", "7005"), 0, false, 257 },
	{ "checkout", 0, 8, 7, SPAN_SERVER, S2("checkout.svc", "7005"), 0, false, 769 },
	{ "checkout", 0, 9, 8, SPAN_CLIENT, "{\"rpc.system\":\"grpc\",\"rpc.service\":\"Catalog\",\"server.address\":\"catalog.svc\","
	    "\"server.port\":7004}", 0, false, 257 },
	{ "catalog", 0, 10, 9, SPAN_SERVER, "{\"rpc.system\":\"grpc\",\"rpc.service\":\"Catalog\",\"server.address\":\"catalog.svc\","
	    "\"server.port\":7004}", 0, false, 769 },
	{ "catalog", 0, 11, 10, SPAN_CLIENT, "{\"db.system.name\":\"postgresql\",\"db.namespace\":\"catalogdb\","
	    "\"server.address\":\"pg-catalog.db\",\"server.port\":5432}", 0, false, 257 },
	{ "checkout", 0, 12, 8, SPAN_CLIENT, C2("payment.svc", "7006"), 0, false, 257 },
	{ "payment", 0, 13, 12, SPAN_SERVER, S2("payment.svc", "7006"), 0, false, 769 },
	{ "payment", 0, 14, 13, SPAN_CLIENT, C2("bank.example", "9000"), 0, true, 257 },
	{ "checkout", 0, 15, 8, SPAN_PRODUCER, "{\"messaging.system\":\"rabbitmq\",\"messaging.destination.name\":\"orders\","
	    "\"server.address\":\"rabbit-orders.mq\",\"server.port\":5672}", 0, false, 257 },
	{ "fulfilment", 1, 16, 0, SPAN_CONSUMER, "{\"messaging.system\":\"rabbitmq\",\"messaging.destination.name\":\"orders\","
	    "\"messaging.operation.type\":\"process\"}", 0, false, 0 },
	{ "fulfilment", 1, 17, 16, SPAN_CLIENT, C2("mail.svc", "7010"), 0, false, 257 },
};

/* The consumer's link goes to a span of another trace, so it is written by hand. */
static const char link_new[] =
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":\"SPAN_KIND_CONSUMER\",\"links\":[{\"spanId\":\"000000000000000f\","
    "\"traceId\":\"00000000000000000000000000000001\"}],\"startTimeUnixNano\":1795212777000000000,\"endTimeUnixNano\":1795212777000001000,"
    "\"spanId\":\"0000000000000301\",\"traceId\":\"00000000000000000000000000000003\",\"attributes\":[{\"value\":{\"stringValue\":\"rabbitmq\"},"
    "\"key\":\"messaging.system\"},{\"key\":\"messaging.destination.name\",\"value\":{\"stringValue\":\"orders\"}}]}]}],"
    "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"fulfilment\"}}]}}]}";

static const char *const truth[] = {
	"user > gateway http", "gateway > cart http", "gateway > checkout http", "cart > redis-cart.db db", "checkout > catalog rpc",
	"catalog > pg-catalog.db db", "checkout > payment http", "payment > bank.example http", "checkout > rabbit-orders.mq messaging",
	"fulfilment > rabbit-orders.mq messaging", "checkout > fulfilment async", "fulfilment > mail.svc http",
};

static void
the_estate_of_2026(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);

	(void)state;
	put_rows(r, estate_new, FL_ARRAY_LEN(estate_new));
	rig_text_in(r, RIG_JSON, link_new);
	rig_finish(r);
	rig_expect(r, truth, FL_ARRAY_LEN(truth));

	const struct rig_line *l = rig_find(r, "gateway > cart http");

	assert_int_equal(l->count, 1);
	assert_int_equal(l->errors, 1);         /* the server's word */
	assert_int_equal(l->latency, 500);
	assert_int_equal(l->first, 1795212777000003000LL);
	assert_int_equal(rig_find(r, "payment > bank.example http")->errors, 1);
	assert_int_equal(rig_find(r, "payment > bank.example http")->to_kind, SIGHT_EXTERNAL);
	assert_int_equal(rig_find(r, "cart > redis-cart.db db")->to_kind, SIGHT_DATASTORE);
	assert_int_equal(rig_find(r, "checkout > rabbit-orders.mq messaging")->to_kind, SIGHT_BROKER);
	assert_int_equal(rig_find(r, "user > gateway http")->from_kind, SIGHT_USER);
	assert_true(rig_told(r, "instance cart   cart.svc:7003"));
	assert_true(rig_told(r, "fact catalog>pg-catalog.db db.namespace.catalogdb used"));
	assert_true(rig_told(r, "fact pg-catalog.db db.system postgresql"));
	assert_true(rig_told(r, "fact gateway>cart spans.both_sides yes"));
	assert_true(rig_told(r, "fact payment>bank.example spans.client_side yes"));
	rig_free(r);
}

static const struct row estate_old[] = {
	{ "gateway", 0, 1, 0, SPAN_SERVER, S1("shop.example", "443"), 0, false, 0 },
	{ "gateway", 0, 3, 1, SPAN_CLIENT, C1("cart.svc", "7003"), 0, false, 0 },
	{ "cart", 0, 4, 3, SPAN_SERVER, S1("cart.svc", "7003"), 0, false, 0 },
	{ "cart", 0, 5, 4, SPAN_CLIENT, "{\"db.system\":\"redis\",\"db.statement\":\"get x\",\"net.peer.name\":\"redis-cart.db\","
	    "\"net.peer.port\":6379}", 0, false, 0 },
	{ "gateway", 0, 7, 1, SPAN_CLIENT, C1("checkout.svc", "7005"), 0, false, 0 },
	{ "checkout", 0, 8, 7, SPAN_SERVER, S1("checkout.svc", "7005"), 0, false, 0 },
	{ "checkout", 0, 9, 8, SPAN_CLIENT, "{\"rpc.system\":\"grpc\",\"rpc.service\":\"Catalog\",\"net.peer.name\":\"catalog.svc\","
	    "\"net.peer.port\":7004}", 0, false, 0 },
	{ "catalog", 0, 10, 9, SPAN_SERVER, "{\"rpc.system\":\"grpc\",\"rpc.service\":\"Catalog\"}", 0, false, 0 },
	{ "catalog", 0, 11, 10, SPAN_CLIENT, "{\"db.system\":\"postgresql\",\"db.name\":\"catalogdb\","
	    "\"net.peer.name\":\"pg-catalog.db\",\"net.peer.port\":5432}", 0, false, 0 },
	{ "checkout", 0, 12, 8, SPAN_CLIENT, C1("payment.svc", "7006"), 0, false, 0 },
	{ "payment", 0, 13, 12, SPAN_SERVER, S1("payment.svc", "7006"), 0, false, 0 },
	{ "payment", 0, 14, 13, SPAN_CLIENT, C1("bank.example", "9000"), 0, false, 0 },
	{ "checkout", 0, 15, 8, SPAN_PRODUCER, "{\"messaging.system\":\"rabbitmq\",\"messaging.destination\":\"\","
	    "\"messaging.rabbitmq.routing_key\":\"orders\",\"messaging.url\":\"amqp://guest:secret@rabbit-orders.mq:5672\","
	    "\"net.peer.name\":\"rabbit-orders.mq\",\"net.peer.port\":5672}", 0, false, 0 },
	/* Old conventions make the consumer a child of the producer. */
	{ "fulfilment", 0, 16, 15, SPAN_CONSUMER, "{\"messaging.system\":\"rabbitmq\",\"messaging.operation\":\"process\","
	    "\"messaging.rabbitmq.routing_key\":\"orders\"}", 0, false, 0 },
	{ "fulfilment", 0, 17, 16, SPAN_CLIENT, C1("mail.svc", "7010"), 0, false, 0 },
};

static void
the_estate_of_2023(void **state)
{
	struct rig *r = RUN(estate_old);

	(void)state;
	rig_expect(r, truth, FL_ARRAY_LEN(truth));
	assert_int_equal(spans_count(r->spans).nameless, 0);
	rig_free(r);
}

/* ---- order and batches ---- */

static void
any_order_and_any_batches(void **state)
{
	struct dice d = { .seed = 7 };

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct row rows[FL_ARRAY_LEN(estate_new)];
		size_t n = FL_ARRAY_LEN(rows), at = 0;
		struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, round);
		bool link_sent = false;

		memcpy(rows, estate_new, sizeof(rows));
		for (size_t i = n - 1; i > 0; i--) {
			size_t k = dice_roll(&d, (uint32_t)i + 1);
			struct row swap = rows[i];

			rows[i] = rows[k];
			rows[k] = swap;
		}
		while (at < n) {
			size_t some = 1 + dice_roll(&d, 6), part = FL_MIN(n - at, some);

			put_rows(r, rows + at, part);
			if (dice_roll(&d, 3) == 0)
				put_rows(r, rows + at, part);           /* sent again */
			at += part;
			if (!link_sent && dice_roll(&d, 4) == 0) {
				rig_text_in(r, RIG_JSON, link_new);
				link_sent = true;
			}
			if (dice_roll(&d, 2) == 0)
				rig_tell(r);
		}
		if (!link_sent)
			rig_text_in(r, RIG_JSON, link_new);
		rig_finish(r);
		rig_expect(r, truth, FL_ARRAY_LEN(truth));
		for (unsigned i = 0; i < r->line_count; i++)
			assert_int_equal(r->lines[i].count, strcmp(r->lines[i].text, "fulfilment > rabbit-orders.mq messaging") == 0 ? 2 : 1);
		assert_int_equal(rig_find(r, "gateway > cart http")->errors, 1);
		assert_int_equal(rig_find(r, "gateway > cart http")->latency, 500);
		rig_free(r);
	}
}

static void
late_spans_within_the_hold(void **state)
{
	struct rig *r = rig_new(10 * FL_SEC, SPANS_MEMORY_MIN, 1);
	struct buf b;

	(void)state;
	/* Each span 9 seconds after the one before would be too late for its parents' parents, but not for its parent. */
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < 4; i++) {
		buf_clear(&b);
		put_row(&b, &estate_new[i]);
		assert_int_equal(rig_put(r, RIG_JSON, buf_data(&b), buf_len(&b), (fl_ns)i * 9 * FL_SEC), 0);
		rig_tell(r);
	}
	spans_tick(r->spans, 40 * FL_SEC);
	spans_tick(r->spans, 50 * FL_SEC);
	rig_tell(r);
	RIG_EXPECT(r, "user > gateway http", "gateway > cart http");
	assert_int_equal(spans_next(r->spans), FL_NEVER);
	assert_int_equal(spans_count(r->spans).held, 0);
	buf_fini(&b);
	rig_free(r);
}

/* What a receiver's store has when: pairs, databases and users at once, other peers after their grace, nothing twice. */
static void
what_is_told_before_it_is_settled(void **state)
{
	struct rig *r = rig_new(30 * FL_SEC, SPANS_MEMORY_MIN, 1);

	(void)state;
	spans_tick(r->spans, 0);
	put_rows(r, estate_old, FL_ARRAY_LEN(estate_old));
	rig_tell(r);
	RIG_EXPECT(r, "user > gateway http", "gateway > cart http", "gateway > checkout http", "cart > redis-cart.db db", "checkout > catalog rpc",
	    "catalog > pg-catalog.db db", "checkout > payment http", "checkout > rabbit-orders.mq messaging", "checkout > fulfilment async");
	for (fl_ns at = FL_SEC; at <= 10 * FL_SEC; at += FL_SEC)
		spans_tick(r->spans, at);
	rig_tell(r);
	assert_non_null(rig_find(r, "payment > bank.example http"));
	spans_tick(r->spans, 31 * FL_SEC);
	spans_tick(r->spans, 61 * FL_SEC);
	rig_tell(r);
	rig_expect(r, truth, FL_ARRAY_LEN(truth));
	for (unsigned i = 0; i < r->line_count; i++)
		assert_int_equal(r->lines[i].count, 1);
	rig_free(r);
}

/* The server's side comes after the client's was told under its address: the store folds the one into the other, so it must not count again. */
static void
a_server_after_the_grace(void **state)
{
	static const struct row client[] = { { "a", 0, 1, 0, SPAN_CLIENT, C2("b.svc", "80"), 0, false, 0 } };
	static const struct row server[] = { { "b", 0, 2, 1, SPAN_SERVER, NULL, 0, false, 0 } };
	struct rig *r = rig_new(30 * FL_SEC, SPANS_MEMORY_MIN, 1);

	(void)state;
	spans_tick(r->spans, 0);
	put_rows(r, client, 1);
	for (fl_ns at = FL_SEC; at <= 12 * FL_SEC; at += FL_SEC)
		spans_tick(r->spans, at);
	rig_tell(r);
	RIG_EXPECT(r, "a > b.svc http");
	put_rows(r, server, 1);
	rig_tell(r);
	RIG_EXPECT(r, "a > b.svc http", "a > b http");
	assert_int_equal(rig_find(r, "a > b.svc http")->count + rig_find(r, "a > b http")->count, 1);
	assert_true(rig_told(r, "instance b   b.svc:80"));
	rig_free(r);
}

/* ---- names ---- */

static void
an_address_becomes_a_service(void **state)
{
	static const struct row rows[] = {
		/* nobody answered this call */
		{ "gateway", 0, 1, 0, SPAN_CLIENT, C2("cart.svc", "7003"), 0, true, 0 },
		/* ... but the same address answered that one */
		{ "checkout", 1, 1, 0, SPAN_CLIENT, C2("cart.svc", "7003"), 0, false, 0 },
		{ "cart", 1, 2, 1, SPAN_SERVER, NULL, 0, false, 0 },
		/* a service says itself where it lives */
		{ "gateway", 2, 1, 0, SPAN_CLIENT, C2("mail.svc", "25"), 0, true, 0 },
		{ "mail", 3, 1, 0, SPAN_SERVER, S2("mail.svc", "25"), 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "gateway > cart http", "checkout > cart http", "gateway > mail http", "user > mail http");
	rig_free(r);
}

static void
an_address_is_told_when_it_is_learned_later(void **state)
{
	static const struct row first[] = { { "gateway", 0, 1, 0, SPAN_CLIENT, C2("cart.svc", "7003"), 0, true, 0 } };
	static const struct row then[] = {
		{ "checkout", 1, 1, 0, SPAN_CLIENT, C2("cart.svc", "7003"), 0, false, 0 },
		{ "cart", 1, 2, 1, SPAN_SERVER, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(first);

	(void)state;
	RIG_EXPECT(r, "gateway > cart.svc http");
	assert_false(rig_told(r, "instance"));
	put_rows(r, then, FL_ARRAY_LEN(then));
	rig_finish(r);
	assert_true(rig_told(r, "instance cart   cart.svc:7003"));
	rig_free(r);
}

static void
a_load_balancer_means_nobody(void **state)
{
	static const struct row rows[] = {
		{ "gateway", 0, 1, 0, SPAN_CLIENT, C2("lb.svc", "80"), 0, false, 0 },
		{ "cart", 0, 2, 1, SPAN_SERVER, NULL, 0, false, 0 },
		{ "gateway", 1, 1, 0, SPAN_CLIENT, C2("lb.svc", "80"), 0, false, 0 },
		{ "catalog", 1, 2, 1, SPAN_SERVER, NULL, 0, false, 0 },
		{ "gateway", 2, 1, 0, SPAN_CLIENT, C2("lb.svc", "80"), 0, true, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "gateway > cart http", "gateway > catalog http", "gateway > lb.svc http");
	assert_true(rig_find(r, "gateway > lb.svc http")->through);
	assert_true(rig_told(r, "instance cart   lb.svc:80") && rig_told(r, "instance catalog   lb.svc:80"));
	rig_free(r);
}

static void
names_that_say_nothing(void **state)
{
	static const struct row rows[] = {
		{ "{\"service.name\":\"unknown_service:node\","
		    "\"k8s.deployment.name\":\"cart\"}", 0, 1, 0, SPAN_CLIENT, C2("10.0.0.7", "80"), 0, false, 0 },
		{ "{\"service.name\":\"unknown_service:node\"}", 0, 2, 0, SPAN_CLIENT, C2("x.example", "80"), 0, false, 0 },
		{ NULL, 0, 3, 0, SPAN_SERVER, NULL, 0, false, 0 },
		{ "a", 0, 4, 0, SPAN_CLIENT, NULL, 0, false, 0 },
		{ "a", 0, 5, 0, SPAN_CLIENT, "{\"peer.service\":\"unknown\"}", 0, false, 0 },
		{ "a", 0, 6, 0, SPAN_CLIENT, "{\"db.system\":\"sqlite\",\"db.name\":\"app.db\"}", 0, false, 0 },
		{ "a", 0, 7, 0, SPAN_CLIENT, "{\"db.system\":\"postgresql\",\"db.name\":\"orders\"}", 0, false, 0 },
		{ "a", 0, 8, 0, SPAN_CLIENT, "{\"db.system.name\":\"redis\",\"server.address\":\"10.0.0.8\",\"server.port\":6379}", 0, false, 0 },
		{ "a", 0, 9, 0, SPAN_CLIENT, "{\"service.peer.name\":\"billing\",\"server.address\":\"10.0.0.9\"}", 0, false, 0 },
		{ "a", 0, 10, 0, SPAN_CLIENT, "{\"peer.service\":\"postgresql\",\"db.system\":\"postgresql\","
		    "\"server.address\":\"PG.db.\"}", 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "cart > 10.0.0.7:80 http", "a > orders db", "a > 10.0.0.8:6379 db", "a > billing ?", "a > pg.db db");
	assert_int_equal(spans_count(r->spans).nameless, 5);
	assert_null(strstr(buf_str(&r->others), "unknown"));
	rig_free(r);
}

/* Addresses as libraries write them. */
static void
addresses_in_many_forms(void **state)
{
	static const struct { const char *attrs, *name; } forms[] = {
		{ "{\"server.address\":\"dns:///cart.svc:7003\"}", "a > cart.svc ?" },
		{ "{\"net.peer.name\":\"dns://8.8.8.8/cart.svc\",\"net.peer.port\":7003}", "a > cart.svc ?" },
		{ "{\"net.peer.name\":\"ipv4:10.0.0.1:80\"}", "a > 10.0.0.1:80 ?" },
		{ "{\"server.address\":\"[fd00::1]:80\"}", "a > [fd00::1]:80 ?" },
		{ "{\"server.address\":\"fd00::1\",\"server.port\":80}", "a > [fd00::1]:80 ?" },
		{ "{\"network.peer.address\":\"::ffff:10.0.0.1\",\"network.peer.port\":80}", "a > 10.0.0.1:80 ?" },
		{ "{\"http.url\":\"https://user:pw@Bank.Example/pay?x=http://y/\"}", "a > bank.example http" },
		{ "{\"http.host\":\"bank.example:8443\"}", "a > bank.example ?" },
		{ "{\"db.system\":\"mongodb\",\"server.address\":\"m1:27017,m2:27017\"}", "a > m1 db" },
		{ "{\"db.system\":\"postgresql\",\"server.address\":\"/run/pg\",\"db.name\":\"shop\"}", "a > shop db" },
		{ "{\"server.address\":\"\",\"peer.ipv4\":\"10.0.0.1\",\"peer.port\":\"80\"}", "a > 10.0.0.1:80 ?" },
		{ "{\"server.address\":\"not a host\",\"rpc.service\":\"Cart\",\"rpc.system\":\"grpc\"}", "a > Cart rpc" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(forms); i++) {
		const struct row row = { "a", 0, 1, 0, SPAN_CLIENT, forms[i].attrs, 0, false, 0 };
		struct rig *r = run(&row, 1);

		RIG_EXPECT(r, forms[i].name);
		rig_free(r);
	}
}

static void
two_of_one_name_in_two_namespaces(void **state)
{
	static const struct row rows[] = {
		{ "web", 0, 1, 0, SPAN_CLIENT, NULL, 0, false, 0 },
		{ "{\"service.name\":\"api\",\"service.namespace\":\"shop\"}", 0, 2, 1, SPAN_SERVER, NULL, 0, false, 0 },
		{ "{\"service.name\":\"api\",\"service.namespace\":\"shop\"}", 0, 3, 2, SPAN_CLIENT, NULL, 0, false, 0 },
		{ "{\"service.name\":\"api\",\"service.namespace\":\"bank\"}", 0, 4, 3, SPAN_SERVER, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "web > api ?", "api > api ?");
	rig_free(r);
}

static void
several_stores_on_one_host(void **state)
{
	static const struct row rows[] = {
		{ "a", 0, 1, 0, SPAN_CLIENT, "{\"db.system.name\":\"redis\",\"server.address\":\"vm1\",\"server.port\":6379}", 0, false, 0 },
		{ "a", 0, 2, 0, SPAN_CLIENT, "{\"db.system.name\":\"postgresql\",\"server.address\":\"vm1\",\"server.port\":5432}", 0, false, 0 },
		{ "a", 0, 3, 0, SPAN_CLIENT, C2("vm1", "80"), 0, false, 0 },
		{ "b", 0, 4, 3, SPAN_SERVER, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "a > vm1:6379 db", "a > vm1:5432 db", "a > b http");
	assert_true(rig_told(r, "instance b   vm1:80"));
	assert_false(rig_told(r, "instance b   vm1\n"));
	rig_free(r);
}

/* ---- who calls ---- */

static void
users_probes_and_strangers(void **state)
{
	static const struct row rows[] = {
		{ "gateway", 0, 1, 0, SPAN_SERVER, S2("shop", "80"), 0, false, 0 },
		{ "cart", 1, 1, 0, SPAN_SERVER, "{\"http.request.method\":\"GET\",\"url.path\":\"/healthz\","
		    "\"user_agent.original\":\"kube-probe/1.30\"}", 0, false, 0 },
		{ "cart", 2, 1, 0, SPAN_SERVER, "{\"http.method\":\"GET\",\"http.target\":\"/metrics\","
		    "\"http.user_agent\":\"Prometheus/2.5\"}", 0, false, 0 },
		/* a caller in another process that sent nothing */
		{ "cart", 3, 2, 1, SPAN_SERVER, S2("cart", "80"), 0, false, 769 },
		/* a pod that calls without a trace */
		{ "{\"service.name\":\"batch\",\"k8s.pod.ip\":\"10.1.0.4\"}", 4, 9, 0, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ "cart", 5, 1, 0, SPAN_SERVER, "{\"http.request.method\":\"GET\",\"client.address\":\"10.1.0.4\"}", 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "user > gateway http", "batch > cart http");
	assert_int_equal(spans_count(r->spans).probes, 2);
	assert_int_equal(spans_count(r->spans).orphans, 1);
	rig_free(r);
}

static void
a_service_that_is_called_user(void **state)
{
	static const struct row rows[] = {
		{ "front", 0, 1, 0, SPAN_SERVER, S2("shop", "80"), 0, false, 0 },
		{ "front", 0, 2, 1, SPAN_CLIENT, NULL, 0, false, 0 },
		{ "user", 0, 3, 2, SPAN_SERVER, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "end user > front http", "front > user ?");
	rig_free(r);
}

static void
spans_without_kinds(void **state)
{
	static const struct row rows[] = {
		{ "web", 0, 1, 0, SPAN_UNSPECIFIED, NULL, 0, false, 0 },
		{ "text", 0, 2, 1, SPAN_UNSPECIFIED, NULL, 0, false, 0 },
		{ "text", 0, 3, 2, SPAN_UNSPECIFIED, NULL, 0, false, 0 },
		{ "text", 0, 4, 3, SPAN_UNSPECIFIED, "{\"peer.service\":\"url-mongodb\"}", 0, false, 0 },
		{ "url", 0, 5, 3, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ "tip", 0, 6, 7, SPAN_SERVER, NULL, 0, false, 0 },           /* a span between that has no name */
		{ NULL, 0, 7, 5, SPAN_INTERNAL, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "web > text ?", "text > url-mongodb ?", "text > url ?", "url > tip ?");
	rig_free(r);
}

static void
clients_in_clients(void **state)
{
	static const struct row rows[] = {
		/* a database's library over HTTP: the database speaks */
		{ "a", 0, 1, 0, SPAN_CLIENT, "{\"db.system.name\":\"elasticsearch\",\"server.address\":\"es.db\","
		    "\"server.port\":9200}", 0, false, 0 },
		{ "a", 0, 2, 1, SPAN_CLIENT, C2("es.db", "9200"), 0, false, 0 },
		/* a mapper without an address above a driver with one */
		{ "a", 1, 1, 0, SPAN_CLIENT, "{\"db.system\":\"postgresql\",\"db.name\":\"shop\"}", 0, false, 0 },
		{ "a", 1, 2, 1, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ "a", 1, 3, 2, SPAN_CLIENT, "{\"db.system\":\"postgresql\",\"db.name\":\"shop\",\"server.address\":\"pg.db\"}", 0, false, 0 },
		/* an API's library above HTTP, that is answered */
		{ "a", 2, 1, 0, SPAN_CLIENT, "{\"rpc.system\":\"aws-api\",\"rpc.service\":\"S3\"}", 0, false, 0 },
		{ "a", 2, 2, 1, SPAN_CLIENT, C2("b.svc", "80"), 0, false, 0 },
		{ "a", 2, 3, 2, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ "b", 2, 4, 3, SPAN_SERVER, NULL, 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "a > es.db db", "a > pg.db db", "a > b ?");
	rig_free(r);
}

static void
a_service_that_calls_itself(void **state)
{
	static const struct row rows[] = {
		{ "a", 0, 1, 0, SPAN_CLIENT, C2("a.svc", "80"), 0, false, 0 },
		{ "a", 0, 2, 1, SPAN_SERVER, NULL, 0, false, 769 },
		{ "a", 1, 1, 0, SPAN_CLIENT, C2("a.svc", "80"), 0, true, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	assert_int_equal(r->line_count, 0);
	assert_int_equal(spans_count(r->spans).self, 2);
	rig_free(r);
}

/* ---- messaging ---- */

static void
brokers(void **state)
{
	static const struct row rows[] = {
		/* kafka says no address at all: its system is its name */
		{ "p", 0, 1, 0, SPAN_PRODUCER, "{\"messaging.system\":\"kafka\",\"messaging.destination.name\":\"orders\"}", 0, false, 0 },
		{ "c", 0, 2, 0, SPAN_CLIENT, "{\"messaging.system\":\"kafka\",\"messaging.destination.name\":\"orders\","
		    "\"messaging.operation.type\":\"receive\"}", 1, false, 0 },
		{ "c", 0, 3, 2, SPAN_CONSUMER, "{\"messaging.system\":\"kafka\",\"messaging.destination.name\":\"orders\"}", 1, false, 0 },
		/* a link to its own parent is the same message */
		{ "d", 0, 4, 1, SPAN_CONSUMER, "{\"messaging.system\":\"kafka\"}", 1, false, 0 },
		/* links of work that is no message mean nothing */
		{ "e", 0, 5, 0, SPAN_INTERNAL, NULL, 3, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	RIG_EXPECT(r, "p > kafka messaging", "c > kafka messaging", "d > kafka messaging", "p > c async", "p > d async", "c > e async");
	assert_int_equal(rig_find(r, "p > d async")->count, 1);
	assert_int_equal(rig_find(r, "p > c async")->count, 2);
	assert_true(rig_told(r, "fact p>kafka messaging.destination.orders used"));
	rig_free(r);
}

/* ---- bad input ---- */

static void
clocks_that_jump(void **state)
{
	static const char text[] =
	    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"a\"}}]},"
	    "\"scopeSpans\":[{\"spans\":["
	    "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000001\",\"kind\":3,"
	    "\"startTimeUnixNano\":\"18446744073709551615\","
	    "\"endTimeUnixNano\":\"5\",\"attributes\":[{\"key\":\"server.address\",\"value\":{\"stringValue\":\"b\"}}]},"
	    "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\",\"kind\":3,"
	    "\"startTimeUnixNano\":\"1795212777000000000\","
	    "\"endTimeUnixNano\":\"1795212776000000000\",\"attributes\":[{\"key\":\"server.address\",\"value\":{\"stringValue\":\"b\"}}]},"
	    "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000003\",\"kind\":3,\"startTimeUnixNano\":0,"
	    "\"attributes\":[{\"key\":\"server.address\",\"value\":{\"stringValue\":\"b\"}}]}]}]}]}";
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);

	(void)state;
	rig_text_in(r, RIG_JSON, text);
	rig_finish(r);
	RIG_EXPECT(r, "a > b ?");
	assert_int_equal(r->lines[0].count, 3);
	assert_int_equal(r->lines[0].latency, 0);
	assert_int_equal(r->lines[0].first, 1795212777000000000LL);
	assert_int_equal(r->lines[0].last, 1795212777000000000LL);
	assert_int_equal(spans_count(r->spans).bad_times, 3);
	rig_free(r);
}

static void
circles_of_parents(void **state)
{
	static const struct row rows[] = {
		{ "a", 0, 1, 2, SPAN_INTERNAL, NULL, 0, false, 0 }, { "a", 0, 2, 1, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ NULL, 0, 3, 4, SPAN_INTERNAL, NULL, 0, false, 0 }, { NULL, 0, 4, 3, SPAN_INTERNAL, NULL, 0, false, 0 },
		{ "b", 0, 5, 3, SPAN_SERVER, NULL, 0, false, 0 }, { "c", 0, 6, 6, SPAN_CLIENT, C2("d", "1"), 0, false, 0 },
		{ "e", 0, 7, 8, SPAN_CLIENT, C2("d", "1"), 0, false, 0 }, { "e", 0, 8, 7, SPAN_CLIENT, C2("d", "1"), 0, false, 0 },
	};
	struct rig *r = RUN(rows);

	(void)state;
	assert_non_null(rig_find(r, "c > d http"));
	rig_free(r);
}

static void
a_refused_batch_leaves_nothing(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < FL_ARRAY_LEN(estate_new); i++)
		put_row(&b, &estate_new[i]);
	buf_puts(&b, "{\"resourceSpans\":[{]}");
	assert_int_equal(rig_put(r, RIG_JSON, buf_data(&b), buf_len(&b), 0), -EINVAL);
	assert_int_equal(spans_count(r->spans).spans, 0);
	rig_finish(r);
	assert_int_equal(r->line_count, 0);
	buf_fini(&b);
	rig_free(r);
}

static void
what_was_not_kept_is_told_again(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);

	(void)state;
	put_rows(r, estate_old, FL_ARRAY_LEN(estate_old));
	spans_finish(r->spans);
	for (int k = 0; k < 40; k += 3) {
		r->fail_after = k;
		assert_int_equal(spans_tell(r->spans), -EIO);
	}
	/* The store rolled all of it back. */
	r->line_count = 0;
	buf_clear(&r->others);
	r->fail_after = -1;
	rig_tell(r);
	rig_expect(r, truth, FL_ARRAY_LEN(truth));
	assert_true(rig_told(r, "instance cart   cart.svc:7003"));
	assert_true(rig_told(r, "fact catalog>pg-catalog.db db.namespace.catalogdb used"));
	r->line_count = 0;
	rig_tell(r);
	assert_int_equal(r->line_count, 0);
	rig_free(r);
}

/* ---- memory ---- */

static void
put_pair(struct buf *b, unsigned n)
{
	char client[64], server[64];

	snprintf(client, sizeof(client), "{\"server.address\":\"s%u.svc\"}", n % 50);
	snprintf(server, sizeof(server), "s%u", n % 50);
	put_row(b, &(struct row){ "gate", n, 1, 0, SPAN_CLIENT, client, 0, false, 0 });
	put_row(b, &(struct row){ server, n, 2, 1, SPAN_SERVER, NULL, 0, false, 0 });
}

static void
more_spans_than_memory_holds(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct buf b;
	uint64_t calls = 0;

	(void)state;
	buf_init(&b, 64u << 20);
	for (unsigned n = 0; n < 30000; n += 1000) {
		buf_clear(&b);
		for (unsigned i = n; i < n + 1000; i++)
			put_pair(&b, i);
		assert_int_equal(rig_put(r, RIG_JSON, buf_data(&b), buf_len(&b), 0), 0);
		rig_tell(r);
	}
	assert_true(spans_count(r->spans).held_max < 60000);
	rig_finish(r);
	assert_true(spans_count(r->spans).early > 0);
	assert_int_equal(r->line_count, 50);
	for (unsigned i = 0; i < r->line_count; i++)
		calls += r->lines[i].count;
	assert_int_equal(calls, 30000);
	buf_fini(&b);
	rig_free(r);
}

static void
more_names_than_memory_holds(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct buf b;
	unsigned lines = 0;

	(void)state;
	buf_init(&b, 64u << 20);
	for (unsigned n = 0; n < 12000; n += 500) {
		buf_clear(&b);
		for (unsigned i = n; i < n + 500; i++) {
			char attrs[64];

			snprintf(attrs, sizeof(attrs), "{\"server.address\":\"host-%u.example\"}", i);
			put_row(&b, &(struct row){ "crawler", i, 1, 0, SPAN_CLIENT, attrs, 0, false, 0 });
		}
		assert_int_equal(rig_put(r, RIG_JSON, buf_data(&b), buf_len(&b), 0), 0);
		rig_tell(r);
		lines += r->line_count;
		r->line_count = 0;
	}
	spans_finish(r->spans);
	rig_tell(r);
	lines += r->line_count;
	struct spans_counts c = spans_count(r->spans);

	/* Whatever did not fit was counted, and the engine goes on with new names. */
	assert_true(c.names_dropped > 0 && c.names_dropped < 6000);
	assert_true(lines + c.names_dropped + c.nameless + c.lines_dropped >= 12000);
	assert_true(lines > 6000);
	buf_fini(&b);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_estate_of_2026),
		cmocka_unit_test(the_estate_of_2023),
		cmocka_unit_test(any_order_and_any_batches),
		cmocka_unit_test(late_spans_within_the_hold),
		cmocka_unit_test(what_is_told_before_it_is_settled),
		cmocka_unit_test(a_server_after_the_grace),
		cmocka_unit_test(an_address_becomes_a_service),
		cmocka_unit_test(an_address_is_told_when_it_is_learned_later),
		cmocka_unit_test(a_load_balancer_means_nobody),
		cmocka_unit_test(names_that_say_nothing),
		cmocka_unit_test(addresses_in_many_forms),
		cmocka_unit_test(two_of_one_name_in_two_namespaces),
		cmocka_unit_test(several_stores_on_one_host),
		cmocka_unit_test(users_probes_and_strangers),
		cmocka_unit_test(a_service_that_is_called_user),
		cmocka_unit_test(spans_without_kinds),
		cmocka_unit_test(clients_in_clients),
		cmocka_unit_test(a_service_that_calls_itself),
		cmocka_unit_test(brokers),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(circles_of_parents),
		cmocka_unit_test(a_refused_batch_leaves_nothing),
		cmocka_unit_test(what_was_not_kept_is_told_again),
		cmocka_unit_test(more_spans_than_memory_holds),
		cmocka_unit_test(more_names_than_memory_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
