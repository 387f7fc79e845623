/* SPDX-License-Identifier: MIT */
/* lines_http.c - the live side of HTTP lines in the table. */
#include "control/lines_http.h"
#include "io/io.h"
#include "proxy/worker.h"
#include "conf/http_doc.h"
#include "conf/http_keep.h"

int
lines_http_init(struct lines *t)
{
	int rc = http_keep_new(&t->keep);

	return rc == 0 ? http_news_new(&t->news) : rc;
}

void
lines_http_fini(struct lines *t)
{
	http_keep_free(t->keep);
	http_news_free(t->news);
}

int
lines_http_build(struct lines *t, const struct lines_line *l, const struct lines_ask *ask, struct http_conf **ret_conf)
{
	struct http_doc_env env = { .keep = t->keep, .seed = t->seed, .workers = proxy_workers(t->proxy), .listener = http_news_listener(t->news),
		.resolver = proxy_crew(t->proxy)->resolver, .now = io_clock(t->io) };

	if (ask->has_wire) {
		env.wire = ask->wire;
		env.wire_digest = ask->wire_digest;
	} else if (l != NULL) {
		env.wire = l->wire;
		env.wire_digest = l->wire_digest;
	}
	return http_doc_build(ask->http, &env, ret_conf);
}

void
lines_http_forget(struct lines *t, const char *name)
{
	http_keep_forget(t->keep, name);
}
