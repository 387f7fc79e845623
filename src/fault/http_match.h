/* SPDX-License-Identifier: MIT */
/* http_match.h - does a request fit the conditions of a fault: method, path, host, header, experiment. */
#ifndef FAULT_HTTP_MATCH_H
#define FAULT_HTTP_MATCH_H

#include "fault/spec.h"
#include "proto/h1.h"

/* Conditions, looked at once so that most requests are told apart by numbers. Refers to the spec it was made from. */
struct http_match {
	const struct spec_http *spec;
	uint32_t methods;               /* a bit for each known method; 0: any, or unknown ones alone */
	bool any_method, other_methods, any;
	uint8_t path_kind;
	uint16_t path_len, host_len, header_len, value_len, experiment_len;
	bool host_port;                 /* the pattern has a port */
	uint8_t header_id;
};

void http_match_init(struct http_match *m, const struct spec_http *spec);
bool http_match_request(const struct http_match *m, const char *p, const struct h1_head *h);

/* Does s fit the pattern? "*" anything but "/", "**" anything, "?" one byte but "/". fold: letters in any case. */
bool http_match_glob(const char *pattern, size_t pattern_len, const char *s, size_t n, bool fold);

#endif
