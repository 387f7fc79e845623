/* SPDX-License-Identifier: MIT */
/* http_match.c - conditions of faults against requests. */
#include "fault/http_match.h"
#include "base/assert.h"

enum path_kind { PATH_ANY, PATH_EXACT, PATH_PREFIX, PATH_GLOB };

static enum path_kind
kind_of_path(const char *path, size_t n)
{
	size_t wild = strcspn(path, "*?");

	if (n == 0 || strcmp(path, "**") == 0)
		return PATH_ANY;
	if (wild == n)
		return PATH_EXACT;
	return wild + 2 == n && strcmp(path + wild, "**") == 0 ? PATH_PREFIX : PATH_GLOB;
}

static void
init_methods(struct http_match *m, const char *list)
{
	size_t at = 0, n = strlen(list);
	struct h1_text t;

	m->any_method = n == 0;
	while (h1_list_next(list, n, &at, &t)) {
		enum h1_method method = h1_method_of(list + t.at, t.len);

		if (method == H1_METHOD_OTHER)
			m->other_methods = true;
		else
			m->methods |= UINT32_C(1) << method;
	}
}

void
http_match_init(struct http_match *m, const struct spec_http *spec)
{
	*m = (struct http_match){ .spec = spec };
	init_methods(m, spec->methods);
	m->path_len = (uint16_t)strlen(spec->path);
	m->path_kind = (uint8_t)kind_of_path(spec->path, m->path_len);
	m->host_len = (uint16_t)strlen(spec->host);
	m->host_port = strchr(spec->host[0] == '[' ? spec->host + strcspn(spec->host, "]") : spec->host, ':') != NULL;
	m->header_len = (uint16_t)strlen(spec->header);
	m->header_id = (uint8_t)h1_id_of(spec->header, m->header_len);
	m->value_len = (uint16_t)strlen(spec->header_value);
	m->experiment_len = (uint16_t)strlen(spec->experiment);
	m->any = m->any_method && m->path_kind == PATH_ANY && m->host_len == 0 && m->header_len == 0 && m->experiment_len == 0;
	_Static_assert(H1_METHOD_COUNT <= 32, "methods are a mask");
}

static char
folded(char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/*
 * When a byte does not fit, the nearest "*" before it takes one more, or if that would be a "/", the nearest "**": stars further
 * back cannot help, for what they would take can be taken by the nearer one.
 */
bool
http_match_glob(const char *pattern, size_t pattern_len, const char *s, size_t n, bool fold)
{
	size_t i = 0, k = 0, one = SIZE_MAX, one_at = 0, two = SIZE_MAX, two_at = 0;    /* behind a star; what it took so far */

	for (;;) {
		if (i < pattern_len && pattern[i] == '*') {
			bool both = i + 1 < pattern_len && pattern[i + 1] == '*';

			i += both ? 2 : 1;
			if (both) {
				two = i;
				two_at = k;
				one = SIZE_MAX;
			} else {
				one = i;
				one_at = k;
			}
		} else if (k == n) {
			if (i == pattern_len)
				return true;
			return false;
		} else if (i < pattern_len && (pattern[i] == '?' ? s[k] != '/' : folded(pattern[i], fold) == folded(s[k], fold))) {
			i++;
			k++;
		} else if (one != SIZE_MAX && s[one_at] != '/') {
			i = one;
			k = ++one_at;
		} else if (two != SIZE_MAX) {
			i = two;
			k = ++two_at;
			one = SIZE_MAX;
		} else {
			return false;
		}
	}
}

static bool
fits_method(const struct http_match *m, const char *p, const struct h1_head *h)
{
	const char *list = m->spec->methods;
	size_t at = 0, n;
	struct h1_text t;

	if (m->any_method)
		return true;
	if (h->method != H1_METHOD_OTHER)
		return (m->methods >> h->method & 1) != 0;
	n = m->other_methods ? strlen(list) : 0;
	while (h1_list_next(list, n, &at, &t)) {
		if (t.len == h->method_text.len && memcmp(list + t.at, p + h->method_text.at, t.len) == 0)
			return true;
	}
	return false;
}

static bool
fits_path(const struct http_match *m, const char *p, const struct h1_head *h)
{
	const char *path = h->path.len > 0 ? p + h->path.at : "/", *want = m->spec->path;
	size_t n = h->path.len > 0 ? h->path.len : 1;

	switch ((enum path_kind)m->path_kind) {
	case PATH_EXACT:
		return n == m->path_len && memcmp(path, want, n) == 0;
	case PATH_PREFIX:
		return n >= m->path_len - 2u && memcmp(path, want, m->path_len - 2u) == 0;
	case PATH_GLOB:
		return http_match_glob(want, m->path_len, path, n, false);
	default:
		return true;
	}
}

static bool
fits_host(const struct http_match *m, const char *p, const struct h1_head *h)
{
	const char *host = p + h->host.at;
	size_t n = h->host.len;

	if (m->host_len == 0)
		return true;
	if (!m->host_port) {
		while (n > 0 && host[n - 1] >= '0' && host[n - 1] <= '9')
			n--;
		n = n > 0 && host[n - 1] == ':' ? n - 1 : h->host.len;
	}
	return http_match_glob(m->spec->host, m->host_len, host, n, true);
}

static bool
is_value(const struct http_match *m, const char *p, const struct h1_field *f)
{
	return !m->spec->has_header_value || (f->value.len == m->value_len && memcmp(p + f->value.at, m->spec->header_value, m->value_len) == 0);
}

static bool
fits_header(const struct http_match *m, const char *p, const struct h1_head *h)
{
	const struct h1_field *f = NULL;

	if (m->header_len == 0)
		return true;
	if (m->header_id != H1_ID_OTHER && !h1_has(h, (enum h1_id)m->header_id))
		return false;
	while ((f = h1_field_named(h, p, m->spec->header, m->header_len, f)) != NULL) {
		if (is_value(m, p, f))
			return true;
	}
	return false;
}

static bool
fits_experiment(const struct http_match *m, const char *p, const struct h1_head *h)
{
	if (m->experiment_len == 0)
		return true;
	if (!h1_has(h, H1_ID_X_FAULTLINE))
		return false;
	for (unsigned i = h->first[H1_ID_X_FAULTLINE]; i < h->field_count; i++) {
		const struct h1_field *f = &h->fields[i];
		struct h1_text t;
		size_t at = 0;

		while (f->id == H1_ID_X_FAULTLINE && h1_list_next(p + f->value.at, f->value.len, &at, &t)) {
			if (t.len == m->experiment_len && memcmp(p + f->value.at + t.at, m->spec->experiment, t.len) == 0)
				return true;
		}
	}
	return false;
}

bool
http_match_request(const struct http_match *m, const char *p, const struct h1_head *h)
{
	fl_assert(m->spec != NULL);
	return m->any || (fits_method(m, p, h) && fits_experiment(m, p, h) && fits_path(m, p, h) && fits_host(m, p, h) && fits_header(m, p, h));
}
