/* SPDX-License-Identifier: MIT */
/* import_ref.h - hosts that a setting names: URLs, host:port, lists of them, DSNs of drivers, arguments, lines of a script. */
#ifndef GRAPH_IMPORT_REF_H
#define GRAPH_IMPORT_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPORT_HOST_MAX 254

enum import_ref_form {
	IMPORT_REF_BARE,        /* a word where a host is meant: it is one if such a host is known, or if it has a domain */
	IMPORT_REF_PORT,        /* host:port, host port */
	IMPORT_REF_URL,         /* scheme://host */
};

struct import_ref {
	const char *host;       /* in lower case, without a dot at its end; an address without brackets */
	const char *scheme;     /* "" without one */
	enum import_ref_form form;
	unsigned port;          /* 0: not said */
	bool meant;             /* the key says that its value is a host */
};
typedef void import_ref_fn(void *arg, const struct import_ref *r);

/*
 * import_refs - the hosts in one value.
 * key       name of the setting, "" without one: NO_PROXY and CORS_ORIGINS name hosts that are not called, DB_NAME names none
 * script    value is a command line or a script: `nc -z db 5432`, `pg_isready -h db`
 */
void import_refs(const char *key, const char *value, bool script, import_ref_fn *fn, void *arg);
/* Does the key say that its value is a host (1), that it is not called (-1), or nothing (0)? */
int import_ref_key(const char *key);
/* What the line speaks, by scheme and port: "http", "rpc", "db", "messaging"; NULL: not known. */
const char *import_protocol(const char *scheme, unsigned port);
/* Is it this machine itself, or no machine at all: localhost, 127.x, 0.0.0.0, ::, link-local? */
bool import_host_is_self(const char *host);
bool import_host_is_address(const char *host);  /* dotted quad or IPv6 */

#endif
