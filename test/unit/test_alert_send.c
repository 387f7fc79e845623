/* SPDX-License-Identifier: MIT */
/* test_alert_send.c - alerts to a webhook, Alertmanager, a command and syslog: what arrives, and what is said when it does not. */
#include "unit.h"

#include "answerer.h"
#include "io/file.h"
#include "map/alert_send.h"

#include <errno.h>
#include <jansson.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT (60 * FL_SEC)

static const struct alert_label labels[] = { { "tier.of", "1" }, { "from", "not this" }, { "9th", "\"x\\" } };
static const struct alert alerts[] = {
	{ .id = "a1", .kind = "new_line", .from = "cart", .to = "bank]\"\n", .text = "cart calls bank,\nfor the first time", .severity = "critical",
		.evidence = "otlp", .first = 1700000000000000000, .labels = labels, .label_count = 3 },
	{ .id = "a2", .kind = "vanished_line", .from = "cart", .to = "redis", .text = "no calls", .severity = "info", .first = 1700000000000000000,
		.ended = 1700000060000000000 },
};

static struct alert_target
target(const char *text)
{
	struct alert_target t;
	char error[ALERT_ERROR_MAX];

	assert_int_equal(alert_send_parse(text, &t, error), 0);
	return t;
}

static void
test_targets(void **state)
{
	static const char *const bad[][2] = {
		{ "mail=me", "found the target \"mail=me\", expected webhook=URL, alertmanager=URL, command=COMMAND, syslog or syslog=HOST:PORT" },
		{ "webhook", "found \"\", expected a URL that begins with http:// or https://" },
		{ "alertmanager=ftp://x", "found \"ftp://x\", expected a URL that begins with http:// or https://" },
		{ "command= ", "command= needs a command behind it" },
		{ "syslog=localhost", "found \"localhost\", expected HOST:PORT or the path of a socket" },
	};
	struct alert_target t;
	char error[ALERT_ERROR_MAX];
	static char longer[2000] = "command=";

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		assert_int_equal(alert_send_parse(bad[i][0], &t, error), -EINVAL);
		assert_string_equal(error, bad[i][1]);
	}
	memset(longer + 8, 'x', sizeof(longer) - 9);
	assert_int_equal(alert_send_parse(longer, &t, error), -EINVAL);
	assert_int_equal(target("syslog").kind, ALERT_SYSLOG);
	assert_int_equal(target("syslog=[::1]:514").kind, ALERT_SYSLOG);
	assert_string_equal(target("command=logger -t x=y").to, "logger -t x=y");
}

/* The body of the last request. */
static json_t *
body_of(const struct answerer *a)
{
	const char *at = strstr(a->request, "\r\n\r\n");

	assert_non_null(at);
	json_t *j = json_loads(at + 4, 0, NULL);
	assert_non_null(j);
	return j;
}

static const char *
word(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static void
test_webhook(void **state)
{
	struct answerer a = { .listener = -1 };
	struct alert_told told;
	char text[256];

	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok");
	snprintf(text, sizeof(text), "webhook=http://%s/hook?x=1", a.text);
	struct alert_target t = target(text);
	assert_int_equal(alert_send(&t, alerts, 1, "1.2", LIMIT, &told), 0);
	assert_int_equal(alert_send(&t, alerts, 0, "1.2", LIMIT, &told), 0);
	answerer_stop(&a);
	assert_non_null(strstr(a.request, "POST /hook?x=1 HTTP/1.1"));
	assert_non_null(strstr(a.request, "User-Agent: faultline/1.2"));
	json_t *j = body_of(&a), *first = json_array_get(json_object_get(j, "alerts"), 0);
	assert_string_equal(word(first, "id"), "a1");
	assert_string_equal(word(first, "status"), "firing");
	assert_string_equal(word(first, "to"), "bank]\"\n");
	assert_string_equal(word(first, "first"), "2023-11-14T22:13:20Z");
	assert_string_equal(word(json_object_get(first, "labels"), "9th"), "\"x\\");
	json_decref(j);
}

static void
test_manager(void **state)
{
	struct answerer a = { .listener = -1 };
	struct alert_told told;
	char text[256];

	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	snprintf(text, sizeof(text), "alertmanager=http://%s/", a.text);
	struct alert_target t = target(text);
	assert_int_equal(alert_send(&t, alerts + 1, 1, "1", LIMIT, &told), 0);
	answerer_stop(&a);
	assert_non_null(strstr(a.request, "POST /api/v2/alerts HTTP/1.1"));
	json_t *j = body_of(&a), *first = json_array_get(j, 0);
	assert_string_equal(word(json_object_get(first, "labels"), "kind"), "vanished_line");
	assert_string_equal(word(first, "endsAt"), "2023-11-14T22:14:20Z");
	json_decref(j);
	/* Names of labels that Prometheus would refuse are changed, and ours are not overwritten. */
	struct buf b;
	buf_init(&b, 1 << 16);
	alert_send_manager_json(alerts, 1, &b);
	j = json_loads(buf_str(&b), 0, NULL);
	assert_non_null(j);
	json_t *l = json_object_get(json_array_get(j, 0), "labels");
	assert_string_equal(word(l, "tier_of"), "1");
	assert_string_equal(word(l, "from"), "cart");
	assert_string_equal(word(l, "_9th"), "\"x\\");
	json_decref(j);
	buf_fini(&b);
}

/* Who does not want them says whether to come again. */
static void
test_refusals(void **state)
{
	static const struct { const char *answer; bool again; const char *error; } rows[] = {
		{ "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", false, "it answered with the status 400" },
		{ "HTTP/1.1 429 Later\r\ncontent-length: 0\r\n\r\n", true, "it answered with the status 429" },
		{ "HTTP/1.1 503 Out\r\ncontent-length: 0\r\n\r\n", true, "it answered with the status 503" },
	};
	struct alert_told told;
	char text[256];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct answerer a = { .listener = -1 };
		answerer_start(&a, ANSWER, rows[i].answer);
		snprintf(text, sizeof(text), "webhook=http://%s/", a.text);
		struct alert_target t = target(text);
		assert_int_equal(alert_send(&t, alerts, 2, "1", LIMIT, &told), -EPROTO);
		assert_int_equal(told.again, rows[i].again);
		assert_string_equal(told.error, rows[i].error);
		answerer_stop(&a);
		assert_true(alert_send(&t, alerts, 2, "1", LIMIT, &told) < 0);      /* nobody listens */
		assert_true(told.again && told.error[0] != '\0');
	}
	struct answerer a = { .listener = -1 };
	answerer_start(&a, ANSWER_NEVER, "");
	snprintf(text, sizeof(text), "webhook=http://%s/", a.text);
	struct alert_target t = target(text);
	assert_int_equal(alert_send(&t, alerts, 2, "1", 50 * FL_MS, &told), -ETIMEDOUT);
	assert_true(told.again);
	answerer_stop(&a);
}

static void
test_command(void **state)
{
	char path[] = "/tmp/alert-XXXXXX", text[128];
	struct alert_told told;
	struct buf b;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "command=cat > %s", path);
	struct alert_target t = target(text);
	assert_int_equal(alert_send(&t, alerts, 2, "1", LIMIT, &told), 0);
	buf_init(&b, 1 << 16);
	assert_int_equal(file_read(path, &b), 0);
	json_t *j = json_loads(buf_str(&b), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "alerts")), 2);
	json_decref(j);
	buf_fini(&b);
	t = target("command=exit 3");
	assert_int_equal(alert_send(&t, alerts, 2, "1", LIMIT, &told), -EPROTO);
	assert_string_equal(told.error, "it ended with 3");
	t = target("command=sleep 1000");
	assert_int_equal(alert_send(&t, alerts, 2, "1", 30 * FL_MS, &told), -ETIMEDOUT);
	close(fd);
	unlink(path);
}

static void
test_syslog(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct alert_told told;
	char text[128], got[4096];
	struct buf b;

	(void)state;
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	snprintf(text, sizeof(text), "syslog=127.0.0.1:%u", ntohs(at.sin_port));
	struct alert_target t = target(text);
	assert_int_equal(alert_send(&t, alerts, 1, "1", LIMIT, &told), 0);
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(n > 0);
	got[n] = '\0';
	assert_memory_equal(got, "<26>1 20", 8);
	assert_non_null(strstr(got, " new_line [faultline@0 id=\"a1\" from=\"cart\" to=\"bank\\]\\\" \"] "));
	assert_non_null(strstr(got, "\"] \xef\xbb\xbf" "cart calls bank, for the first time"));
	close(fd);
	buf_init(&b, 4096);
	alert_send_syslog(&alerts[1], true, 1700000000000000000, "h", &b);
	assert_memory_equal(buf_str(&b), "<30>Nov 1", 9);
	assert_non_null(strstr(buf_str(&b), "]: vanished_line: no calls"));
	buf_fini(&b);
	t = target("syslog=/no/such/socket");
	assert_true(alert_send(&t, alerts, 1, "1", LIMIT, &told) < 0);
	assert_true(told.again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_webhook),
		cmocka_unit_test(test_manager),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_syslog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
