/* SPDX-License-Identifier: MIT */
/* control_rig.h - a table of lines on a real proxy, without an API: for tests of the control side. */
#ifndef TEST_CONTROL_RIG_H
#define TEST_CONTROL_RIG_H

#include "control/line_body.h"
#include "control/line_json.h"
#include "control/lines.h"
#include "io/io.h"
#include "proto/json.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

struct rig {
	struct io *io;
	struct resolver *resolver;
	struct proxy *proxy;
	struct log log;
	struct lines lines;
	struct lines_error e;
	atomic_uint looked_up;
};

static inline void
rig_on_looked_up(void *ud)
{
	struct rig *r = ud;

	atomic_fetch_add(&r->looked_up, 1);
	io_wake(r->io);
}

static inline void
rig_start_lines(struct rig *r)
{
	struct lines_opts lo = { .proxy = r->proxy, .io = r->io, .log = &r->log, .seed = 42 };

	lo.lookup = (struct listen_lookup){ .resolver = r->resolver, .done = rig_on_looked_up, .ud = r };
	assert_int_equal(lines_init(&r->lines, &lo), 0);
}

static inline void
rig_start(struct rig *r)
{
	struct io_opts io_opts = { .socks_max = 64 };
	struct proxy_opts po = { .workers = 2, .conns_max = 100, .lines_max = 64, .events_max = 64 };

	memset(r, 0, sizeof(*r));
	assert_int_equal(io_new(&io_opts, &r->io), 0);
	assert_int_equal(resolver_new(1, &r->resolver), 0);
	po.resolver = r->resolver;
	assert_int_equal(proxy_new(&po, &r->proxy), 0);
	log_init(&r->log, open("/dev/null", O_WRONLY), LOG_TRACE);
	rig_start_lines(r);
}

static inline void
rig_stop(struct rig *r)
{
	resolver_stop(r->resolver);
	proxy_free(r->proxy);
	resolver_free(r->resolver);
	lines_fini(&r->lines);
	close(r->log.fd);
	log_fini(&r->log);
	io_free(r->io);
}

/* Wait for a look-up that is under way. */
static inline void
rig_wait(struct rig *r)
{
	while (atomic_load(&r->looked_up) == 0)
		io_wait(r->io, FL_NEVER);
	atomic_store(&r->looked_up, 0);
}

static inline struct doc *
rig_json(const char *text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc = NULL;

	assert_int_equal(json_parse(text, strlen(text), error, &doc), 0);
	return doc;
}

/* What POST /proxies does with the body; names are waited for. */
static inline int
rig_create(struct rig *r, const char *body, struct lines_line **ret_line)
{
	struct doc *doc = rig_json(body);
	struct lines_ask ask;
	int rc;

	line_body_init(&ask);
	rc = line_body_line(doc->root, "Proxy", "toxiproxy.Proxy", &ask, &r->e);
	while (rc == 0 && (rc = lines_create(&r->lines, &ask, &r->e, ret_line)) == -EINPROGRESS) {
		rig_wait(r);
		rc = 0;
	}
	line_body_free(&ask);
	doc_free(doc);
	return rc;
}

/* What POST /proxies/NAME/toxics does with the body. */
static inline int
rig_toxic(struct rig *r, struct lines_line *l, const char *body, struct lines_toxic **ret_toxic)
{
	struct doc *doc = rig_json(body);
	struct fault_spec spec;
	int rc = line_body_toxic(doc->root, l, &spec, &r->e);

	if (rc == 0) {
		rc = lines_toxic_add(&r->lines, l, &spec, &r->e, ret_toxic);
		spec_samples_unref(spec.samples);
	}
	doc_free(doc);
	return rc;
}

/* The line as the API shows it, in a buffer of the test's. */
static inline const char *
rig_show(const struct lines_line *l, struct buf *b)
{
	struct jsonw w;

	buf_clear(b);
	jsonw_init(&w, b);
	line_json_line(&w, l);
	return buf_str(b);
}

#endif
