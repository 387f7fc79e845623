/* SPDX-License-Identifier: MIT */
/* common.c - small things that the policies share. */
#include "policy/common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64

void *
common_take(const struct fl_alloc *a, size_t n)
{
	/* The block's own address stands just before the aligned one. */
	size_t bytes = n + LINE_BYTES + sizeof(void *);
	char *raw = a != NULL && a->alloc != NULL ? a->alloc(a->ud, bytes) : malloc(bytes);
	if (raw == NULL)
		return NULL;
	uintptr_t at = ((uintptr_t)raw + sizeof(void *) + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
	void *p = raw + (at - (uintptr_t)raw);
	memcpy((char *)p - sizeof(void *), &raw, sizeof(void *));
	memset(p, 0, n);
	return p;
}

void
common_give(const struct fl_alloc *a, void *p)
{
	char *raw;
	if (p == NULL)
		return;
	memcpy(&raw, (char *)p - sizeof(void *), sizeof(void *));
	if (a != NULL && a->free != NULL)
		a->free(a->ud, raw);
	else if (a == NULL || a->alloc == NULL)
		free(raw);
}

void
common_name(char to[FL_NAME_MAX], const char *from)
{
	/* A refusal takes a name with it, and a refusal has to be cheap. */
	size_t n = from != NULL ? strnlen(from, FL_NAME_MAX - 1) : 0;
	if (n > 0)
		memcpy(to, from, n);
	to[n] = '\0';
}

void
common_refuse(struct fl_refusal *ret, enum fl_who by, enum fl_reason reason, const char *name, fl_ns retry_after, double n0, double n1,
    double n2, double n3, double n4)
{
	if (ret == NULL)
		return;
	ret->by = by;
	ret->reason = reason;
	ret->retry_after = retry_after;
	ret->n[0] = n0;
	ret->n[1] = n1;
	ret->n[2] = n2;
	ret->n[3] = n3;
	ret->n[4] = n4;
	common_name(ret->name, name);
}

bool
common_check(bool good, const char *field, const char **ret_field)
{
	if (!good && ret_field != NULL)
		*ret_field = field;
	return good;
}

double
common_sigmas(double confidence)
{
	/* Inverse of the normal distribution by bisection: creation is not a fast path. */
	double low = 0, high = 10;
	for (int i = 0; i < 60; i++) {
		double mid = (low + high) / 2;
		if (erf(mid / 1.4142135623730951) < confidence)
			low = mid;
		else
			high = mid;
	}
	return low;
}

double
common_wilson_low(double hits, double n, double z)
{
	if (n <= 0)
		return 0;
	double p = hits / n, zz = z * z;
	double mid = p + zz / (2 * n), spread = z * sqrt(p * (1 - p) / n + zz / (4 * n * n));
	double low = (mid - spread) / (1 + zz / n);
	return low < 0 ? 0 : low;
}

char *
common_time(fl_ns t, char *buf, size_t n)
{
	if (t == FL_NEVER)
		snprintf(buf, n, "ever");
	else if (t >= 10 * FL_SEC)
		snprintf(buf, n, "%.0fs", (double)t / 1e9);
	else if (t >= FL_SEC)
		snprintf(buf, n, "%.1fs", (double)t / 1e9);
	else if (t >= FL_MS)
		snprintf(buf, n, "%.0fms", (double)t / 1e6);
	else
		snprintf(buf, n, "%.0fus", (double)t / 1e3);
	return buf;
}
