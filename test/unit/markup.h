/* SPDX-License-Identifier: MIT */
/*
 * markup.h - is a page well formed? Tags nest and are closed, attributes are quoted or plain words, entities are known, and
 * nothing that was to be text became a tag: only elements and attributes of a list are let through.
 */
#ifndef TEST_MARKUP_H
#define TEST_MARKUP_H

#include "unit.h"
#include <ctype.h>

struct markup {
	const char *p;
	char stack[64][24];
	unsigned depth, elements;
};

static inline bool
markup_listed(const char *list, const char *word)
{
	char needle[64];

	snprintf(needle, sizeof(needle), " %s ", word);
	return strstr(list, needle) != NULL;
}

static inline void
markup_fail(const char *at, const char *why)
{
	fail_msg("%s at: %.60s", why, at);
}

static inline size_t
markup_name(const char *p, char *ret, size_t bytes)
{
	size_t n = 0;

	while ((isalnum((unsigned char)p[n]) || p[n] == '-') && n + 1 < bytes) {
		ret[n] = p[n];
		n++;
	}
	ret[n] = '\0';
	return n;
}

static inline void
markup_entity(const char *p)
{
	static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(p, known[i], strlen(known[i])) == 0)
			return;
	markup_fail(p, "a bare &");
}

/* The attributes up to > or />; returns what is behind. */
static inline const char *
markup_attributes(const char *p, bool *ret_closed)
{
	static const char names[] = " lang charset xmlns name content class id style type href title role aria-label viewBox x y "
	    "x1 y1 x2 y2 width height rx d "
		"text-anchor data-l data-left data-right data-span data-top tests failures errors skipped time timestamp "
		    "hostname value classname message "
		"xml version encoding ";
	char name[32];

	for (;;) {
		p += strspn(p, " \n");
		*ret_closed = *p == '/' || *p == '?';
		if (*p == '>' || ((*p == '/' || *p == '?') && p[1] == '>'))
			return p + 1 + *ret_closed;
		size_t n = markup_name(p, name, sizeof(name));
		if (n == 0 || !markup_listed(names, name))
			markup_fail(p, "a strange attribute");
		p += n;
		if (*p++ != '=')
			markup_fail(p - 1, "an attribute without value");
		if (*p != '"') {
			p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
			continue;
		}
		for (p++; *p != '"'; p++) {
			if (*p == '\0' || *p == '<')
				markup_fail(p, "an open attribute");
			if (*p == '&')
				markup_entity(p);
		}
		p++;
	}
}

static inline void
markup_tag(struct markup *m)
{
	static const char voids[] = " meta br ";
	static const char elements[] = " html head meta title style body main header h1 h2 h3 div span p ul ol li dl dt dd "
	    "code pre b a br table thead tbody "
		"tr th td details summary svg g path rect line text script footer testsuites testsuite properties property testcase failure skipped ";
	const char *start = m->p;
	bool closing = start[1] == '/', closed;
	char name[24];

	m->p += 1 + closing;
	m->p += *m->p == '?';
	size_t n = markup_name(m->p, name, sizeof(name));
	if (n == 0 || !(markup_listed(elements, name) || strcmp(name, "xml") == 0))
		markup_fail(start, "a strange element");
	m->p = markup_attributes(m->p + n, &closed);
	m->elements++;
	if (closing) {
		if (m->depth == 0 || strcmp(m->stack[--m->depth], name) != 0)
			markup_fail(start, "closed without being open");
		return;
	}
	if (closed || markup_listed(voids, name))
		return;
	assert_true(m->depth < 64);
	memcpy(m->stack[m->depth++], name, n + 1);
	if (strcmp(name, "style") == 0 || strcmp(name, "script") == 0) {
		m->p = strstr(m->p, strcmp(name, "style") == 0 ? "</style>" : "</script>");
		assert_non_null(m->p);
	}
}

/* Fails the test unless text is well formed. returns how many tags there are. */
static inline unsigned
markup_check(const char *text)
{
	struct markup m = { .p = text };

	if (strncmp(text, "<!DOCTYPE html>", 15) == 0)
		m.p += 15;
	while (*m.p != '\0') {
		if (*m.p == '<') {
			markup_tag(&m);
			continue;
		}
		if (*m.p == '&')
			markup_entity(m.p);
		if ((unsigned char)*m.p < 0x20 && *m.p != '\n' && *m.p != '\t')
			markup_fail(m.p, "a control character");
		if (*m.p == '>')
			markup_fail(m.p, "a bare >");
		m.p++;
	}
	if (m.depth != 0)
		fail_msg("%s is never closed", m.stack[m.depth - 1]);
	return m.elements;
}

#endif
