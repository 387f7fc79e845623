/* SPDX-License-Identifier: MIT */
/*
 * resolve.h - names to addresses, off the data path.
 *
 * getaddrinfo() may block for many seconds; it runs on threads of its own. Answers are remembered for a second (so that a
 * burst of connections costs one look-up) and failures for 100 ms.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "io/addr.h"
#include <stdbool.h>

#define RESOLVE_ADDRS_MAX 64            /* of a name; more are left out */

struct resolve_answer {
	int res;                                /* number of addresses > 0, or -errno (-ENOENT: no such name) */
	struct io_addr addrs[RESOLVE_ADDRS_MAX];
};

struct resolver;
int resolver_new(unsigned threads, struct resolver **ret_resolver);
/*
 * Answer what is waiting and end the threads; from now on resolver_ask() says -EAGAIN. Nothing is called back afterwards, so
 * that whoever asks (a proxy's workers) may be ended next, and the resolver freed last. NULL is fine.
 */
void resolver_stop(struct resolver *r);
void resolver_free(struct resolver *r);         /* waits for look-ups under way; NULL is fine */

/* Called on a resolver thread when the answer is there. Must not block. */
typedef void resolve_done_fn(void *ud, uint64_t ticket, const struct resolve_answer *answer);

/*
 * resolver_ask - look host:port up. host: a name or a literal; port: number or service name.
 * returns  1 answered at once, in *ret_answer (done is not called); 0 done will be called; -EAGAIN too many waiting
 */
int resolver_ask(struct resolver *r, const char *host, const char *port, resolve_done_fn *done, void *ud, uint64_t ticket,
    struct resolve_answer *ret_answer);
/* The same, waiting for it (control side only). 0 or -errno. */
int resolver_wait(const char *host, const char *port, struct resolve_answer *ret_answer);
/* Are all its threads looking something up? Then an answer may take long. Any thread. */
bool resolver_is_busy(struct resolver *r);
/* Forget the answers that are remembered: what is asked next is looked up. Any thread. */
void resolver_forget(struct resolver *r);

#endif
