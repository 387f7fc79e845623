/* SPDX-License-Identifier: MIT */
/*
 * match_text.h - one line of text as a record of a stream, for senders and receivers that are not ours. Pure.
 *
 *      fl1 1 7 42 42 0123456789abcdef          a message as match_msg.h has it: sent, or got
 *      {"type":"sent","flow":1,"key":7,"n":42,"value":42,"content":"any text","time":1200}
 *
 * Types: sent, again, ack, refused (of a sender); got, corrupt, output (of a receiver; an output has its text as "output").
 * flow and key are 0 when they are left out, value is n, time (ns) is 0; the content is what is compared, through its hash.
 */
#ifndef AUDIT_MATCH_TEXT_H
#define AUDIT_MATCH_TEXT_H

#include "audit/match_log.h"

#define MATCH_TEXT_LINE_MAX (1u << 20)

/*
 * match_text_line - read a line without its newline.
 * outputs   of a receiver: what is no message is a result, not a damaged message
 * scratch   MATCH_LOG_BYTES_MAX + 1 bytes for the text of outputs; the record points into it or into the line
 * error     what was found and expected, a constant; ret_column from 1 on
 * returns   1 a record; 0 an empty line; -EINVAL with error, ret_column
 */
int match_text_line(const char *line, size_t n, enum match_side side, bool outputs, char *scratch, struct match_rec *ret,
    const char **error, uint32_t *ret_column);

#endif
