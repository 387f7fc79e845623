/* SPDX-License-Identifier: MIT */
/* test_span_formats.c - OTLP in protobuf and JSON, Zipkin, Jaeger: what is read, what is refused, and files of them, packed or not. */
#include "spans_rig.h"

#include "proto/unpack.h"
#include "map/span_import.h"

#include <fcntl.h>
#include <zlib.h>
#include <zstd.h>

/* ---- what a parser hands out, as text ---- */

struct seen {
	struct buf text;
	unsigned resources, spans;
};

static int
see_resource(void *arg, const struct span_attrs *resource)
{
	struct seen *s = arg;
	const struct span_value *v = &resource->value[SPAN_KEY_SERVICE_NAME];

	s->resources++;
	if (span_has(resource, SPAN_KEY_SERVICE_NAME))
		buf_printf(&s->text, "[%.*s]", (int)v->n, v->p);
	else
		buf_puts(&s->text, "[]");
	return 0;
}

static int
see_span(void *arg, const struct span *s)
{
	struct seen *t = arg;

	t->spans++;
	buf_printf(&t->text, " %llx:%llx/%llx<%llx k%d%s%s%s %lld+%lld \"%.*s\"", (unsigned long long)s->trace_hi, (unsigned long long)s->trace_lo,
	    (unsigned long long)s->id, (unsigned long long)s->parent, (int)s->kind, s->error ? " error" : "",
	    s->remote_known ? s->remote ? " remote" : " local" : "", s->shared ? " shared" : "", (long long)s->start,
	    (long long)(s->end - s->start), (int)s->name.n, s->name.p);
	for (unsigned k = 0; k < SPAN_KEY_COUNT; k++) {
		const struct span_value *v = &s->attrs.value[k];

		if (!span_has(&s->attrs, (enum span_key)k))
			continue;
		if (v->p != NULL)
			buf_printf(&t->text, " %s=%.*s", span_key_text((enum span_key)k), (int)v->n, v->p);
		else
			buf_printf(&t->text, " %s=#%lld", span_key_text((enum span_key)k), (long long)v->number);
	}
	for (unsigned k = 0; k < s->link_count; k++)
		buf_printf(&t->text, " link %llx", (unsigned long long)s->links[k].id);
	return 0;
}

static struct seen
see(struct rig *r, enum rig_format f, const void *p, size_t n, int want)
{
	struct seen s = { .spans = 0 };
	struct span_sink sink = { .resource = see_resource, .span = see_span, .arg = &s };
	/* In memory of exactly its size, so that the sanitizer sees a read beyond it. */
	void *exact = malloc(n > 0 ? n : 1);

	assert_non_null(exact);
	memcpy(exact, p, n);
	buf_init(&s.text, 1u << 20);
	assert_int_equal(rig_parse(r, f, exact, n, &sink), want);
	free(exact);
	return s;
}

static void
reads_as(enum rig_format f, const char *text, const char *want)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct seen s = see(r, f, text, strlen(text), 0);

	assert_string_equal(buf_str(&s.text), want);
	buf_fini(&s.text);
	rig_free(r);
}

static void
is_refused(enum rig_format f, const char *text, const char *error)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct seen s = see(r, f, text, strlen(text), -EINVAL);

	assert_string_equal(f == RIG_JSON ? r->json.error : f == RIG_ZIPKIN ? r->zipkin.error : r->jaeger.error, error);
	buf_fini(&s.text);
	rig_free(r);
}

/* ---- protobuf by hand ---- */

static void
varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static void
field(struct buf *b, unsigned number, const void *p, size_t n)
{
	varint(b, number << 3 | 2);
	varint(b, n);
	buf_append(b, p, n);
}

static void
field_text(struct buf *b, unsigned number, const char *s)
{
	field(b, number, s, strlen(s));
}

static void
attr(struct buf *b, unsigned number, const char *key, const char *value)
{
	struct buf kv, v;

	buf_init(&kv, 4096);
	buf_init(&v, 4096);
	if (value[0] == '#') {
		varint(&v, 3 << 3);
		varint(&v, strtoull(value + 1, NULL, 10));
	} else {
		field_text(&v, 1, value);
	}
	field(&kv, 2, buf_data(&v), buf_len(&v));       /* the value before its key: any order is allowed */
	field_text(&kv, 1, key);
	field(b, number, buf_data(&kv), buf_len(&kv));
	buf_fini(&kv);
	buf_fini(&v);
}

static void
fixed(struct buf *b, unsigned number, unsigned wire, uint64_t v)
{
	varint(b, number << 3 | wire);
	for (unsigned i = 0; i < (wire == 1 ? 8u : 4u); i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

static void
pb_span(struct buf *out, const char *trace, const char *id, const char *parent, unsigned kind, const char *key, const char *value)
{
	struct buf s, link;

	buf_init(&s, 65536);
	buf_init(&link, 4096);
	field_text(&s, 100, "a field that nobody knows");
	field(&s, 1, trace, strlen(trace));
	field(&s, 2, id, strlen(id));
	field(&s, 4, parent, strlen(parent));
	field_text(&s, 5, "GET");
	varint(&s, 6 << 3);
	varint(&s, kind);
	fixed(&s, 7, 1, 1000);
	fixed(&s, 8, 1, 1500);
	attr(&s, 9, key, value);
	attr(&s, 9, "http.request.header.x", "of no interest");
	field_text(&link, 1, "ABCDEFGHIJKLMNOP");
	field_text(&link, 2, "linkedto");
	field(&s, 13, buf_data(&link), buf_len(&link));
	field(&s, 15, "\x12\x03" "bad\x18\x02", 7);
	fixed(&s, 16, 5, 0x301);
	field(out, 2, buf_data(&s), buf_len(&s));
	buf_fini(&s);
	buf_fini(&link);
}

static void
pb_request(struct buf *out)
{
	struct buf rs, r, ss;

	buf_init(&rs, 1 << 20);
	buf_init(&r, 4096);
	buf_init(&ss, 1 << 20);
	attr(&r, 1, "service.name", "cart");
	pb_span(&ss, "ABCDEFGHIJKLMNOP", "spanspan", "parentid", 3, "server.port", "#7003");
	pb_span(&ss, "short", "spanspan", "parentid", 3, "server.port", "#7003");
	pb_span(&ss, "ABCDEFGHIJKLMNOP", "spansp00", "", 2, "server.address", "cart.svc");
	field_text(&ss, 3, "https://schema");
	field(&rs, 2, buf_data(&ss), buf_len(&ss));     /* spans before their resource */
	field(&rs, 1, buf_data(&r), buf_len(&r));
	field(out, 1, buf_data(&rs), buf_len(&rs));
	buf_fini(&rs);
	buf_fini(&r);
	buf_fini(&ss);
}

static const char pb_text[] =
    "[cart] 4142434445464748:494a4b4c4d4e4f50/7370616e7370616e<706172656e746964 k3 error remote 1000+500 \"GET\" server.port=#7003"
    " link 6c696e6b6564746f"
    " 4142434445464748:494a4b4c4d4e4f50/7370616e73703030<0 k2 error remote 1000+500 \"GET\" server.address=cart.svc link 6c696e6b6564746f";

static void
protobuf(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	pb_request(&b);
	struct seen s = see(r, RIG_PB, buf_data(&b), buf_len(&b), 0);

	assert_string_equal(buf_str(&s.text), pb_text);
	assert_int_equal(r->pb.counts.spans, 2);
	assert_int_equal(r->pb.counts.rejected, 1);
	buf_fini(&s.text);
	/* Cut off anywhere it is refused, but where it is whole by chance: at its beginning. */
	for (size_t n = 1; n < buf_len(&b); n++) {
		s = see(r, RIG_PB, buf_data(&b), n, -EINVAL);
		assert_non_null(r->pb.error);
		buf_fini(&s.text);
	}
	s = see(r, RIG_PB, "", 0, 0);
	buf_fini(&s.text);
	s = see(r, RIG_PB, "\x0b\x0c", 2, -EINVAL);     /* a group */
	buf_fini(&s.text);
	s = see(r, RIG_PB, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, -EINVAL);        /* longer than can be */
	buf_fini(&s.text);
	buf_fini(&b);
	rig_free(r);
}

/* ---- JSON ---- */

static void
otlp_json(void **state)
{
	(void)state;
	reads_as(RIG_JSON, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"a\\u00e9\"}}]},"
	    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"479843619F77024E19009183FB7070FA\",\"spanId\":\"88b0d80e84a0f5a8\","
	    "\"parentSpanId\":\"41c91d47bdf9020e\",\"name\":\"G\\\"T\",\"kind\":3,\"startTimeUnixNano\":\"1795212777264000000\","
	    "\"endTimeUnixNano\":1795212777264000007,\"attributes\":[{\"key\":\"server.port\",\"value\":{\"intValue\":7003}},"
	    "{\"value\":{\"intValue\":\"12\"},\"key\":\"net.peer.port\"},{\"key\":\"url.full\",\"value\":{\"arrayValue\":{\"values\":[]}}},"
	    "{\"key\":\"foo\",\"value\":{\"kvlistValue\":{}}}],\"status\":{\"code\":2},\"flags\":769,\"links\":null,\"events\":[{}]}]}]}]}",
	    "[a\xc3\xa9] 479843619f77024e:19009183fb7070fa/88b0d80e84a0f5a8<41c91d47bdf9020e k3 error remote 1795212777264000000+7 \"G\"T\""
	    " server.port=#7003 net.peer.port=#12");
}

static void
otlp_json_as_it_is_sent(void **state)
{
	(void)state;
	/* base64 ids, names of enums, old names, underscores, spans before the resource, requests behind one another, Tempo's words */
	reads_as(RIG_JSON, "{\"batches\":[{\"instrumentationLibrarySpans\":[{\"spans\":[{\"traceId\":\"QUJDREVGR0hJSktMTU5PUA==\","
	    "\"spanId\":\"c3BhbnNwYW4=\","
	    "\"kind\":\"SPAN_KIND_SERVER\",\"status\":{\"code\":\"STATUS_CODE_ERROR\"}}]}],\"resource\":{\"attributes\":[{\"key\":\"service.name\","
	    "\"value\":{\"stringValue\":\"old\"}}]}}]}\n"
	    "{\"trace\":{\"resource_spans\":[{\"scope_spans\":[{\"spans\":[{\"trace_id\":\"00000000000000000000000000000001\","
	    "\"span_id\":\"0000000000000002\",\"parent_span_id\":\"\",\"kind\":\"3\",\"start_time_unix_nano\":1.5e3}]}]}]}}\n",
	    "[old] 4142434445464748:494a4b4c4d4e4f50/7370616e7370616e<0 k2 error 0+0 \"\"[] 0:1/2<0 k3 1500+-1500 \"\"");
	reads_as(RIG_JSON, "[{\"resourceSpans\":[]},{\"resourceSpans\":[{}]}]", "[]");
	reads_as(RIG_JSON, "{}", "");
	reads_as(RIG_JSON, "{\"resourceSpans\":null,\"x\":[[[{}]],{\"a\":{}}]}", "");
}

static void
wrong_ids_are_counted(void **state)
{
	static const char *const ids[] = { "\"\"", "\"00000000000000000000000000000000\"", "\"zz\"", "17", "null", "{}", "\"1\"",
		"\"479843619f77024e19009183fb7070fa0\"", "\"!!!!!!!!!!!!!!!!!!!!!!==\"" };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(ids); i++) {
		struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
		char text[400];

		snprintf(text, sizeof(text), "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":%s,\"spanId\":\"0000000000000001\"},"
		    "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":%s},{\"traceId\":\"00000000000000000000000000000001\","
		    "\"spanId\":\"0000000000000001\"}]}]}]}", ids[i], ids[i]);
		struct seen s = see(r, RIG_JSON, text, strlen(text), 0);

		assert_int_equal(s.spans, 1);
		assert_int_equal(r->json.counts.rejected, 2);
		buf_fini(&s.text);
		rig_free(r);
	}
}

static void
broken_json(void **state)
{
	(void)state;
	is_refused(RIG_JSON, "", "expected an object");
	is_refused(RIG_JSON, "{\"resourceSpans\":[{]}", "expected a member's name in quotes");
	is_refused(RIG_JSON, "{\"resourceSpans\":[{}", "expected a comma or ]");
	is_refused(RIG_JSON, "{\"resourceSpans\":7}", "expected a list");
	is_refused(RIG_JSON, "{\"x\":tru}", "expected a value");
	is_refused(RIG_JSON, "{\"x\":\"abc", "expected the end of the text");
	is_refused(RIG_JSON, "{\"x\" 1}", "expected a colon");
	is_refused(RIG_JSON, "{\"x\":1 \"y\":2}", "expected a comma or }");
	is_refused(RIG_JSON, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"\\x\"}]}]}]}",
	    "expected a character behind the backslash");
	is_refused(RIG_ZIPKIN, "[{\"traceId\":\"1\"", "expected a comma or }");
	is_refused(RIG_ZIPKIN, "17", "expected an object");
	is_refused(RIG_ZIPKIN, "[[[{}]]]", "expected an object");
	is_refused(RIG_JAEGER, "{\"data\":[{\"spans\":[{},]}]}", "expected a value");
	is_refused(RIG_JAEGER, "", "expected an object");
}

static void
bombs(void **state)
{
	static const char *const starts[] = { "{\"x\":", "{\"resourceSpans\":[{\"resource\":",
	    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"events\":" };
	const size_t deep = 200000;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(starts); i++)
		for (unsigned shape = 0; shape < 2; shape++) {
			struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
			struct buf b;

			buf_init(&b, 16u << 20);
			buf_puts(&b, starts[i]);
			for (size_t k = 0; k < deep; k++)
				buf_puts(&b, shape == 0 ? "[" : "{\"a\":");
			struct seen s = see(r, RIG_JSON, buf_data(&b), buf_len(&b), -EINVAL);

			assert_true(strcmp(r->json.error, "nested too deeply") == 0 || (i == 1 && shape == 0));
			buf_fini(&s.text);
			s = see(r, RIG_JAEGER, buf_data(&b), buf_len(&b), -EINVAL);
			buf_fini(&s.text);
			buf_fini(&b);
			rig_free(r);
		}
}

static void
zipkin(void **state)
{
	(void)state;
	reads_as(RIG_ZIPKIN,
	    "[{\"traceId\":\"ebc0093f6c52902bd02476af42f8cbfd\",\"id\":\"c1eb76f288833898\",\"parentId\":\"bee7fcdfe99538a9\",\"kind\":\"PRODUCER\","
	    "\"name\":\"send\",\"timestamp\":1795213015560000,\"duration\":854,\"localEndpoint\":{\"serviceName\":\"checkout\"},"
	    "\"remoteEndpoint\":{\"serviceName\":\"rabbitmq\",\"ipv4\":\"10.0.0.9\",\"port\":5672},"
	    "\"tags\":{\"net.peer.name\":\"rabbit-orders.mq\"}},"
	    "{\"traceId\":\"d02476af42f8cbfd\",\"id\":\"1\",\"kind\":\"SERVER\",\"shared\":true,\"tags\":{\"error\":\"\"},"
	    "\"remoteEndpoint\":{\"ipv4\":\"10.0.0.4\"}}]",
	    "[checkout] ebc0093f6c52902b:d02476af42f8cbfd/c1eb76f288833898<bee7fcdfe99538a9 k4 1795213015560000000+854000 \"send\""
	    " peer.service=rabbitmq net.peer.name=rabbit-orders.mq network.peer.address=10.0.0.9 network.peer.port=#5672"
	    "[] 0:d02476af42f8cbfd/1<0 k2 error shared 0+0 \"\" client.address=10.0.0.4 error=");
	reads_as(RIG_ZIPKIN, "[]", "");
	reads_as(RIG_ZIPKIN, "[[{\"traceId\":\"1\",\"id\":\"2\"}],[]]", "[] 0:1/2<0 k0 0+0 \"\"");
	reads_as(RIG_ZIPKIN, "{\"traceId\":\"1\",\"id\":\"2\",\"localEndpoint\":null,\"tags\":null}", "[] 0:1/2<0 k0 0+0 \"\"");
}

static void
zipkin_lines(void **state)
{
	static const char text[] =
	    /* a trace whose ids are long on one side and short on the other, and a server that shares its client's id */
	    "[{\"traceId\":\"d02476af42f8cbfd\",\"id\":\"2\",\"parentId\":\"1\",\"kind\":\"SERVER\",\"shared\":true,"
	    "\"localEndpoint\":{\"serviceName\":\"cart\"}},"
	    "{\"traceId\":\"ebc0093f6c52902bd02476af42f8cbfd\",\"id\":\"2\",\"parentId\":\"1\",\"kind\":\"CLIENT\","
	    "\"localEndpoint\":{\"serviceName\":\"gateway\"},\"remoteEndpoint\":{\"ipv4\":\"10.0.0.3\",\"port\":80}},"
	    "{\"traceId\":\"ebc0093f6c52902bd02476af42f8cbfd\",\"id\":\"1\",\"kind\":\"SERVER\",\"localEndpoint\":{\"serviceName\":\"gateway\"}},"
	    "{\"traceId\":\"d02476af42f8cbfd\",\"id\":\"3\",\"parentId\":\"2\",\"kind\":\"CLIENT\",\"localEndpoint\":{\"serviceName\":\"cart\"},"
	    "\"remoteEndpoint\":{\"serviceName\":\"redis\",\"ipv4\":\"10.0.0.8\",\"port\":6379},\"tags\":{\"db.system\":\"redis\"}},"
	    /* producers and consumers name the broker, and no line goes from one to the other unless one is the other's parent */
	    "{\"traceId\":\"9\",\"id\":\"4\",\"kind\":\"PRODUCER\",\"localEndpoint\":{\"serviceName\":\"cart\"},"
	    "\"remoteEndpoint\":{\"serviceName\":\"kafka\"}},"
	    "{\"traceId\":\"8\",\"id\":\"5\",\"kind\":\"CONSUMER\",\"localEndpoint\":{\"serviceName\":\"mail\"},"
	    "\"remoteEndpoint\":{\"serviceName\":\"kafka\"}},"
	    /* a server that knows who called */
	    "{\"traceId\":\"7\",\"id\":\"6\",\"kind\":\"SERVER\",\"localEndpoint\":{\"serviceName\":\"mail\"},"
	    "\"remoteEndpoint\":{\"serviceName\":\"cron\"}},"
	    /* both names known without a kind is a call */
	    "{\"traceId\":\"6\",\"id\":\"7\",\"localEndpoint\":{\"serviceName\":\"mail\"},\"remoteEndpoint\":{\"serviceName\":\"smtp\"}},"
	    "{\"traceId\":\"6\",\"id\":\"8\",\"localEndpoint\":{}}]";
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);

	(void)state;
	rig_text_in(r, RIG_ZIPKIN, text);
	rig_finish(r);
	RIG_EXPECT(r, "user > gateway ?", "gateway > cart ?", "cart > 10.0.0.8:6379 db", "cart > kafka messaging", "mail > kafka messaging",
	    "cron > mail ?", "mail > smtp ?");
	assert_true(rig_told(r, "instance cart   10.0.0.3:80"));
	rig_free(r);
}

static void
jaeger(void **state)
{
	(void)state;
	reads_as(RIG_JAEGER,
	    "{\"data\":[{\"traceID\":\"151e8ea44a5cf41c\",\"spans\":[{\"traceID\":\"151e8ea44a5cf41c\",\"spanID\":\"137c\",\"operationName\":\"x\","
	    "\"references\":[{\"refType\":\"CHILD_OF\",\"traceID\":\"151e8ea44a5cf41c\",\"spanID\":\"37e2\","
	    "\"span\":{\"references\":[{\"span\":{}}]}},"
	    "{\"refType\":\"FOLLOWS_FROM\",\"traceID\":\"1\",\"spanID\":\"2\"}],\"startTime\":1695943858155643,\"duration\":518,\"processID\":\"p1\","
	    "\"tags\":[{\"key\":\"span.kind\",\"type\":\"string\",\"value\":\"client\"},{\"key\":\"peer.service\",\"type\":\"string\","
	    "\"value\":\"redis\"},"
	    "{\"key\":\"error\",\"type\":\"bool\",\"value\":true}]},{\"traceID\":\"151e8ea44a5cf41c\",\"spanID\":\"3\",\"processID\":\"p1\"},"
	    "{\"traceID\":\"151e8ea44a5cf41c\",\"spanID\":\"4\",\"processID\":\"p9\",\"parentSpanID\":\"3\"}],"
	    "\"processes\":{\"p2\":{\"serviceName\":\"other\"},\"p1\":{\"serviceName\":\"text-service\",\"tags\":[]}}}]}",
	    "[text-service] 0:151e8ea44a5cf41c/137c<37e2 k3 error 1695943858155643000+518000 \"x\" peer.service=redis span.kind=client error=#1"
	    " link 2 0:151e8ea44a5cf41c/3<0 k0 0+0 \"\"[] 0:151e8ea44a5cf41c/4<3 k0 0+0 \"\"");
	reads_as(RIG_JAEGER, "{\"traceID\":\"1\",\"spanID\":\"2\",\"process\":{\"serviceName\":\"es\"}}\n{\"traceID\":\"1\",\"spanID\":\"3\"}",
	    "[es] 0:1/2<0 k0 0+0 \"\"[] 0:1/3<0 k0 0+0 \"\"");
	reads_as(RIG_JAEGER, "{\"data\":null}", "");
}

/* Ancestors in ancestors in references: as deep as the trace is long. */
static void
jaeger_nested_references(void **state)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	const unsigned deep = 8000;
	struct buf b;

	(void)state;
	buf_init(&b, 64u << 20);
	buf_puts(&b, "{\"data\":[{\"spans\":[{\"traceID\":\"1\",\"spanID\":\"2\",\"processID\":\"a\",\"references\":[");
	for (unsigned i = 0; i < deep; i++)
		buf_puts(&b, "{\"refType\":\"CHILD_OF\",\"traceID\":\"1\",\"spanID\":\"1\",\"span\":{\"references\":[");
	for (unsigned i = 0; i < deep; i++)
		buf_puts(&b, "]}}");
	buf_puts(&b, "]},{\"traceID\":\"1\",\"spanID\":\"1\",\"processID\":\"b\"}],"
	    "\"processes\":{\"a\":{\"serviceName\":\"a\"},\"b\":{\"serviceName\":\"b\"}}}]}");
	assert_int_equal(rig_put(r, RIG_JAEGER, buf_data(&b), buf_len(&b), 0), 0);
	rig_finish(r);
	RIG_EXPECT(r, "b > a ?");
	buf_fini(&b);
	rig_free(r);
}

/* ---- files ---- */

static const char line_1[] = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"a\"}}]},"
    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000001\",\"kind\":3,"
    "\"name\":\"{[\\\"\"}]}]}]}";
static const char line_2[] = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"b\"}}]},"
    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\",\"kind\":2,"
    "\"parentSpanId\":\"0000000000000001\"}]}]}]}";

struct file_rig {
	struct rig *r;
	struct span_import *im;
};

static struct file_rig
file_rig(size_t document_bytes)
{
	struct file_rig f = { .r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1) };
	struct span_import_opts o = { .memory_bytes = SPANS_MEMORY_MIN, .document_bytes = document_bytes, .where = "t", .tell = rig_take,
	    .arg = f.r };

	assert_int_equal(span_import_new(&o, &f.im), 0);
	return f;
}

static void
file_rig_free(struct file_rig *f)
{
	span_import_free(f->im);
	rig_free(f->r);
}

/* One text, as a file of its own; the line a > b must come out. */
static void
file_gives_the_line(const void *p, size_t n)
{
	struct file_rig f = file_rig(0);
	char path[] = "/tmp/test-span-formats-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
	assert_int_equal(span_import_file(f.im, path), 0);
	unlink(path);
	assert_int_equal(span_import_finish(f.im), 0);
	RIG_EXPECT(f.r, "a > b ?");
	file_rig_free(&f);
}

static void
files(void **state)
{
	char text[4096], packed[4096];
	uLongf n = sizeof(packed);
	z_stream z = { .zalloc = NULL };
	size_t m;

	(void)state;
	snprintf(text, sizeof(text), "%s\n%s\n", line_1, line_2);
	file_gives_the_line(text, strlen(text));
	snprintf(text, sizeof(text), " [\n%s ,%s]\n\n", line_1, line_2);
	file_gives_the_line(text, strlen(text));
	snprintf(text, sizeof(text), "%s%s{\"resourceSpans\":[{\"sco", line_1, line_2);      /* the writer was stopped */
	file_gives_the_line(text, strlen(text));
	/* gzip in two members, as `cat a.gz b.gz` makes */
	m = 0;
	for (int k = 0; k < 2; k++) {
		assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = (Bytef *)(k == 0 ? line_1 : line_2);
		z.avail_in = (uInt)strlen(k == 0 ? line_1 : line_2);
		z.next_out = (Bytef *)packed + m;
		z.avail_out = (uInt)(sizeof(packed) - m);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		m = sizeof(packed) - z.avail_out;
		deflateEnd(&z);
	}
	file_gives_the_line(packed, m);
	n = ZSTD_compress(packed, sizeof(packed), text, strlen(text), 3);
	assert_false(ZSTD_isError(n));
	file_gives_the_line(packed, n);
}

static void
files_of_protobuf(void **state)
{
	struct file_rig f = file_rig(0);
	struct buf b, all;
	char prefix[4];

	(void)state;
	buf_init(&b, 1 << 20);
	buf_init(&all, 1 << 20);
	pb_request(&b);
	assert_int_equal(span_import_recognise(buf_data(&b), buf_len(&b)), SPAN_FORMAT_OTLP_PB);
	assert_int_equal(span_import_text(f.im, "one", buf_data(&b), buf_len(&b)), 0);
	for (int k = 0; k < 3; k++) {
		for (int i = 0; i < 4; i++)
			prefix[i] = (char)(buf_len(&b) >> (24 - 8 * i));
		buf_append(&all, prefix, 4);
		buf_append(&all, buf_data(&b), buf_len(&b));
	}
	assert_int_equal(span_import_text(f.im, "three", buf_data(&all), buf_len(&all)), 0);
	struct span_import_counts c = span_import_count(f.im);

	assert_int_equal(c.documents, 4);
	assert_int_equal(c.rejected, 4);
	assert_int_equal(c.spans.duplicates, 6);
	buf_fini(&b);
	buf_fini(&all);
	file_rig_free(&f);
}

static void
bad_files(void **state)
{
	struct file_rig f = file_rig(4096);
	char text[8192];

	(void)state;
	snprintf(text, sizeof(text), "%s\n%s\n{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":}]}]}]}", line_1, line_2);
	assert_int_equal(span_import_text(f.im, "x.json", text, strlen(text)), -EINVAL);
	assert_string_equal(span_import_error(f.im), "x.json:3:52: expected a value");
	assert_int_equal(span_import_text(f.im, "x.json", line_1, 40), -EINVAL);
	assert_string_equal(span_import_error(f.im), "x.json:1:1: the document that begins here does not end");
	assert_int_equal(span_import_text(f.im, "x.txt", "hello", 5), -ENOTSUP);
	assert_int_equal(span_import_text(f.im, "empty", "", 0), -ENOTSUP);
	assert_int_equal(span_import_text(f.im, "x.gz", "\x1f\x8b\x08garbage", 10), -EINVAL);
	assert_int_equal(span_import_file(f.im, "/nonexistent/file"), -ENOENT);
	assert_string_equal(span_import_error(f.im), "/nonexistent/file: No such file or directory");
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"resourceSpans\":[", 18);
	assert_int_equal(span_import_text(f.im, "big.json", text, sizeof(text)), -EFBIG);
	assert_string_equal(span_import_error(f.im), "big.json:1:1: the document that begins here is larger than 4096 bytes");
	file_rig_free(&f);
}

/* 100 MB of nothing in 100 KB: only as much is unpacked as may be kept. */
static void
packed_bombs(void **state)
{
	const size_t n = 100u << 20;
	char *zeros = calloc(1, n), *packed = malloc(1 << 20);
	uLongf m = 1 << 20;
	struct file_rig f = file_rig(1 << 20);
	struct buf out;

	(void)state;
	assert_true(zeros != NULL && packed != NULL);
	memset(zeros, ' ', n);
	memcpy(zeros, "{\"resourceSpans\":[", 18);
	assert_int_equal(compress2((Bytef *)packed, &m, (const Bytef *)zeros, n, 1), Z_OK);
	buf_init(&out, 1 << 20);
	buf_puts(&out, "x");
	assert_int_equal(unpack_all(UNPACK_ZLIB, packed, m, &out), -EFBIG);
	assert_string_equal(buf_str(&out), "x");
	m = ZSTD_compress(packed, 1 << 20, zeros, n, 1);
	assert_int_equal(span_import_text(f.im, "bomb", packed, m), -EFBIG);
	assert_int_equal(unpack_all(UNPACK_ZSTD, packed, m / 2, &out), -EFBIG);
	assert_int_equal(unpack_all(UNPACK_GZIP, "\x1f\x8b\x08", 3, &out), -EINVAL);
	assert_int_equal(unpack_all(UNPACK_PLAIN, "abc", 3, &out), 0);
	assert_string_equal(buf_str(&out), "xabc");
	buf_fini(&out);
	free(zeros);
	free(packed);
	file_rig_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protobuf),
		cmocka_unit_test(otlp_json),
		cmocka_unit_test(otlp_json_as_it_is_sent),
		cmocka_unit_test(wrong_ids_are_counted),
		cmocka_unit_test(broken_json),
		cmocka_unit_test(bombs),
		cmocka_unit_test(zipkin),
		cmocka_unit_test(zipkin_lines),
		cmocka_unit_test(jaeger),
		cmocka_unit_test(jaeger_nested_references),
		cmocka_unit_test(files),
		cmocka_unit_test(files_of_protobuf),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(packed_bombs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
