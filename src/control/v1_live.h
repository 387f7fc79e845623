/* SPDX-License-Identifier: MIT */
/* v1_live.h - the routes of /v1 that show and steer what HTTP lines do as they run. doc/api.md describes them. */
#ifndef CONTROL_V1_LIVE_H
#define CONTROL_V1_LIVE_H

#include "control/v1_call.h"

/* What GET /v1/lines/NAME shows of an HTTP line beside what all lines have. */
void v1_live_pairs(struct v1_call *c);
void v1_live_policies(struct v1_call *c);       /* GET /v1/lines/NAME/policies */
void v1_live_breaker(struct v1_call *c);        /* POST /v1/lines/NAME/breaker */
void v1_live_drain(struct v1_call *c);          /* POST /v1/lines/NAME/instances/ADDRESS/drain */
void v1_live_undrain(struct v1_call *c);
void v1_live_requests(struct v1_call *c);       /* GET /v1/requests */

#endif
