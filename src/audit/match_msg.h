/* SPDX-License-Identifier: MIT */
/*
 * match_msg.h - a message that can be audited: it says which it is, and carries a hash over all of itself. Pure.
 *
 *      fl1 FLOW KEY NUMBER VALUE HASH[ PADDING]
 *
 * One line of printable ASCII, so that any framing carries it: decimal numbers, one space between fields, the hash as 16
 * hexadecimal digits over everything else. A message is named by its flow and its number in it.
 *
 * Invariants
 *  (1) match_msg_read() of what match_msg_write() wrote gives the same message and hash; every change of a byte is refused, but
 *      for one in 2^64.
 */
#ifndef AUDIT_MATCH_MSG_H
#define AUDIT_MATCH_MSG_H

#include "base/types.h"

#define MATCH_MSG_BYTES_MIN 128         /* room that a message without padding always has enough of */
#define MATCH_MSG_BYTES_MAX (1u << 20)

struct match_msg {
	uint32_t flow, key;
	uint64_t n;                     /* in its flow, from 1 on */
	int64_t value;
};

/*
 * match_msg_write - the text of a message.
 * size      bytes it should have; it has more when it does not fit into that, and at most room
 * seed      of the padding
 * out       room bytes, at least MATCH_MSG_BYTES_MIN and size
 * ret_hash  what identifies its content in a log: 32 bits of its hash
 * returns   its length
 */
size_t match_msg_write(const struct match_msg *m, size_t size, uint64_t seed, char *out, size_t room, uint32_t *ret_hash);

/*
 * match_msg_read - what a text says it is.
 * returns   0; -EINVAL no message at all; -EBADMSG a message whose hash does not hold: what *ret_msg says is only claimed
 */
int match_msg_read(const char *text, size_t n, struct match_msg *ret_msg, uint32_t *ret_hash);

/* The hash that identifies a content of somebody else's in a log. */
uint32_t match_msg_hash(const void *content, size_t n);

#endif
