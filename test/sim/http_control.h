/* SPDX-License-Identifier: MIT */
/* http_control.h - the control side of a run with HTTP lines: lines opened, changed and closed, and all other operations. */
#ifndef SIM_HTTP_CONTROL_H
#define SIM_HTTP_CONTROL_H

#include "http_sim.h"

/* Make the proxy. */
void http_control_start(struct web *x);
/* Open the line, with a new configuration if it has none. */
void http_control_open(struct web *x, struct web_line *l);
void http_control_close(struct web *x, struct web_line *l);
/* One operation, drawn. */
void http_control_operate(struct web *x);
/* What operations took away comes back; closed lines open again. */
void http_control_calm(struct web *x);
/* Stop the proxy; connections may be open. */
void http_control_stop(struct web *x);

#endif
