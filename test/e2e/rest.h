/* SPDX-License-Identifier: MIT */
/*
 * rest.h - calls of the control API from a script.
 *
 *   api NAME METHOD PATH [{json} | TEXT] [-expect STATUS] [-match REGEX] [-nomatch REGEX] [-set VAR REGEX] [-until REGEX]
 *   line NAME LINE -upstream ADDR [-listen ADDR] [{json}] [-expect STATUS] ...   sets ${NAME_line_LINE}
 *   line NAME LINE set {json} | enable | disable | delete
 *   toxic NAME LINE add {json} | update TOXIC {json} | remove TOXIC
 *
 * Without -expect any 2xx will do. -until asks again until the body matches: the way to wait for something without
 * sleeping. -set takes what the first (group) of the expression matched. All options work with all three commands.
 */
#ifndef E2E_REST_H
#define E2E_REST_H

#include "words.h"

void rest_api(const struct command *c);
void rest_line(const struct command *c);
void rest_toxic(const struct command *c);

#endif
