/* SPDX-License-Identifier: MIT */
/*
 * stream_place.h - where a stream goes to or comes from, as it is typed.
 *
 *   tcp://HOST:PORT            http://HOST:PORT/PATH      syslog://HOST:PORT
 *   redis://HOST:PORT/STREAM   exec:COMMAND
 */
#ifndef STREAM_STREAM_PLACE_H
#define STREAM_STREAM_PLACE_H

#include "audit/match_frame.h"
#include "io/resolve.h"

struct stream_place {
	enum match_framing framing;     /* lines for tcp and exec */
	bool exec;
	const char *command;            /* of exec: in the text */
	char host[256], port[16];
	char authority[300];            /* "host:port" */
	char path[256];                 /* http: with its slash; redis: the stream */
};
#define STREAM_PLACE_ERROR 256
/* 0, or -EINVAL with error. */
int stream_place_parse(const char *text, struct stream_place *ret, char *error);
/* Its addresses. 0, or -errno with error. May take seconds. */
int stream_place_resolve(const struct stream_place *p, struct resolve_answer *ret, char *error);

#endif
