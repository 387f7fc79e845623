/* SPDX-License-Identifier: MIT */
/*
 * h1.h - heads of HTTP/1.0 and 1.1 messages (RFC 9112), read where they lie: no copy, no allocation, no state but a cursor.
 *
 * Whatever two readers could read differently is refused, so what passes may be sent on: obs-fold, bare CR and LF, control bytes,
 * white space before a colon, two lengths, unknown or misplaced codings, a Host that is missing, doubled or not one. h1_body.h
 * walks the body behind a head, h1_write.h writes a head for the next hop.
 *
 * Invariants
 *  (1) The verdict is a function of the bytes and the limits: how they were cut into pieces does not matter.
 *  (2) All texts are offsets from the first byte that was given, within head_bytes: the buffer may be moved or copied.
 *  (3) H1_OK: name and value of each field are valid as RFC 9110 has them, framing is unambiguous, and a request's host is known
 *      unless it is of HTTP/1.0.
 *  (4) Nothing beyond the head's last byte is looked at.
 */
#ifndef PROTO_H1_H
#define PROTO_H1_H

#include "base/types.h"
#include <stdbool.h>
#include <string.h>

#define H1_FIELDS_MAX 128
#define H1_HEAD_BYTES_MAX 65536u        /* what limits of 0 mean */
#define H1_TARGET_BYTES_MAX 16384u
#define H1_STATUS_MAX 599

enum h1_verdict {
	H1_MORE,                /* not yet: call again when there are more bytes */
	H1_OK,
	H1_BAD,                 /* error and status of the head say why; the connection cannot go on */
};

/* enum name, text, is it safe, is it idempotent (RFC 9110 9.2) */
#define H1_METHODS(ROW)					\
	ROW(GET,       "GET",       true,  true)	\
	ROW(HEAD,      "HEAD",      true,  true)	\
	ROW(POST,      "POST",      false, false)	\
	ROW(PUT,       "PUT",       false, true)	\
	ROW(DELETE,    "DELETE",    false, true)	\
	ROW(CONNECT,   "CONNECT",   false, false)	\
	ROW(OPTIONS,   "OPTIONS",   true,  true)	\
	ROW(TRACE,     "TRACE",     true,  true)	\
	ROW(PATCH,     "PATCH",     false, false)	\
	ROW(PROPFIND,  "PROPFIND",  true,  true)	\
	ROW(PROPPATCH, "PROPPATCH", false, true)	\
	ROW(MKCOL,     "MKCOL",     false, true)	\
	ROW(COPY,      "COPY",      false, true)	\
	ROW(MOVE,      "MOVE",      false, true)	\
	ROW(LOCK,      "LOCK",      false, false)	\
	ROW(UNLOCK,    "UNLOCK",    false, true)	\
	ROW(REPORT,    "REPORT",    true,  true)	\
	ROW(SEARCH,    "SEARCH",    true,  true)	\
	ROW(QUERY,     "QUERY",     true,  true)

enum h1_method {
	H1_METHOD_OTHER,                /* head.method has its name; neither safe nor idempotent */
#define H1_ROW(id, text, safe, idempotent) H1_##id,
	H1_METHODS(H1_ROW)
#undef H1_ROW
	H1_METHOD_COUNT
};

/*
 * Fields that the proxy knows: enum name, name, its first letter, that at three quarters of its length, its last (they and the
 * length make its place in a table).
 */
#define H1_KNOWN(ROW)									\
	ROW(HOST,                "host",                           'h', 't', 't')	\
	ROW(CONNECTION,          "connection",                     'c', 'i', 'n')	\
	ROW(CONTENT_LENGTH,      "content-length",                 'c', 'n', 'h')	\
	ROW(TRANSFER_ENCODING,   "transfer-encoding",              't', 'o', 'g')	\
	ROW(EXPECT,              "expect",                         'e', 'c', 't')	\
	ROW(UPGRADE,             "upgrade",                        'u', 'd', 'e')	\
	ROW(TE,                  "te",                             't', 'e', 'e')	\
	ROW(TRAILER,             "trailer",                        't', 'e', 'r')	\
	ROW(KEEP_ALIVE,          "keep-alive",                     'k', 'i', 'e')	\
	ROW(PROXY_CONNECTION,    "proxy-connection",               'p', 't', 'n')	\
	ROW(HTTP2_SETTINGS,      "http2-settings",                 'h', 'i', 's')	\
	ROW(PROXY_AUTHENTICATE,  "proxy-authenticate",             'p', 'i', 'e')	\
	ROW(PROXY_AUTHORIZATION, "proxy-authorization",            'p', 'a', 'n')	\
	ROW(AUTHORIZATION,       "authorization",                  'a', 't', 'n')	\
	ROW(COOKIE,              "cookie",                         'c', 'i', 'e')	\
	ROW(SET_COOKIE,          "set-cookie",                     's', 'k', 'e')	\
	ROW(TRACEPARENT,         "traceparent",                    't', 'e', 't')	\
	ROW(TRACESTATE,          "tracestate",                     't', 'a', 'e')	\
	ROW(BAGGAGE,             "baggage",                        'b', 'g', 'e')	\
	ROW(X_REQUEST_ID,        "x-request-id",                   'x', '-', 'd')	\
	ROW(X_FAULTLINE,         "x-faultline",                    'x', 'i', 'e')	\
	ROW(X_DEADLINE,          "x-faultline-deadline",           'x', 'd', 'e')	\
	ROW(X_NO_RETRY,          "x-faultline-no-retry",           'x', 'r', 'y')	\
	ROW(X_PRIORITY,          "x-faultline-priority",           'x', 'o', 'y')	\
	ROW(GRPC_TIMEOUT,        "grpc-timeout",                   'g', 'o', 't')	\
	ROW(ENVOY_TIMEOUT,       "x-envoy-expected-rq-timeout-ms", 'x', 'm', 's')	\
	ROW(RETRY_AFTER,         "retry-after",                    'r', 't', 'r')	\
	ROW(IDEMPOTENCY_KEY,     "idempotency-key",                'i', '-', 'y')	\
	ROW(PRIORITY,            "priority",                       'p', 't', 'y')	\
	ROW(FORWARDED,           "forwarded",                      'f', 'd', 'd')	\
	ROW(X_FORWARDED_FOR,     "x-forwarded-for",                'x', '-', 'r')	\
	ROW(X_FORWARDED_PROTO,   "x-forwarded-proto",              'x', 'p', 'o')	\
	ROW(X_FORWARDED_HOST,    "x-forwarded-host",               'x', 'h', 't')	\
	ROW(X_FORWARDED_PORT,    "x-forwarded-port",               'x', 'p', 't')	\
	ROW(X_REAL_IP,           "x-real-ip",                      'x', '-', 'p')	\
	ROW(VIA,                 "via",                            'v', 'a', 'a')	\
	ROW(MAX_FORWARDS,        "max-forwards",                   'm', 'r', 's')	\
	ROW(DATE,                "date",                           'd', 'e', 'e')	\
	ROW(SERVER,              "server",                         's', 'e', 'r')	\
	ROW(SERVER_TIMING,       "server-timing",                  's', 'm', 'g')	\
	ROW(USER_AGENT,          "user-agent",                     'u', 'e', 't')	\
	ROW(ACCEPT,              "accept",                         'a', 'p', 't')	\
	ROW(ACCEPT_ENCODING,     "accept-encoding",                'a', 'd', 'g')	\
	ROW(CONTENT_TYPE,        "content-type",                   'c', 'y', 'e')	\
	ROW(CONTENT_ENCODING,    "content-encoding",               'c', 'd', 'g')	\
	ROW(CONTENT_RANGE,       "content-range",                  'c', 'a', 'e')	\
	ROW(RANGE,               "range",                          'r', 'g', 'e')	\
	ROW(IF_NONE_MATCH,       "if-none-match",                  'i', 'a', 'h')	\
	ROW(IF_MATCH,            "if-match",                       'i', 'c', 'h')	\
	ROW(ETAG,                "etag",                           'e', 'g', 'g')	\
	ROW(LAST_MODIFIED,       "last-modified",                  'l', 'f', 'd')	\
	ROW(CACHE_CONTROL,       "cache-control",                  'c', 't', 'l')	\
	ROW(AGE,                 "age",                            'a', 'e', 'e')	\
	ROW(EXPIRES,             "expires",                        'e', 'e', 's')	\
	ROW(VARY,                "vary",                           'v', 'y', 'y')	\
	ROW(LOCATION,            "location",                       'l', 'o', 'n')	\
	ROW(ALT_SVC,             "alt-svc",                        'a', 'v', 'c')

enum h1_id {
	H1_ID_OTHER,
#define H1_ROW(id, text, first, third, last) H1_ID_##id,
	H1_KNOWN(H1_ROW)
#undef H1_ROW
	H1_ID_COUNT
};
_Static_assert(H1_ID_COUNT <= 64, "sets of them are 64-bit masks");
#define H1_BIT(id) (UINT64_C(1) << (id))

/* How the end of the body is found. */
enum h1_framing {
	H1_NONE,                /* there is no body */
	H1_LENGTH,
	H1_CHUNKED,
	H1_CLOSE,               /* response: to the end of the connection */
	H1_TUNNEL,              /* 101, or 2xx to CONNECT: no longer HTTP, both directions, to the end of the connection */
};

struct h1_text {
	uint32_t at, len;
};

struct h1_field {
	struct h1_text name, value;     /* value without white space around it */
	uint8_t id;                     /* enum h1_id */
};

struct h1_head {
	uint32_t head_bytes;            /* with the empty line, and empty lines before a request */
	uint32_t fields_at;             /* the first field's line; fields follow one another up to head_bytes - 2 */
	uint16_t field_count;
	uint16_t status;                /* response: its status. H1_BAD: the status to answer with (400 ... of a request, 502 of a response) */
	uint8_t method;                 /* request: enum h1_method. response: of the request it answers */
	uint8_t version_minor;          /* 0, or 1 (which any later 1.x is read as) */
	uint8_t framing;                /* enum h1_framing */
	bool has_length;                /* length is set (also for a HEAD or 304 answer, which has no body) */
	bool chunked;                   /* Transfer-Encoding: chunked was there (also in a HEAD or 304 answer) */
	bool keep_alive;                /* the sender lets this connection carry another message */
	bool expect_continue;           /* request: wants "100 Continue" before it sends its body, which is not empty */
	bool upgrade;                   /* Upgrade with Connection: upgrade, HTTP/1.1, and not to h2c; response: 101 */
	bool te_trailers;               /* request: TE: trailers */
	bool absolute;                  /* request: the target was in absolute-form: host is of the target, Host is not */
	uint64_t length;
	uint64_t present;               /* H1_BIT() of each known id that is there */
	uint64_t hop[H1_FIELDS_MAX / 64];       /* by index: not to be sent on (hop-by-hop, and what Connection names) */
	struct h1_text method_text;     /* request */
	struct h1_text target;          /* request: as sent */
	struct h1_text path;            /* request: of the target, without query; empty in absolute-form stands for "/" */
	struct h1_text query;           /* request: behind the "?" */
	struct h1_text host;            /* request: host[:port]; empty: none was said (HTTP/1.0) */
	struct h1_text reason;          /* response */
	const char *error;              /* H1_BAD: a constant */
	uint8_t first[H1_ID_COUNT];     /* index of the first field of a known id; only where present says so */
	struct h1_field fields[H1_FIELDS_MAX];
};

/* 0: the bounds above; body_bytes_max 0: none. fields_max is at most H1_FIELDS_MAX. */
struct h1_limits {
	uint32_t head_bytes_max;        /* 431 */
	uint32_t fields_max;            /* 431 */
	uint32_t target_bytes_max;      /* 414 */
	uint64_t body_bytes_max;        /* 413, of a Content-Length; give the same to h1_body_start() for chunks */
};

/* How far the search for the end of this head has come. Zero before the first byte of each message. */
struct h1_scan {
	uint32_t at;            /* bytes looked at */
	uint32_t line;          /* where the first line ends, once it was found good */
};

/*
 * h1_request - read the head of a request from its first n bytes.
 *
 * p, n      all that came since the end of the message before
 * scan      cursor of this message: bytes seen in an earlier call are not searched again
 * ret       H1_OK: the head. H1_BAD: only error and status count. H1_MORE: of no use
 * cost      two passes over the head, 16 bytes at a time in the first
 */
enum h1_verdict h1_request(const char *p, size_t n, const struct h1_limits *lim, struct h1_scan *scan, struct h1_head *ret);
/* The same for a response. request: the method that it answers. 1xx are responses of their own, without a body: read on. */
enum h1_verdict h1_response(const char *p, size_t n, const struct h1_limits *lim, struct h1_scan *scan, enum h1_method request,
    struct h1_head *ret);

/* Known id of a field name in any case; any bytes may be asked for. */
enum h1_id h1_id_of(const char *name, size_t n);
/* Lower-case name of a known id; "" of H1_ID_OTHER. */
const char *h1_id_name(enum h1_id id);
enum h1_method h1_method_of(const char *s, size_t n);
/* "GET"; "" of H1_METHOD_OTHER. */
const char *h1_method_name(enum h1_method m);
bool h1_method_safe(enum h1_method m);
bool h1_method_idempotent(enum h1_method m);

/* Is it a token, a valid field value (no control bytes, no white space at its ends), host[:port]? */
bool h1_is_token(const char *s, size_t n);
bool h1_is_value(const char *s, size_t n);
bool h1_is_host(const char *s, size_t n);
/* Letters of ASCII in any case. */
bool h1_same_name(const char *a, const char *b, size_t n);

/* The first field of that name after `from` (NULL: from the first), for names that have no id. NULL: none. */
const struct h1_field *h1_field_named(const struct h1_head *h, const char *p, const char *name, size_t n, const struct h1_field *from);

/*
 * The next member of a comma-separated list, without white space around it; empty members are passed over. Commas in quoted
 * strings do not part. *at is 0 at first. false: no more.
 */
bool h1_list_next(const char *value, size_t n, size_t *at, struct h1_text *ret);

static inline bool
h1_has(const struct h1_head *h, enum h1_id id)
{
	return (h->present >> id & 1) != 0;
}

/* The first field of a known id, or NULL. */
static inline const struct h1_field *
h1_field(const struct h1_head *h, enum h1_id id)
{
	return h1_has(h, id) ? &h->fields[h->first[id]] : NULL;
}

static inline bool
h1_is_hop(const struct h1_head *h, unsigned i)
{
	return (h->hop[i / 64] >> (i % 64) & 1) != 0;
}

/* 1xx that is not the last answer. */
static inline bool
h1_is_interim(const struct h1_head *h)
{
	return h->status < 200 && h->status != 101;
}

static inline bool
h1_text_is(const char *p, struct h1_text t, const char *s)
{
	return strlen(s) == t.len && memcmp(p + t.at, s, t.len) == 0;
}

#endif
