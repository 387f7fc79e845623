/* SPDX-License-Identifier: MIT */
/*
 * spec.c - what a fault may be: setting and checking values; reference counts of what faults share.
 *
 * Invariants
 *  (1) A refused value changes nothing.
 *  (2) A spec that passed spec_check() cannot make the engine overflow, divide by zero or loop.
 */
#include "fault/spec.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define YEARS_100_NS INT64_C(3153600000000000000)

static int refuse(char *error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(char *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, SPEC_ERROR_MAX, fmt, ap);
	va_end(ap);
	return code;
}

void
spec_init(struct fault_spec *f, enum fault_kind kind)
{
	const struct kind_info *info = kind_info(kind);

	fl_assert(info != NULL);
	memset(f, 0, sizeof(*f));
	f->kind = kind;
	f->dir = FL_S2C;
	f->toxicity = 1;
	snprintf(f->stream_text, sizeof(f->stream_text), "downstream");
	for (size_t i = 0; i < info->attr_count; i++) {
		if (info->attrs[i].type == ATTR_FLOAT)
			f->values[i].f = info->attrs[i].def;
		else if (info->attrs[i].type != ATTR_TEXT)
			f->values[i].i = (int64_t)info->attrs[i].def;
	}
}

int
spec_attr_index(enum fault_kind kind, const char *name)
{
	const struct kind_info *info = kind_info(kind);

	for (size_t i = 0; i < info->attr_count; i++)
		if (strcasecmp(info->attrs[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static const char *
value_text(const struct spec_value *v, char *buf, size_t buf_bytes)
{
	switch (v->type) {
	case VALUE_INT:
		snprintf(buf, buf_bytes, "%lld", (long long)v->i);
		break;
	case VALUE_FLOAT:
		snprintf(buf, buf_bytes, "%.17g", v->f);
		break;
	case VALUE_BOOL:
		snprintf(buf, buf_bytes, "%s", v->b ? "true" : "false");
		break;
	case VALUE_TEXT:
		snprintf(buf, buf_bytes, "\"%.40s\"", v->text);
		break;
	case VALUE_NULL:
		snprintf(buf, buf_bytes, "null");
		break;
	case VALUE_OTHER:
		snprintf(buf, buf_bytes, "a list or an object");
		break;
	}
	return buf;
}

static int
refuse_type(const struct kind_attr *a, const struct spec_value *v, const char *expected, char *error)
{
	char found[64];

	return refuse(error, -EINVAL, "%s: found %s, expected %s", a->name, value_text(v, found, sizeof(found)), expected);
}

static int
refuse_range(const struct kind_attr *a, const struct spec_value *v, char *error)
{
	char found[64];

	value_text(v, found, sizeof(found));
	if (a->max >= 0x1p63)
		return refuse(error, -ERANGE, "%s: found %s, expected at least %.17g", a->name, found, a->min);
	if (a->min <= -0x1p63)
		return refuse(error, -ERANGE, "%s: found %s, expected at most %.17g", a->name, found, a->max);
	return refuse(error, -ERANGE, "%s: found %s, expected %.17g to %.17g", a->name, found, a->min, a->max);
}

static int
set_enum(const struct kind_attr *a, const struct spec_value *v, int64_t *ret_value, char *error)
{
	const char *near;
	char all[128] = "";

	for (int64_t i = 0; v->type == VALUE_TEXT && a->values[i] != NULL; i++) {
		if (strcmp(a->values[i], v->text) == 0) {
			*ret_value = i;
			return 0;
		}
	}
	near = v->type == VALUE_TEXT ? text_nearest(v->text, a->values) : NULL;
	if (near != NULL)
		return refuse(error, -EINVAL, "%s: found \"%.40s\", did you mean \"%s\"?", a->name, v->text, near);
	for (size_t i = 0, n = 0; a->values[i] != NULL && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i == 0 ? "" : ", ", a->values[i]);
	return refuse_type(a, v, all, error);
}

static int
set_float(const struct kind_attr *a, const struct spec_value *v, double *ret_value, char *error)
{
	double f = v->type == VALUE_INT ? (double)v->i : v->f;

	if (v->type != VALUE_INT && v->type != VALUE_FLOAT)
		return refuse_type(a, v, "a number", error);
	if (!(f >= a->min && f <= a->max))
		return refuse_range(a, v, error);
	*ret_value = f;
	return 0;
}

/* Numbers and truths are taken as they were written. */
static int
set_text(struct fault_spec *f, const struct kind_attr *a, const struct spec_value *v, char *error)
{
	char *place = a->def > 0 ? f->label : f->text;
	size_t n = v->text != NULL && v->type != VALUE_OTHER ? strlen(v->text) : 0;

	if (v->text == NULL || v->type == VALUE_OTHER)
		return refuse_type(a, v, "a text", error);
	if ((double)n > a->max)
		return refuse(error, -ERANGE, "%s: found a text of %zu bytes, expected at most %.0f", a->name, n, a->max);
	memcpy(place, v->text, n + 1);
	return 0;
}

int
spec_set_attr(struct fault_spec *f, const char *name, const struct spec_value *v, char *error)
{
	const struct kind_info *info = kind_info(f->kind);
	int n = spec_attr_index(f->kind, name);
	const struct kind_attr *a;

	if (n < 0) {
		const char *known[KIND_ATTRS_MAX + 1] = { NULL }, *near;

		for (size_t i = 0; i < info->attr_count; i++)
			known[i] = info->attrs[i].name;
		near = text_nearest(name, known);
		return refuse(error, n, "%s has no attribute \"%.40s\"%s%s%s", info->name, name,
		    near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near, near == NULL ? "" : "\"?");
	}
	a = &info->attrs[n];
	if (v->type == VALUE_NULL)
		return 0;
	switch (a->type) {
	case ATTR_INT:
		if (v->type != VALUE_INT)
			return refuse_type(a, v, "an integer", error);
		if ((double)v->i < a->min || (double)v->i > a->max)
			return refuse_range(a, v, error);
		f->values[n].i = v->i;
		return 0;
	case ATTR_FLOAT:
		return set_float(a, v, &f->values[n].f, error);
	case ATTR_BOOL:
		if (v->type != VALUE_BOOL)
			return refuse_type(a, v, "true or false", error);
		f->values[n].i = v->b;
		return 0;
	case ATTR_ENUM:
		return set_enum(a, v, &f->values[n].i, error);
	case ATTR_TEXT:
		return set_text(f, a, v, error);
	case ATTR_FILE:
		break;
	}
	return refuse(error, -EINVAL, "%s: a file cannot be given here", a->name);
}

int
spec_set_client(struct spec_scope *s, const char *text, char *error)
{
	char addr[64];
	const char *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	uint8_t ip[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	unsigned bits = 0, bits_max, mapped;

	if (strlen(text) >= sizeof(s->client_text) || n >= sizeof(addr))
		return refuse(error, -EINVAL, "client: found \"%.40s...\", expected an address or a subnet", text);
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (inet_pton(AF_INET, addr, ip + 12) == 1)
		mapped = 96;
	else if (inet_pton(AF_INET6, addr, ip) == 1)
		mapped = 0;
	else
		return refuse(error, -EINVAL, "client: found \"%s\", expected an address or a subnet such as 10.0.0.0/8", text);
	bits_max = 128 - mapped;
	for (const char *p = slash == NULL ? "" : slash + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || (bits = bits * 10 + (unsigned)(*p - '0')) > bits_max)
			return refuse(error, -EINVAL, "client: found \"%s\", expected a prefix of 0 to %u", text, bits_max);
	}
	if (slash != NULL && slash[1] == '\0')
		return refuse(error, -EINVAL, "client: found \"%s\", expected a prefix of 0 to %u", text, bits_max);
	s->has_client = true;
	memcpy(s->client_ip, ip, sizeof(ip));
	s->client_prefix = (uint8_t)(mapped + (slash == NULL ? bits_max : bits));
	memcpy(s->client_text, text, strlen(text) + 1);
	return 0;
}

static bool
time_ok(fl_ns t)
{
	return t >= 0 && t <= YEARS_100_NS;
}

static int
check_scope(const struct spec_scope *s, char *error)
{
	if (s->has_client && s->client_prefix > 128)
		return refuse(error, -EINVAL, "client: prefix of %u bits, expected at most 128", s->client_prefix);
	if (!time_ok(s->window_from) || !time_ok(s->window_to))
		return refuse(error, -EINVAL, "window: expected times from 0 to 100 years");
	if (s->window_to != 0 && s->window_to <= s->window_from)
		return refuse(error, -EINVAL, "window: its end must lie after its start");
	if (!time_ok(s->duty_period) || !time_ok(s->duty_on))
		return refuse(error, -EINVAL, "duty: expected times from 0 to 100 years");
	if (s->duty_on > s->duty_period)
		return refuse(error, -EINVAL, "duty: it cannot be on for longer than its period");
	return 0;
}

static int
check_slicer(const struct fault_spec *f, char *error)
{
	long long average = f->values[SLICER_AVERAGE_SIZE].i, variation = f->values[SLICER_SIZE_VARIATION].i;

	if (average < 1)
		return refuse(error, -EINVAL, "average_size: found %lld, expected at least 1", average);
	if (variation > average)
		return refuse(error, -EINVAL, "size_variation: found %lld, expected at most average_size (%lld)", variation, average);
	return 0;
}

static int
check_latency(const struct fault_spec *f, char *error)
{
	double shape = f->values[LATENCY_SHAPE].f;

	if (f->values[LATENCY_DISTRIBUTION].i == DIST_SAMPLES && f->samples == NULL)
		return refuse(error, -EINVAL, "distribution: \"samples\" needs the attribute samples, a file of latencies");
	if (f->values[LATENCY_DISTRIBUTION].i == DIST_PARETO && shape != 0 && shape <= 1)
		return refuse(error, -EINVAL, "shape: found %g, expected more than 1 for pareto (its mean is infinite otherwise)", shape);
	return 0;
}

static int
check_range(const struct fault_spec *f, char *error)
{
	const struct kind_info *info = kind_info(f->kind);

	for (size_t i = 0; i < info->attr_count; i++) {
		const struct kind_attr *a = &info->attrs[i];
		double v = a->type == ATTR_FLOAT ? f->values[i].f : (double)f->values[i].i;

		if (a->type == ATTR_FILE || a->type == ATTR_TEXT || (a->type == ATTR_INT && f->values[i].i == (int64_t)a->def))
			continue;       /* a default outside the range asks for a value: its kind checks that */
		if (!(v >= a->min && v <= a->max))
			return refuse(error, -EINVAL, "%s: found %.17g, expected %.17g to %.17g", a->name, v, a->min, a->max);
	}
	return 0;
}

int
spec_check(const struct fault_spec *f, char *error)
{
	int r;

	if (isnan(f->toxicity))
		return refuse(error, -EINVAL, "toxicity: not a number");
	if (!time_ok(f->ttl_ns))
		return refuse(error, -EINVAL, "ttl: expected a time from 0 to 100 years");
	r = check_scope(&f->scope, error);
	if (r == 0)
		r = check_range(f, error);
	if (r == 0 && f->kind == FAULT_SLICER)
		r = check_slicer(f, error);
	if (r == 0 && (f->kind == FAULT_LATENCY || f->kind == FAULT_HTTP_DELAY))
		r = check_latency(f, error);
	if (r == 0)
		r = spec_http_check(f, error);
	return r;
}

static int
ns_order(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

struct spec_samples *
spec_samples_new(const char *path, const fl_ns *values, uint32_t count)
{
	struct spec_samples *s = malloc(sizeof(*s) + count * sizeof(values[0]));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->count = count;
	snprintf(s->path, sizeof(s->path), "%s", path);
	for (uint32_t i = 0; i < count; i++)
		s->values[i] = FL_MAX(values[i], 0);
	qsort(s->values, count, sizeof(values[0]), ns_order);
	return s;
}

void
spec_samples_unref(struct spec_samples *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

struct spec_shared *
spec_shared_new(void)
{
	struct spec_shared *s = malloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	atomic_init(&s->free_at_ns, 0);
	atomic_init(&s->version, 0);
	return s;
}

void
spec_shared_unref(struct spec_shared *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

uint64_t
spec_key(uint64_t seed, const char *line, const char *fault)
{
	return rng_key(rng_key(seed, hash_name(line)), hash_name(fault));
}

struct fault_set *
spec_set_new(const struct fault_spec *specs, uint32_t count)
{
	struct fault_set *s = malloc(sizeof(*s) + count * sizeof(specs[0]));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->count = count;
	if (count > 0)
		memcpy(s->specs, specs, count * sizeof(specs[0]));
	for (uint32_t i = 0; i < count; i++) {
		if (specs[i].samples != NULL)
			atomic_fetch_add_explicit(&specs[i].samples->refs, 1, memory_order_relaxed);
		if (specs[i].shared != NULL)
			atomic_fetch_add_explicit(&specs[i].shared->refs, 1, memory_order_relaxed);
	}
	return s;
}

struct fault_set *
spec_set_ref(struct fault_set *s)
{
	if (s != NULL)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
spec_set_unref(struct fault_set *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < s->count; i++) {
		spec_samples_unref(s->specs[i].samples);
		spec_shared_unref(s->specs[i].shared);
	}
	free(s);
}
