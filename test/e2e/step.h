/* SPDX-License-Identifier: MIT */
/*
 * step.h - what a server or client does on its connection, step by step.
 *
 *   accept                    (server) take the next connection
 *   send TEXT                 sendbytes N SEED [-any]    -any: an error ends it, no failure
 *   recv N                    N bytes, whatever they are
 *   expect TEXT               exactly these bytes come next
 *   recvbytes N SEED          exactly the first N bytes of the pattern come next
 *   diffbytes N SEED VAR      N bytes; VAR = how many differ from the pattern
 *   hashbytes N VAR           N bytes; VAR = a hash of them
 *   drain VAR                 everything until the end; VAR = bytes, VAR_end = eof | rst
 *   expect_eof                the end comes next, in order       expect_rst   the connection is reset
 *   expect_end                either, whatever comes before      echo         send back all until the end
 *   shutdown                  no more from here (FIN)            close        rst
 *   noread                    a receive buffer that does not grow, so that not reading shows
 *   mark NAME                 elapsed VAR NAME: VAR = ms since the mark
 *   sync BARRIER              expect_var A OP B: as the command expect
 */
#ifndef E2E_STEP_H
#define E2E_STEP_H

#include "peer.h"

/* Go through the steps; the first that does not hold ends the test. line: where the text starts. */
void step_run(struct peer *p, const char *text, int line);

#endif
