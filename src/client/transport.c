/* SPDX-License-Identifier: MIT */
/*
 * transport.c - requests over libcurl.
 *
 * One multi handle, one easy handle a request; easy handles are kept for reuse, connections are pooled by libcurl. Time limits are
 * the caller's, which is told of each phase and cancels; connecting is limited here as well, so that libcurl tries the next address.
 *
 * Invariants
 *  (1) done() is called from poll() alone, once a request that was not cancelled.
 *  (2) No signal is used, no proxy or configuration is taken from the environment, and only HTTP and HTTPS are spoken.
 */
#include "client/transport.h"
#include "base/version.h"
#include "client/client_memory.h"
#include "client/response.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SPARE_MAX 64

struct exchange {
	struct exchange *next, **prev;  /* of all under way */
	struct transport *owner;
	CURL *easy;
	struct curl_slist *headers;
	struct response *response;
	void *token;
	size_t body_bytes;              /* of the request */
	curl_off_t sent_bytes;          /* of it, as far as was told */
	enum fl_phase phase;            /* told last */
	int error;                      /* a callback's, instead of libcurl's "write error" */
	char text[CURL_ERROR_SIZE];
};

struct transport {
	CURLM *multi;
	struct exchange *live;
	CURL *spare[SPARE_MAX];
	unsigned spare_count;
	struct fl_transport *face;      /* the caller's copy, where done is set */
	size_t body_max;
	char agent[128];
	const struct fl_alloc *alloc;
	char *ca, *cert, *key, *proxy;
	bool insecure, decompress;
	unsigned redirects_max;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- how far it is ---- */

static void
tell_phase(struct exchange *x, enum fl_phase phase)
{
	x->phase = phase;
	x->owner->face->moved(x->token, phase);
}

/* Connected, handshake included: the request is sent next. */
static int
on_connected(void *ud, char *ip, char *local_ip, int port, int local_port)
{
	struct exchange *x = ud;
	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	x->sent_bytes = 0;
	tell_phase(x, x->body_bytes > 0 ? FL_PHASE_SEND : FL_PHASE_FIRST_BYTE);
	return CURL_PREREQFUNC_OK;
}

static int
on_progress(void *ud, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct exchange *x = ud;
	(void)down_total;
	(void)down;
	(void)up_total;
	if (x->phase == FL_PHASE_SEND && up > x->sent_bytes) {
		x->sent_bytes = up;
		tell_phase(x, (size_t)up >= x->body_bytes ? FL_PHASE_FIRST_BYTE : FL_PHASE_SEND);
	}
	return 0;
}

/* ---- what comes back ---- */

static size_t
on_header(char *p, size_t size, size_t n, void *ud)
{
	struct exchange *x = ud;
	size_t len = size * n;
	tell_phase(x, FL_PHASE_BODY);
	if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		response_reset(x->response);            /* the one before was interim */
		return len;
	}
	const char *colon = memchr(p, ':', len);
	if (colon == NULL)
		return len;                             /* the empty line */
	size_t name_len = (size_t)(colon - p), at = name_len + 1, end = len;
	while (at < end && (p[at] == ' ' || p[at] == '\t'))
		at++;
	while (end > at && (p[end - 1] == '\r' || p[end - 1] == '\n' || p[end - 1] == ' ' || p[end - 1] == '\t'))
		end--;
	x->error = response_add_header(x->response, p, name_len, p + at, end - at);
	return x->error == 0 ? len : 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ud)
{
	struct exchange *x = ud;
	tell_phase(x, FL_PHASE_BODY);
	x->error = response_add_body(x->response, p, size * n, x->owner->body_max);
	return x->error == 0 ? size * n : 0;
}

/* libcurl's error as an errno, and how far the request had got. */
static int
error_of(const struct exchange *x, CURLcode code, enum fl_sent *ret_sent)
{
	long request_bytes = 0;
	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	*ret_sent = request_bytes > 0 ? FL_SENT_UNKNOWN : FL_NEVER_SENT;
	if (x->error != 0)
		return x->error;
	switch (code) {
	case CURLE_OK: *ret_sent = FL_ANSWERED; return 0;
	case CURLE_COULDNT_RESOLVE_HOST: *ret_sent = FL_NEVER_SENT; return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT: *ret_sent = FL_NEVER_SENT; return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
	case CURLE_SSL_CONNECT_ERROR: case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CACERT_BADFILE:
		*ret_sent = FL_NEVER_SENT;
		return -EPROTO;
	case CURLE_URL_MALFORMAT: case CURLE_UNSUPPORTED_PROTOCOL: *ret_sent = FL_NEVER_SENT; return -EINVAL;
	case CURLE_OUT_OF_MEMORY: return -ENOMEM;
	case CURLE_TOO_MANY_REDIRECTS: *ret_sent = FL_ANSWERED; return -ELOOP;
	case CURLE_WEIRD_SERVER_REPLY: case CURLE_BAD_CONTENT_ENCODING: return -EBADMSG;
	default: return -ECONNRESET;
	}
}

static void
exchange_end(struct exchange *x)
{
	struct transport *t = x->owner;
	curl_multi_remove_handle(t->multi, x->easy);
	if (t->spare_count < SPARE_MAX) {
		curl_easy_reset(x->easy);
		t->spare[t->spare_count++] = x->easy;
	} else {
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	if (x->response != NULL)
		fl_response_free(&x->response->pub);
	*x->prev = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	client_memory_give(t->alloc, x);
}

static void
finished(struct transport *t, CURL *easy, CURLcode code)
{
	struct exchange *x = NULL;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
	struct fl_transport_result result = { .error = 0 };
	result.error = error_of(x, code, &result.sent);
	char text[CURL_ERROR_SIZE];
	snprintf(text, sizeof(text), "%s", result.error == -EMSGSIZE ? "the answer's body is too large"
	    : x->text[0] != '\0' ? x->text : curl_easy_strerror(code));
	result.text = result.error == 0 ? "" : text;
	if (result.error == 0) {
		long status = 0;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		x->response->pub.status = (unsigned)status;
		result.response = &x->response->pub;
		x->response = NULL;
	}
	void *token = x->token;
	exchange_end(x);
	t->face->done(token, &result);
}

/* ---- what goes out ---- */

static int
add_line(struct exchange *x, const char *line)
{
	struct curl_slist *more = curl_slist_append(x->headers, line);
	if (more == NULL)
		return -ENOMEM;
	x->headers = more;
	return 0;
}

static int
add_header(struct exchange *x, const char *name, const char *value)
{
	char small[512];
	size_t n = strlen(name) + strlen(value) + 3;
	if (name[0] == '\0' || strpbrk(name, "\r\n:; ") != NULL || strpbrk(value, "\r\n") != NULL)
		return -EINVAL;
	char *line = n <= sizeof(small) ? small : client_memory_take(x->owner->alloc, n);
	if (line == NULL)
		return -ENOMEM;
	/* "Name;" is libcurl's word for a header without a value. */
	snprintf(line, n, value[0] == '\0' ? "%s;" : "%s: %s", name, value);
	int rc = add_line(x, line);
	if (line != small)
		client_memory_give(x->owner->alloc, line);
	return rc;
}

static int
set_headers(struct exchange *x, const struct fl_request *req, const struct fl_header *more, size_t more_count)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < req->header_count; i++)
		rc = add_header(x, req->headers[i].name, req->headers[i].value);
	for (size_t i = 0; rc == 0 && i < more_count; i++)
		rc = add_header(x, more[i].name, more[i].value);
	if (rc != 0)
		return rc;
	/* No pause of a second for "100 Continue" on large bodies, and no Content-Type that nobody asked for. */
	rc = add_line(x, "Expect:");
	for (size_t i = 0; i < req->header_count; i++)
		if (strcasecmp(req->headers[i].name, "Content-Type") == 0)
			return rc;
	return rc == 0 ? add_line(x, "Content-Type:") : rc;
}

static void
set_tls(const struct transport *t, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
	if (t->ca != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca);
	if (t->cert != NULL)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, t->cert);
	if (t->key != NULL)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, t->key);
}

/* Method, body, and what of the answer is dealt with here. */
static void
set_method(const struct exchange *x, const struct fl_request *req)
{
	CURL *easy = x->easy;
	bool head = strcmp(req->method, "HEAD") == 0, get = strcmp(req->method, "GET") == 0, post = strcmp(req->method, "POST") == 0;
	bool body = req->body_bytes > 0 || (!head && !get && strcmp(req->method, "DELETE") != 0 && strcmp(req->method, "OPTIONS") != 0);
	if (head)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_bytes);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body_bytes > 0 ? req->body : "");
	}
	/* Named only where libcurl would not choose it: a method that is named stays the same over redirects. */
	bool usual = post || ((get || head) && !body);
	if (!usual)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
	if (usual && x->owner->redirects_max > 0) {
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
		curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)x->owner->redirects_max);
	}
}

static int
set_request(struct exchange *x, const struct fl_request *req, const char *url, fl_ns connect_timeout)
{
	CURL *easy = x->easy;
	x->body_bytes = req->body_bytes;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->text);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, x->owner->proxy != NULL ? x->owner->proxy : "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, x->owner->agent);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
	if (req->body_bytes > 0) {
		curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x);
		curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	}
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (x->owner->decompress)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	if (connect_timeout > 0)
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((connect_timeout + 999999) / 1000000));
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") != CURLE_OK || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return -ENOMEM;
	set_tls(x->owner, easy);
	set_method(x, req);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
	return 0;
}

static int
transport_start(void *ud, const struct fl_request *req, const char *url, const struct fl_header *more, size_t more_count,
    fl_ns connect_timeout, void *token, void **ret_handle)
{
	struct transport *t = ud;
	struct exchange *x = client_memory_take(t->alloc, sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	x->owner = t;
	x->token = token;
	x->next = t->live;
	x->prev = &t->live;
	if (t->live != NULL)
		t->live->prev = &x->next;
	t->live = x;
	x->easy = t->spare_count > 0 ? t->spare[--t->spare_count] : curl_easy_init();
	x->response = response_alloc(t->alloc);
	int rc = x->easy == NULL || x->response == NULL ? -ENOMEM : set_headers(x, req, more, more_count);
	if (rc == 0)
		rc = set_request(x, req, url, connect_timeout);
	if (rc == 0 && curl_multi_add_handle(t->multi, x->easy) != CURLM_OK)
		rc = -ENOMEM;
	if (rc != 0) {
		exchange_end(x);
		return rc;
	}
	*ret_handle = x;
	return 0;
}

static void
transport_cancel(void *ud, void *handle)
{
	(void)ud;
	exchange_end(handle);
}

/* Tell of what has ended. returns how many. */
static unsigned
tell(struct transport *t)
{
	unsigned n = 0;
	int left;
	CURLMsg *m;
	while ((m = curl_multi_info_read(t->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		finished(t, m->easy_handle, m->data.result);
		n++;
	}
	return n;
}

static void
transport_wake(void *ud)
{
	struct transport *t = ud;
	curl_multi_wakeup(t->multi);
}

static int
transport_poll(void *ud, fl_ns timeout)
{
	struct transport *t = ud;
	int running;
	if (curl_multi_perform(t->multi, &running) != CURLM_OK)
		return -EIO;
	if (tell(t) > 0 || timeout <= 0)
		return 0;
	fl_ns ms = (timeout + 999999) / 1000000;
	if (curl_multi_poll(t->multi, NULL, 0, ms > INT_MAX ? INT_MAX : (int)ms, NULL) != CURLM_OK ||
	    curl_multi_perform(t->multi, &running) != CURLM_OK)
		return -EIO;
	tell(t);
	return 0;
}

/* ---- life ---- */

static void
transport_free(void *ud)
{
	struct transport *t = ud;
	while (t->live != NULL)
		exchange_end(t->live);
	for (unsigned i = 0; i < t->spare_count; i++)
		curl_easy_cleanup(t->spare[i]);
	if (t->multi != NULL)
		curl_multi_cleanup(t->multi);
	client_memory_give(t->alloc, t->ca);
	client_memory_give(t->alloc, t->cert);
	client_memory_give(t->alloc, t->key);
	client_memory_give(t->alloc, t->proxy);
	client_memory_give(t->alloc, t);
}

/* A copy of a text that may be NULL; false: no memory. */
static bool
keep(const struct fl_alloc *a, const char *text, char **ret)
{
	if (text == NULL)
		return true;
	*ret = client_memory_text(a, text);
	return *ret != NULL;
}

int
transport_new(const struct fl_client_opts *o, struct fl_transport *ret_transport)
{
	pthread_once(&curl_once, curl_begin);
	struct transport *t = client_memory_take(o->alloc, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->alloc = o->alloc;
	t->redirects_max = o->redirects_max;
	t->decompress = o->decompress;
	t->multi = curl_multi_init();
	t->face = ret_transport;
	t->body_max = o->body_bytes_max;
	t->insecure = o->insecure;
	snprintf(t->agent, sizeof(t->agent), "%s", o->user_agent != NULL ? o->user_agent : "faultline/" VERSION_FAULTLINE);
	if (t->multi == NULL || !keep(o->alloc, o->ca_file, &t->ca) || !keep(o->alloc, o->cert_file, &t->cert) ||
	    !keep(o->alloc, o->key_file, &t->key) || !keep(o->alloc, o->proxy, &t->proxy)) {
		transport_free(t);
		return -ENOMEM;
	}
	if (o->connections_max > 0)
		curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)o->connections_max);
	if (o->connections_per_host > 0)
		curl_multi_setopt(t->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)o->connections_per_host);
	*ret_transport = (struct fl_transport){ .ud = t, .start = transport_start, .cancel = transport_cancel,
		.poll = transport_poll, .wake = transport_wake, .free = transport_free, .tells_phases = true };
	return 0;
}
