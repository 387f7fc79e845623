/* SPDX-License-Identifier: MIT */
/*
 * import.h - files that say something of the map, made into sightings. doc/graph-sources.md shows each format.
 *
 *      import_init(&im, &opts);
 *      for each file: import_add(&im, &file);          what stands for itself is told at once
 *      import_finish(&im);                             what needs other files too: names of addresses, selectors, references
 *      import_fini(&im);
 *
 * Files belong together: manifests of one cluster, dumps of several hosts, a compose file and its .env are understood only as a
 * set. Formats are recognised by content. A bad file is complained about, with file:line:column, and the others still count; of a log
 * or a dump single bad lines are counted and left out.
 *
 * Invariants
 *  (1) Bytes of a file are looked at during import_add() only.
 *  (2) Memory is bounded by opts.memory_bytes; past it, import_add() and import_finish() return -ENOMEM and `dropped` grows.
 *  (3) Nothing is told that the source does not say: an edge comes from a reference, never from likeness of names alone.
 */
#ifndef GRAPH_IMPORT_H
#define GRAPH_IMPORT_H

#include "base/arena.h"
#include "graph/sight.h"
#include "proto/doc.h"

/* Word for users, is it parsed here, what it is. */
#define IMPORT_FORMATS(X) \
	X(UNKNOWN, "unknown", false, "nothing that is known") \
	X(EMPTY, "empty", true, "an empty file") \
	X(OTLP_JSON, "otlp-json", false, "OTLP traces as JSON, one document or JSON lines") \
	X(OTLP_PROTO, "otlp-protobuf", false, "OTLP traces as protobuf") \
	X(ZIPKIN, "zipkin", false, "Zipkin v2 spans") \
	X(JAEGER, "jaeger", false, "Jaeger traces as JSON") \
	X(RUN, "run", false, "report.json of a run of faultline") \
	X(GZIP, "gzip", false, "something gzipped") \
	X(DECLARED, "faultline", true, "services, rules and aliases declared in faultline.yaml") \
	X(KUBERNETES, "kubernetes", true, "Kubernetes manifests, YAML or JSON, Istio's, Velero's and Backstage's documents among them") \
	X(COMPOSE, "compose", true, "a compose file") \
	X(DOTENV, "env", true, "variables for a compose file") \
	X(CSV, "csv", true, "nodes or lines as CSV") \
	X(JSON_GRAPH, "json", true, "nodes and lines as JSON, as graph show prints them") \
	X(JSON_RECORDS, "records", true, "backup records as JSON lines") \
	X(PGBACKREST, "pgbackrest", true, "pgbackrest info --output=json") \
	X(RESTIC, "restic", true, "restic snapshots --json") \
	X(BORG, "borg", true, "borg list --json") \
	X(PG_ARCHIVER, "pg_stat_archiver", true, "a row of pg_stat_archiver") \
	X(KIALI, "kiali", true, "Kiali's graph as JSON") \
	X(HUBBLE, "hubble", true, "Hubble flows as JSON lines") \
	X(PROMETHEUS, "prometheus", true, "metrics of a service graph or of Istio, in Prometheus' text format") \
	X(DNS_LOG, "dns", true, "a log of DNS queries") \
	X(HOSTS, "hosts", true, "names of addresses, as in /etc/hosts") \
	X(SS, "ss", true, "output of ss or netstat") \
	X(LSOF, "lsof", true, "output of lsof -i") \
	X(PROC_NET, "proc-net-tcp", true, "/proc/net/tcp or tcp6") \
	X(CONNTRACK, "conntrack", true, "output of conntrack -L or -E") \
	X(NGINX, "nginx", true, "an access log of nginx") \
	X(HAPROXY, "haproxy", true, "an HTTP or TCP log of HAProxy") \
	X(ENVOY, "envoy", true, "an access log of Envoy or Istio") \
	X(LOG_JSON, "json-log", true, "an access log as JSON lines: nginx, Envoy, HAProxy, Traefik, Caddy, Kong")

enum import_format {
#define X(id, word, here, text) IMPORT_##id,
	IMPORT_FORMATS(X)
#undef X
	IMPORT_FORMAT_COUNT
};

const char *import_format_name(enum import_format f);
const char *import_format_text(enum import_format f);
/* Does import_add() read it? false: spans, which have a reader of their own, and what is not known. */
bool import_format_here(enum import_format f);

struct import_file {
	const char *name;               /* path as the user gave it; its last part names the host of a dump */
	const char *text;
	size_t n;
	int64_t when;                   /* ns since 1970, when it was so: the file's mtime; 0: opts.now */
};

/* Which format is it? Looks at the first 256 KB at most; name breaks ties only, NULL is fine. */
enum import_format import_recognise(const char *name, const char *text, size_t n);

struct import_opts {
	sight_fn *take;
	void *arg;
	int64_t now;                    /* ns since 1970 */
	size_t memory_bytes;            /* 0: IMPORT_MEMORY_DEFAULT */
};
#define IMPORT_MEMORY_DEFAULT ((size_t)1 << 30)

struct import_parts;                    /* what waits for import_finish(), by format */

struct import {
	struct import_opts opts;
	struct doc_diag diag;           /* complaints, with their files; diag.count is how many */
	struct arena mem;
	struct import_parts *parts;
	const struct import_file *file; /* being read */
	uint64_t told;                  /* sightings */
	uint64_t dropped;               /* lines and records that could not be read, all files together */
	int failed;                     /* what `take` or memory said; nothing more is told then */
};

void import_init(struct import *im, const struct import_opts *opts);
void import_fini(struct import *im);    /* a zeroed one is fine */

/*
 * import_add - read one file. ret_format may be NULL.
 * returns   0; -EINVAL after complaints (other files may follow); -ENOTSUP: spans or unknown, nothing was read; -ENOMEM; what `take` said
 */
int import_add(struct import *im, const struct import_file *file, enum import_format *ret_format);
/* Tell what waited for the last file. 0, or -errno likewise. */
int import_finish(struct import *im);

/*
 * import_named_files - the files that a compose file goes on in, as it names them (relative to its folder): its .env, what it includes and
 * extends, settings of services. Whoever reads files decides which of them may be read, and adds them, too. Nothing for a file with a mistake.
 */
typedef void import_named_fn(void *arg, const char *path);
void import_named_files(const char *text, size_t n, import_named_fn *fn, void *arg);

#endif
