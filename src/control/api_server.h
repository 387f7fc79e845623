/* SPDX-License-Identifier: MIT */
/*
 * api_server.h - the HTTP server of the API: HTTP/1.0 and 1.1, keep-alive, pipelining, 100-continue; nothing waits for a client.
 *
 * A request is answered when it is complete; its bytes, its answer and the number of connections are bounded. A client that
 * does not send for READ, take for WRITE, or ask for IDLE is closed. When all places are taken, the connection that has been
 * idle longest makes room.
 *
 * Invariants
 *  (1) One answer is being sent per connection at most; while it is, nothing more of that connection is read.
 *  (2) Answers go out in the order of the requests.
 */
#ifndef CONTROL_API_SERVER_H
#define CONTROL_API_SERVER_H

#include "control/api.h"
#include "io/io.h"

#define API_SERVER_BODY_MAX (16u << 20)
#define API_SERVER_READ (15 * FL_SEC)
#define API_SERVER_WRITE (30 * FL_SEC)
#define API_SERVER_IDLE (60 * FL_SEC)

struct api_server;

struct api_server_opts {
	struct io *io;
	uint32_t conns_max;
	api_handler_fn *handler;
	void *ud;
};
int api_server_new(const struct api_server_opts *opts, struct api_server **ret_server);         /* 0 or -ENOMEM */
/* NULL is fine. Before io_free(). */
void api_server_free(struct api_server *s);

/* Accept on a bound token. 0 or -errno (token still the caller's). */
int api_server_listen(struct api_server *s, int token);
/* Take an event of the io; every event of that io is the server's. */
void api_server_event(struct api_server *s, const struct io_event *ev);
/* Close what is overdue. */
void api_server_tick(struct api_server *s, fl_ns now);
fl_ns api_server_next(const struct api_server *s);
/* Offer the requests again that the handler put off. */
void api_server_retry(struct api_server *s);
/* Are answers still on their way? For an orderly end. */
bool api_server_busy(const struct api_server *s);

#endif
