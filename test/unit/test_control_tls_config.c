/* SPDX-License-Identifier: MIT */
/* test_control_tls_config.c - what a line's TLS keys become, and what is said of wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/tls_config.h"
#include "io/file.h"
#include "proto/yaml.h"
#include "tls_rig.h"

struct place {
	char folder[64], beside[96];    /* where the files are, and the configuration that names them */
	struct rig_id ca, server;
};

static void
put(const struct place *p, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

/* Read a line; what is complained of goes to said. */
static struct tls_config
read_line(const char *beside, const char *yaml, char *said, size_t said_bytes)
{
	struct tls_config c;
	struct doc_diag d;
	struct doc *doc;
	doc_diag_init(&d, "f");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &d, &doc), 0);
	tls_config_read(doc->root, beside, &d, &c);
	snprintf(said, said_bytes, "%s", buf_str(&d.text));
	doc_free(doc);                  /* nothing of it is needed any more */
	doc_diag_fini(&d);
	return c;
}

static void
drop(struct tls_config *c)
{
	line_wire_unref(c->wire);
	free(c->warning);
}

static void
everything(void **state)
{
	const struct place *p = *state;
	char said[1000];
	struct tls_config c = read_line(p->beside,
	    "upstream: a:1\naccept_proxy: true\nsend_proxy: v2\ngreeting_timeout: 3s\n"
	    "tls: {certificates: [{cert: server.pem, key: server.key}], alpn: [a, b], client_ca: ca.pem}\n"
	    "upstream_tls: {ca: ca.pem, name: server.example, cert: server.pem, key: server.key}\n"
	    "sni:\n  - {names: [a.example, '*.b.example'], upstream: '127.0.0.1:9'}\n  - {names: '*', upstream: 'host:port'}\n", said, sizeof(said));
	assert_string_equal(said, "");
	assert_null(c.warning);
	const struct line_wire *w = c.wire;
	assert_true(w->accept_proxy && w->tls_server != NULL && w->tls_client != NULL && !w->no_default);
	assert_int_equal(w->send_proxy, 2);
	assert_int_equal(w->greeting_timeout, 3 * FL_SEC);
	assert_string_equal(w->tls_name, "server.example");
	assert_int_equal(w->route_count, 2);
	assert_int_equal(addr_port(&line_wire_route(w, "x.b.example")->addr), 9);
	assert_ptr_equal(line_wire_route(w, "A.example"), &w->routes[0].target);
	assert_string_equal(line_wire_route(w, "")->host, "host");
	assert_string_equal(line_wire_route(w, "x.y.b.example")->port, "port");
	drop(&c);
}

static void
nothing_said_is_nothing(void **state)
{
	const struct place *p = *state;
	char said[1000];
	struct tls_config c = read_line(p->beside, "upstream: a:1\n", said, sizeof(said));
	assert_null(c.wire);
	assert_int_equal(c.digest, 0);
	assert_string_equal(said, "");
	c = read_line(p->beside, "sni: [{names: a.example, upstream: 'b:1'}]\n", said, sizeof(said));
	assert_true(c.wire->no_default);
	assert_null(line_wire_route(c.wire, "b.example"));
	assert_int_equal(c.wire->greeting_timeout, 10 * FL_SEC);
	drop(&c);
}

/* The digest is of what is said and of what the files hold. */
static void
digest_tells_changes(void **state)
{
	const struct place *p = *state;
	static const char line[] = "tls: {cert: server.pem, key: server.key}\n", other[] = "tls: {cert: server.pem, key: server.key, alpn: [a]}\n";
	char said[1000], longer[8192];
	struct tls_config a = read_line(p->beside, line, said, sizeof(said)), b = read_line(p->beside, line, said, sizeof(said));
	struct tls_config c = read_line(p->beside, other, said, sizeof(said));
	assert_int_equal(a.digest, b.digest);
	assert_int_not_equal(a.digest, c.digest);
	snprintf(longer, sizeof(longer), "%s\n%s", p->server.cert_pem, p->ca.cert_pem);
	put(p, "server.pem", longer);
	drop(&b);
	b = read_line(p->beside, line, said, sizeof(said));
	assert_int_not_equal(a.digest, b.digest);
	put(p, "server.pem", p->server.cert_pem);
	drop(&a);
	drop(&b);
	drop(&c);
}

static void
expired_is_a_warning(void **state)
{
	struct place *p = *state;
	struct rig_id old = rig_make((struct rig_want){ .name = "old", .signer = &p->ca, .from_s = -7200, .to_s = -60 });
	char said[1000], both[8192];
	snprintf(both, sizeof(both), "%s%s", old.cert_pem, old.key_pem);
	put(p, "old.pem", both);
	struct tls_config c = read_line(p->beside, "tls: {cert: old.pem}\n", said, sizeof(said));
	assert_string_equal(said, "");
	assert_non_null(c.wire);
	assert_non_null(strstr(c.warning, "old.pem: the certificate has expired on "));
	drop(&c);
	rig_drop(&old);
}

/* Each mistake has its place, and leaves nothing behind; test/conform/tls_lines.py has more of them. */
static void
mistakes(void **state)
{
	const struct place *p = *state;
	static const struct { const char *yaml, *says; } rows[] = {
		{ "tls:\n  cert: server.pem\n  key: ca.key\n", "f:3:8: ca.key: the key does not belong to the certificate" },
		{ "tls:\n  cert: server.pem\n  key: server.key\n  client_ca: server.key\n", "f:4:14: server.key: no certificate in it" },
		{ "tls: {cert: /, key: server.key}\n", "/: not a regular file" },
		{ "tls: 1\n", "f:1:6: " },
		{ "tls: {cert: server.pem, key: server.key, alpn: ['']}\n", "f:1:48: a protocol of 0 bytes" },
		{ "upstream_tls: {name: ''}\n", "a host name or an IP address" },
		{ "upstream_tls: {key: server.key}\n", "found no cert" },
		{ "sni: []\n", "found 0 routes" },
		{ "sni: [{names: [], upstream: 'a:1'}]\n", "found 0 names" },
		{ "sni: [{names: a, upstream: 'a'}]\n", "an address such as" },
		{ "accept_proxy: maybe\n", "true or false" },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		char said[2000];
		struct tls_config c = read_line(p->beside, rows[i].yaml, said, sizeof(said));
		if (c.wire != NULL || strstr(said, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, said);
		drop(&c);
	}
}

static void
nothing_from_the_network(void **state)
{
	(void)state;
	char said[1000];
	struct tls_config c = read_line(NULL, "tls: {cert: server.pem, key: server.key}\nupstream_tls: {}\n", said, sizeof(said));
	assert_null(c.wire);
	assert_non_null(strstr(said, "found tls, expected it in the configuration file alone"));
	assert_non_null(strstr(said, "found upstream_tls, "));
	drop(&c);
}

int
main(void)
{
	struct place p = { .folder = "/tmp/faultline-tls-config-XXXXXX" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(everything, &p),
		cmocka_unit_test_prestate(nothing_said_is_nothing, &p),
		cmocka_unit_test_prestate(digest_tells_changes, &p),
		cmocka_unit_test_prestate(expired_is_a_warning, &p),
		cmocka_unit_test_prestate(mistakes, &p),
		cmocka_unit_test_prestate(nothing_from_the_network, &p),
	};
	static const char *const files[] = { "server.pem", "server.key", "ca.pem", "ca.key", "old.pem" };
	char path[128];
	if (mkdtemp(p.folder) == NULL)
		return 1;
	snprintf(p.beside, sizeof(p.beside), "%s/faultline.yaml", p.folder);
	p.ca = rig_make((struct rig_want){ .name = "an authority" });
	p.server = rig_make((struct rig_want){ .name = "server", .alt = "DNS:server.example", .signer = &p.ca });
	put(&p, "server.pem", p.server.cert_pem);
	put(&p, "server.key", p.server.key_pem);
	put(&p, "ca.pem", p.ca.cert_pem);
	put(&p, "ca.key", p.ca.key_pem);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < FL_ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", p.folder, files[i]);
		unlink(path);
	}
	rmdir(p.folder);
	rig_drop(&p.ca);
	rig_drop(&p.server);
	return failed;
}
