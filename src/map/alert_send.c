/* SPDX-License-Identifier: MIT */
/*
 * alert_send.c - tell somebody of alerts: over HTTP by libcurl, to a command, to syslog.
 *
 * What goes out is made of names that came off a wire: JSON is escaped by the writer, structured data as RFC 5424 has it, control characters
 * are left out of a line of syslog. A command gets them as input only, never as words of a shell.
 */
#include "map/alert_send.h"

#include "io/clock.h"
#include "io/command.h"
#include "io/datagram.h"
#include "io/resolve.h"
#include "proto/jsonw.h"
#include "run/words.h"
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX (16u << 20)
#define LINE_MAX_BYTES 2048             /* of syslog: what every receiver takes */
#define LABEL_MAX 128
#define FACILITY_DAEMON 3

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static const char *
text_of(const char *s)
{
	return s != NULL ? s : "";
}

/* ---- targets ---- */

static int
refuse(char *error, const char *say, const char *what)
{
	snprintf(error, ALERT_ERROR_MAX, say, what);
	return -EINVAL;
}

static bool
is_url(const char *s)
{
	return (strncmp(s, "http://", 7) == 0 && s[7] != '\0') || (strncmp(s, "https://", 8) == 0 && s[8] != '\0');
}

int
alert_send_parse(const char *text, struct alert_target *ret, char *error)
{
	static const char *const words[] = { "webhook", "alertmanager", "command", "syslog" };
	const char *equals = strchr(text, '='), *to = equals != NULL ? equals + 1 : "";
	size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text);
	unsigned k = 0;

	while (k < FL_ARRAY_LEN(words) && (strlen(words[k]) != n || memcmp(words[k], text, n) != 0))
		k++;
	if (k == FL_ARRAY_LEN(words))
		return refuse(error, "found the target \"%.100s\", expected webhook=URL, alertmanager=URL, command=COMMAND, syslog or "
		    "syslog=HOST:PORT", text);
	if (strlen(to) >= ALERT_TO_MAX)
		return refuse(error, "what stands behind %s= is too long", words[k]);
	if ((k == ALERT_WEBHOOK || k == ALERT_MANAGER) && !is_url(to))
		return refuse(error, "found \"%.100s\", expected a URL that begins with http:// or https://", to);
	if (k == ALERT_COMMAND && to[strspn(to, " \t")] == '\0')
		return refuse(error, "%s= needs a command behind it", words[k]);
	if (k == ALERT_SYSLOG && to[0] != '\0' && to[0] != '/' && strrchr(to, ':') == NULL)
		return refuse(error, "found \"%.100s\", expected HOST:PORT or the path of a socket", to);
	*ret = (struct alert_target){ .kind = (enum alert_kind)k };
	memcpy(ret->to, to, strlen(to) + 1);
	return 0;
}

/* ---- what is said ---- */

/* "2026-01-02T03:04:05Z" */
static const char *
time_text(struct buf *b, int64_t ns)
{
	buf_init(b, 64);
	words_date(ns, true, b);
	return buf_str(b);
}

static void
put_time(struct jsonw *w, const char *key, int64_t ns)
{
	struct buf b;

	jsonw_str(w, key, time_text(&b, ns));
	buf_fini(&b);
}

void
alert_send_json(const struct alert *alerts, uint32_t n, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_num(&w, "version", 1);
	jsonw_key(&w, "alerts");
	jsonw_array(&w);
	for (uint32_t i = 0; i < n; i++) {
		const struct alert *a = &alerts[i];
		jsonw_object(&w);
		jsonw_str(&w, "id", text_of(a->id));
		jsonw_str(&w, "kind", text_of(a->kind));
		jsonw_str(&w, "status", a->ended != 0 ? "resolved" : "firing");
		jsonw_str(&w, "severity", text_of(a->severity));
		jsonw_str(&w, "from", text_of(a->from));
		jsonw_str(&w, "to", text_of(a->to));
		jsonw_str(&w, "text", text_of(a->text));
		jsonw_str(&w, "evidence", text_of(a->evidence));
		put_time(&w, "first", a->first);
		if (a->ended != 0)
			put_time(&w, "ended", a->ended);
		jsonw_key(&w, "labels");
		jsonw_object(&w);
		for (uint32_t k = 0; k < a->label_count; k++)
			jsonw_str(&w, a->labels[k].key, text_of(a->labels[k].value));
		jsonw_end(&w);
		jsonw_end(&w);
	}
	jsonw_end(&w);
	jsonw_end(&w);
}

/* A name of a label as Prometheus allows it: [a-zA-Z_][a-zA-Z0-9_]*. */
static const char *
label_name(char to[LABEL_MAX], const char *key)
{
	size_t n = 0;

	if (!isalpha((unsigned char)key[0]))
		to[n++] = '_';
	for (; *key != '\0' && n + 1 < LABEL_MAX; key++)
		to[n++] = isalnum((unsigned char)*key) ? *key : '_';
	to[n] = '\0';
	return to;
}

static bool
is_taken(const char *name)
{
	static const char *const ours[] = { "alertname", "kind", "severity", "from", "to", NULL };

	for (unsigned i = 0; ours[i] != NULL; i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

static void
put_labels(struct jsonw *w, const struct alert *a)
{
	char name[LABEL_MAX];

	jsonw_key(w, "labels");
	jsonw_object(w);
	jsonw_str(w, "alertname", "FaultlineGraph");
	jsonw_str(w, "kind", text_of(a->kind));
	jsonw_str(w, "severity", text_of(a->severity));
	jsonw_str(w, "from", text_of(a->from));
	jsonw_str(w, "to", text_of(a->to));
	for (uint32_t k = 0; k < a->label_count; k++)
		if (!is_taken(label_name(name, a->labels[k].key)))
			jsonw_str(w, name, text_of(a->labels[k].value));
	jsonw_end(w);
}

void
alert_send_manager_json(const struct alert *alerts, uint32_t n, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_array(&w);
	for (uint32_t i = 0; i < n; i++) {
		const struct alert *a = &alerts[i];
		jsonw_object(&w);
		put_labels(&w, a);
		jsonw_key(&w, "annotations");
		jsonw_object(&w);
		jsonw_str(&w, "summary", text_of(a->text));
		jsonw_str(&w, "evidence", text_of(a->evidence));
		jsonw_str(&w, "id", text_of(a->id));
		jsonw_end(&w);
		put_time(&w, "startsAt", a->first);
		if (a->ended != 0)
			put_time(&w, "endsAt", a->ended);
		jsonw_end(&w);
	}
	jsonw_end(&w);
}

/* One line: bytes that are not printable would end it, or speak to a terminal. */
static void
put_line(struct buf *out, const char *s, const char *escaped)
{
	for (; *s != '\0'; s++) {
		if (strchr(escaped, *s) != NULL)
			buf_putc(out, '\\');
		buf_putc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
	}
}

static int
level_of(const char *severity)
{
	return strcmp(severity, "critical") == 0 ? 2 : strcmp(severity, "warning") == 0 ? 4 : 6;
}

void
alert_send_syslog(const struct alert *a, bool local, int64_t now, const char *host, struct buf *out)
{
	char text[40];
	int priority = FACILITY_DAEMON * 8 + level_of(text_of(a->severity));

	if (local) {
		time_t t = (time_t)(now / FL_SEC);
		struct tm tm = { 0 };
		(void)localtime_r(&t, &tm);
		if (strftime(text, sizeof(text), "%b %e %H:%M:%S", &tm) == 0)
			text[0] = '\0';
		buf_printf(out, "<%d>%s faultline[%d]: %s: ", priority, text, (int)getpid(), text_of(a->kind));
		put_line(out, text_of(a->text), "");
	} else {
		struct buf b;
		buf_printf(out, "<%d>1 %s %s faultline %d %s [faultline@0 id=\"", priority, time_text(&b, now), host, (int)getpid(),
		    text_of(a->kind));
		buf_fini(&b);
		put_line(out, text_of(a->id), "\"\\]");
		buf_puts(out, "\" from=\"");
		put_line(out, text_of(a->from), "\"\\]");
		buf_puts(out, "\" to=\"");
		put_line(out, text_of(a->to), "\"\\]");
		buf_puts(out, "\"] \xef\xbb\xbf");
		put_line(out, text_of(a->text), "");
	}
}

/* ---- and to whom ---- */

static int
failed(struct alert_told *ret, bool again, int err, const char *say, const char *what)
{
	ret->again = again;
	snprintf(ret->error, sizeof(ret->error), say, what);
	return err;
}

static size_t
drop_answer(char *p, size_t size, size_t n, void *ud)
{
	(void)p;
	(void)ud;
	return size * n;
}

static void
prepare(CURL *easy, const char *url, const struct buf *body, const char *agent, struct curl_slist *headers, fl_ns limit, char *error)
{
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_answer);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(limit / FL_MS + 1));
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)buf_len(body));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_data(body));
}

static int
post(const char *url, const struct buf *body, const char *version, fl_ns limit, struct alert_told *ret)
{
	char agent[64], error[CURL_ERROR_SIZE] = "", status_text[16];
	CURL *easy;
	long status = 0;

	(void)pthread_once(&curl_once, curl_begin);
	easy = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (easy == NULL || headers == NULL) {
		curl_easy_cleanup(easy);
		curl_slist_free_all(headers);
		return failed(ret, true, -ENOMEM, "%s", "no memory");
	}
	snprintf(agent, sizeof(agent), "faultline/%s", version);
	prepare(easy, url, body, agent, headers, limit, error);
	CURLcode code = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	snprintf(status_text, sizeof(status_text), "%ld", status);
	if (code != CURLE_OK)
		return failed(ret, code != CURLE_URL_MALFORMAT, code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED, "%s",
		    error[0] != '\0' ? error : curl_easy_strerror(code));
	if (status < 200 || status > 299)
		return failed(ret, status == 429 || status >= 500, -EPROTO, "it answered with the status %s", status_text);
	return 0;
}

static int
tell_http(const struct alert_target *t, const struct alert *alerts, uint32_t n, const char *version, fl_ns limit, struct alert_told *ret)
{
	static const char path[] = "/api/v2/alerts";
	char url[ALERT_TO_MAX + sizeof(path)];
	size_t len = strlen(t->to);
	struct buf body;
	int r;

	buf_init(&body, BODY_MAX);
	if (t->kind == ALERT_MANAGER)
		alert_send_manager_json(alerts, n, &body);
	else
		alert_send_json(alerts, n, &body);
	while (t->kind == ALERT_MANAGER && len > 0 && t->to[len - 1] == '/')
		len--;
	bool whole = t->kind != ALERT_MANAGER || (len >= sizeof(path) - 1 && memcmp(t->to + len - sizeof(path) + 1, path, sizeof(path) - 1) == 0);
	snprintf(url, sizeof(url), "%.*s%s", (int)len, t->to, whole ? "" : path);
	r = body.overflowed ? failed(ret, false, -E2BIG, "%s", "there are too many alerts for one message") : post(url, &body, version, limit, ret);
	buf_fini(&body);
	return r;
}

static int
tell_command(const struct alert_target *t, const struct alert *alerts, uint32_t n, fl_ns limit, struct alert_told *ret)
{
	struct command c;
	struct buf body;
	int status = 0, r;

	buf_init(&body, BODY_MAX);
	alert_send_json(alerts, n, &body);
	buf_putc(&body, '\n');
	if (body.overflowed)
		r = failed(ret, false, -E2BIG, "%s", "there are too many alerts for one message");
	else if ((r = command_start(&c, t->to, buf_data(&body), buf_len(&body), NULL)) < 0)
		failed(ret, true, r, "it could not be started: %s", strerror(-r));
	else if ((r = command_wait(&c, clock_mono() + limit, &status)) < 0) {
		command_kill(&c);
		failed(ret, true, r, "%s", "it did not end in time");
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		char text[16];
		snprintf(text, sizeof(text), "%d", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		r = failed(ret, true, -EPROTO, WIFEXITED(status) ? "it ended with %s" : "it was killed by signal %s", text);
	}
	buf_fini(&body);
	return r;
}

static int
syslog_address(const char *to, struct io_addr *ret)
{
	struct resolve_answer found;
	char path[ALERT_TO_MAX + 8], host[256], port[8];

	snprintf(path, sizeof(path), "unix:%s", to[0] == '\0' ? "/dev/log" : to);
	if (to[0] == '\0' || to[0] == '/')
		return addr_parse(path, ret);
	if (addr_split(to, host, sizeof(host), port, sizeof(port)) < 0)
		return -EINVAL;
	int r = resolver_wait(host, port, &found);
	if (r < 0 || found.res <= 0)
		return r < 0 ? r : found.res < 0 ? found.res : -ENOENT;
	*ret = found.addrs[0];
	return 0;
}

static int
tell_syslog(const struct alert_target *t, const struct alert *alerts, uint32_t n, struct alert_told *ret)
{
	char host[256] = "-";
	struct io_addr to;
	struct buf line;
	int r = syslog_address(t->to, &to);

	if (r < 0)
		return failed(ret, r != -EINVAL, r, "no such address: %s", strerror(-r));
	if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
		memcpy(host, "-", 2);
	buf_init(&line, BODY_MAX);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		buf_clear(&line);
		alert_send_syslog(&alerts[i], to.sa.sa_family == AF_UNIX, clock_wall(), host, &line);
		r = datagram_send(&to, buf_data(&line), FL_MIN(buf_len(&line), LINE_MAX_BYTES));
	}
	buf_fini(&line);
	return r < 0 ? failed(ret, true, r, "%s", strerror(-r)) : 0;
}

int
alert_send(const struct alert_target *t, const struct alert *alerts, uint32_t n, const char *version, fl_ns limit, struct alert_told *ret)
{
	*ret = (struct alert_told){ .again = false };
	if (n == 0)
		return 0;
	switch (t->kind) {
	case ALERT_WEBHOOK:
	case ALERT_MANAGER:
		return tell_http(t, alerts, n, version, limit, ret);
	case ALERT_COMMAND:
		return tell_command(t, alerts, n, limit, ret);
	case ALERT_SYSLOG:
		return tell_syslog(t, alerts, n, ret);
	}
	return -EINVAL;
}
