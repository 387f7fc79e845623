/* SPDX-License-Identifier: MIT */
/* http_conf_draw.h - a configuration of an HTTP line, as a user would write it, and what it allows. */
#ifndef SIM_HTTP_CONF_DRAW_H
#define SIM_HTTP_CONF_DRAW_H

#include "http_sim.h"
#include "base/buf.h"

/* Append the line's map; *ret_facts is what its calls may meet with. */
void http_conf_draw(const struct web *x, struct rnd *r, struct buf *y, struct web_facts *ret_facts);

#endif
