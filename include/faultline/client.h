/* SPDX-License-Identifier: MIT */
/*
 * client.h - an HTTP client whose every call goes through a plan: timeouts, retries with a budget, breaker, bulkhead,
 * rate limit, hedging and fallback (call.h), over connections that libcurl pools.
 *
 *      struct fl_client_opts o;
 *      fl_client_opts_init(&o);
 *      o.plan = &plan;
 *      fl_client_new(&o, &client, NULL);
 *      r = fl_client_get(client, "http://127.0.0.1:8080/cart", NULL, 0, &resp);
 *      ... resp->status, resp->body, resp->body_bytes, resp->attempts, resp->degraded
 *      fl_response_free(resp);
 *
 * Blocking: fl_client_do() and the verbs. Many at once: fl_client_start() any number of times, then fl_client_poll() until their
 * done functions were called. Requests that are started see each other only through the policies. All limits of the plan's
 * timeouts hold: total, queue, connect, first byte, per try, idle; the response says which one it was.
 *
 * A client belongs to one thread at a time; make one for each thread and give them the same plan, whose policies are shared
 * (each with a cell of its own). Nothing global but libcurl's own initialisation, which the first fl_client_new() does.
 */
#ifndef FAULTLINE_CLIENT_H
#define FAULTLINE_CLIENT_H

#include <faultline/call.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_client;

struct fl_header {
	const char *name, *value;
};

/* A request. Zeroed but for method and url it is a plain one. Everything pointed to must live until the call is over. */
struct fl_request {
	const char *method;                     /* "GET", ... */
	const char *url;                        /* http:// or https:// */
	const struct fl_header *headers;
	size_t header_count;
	const void *body;                       /* sent as it is with Content-Length; again on another attempt */
	size_t body_bytes;
	fl_ns timeout;                          /* of the whole call; 0: the plan's. The shorter of both counts */
	unsigned priority;                      /* 0 most important */
	int idempotent;                         /* 0: by the method and an Idempotency-Key header; 1 yes; -1 no */
	const char *const *urls;                /* other instances to try, beside url (failover, hedging); NULL: none */
	size_t url_count;
	/*
	 * The instances' own breakers, so that a sick one does not take the others out: [0] of url, [1 + i] of urls[i]. An attempt
	 * goes to the next instance whose breaker lets it. NULL, or NULL in it: none. They outlive the request.
	 */
	struct fl_breaker *const *breakers;
	void *ud;                               /* for plugins */
};

/* An answer, or what came instead of one. */
struct fl_response {
	int error;                              /* 0: there is an answer; else a negative errno: -EAGAIN refused, -ETIMEDOUT, ... */
	unsigned status;                        /* 0: none */
	struct fl_header *headers;              /* of the answer, in order */
	size_t header_count;
	char *body;                             /* with a NUL behind it that does not count */
	size_t body_bytes;
	unsigned attempts;                      /* sent */
	bool hedged;                            /* the answer is a hedge's */
	bool degraded;                          /* it is the fallback's */
	enum fl_end end;                        /* how the call ended */
	struct fl_refusal refusal;              /* who refused, when end says so; by FL_WHO_NONE otherwise */
	enum fl_limit limit;                    /* which time limit ended the last attempt, or the call; FL_LIMIT_NONE: none */
	fl_ns took;                             /* from start to end */
	const char *text;                       /* the error in words; "" when there is none */
};

/* The header's value, name in any case; NULL: not there. The first of several. */
FL_API const char *fl_response_header(const struct fl_response *r, const char *name);
FL_API void fl_response_free(struct fl_response *r);            /* NULL is fine */
/* An answer of one's own, for fallback functions and transports. Texts are copied. 0 or -ENOMEM. */
FL_API int fl_response_new(unsigned status, const struct fl_header *headers, size_t header_count, const void *body,
    size_t body_bytes, struct fl_response **ret_response);

/*
 * Looks on, and may change the request before it is sent: on_request_start gets the client's own copy, and what it makes it point to
 * must live until on_request_end or on_error. Any function may be NULL. Called in the client's thread, in the order in which plugins
 * were added; ends and errors in the reverse order.
 */
struct fl_plugin {
	void (*on_request_start)(void *ud, struct fl_request *req);
	void (*on_request_end)(void *ud, const struct fl_request *req, const struct fl_response *resp);
	void (*on_error)(void *ud, const struct fl_request *req, const struct fl_response *resp);
	void (*on_retry)(void *ud, const struct fl_request *req, unsigned attempt, fl_ns wait, const char *why);
	void *ud;
};

/*
 * For on_request_start alone: give the request a header, in place of those of the same name (in any case). Both are copied; value NULL
 * takes the header away. 0; -EINVAL: no such name or value can be; -ENOMEM.
 */
FL_API int fl_request_set_header(struct fl_request *req, const char *name, const char *value);

/*
 * How bytes get there: libcurl unless another is given. start() begins to send and returns 0 with a handle, or -errno; the
 * outcome comes through done(), from within poll(), never from within start(). cancel() ends it: done() is not called then.
 */
struct fl_transport_result {
	int error;                              /* 0 or -errno */
	enum fl_sent sent;
	struct fl_response *response;           /* NULL on error; taken over by done() */
	const char *text;                       /* the error in words */
};
struct fl_transport {
	void *ud;
	int (*start)(void *ud, const struct fl_request *req, const char *url, const struct fl_header *more, size_t more_count,
	    fl_ns connect_timeout, void *token, void **ret_handle);
	void (*cancel)(void *ud, void *handle);
	/* Wait until something happens, at most timeout ns, and tell it through done(). */
	int (*poll)(void *ud, fl_ns timeout);
	/* Make poll() return soon. Any thread; may be NULL: then a bulkhead's answer is noticed when poll() returns by itself. */
	void (*wake)(void *ud);
	void (*free)(void *ud);
	/* Set by the client before the first start(). */
	void (*done)(void *token, const struct fl_transport_result *result);
	/*
	 * This one, too. Where tells_phases is set, from within poll(): connected (FL_PHASE_SEND), the request is sent
	 * (FL_PHASE_FIRST_BYTE), something of the answer came (FL_PHASE_BODY); again when more bytes moved in the same phase. So the limits
	 * connect, first_byte and idle can be held; without it, connect is start()'s argument, and there are no others of an attempt but per_try.
	 */
	void (*moved)(void *token, enum fl_phase phase);
	bool tells_phases;
};

struct fl_client_opts {
	size_t size;
	const struct fl_plan *plan;             /* required; must outlive the client */
	unsigned cell;                          /* of the plan's policies, for this client's thread */
	struct fl_transport *transport;         /* another one, whose done is set; NULL: libcurl */
	const char *user_agent;                 /* NULL: faultline/VERSION */
	unsigned connections_max;               /* at once, all hosts; 0: none */
	unsigned connections_per_host;          /* 0: none */
	size_t body_bytes_max;                  /* of an answer; default 64 MB; beyond: -EMSGSIZE */
	const unsigned *retry_statuses;         /* that are worth another attempt; NULL: 429, 502, 503, 504 */
	size_t retry_status_count;
	bool no_deadline_header;                /* do not tell the server how much time is left */
	const char *ca_file, *cert_file, *key_file;     /* https; NULL: the system's, none */
	bool insecure;                          /* do not verify the server */
	const char *proxy;                      /* NULL: libcurl's environment variables are ignored, too */
	/*
	 * The fallback: an answer instead of the failed one, which is the server's last (error 0, its status), or says why there is none.
	 * 0 with *ret_response, which becomes the client's, or -errno: there is no other. NULL: no function. The plan needs a fallback, too.
	 */
	int (*fallback)(void *ud, const struct fl_request *req, const struct fl_response *failed, struct fl_response **ret_response);
	void *fallback_ud;
	fl_ns (*clock)(void *ud);               /* monotonic; NULL: CLOCK_MONOTONIC */
	void *clock_ud;
	const struct fl_alloc *alloc;           /* of requests and responses, which it outlives; NULL: malloc(). libcurl's memory is its own */
	unsigned redirects_max;                 /* followed for GET, HEAD and POST; beyond: -ELOOP. Default 0: a redirect is an answer */
	bool decompress;                        /* ask for compressed bodies and unpack them; body_bytes_max counts what comes out */
};
FL_API void fl_client_opts_init_size(struct fl_client_opts *o, size_t size);
static inline void fl_client_opts_init(struct fl_client_opts *o) { fl_client_opts_init_size(o, sizeof(*o)); }

/* 0; -EINVAL with the option's name in *ret_field (may be NULL); -ENOMEM. */
FL_API int fl_client_new(const struct fl_client_opts *opts, struct fl_client **ret_client, const char **ret_field);
/* Requests under way are cancelled; their done functions are called with -ECANCELED, and may start no others. NULL is fine. */
FL_API void fl_client_free(struct fl_client *c);
FL_API int fl_client_add_plugin(struct fl_client *c, const struct fl_plugin *p);        /* 0, -ENOSPC beyond 16 */

/*
 * fl_client_do - one request, start to end.
 * ret_response   always set, to be freed with fl_response_free(); NULL only with -ENOMEM and -EINVAL
 * returns        0: there is an answer, whatever its status; else response->error
 */
FL_API int fl_client_do(struct fl_client *c, const struct fl_request *req, struct fl_response **ret_response);
FL_API int fl_client_get(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response);
FL_API int fl_client_delete(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response);
FL_API int fl_client_post(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers,
    size_t header_count, struct fl_response **ret_response);
FL_API int fl_client_put(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers,
    size_t header_count, struct fl_response **ret_response);
FL_API int fl_client_patch(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers,
    size_t header_count, struct fl_response **ret_response);

/*
 * Called once for each request that was started, from within fl_client_poll() or fl_client_free(), with the pointer that was given to
 * fl_client_start(). It owns the response. It may start others, also with fl_client_do(); so may a fallback function.
 */
typedef void fl_client_done_fn(void *ud, const struct fl_request *req, struct fl_response *resp);
/* Begin a request. 0, -EINVAL, -ENOMEM: done is not called then. */
FL_API int fl_client_start(struct fl_client *c, const struct fl_request *req, fl_client_done_fn *done, void *ud);
/*
 * The caller of a request that was started loses patience: its done function is called with -ECANCELED, at the next poll, and what runs is
 * stopped. It votes on no breaker. 0; -ENOENT: no such request is under way.
 */
FL_API int fl_client_cancel(struct fl_client *c, const struct fl_request *req);
/* Wait at most timeout ns for something to happen and do what follows from it. returns requests under way. */
FL_API int fl_client_poll(struct fl_client *c, fl_ns timeout);

/* Writes a line to a function for each request: "GET http://... 200 12.3 ms, 2 attempts". */
struct fl_request_log {
	void (*write)(void *ud, const char *line);
	void *ud;
};
FL_API struct fl_plugin fl_request_log_plugin(struct fl_request_log *log);

#ifdef __cplusplus
}
#endif

#endif
