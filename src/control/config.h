/* SPDX-License-Identifier: MIT */
/*
 * config.h - the daemon's configuration file: faultline.yaml, or Toxiproxy's JSON array of proxies.
 *
 *      seed: 7
 *      api: {host: localhost, port: 8474, token: secret}
 *      limits: {connections: 10000, buffer: 256MB, pipe_buffer: 1MB, handshakes: 1000}
 *      workers: 2
 *      state: /var/lib/faultline/state.json
 *      events: events.jsonl
 *      trace: trace.bin
 *      lines:
 *        redis:
 *          listen: 127.0.0.1:26379
 *          upstream: 127.0.0.1:6379
 *          faults:
 *            - {type: latency, attributes: {latency: 100ms}}
 *
 * A file is read whole and checked whole; only then is anything of it used.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include "control/lines.h"
#include "proto/doc.h"

struct config {
	struct doc *doc;                /* owns the texts */
	struct buf path;
	bool toxiproxy;                 /* it was a JSON array */
	bool has_seed;
	uint64_t seed;
	const char *host, *token;       /* NULL: not said; likewise below */
	int port;                       /* -1 */
	int64_t connections, buffer_bytes, pipe_bytes, handshakes;      /* 0 */
	int64_t workers;                /* 0 */
	const char *state, *events, *trace;
	uint32_t line_count;
	struct lines_ask *lines;        /* with origins */
	struct arena mem;               /* origins */
};

/*
 * config_read - read and check the file at path.
 * complaints  gets a line for every mistake, with file:line:column
 * returns     0, or -errno after complaints
 */
int config_read(const char *path, struct buf *complaints, struct config **ret_config);
/* The same from memory; path is its name in complaints, and where relative paths in it start. */
int config_parse(const char *path, const char *text, size_t n, struct buf *complaints, struct config **ret_config);
void config_free(struct config *c);     /* NULL is fine */

/*
 * config_apply - make the table's lines those of the file: new ones are made, changed ones changed, ones that the file no
 * longer holds deleted. Lines whose entry is as it was, and lines made through the API, are left alone.
 * report      a text for people: what was done, and what could not be
 * ret_failed  lines that could not be made or changed
 * returns     0; -EINPROGRESS: names are being looked up, nothing has changed, try again
 */
int config_apply(struct config *c, struct lines *t, struct buf *report, unsigned *ret_failed);

#endif
