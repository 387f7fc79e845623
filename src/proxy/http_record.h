/* SPDX-License-Identifier: MIT */
/*
 * http_record.h - one call on an HTTP line in 536 bytes, and the ring in which a worker leaves them for the control side.
 *
 * One writer (the worker), one reader (the control side). A full ring loses the newest, and counts them.
 */
#ifndef PROXY_HTTP_RECORD_H
#define PROXY_HTTP_RECORD_H

#include "audit/trace_id.h"
#include "base/types.h"
#include <stdbool.h>

struct http_record {
	fl_ns start;                    /* io clock: the first byte of the request */
	uint8_t trace[16], span[8], parent[8];  /* parent zero: the trace begins here */
	uint64_t conn, number;          /* ordinal of the connection on the line, of the request on it (from 1) */
	uint64_t request_bytes, response_bytes;
	int64_t total, queue, connect, first_byte;      /* ns; -1: there was none */
	uint16_t status;                /* told to the client; 0: none */
	uint16_t upstream_status;       /* of the last attempt; 0: none */
	uint8_t attempts;
	bool hedged, degraded, log;     /* log: for the access log */
	uint8_t end;                    /* enum fl_end */
	uint8_t refused;                /* enum fl_who; 0: nobody */
	uint8_t limit;                  /* enum fl_limit that ended it */
	uint8_t verdict;                /* enum fl_retry_verdict */
	uint8_t worker;
	uint8_t reason;                 /* enum fl_reason of the refusal */
	float numbers[5];               /* that it was decided on: of struct fl_refusal */
	int64_t retry_after;            /* ns; 0: not known */
	uint64_t fault;                 /* id of the first fault that hit it; 0: none */
	uint64_t route;                 /* index in its configuration */
	uint64_t request_hash, response_hash;   /* of a traced line: of the bodies; 0: none, or not known */
	bool grouped;                   /* id is that of a group */
	char id[TRACE_ID_MAX];          /* of a traced line: what the request says it is; "" nothing */
	char method[8];
	char line[32], route_name[32], instance[48], client[48];        /* cut to fit */
	char path[64];
	char broke[96];                 /* the last attempt that broke: what was wrong; "": nothing, or a time limit */
};

struct http_ring;
int http_ring_new(uint32_t records_max, struct http_ring **ret_ring);   /* 0 or -ENOMEM */
void http_ring_free(struct http_ring *r);                               /* NULL is fine */
/* A place to write the next one to, or NULL (full, counted); http_ring_put() publishes it. */
struct http_record *http_ring_next(struct http_ring *r);
void http_ring_put(struct http_ring *r);
/* Reader: take up to max, oldest first; *ret_lost: since the last call. */
uint32_t http_ring_take(struct http_ring *r, struct http_record *ret_records, uint32_t max, uint64_t *ret_lost);

#endif
