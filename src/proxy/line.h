/* SPDX-License-Identifier: MIT */
/*
 * line.h - what a line is to the data path: an immutable configuration and live counters.
 */
#ifndef PROXY_LINE_H
#define PROXY_LINE_H

#include "fault/spec.h"
#include "io/addr.h"
#include <stdatomic.h>

#define LINE_NAME_MAX 256
#define LINE_WORKERS_MAX 64

/* What decisions on a connection are keyed by. */
enum line_key {
	LINE_KEY_ORDINAL,       /* its number on the line */
	LINE_KEY_CLIENT,        /* its client's IP address and its number among that client's: stable when clients race */
};

struct tls_ctx;
struct http_conf;                       /* proxy/http_conf.h */
struct http_fault_set;                  /* fault/http_fault.h */
struct trace_conf;                      /* proxy/trace_conf.h */

/* Where connections lead. */
struct line_target {
	char host[256], port[32];               /* a name to be looked up; "" otherwise */
	struct io_addr addr;                    /* a literal or unix path; len 0 otherwise */
};

/* Clients that ask for one of these servers go there. */
struct line_route {
	uint32_t name_count;
	const char *const *names;               /* "a.example", "*.b.example", "*" */
	struct line_target target;
};

/*
 * What surrounds the bytes of a line on either side: TLS, PROXY headers, routes by the name that a TLS client asks for.
 * Immutable; shared by reference. Made by the control side: line_wire_new(), then filled in.
 */
struct line_wire {
	atomic_uint refs;
	struct tls_ctx *tls_server;             /* a reference: TLS ends here; NULL: not. With routes and without: passed through */
	struct tls_ctx *tls_client;             /* a reference: TLS to the upstream; NULL: plain */
	char tls_name[256];                     /* what the upstream's certificate must be for, and is asked for; "": the host that
	                                           the connection leads to */
	bool accept_proxy;                      /* every connection begins with a PROXY header */
	uint8_t send_proxy;                     /* 1, 2: the version of the header for the upstream; 0: none */
	bool no_default;                        /* clients without a route are refused; else they go to the line's upstream */
	fl_ns greeting_timeout;                 /* header, ClientHello and handshake of the client together */
	uint32_t route_count;
	struct line_route *routes;              /* the first that fits counts; in mem */
	void *mem;                              /* of routes and their names: one block, freed with it; NULL: none */
};

/* Zeroed but for refs 1, greeting_timeout 10 s. NULL: no memory. */
struct line_wire *line_wire_new(void);
struct line_wire *line_wire_ref(struct line_wire *w);   /* NULL is fine */
void line_wire_unref(struct line_wire *w);              /* NULL is fine; drops the contexts */
/* The target of the first route that fits the name ("": the client named none); NULL: none does. */
const struct line_target *line_wire_route(const struct line_wire *w, const char *name);

/* Immutable once given to the proxy; shared by reference. */
struct line_conf {
	atomic_uint refs;
	char name[LINE_NAME_MAX];
	char host[256], port[32];               /* upstream, when it is a name to be looked up; "" otherwise */
	struct io_addr upstream;                /* upstream, when it is a literal or unix path; len 0 otherwise */
	bool half_close;                        /* pass a FIN on and keep the other direction; false: Toxiproxy's way */
	enum line_key key;
	fl_ns connect_timeout;                  /* per connection, all addresses together */
	uint32_t conns_max;                     /* 0: only the proxy's own limit */
	struct fault_set *faults;               /* a reference; never NULL */
	struct http_fault_set *http_faults;     /* those of them that act on HTTP messages; a reference; NULL: none */
	struct line_wire *wire;                 /* a reference; NULL: plain TCP on both sides */
	struct http_conf *http;                 /* a reference; NULL: a TCP line */
	struct trace_conf *trace;               /* a reference; NULL: its messages are not recorded */
};

/* Zeroed but for refs 1, half_close true, connect_timeout 10 s. faults must be set by the caller. NULL: no memory. */
struct line_conf *line_conf_new(const char *name);
/* Set faults and http_faults, once. 0 or -ENOMEM: both are as they were. */
int line_conf_faults(struct line_conf *c, const struct fault_spec *specs, uint32_t count);
struct line_conf *line_conf_ref(struct line_conf *c);
void line_conf_unref(struct line_conf *c);              /* NULL is fine; drops the fault set */
/* Fill upstream or host/port from text. 0, or -EINVAL: neither "host:port" nor "unix:path", and connecting will fail. */
int line_conf_upstream(struct line_conf *c, const char *text);
int line_target_set(struct line_target *t, const char *text);   /* the same for a route */

/* Why a connection ended: name, word, is it an error, text. */
#define LINE_CLOSE_REASONS(ROW)                                                         \
	ROW(NONE,            "none",            0, "still open")                                           \
	ROW(FINISHED,        "finished",        0, "both ends finished")                                   \
	ROW(CLIENT_RESET,    "client_reset",    0, "the client reset the connection")                      \
	ROW(SERVER_RESET,    "server_reset",    0, "the server reset the connection")                      \
	ROW(CLIENT_ERROR,    "client_error",    1, "error on the client's connection")                     \
	ROW(SERVER_ERROR,    "server_error",    1, "error on the server's connection")                     \
	ROW(RESOLVE_FAILED,  "resolve_failed",  1, "the server's name could not be resolved")              \
	ROW(CONNECT_FAILED,  "connect_failed",  1, "the server could not be reached")                      \
	ROW(CONNECT_TIMEOUT, "connect_timeout", 1, "the server did not answer in time")                    \
	ROW(FAULT_REFUSED,   "fault_refused",   0, "refused by a fault")                                   \
	ROW(FAULT_CLOSED,    "fault_closed",    0, "closed by a fault")                                    \
	ROW(FAULT_RESET,     "fault_reset",     0, "reset by a fault")                                     \
	ROW(LINE_STOPPED,    "line_stopped",    0, "the line was disabled, changed or deleted")            \
	ROW(DRAINED,         "drained",         0, "still open at the end of the drain")                   \
	ROW(FULL,            "full",            1, "refused: as many connections as allowed")              \
	ROW(OVERLOAD,        "overload",        1, "no buffer memory left")                                \
	ROW(BAD_PROXY_HEADER, "bad_proxy_header", 1, "the client did not begin with a PROXY header")       \
	ROW(BAD_HELLO,       "bad_hello",       1, "the client did not begin with a TLS ClientHello")      \
	ROW(NO_ROUTE,        "no_route",        1, "no route for the server that the client asked for")    \
	ROW(GREETING_TIMEOUT, "greeting_timeout", 1, "the client's greeting or handshake took too long")   \
	ROW(CLIENT_TLS,      "client_tls",      1, "the TLS handshake with the client failed")             \
	ROW(SERVER_TLS,      "server_tls",      1, "the TLS handshake with the server failed")

enum line_close {
#define LINE_CLOSE_ROW(id, word, is_error, text) LINE_CLOSE_##id,
	LINE_CLOSE_REASONS(LINE_CLOSE_ROW)
#undef LINE_CLOSE_ROW
	LINE_CLOSE_COUNT
};
const char *line_close_name(enum line_close r);         /* a stable word: "client_reset" */
const char *line_close_text(enum line_close r);
bool line_close_is_error(enum line_close r);

/* Counters of a line: sums over the workers at the moment of asking, live. By direction: [FL_C2S], [FL_S2C]. */
struct line_counters {
	uint64_t accepted, active;
	uint64_t received_bytes[2], sent_bytes[2];
	uint64_t closed[LINE_CLOSE_COUNT];
};

#endif
