/* SPDX-License-Identifier: MIT */
/* v1_http.h - the routes of /v1 that make and change lines, and show what HTTP lines do. doc/api.md describes them. */
#ifndef CONTROL_V1_HTTP_H
#define CONTROL_V1_HTTP_H

#include "control/v1_call.h"

void v1_http_create(struct v1_call *c);         /* POST /v1/lines */
void v1_http_patch(struct v1_call *c);          /* PATCH /v1/lines/NAME */
void v1_http_delete(struct v1_call *c);         /* DELETE /v1/lines/NAME */
void v1_http_policies(struct v1_call *c);       /* PATCH /v1/lines/NAME/policies */
void v1_http_explain(struct v1_call *c);        /* GET /v1/lines/NAME/explain */

#endif
