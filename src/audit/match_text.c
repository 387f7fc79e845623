/* SPDX-License-Identifier: MIT */
/* match_text.c - lines of text as records of streams. */
#include "audit/match_text.h"

#include "audit/match_msg.h"
#include "proto/jsonl.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	enum match_kind kind;
	enum match_side side;
} types[] = {
	{ "sent", MATCH_SENT, MATCH_SIDE_SENT }, { "again", MATCH_AGAIN, MATCH_SIDE_SENT }, { "ack", MATCH_ACK, MATCH_SIDE_SENT },
	{ "refused", MATCH_REFUSED, MATCH_SIDE_SENT }, { "got", MATCH_GOT, MATCH_SIDE_RECEIVED },
	{ "corrupt", MATCH_CORRUPT, MATCH_SIDE_RECEIVED }, { "output", MATCH_OUTPUT, MATCH_SIDE_RECEIVED },
};

struct line {
	struct jsonl j;
	char *scratch;
	bool has_type, has_n, has_value, has_output;
	enum match_side side;
	struct match_rec rec;
};

static bool
take_type(struct line *l)
{
	char word[16];

	if (!jsonl_text(&l->j, word, sizeof(word)))
		return false;
	for (size_t i = 0; i < FL_ARRAY_LEN(types); i++) {
		if (strcmp(word, types[i].name) != 0)
			continue;
		if (types[i].side != l->side)
			return jsonl_fail(&l->j, "this type is of the other side: senders have sent again ack refused, receivers got corrupt output");
		l->rec.kind = types[i].kind;
		return l->has_type = true;
	}
	return jsonl_fail(&l->j, "expected one of: sent again ack refused got corrupt output");
}

static bool
take_small(struct line *l, uint32_t *ret)
{
	int64_t v;

	if (!jsonl_int(&l->j, &v))
		return false;
	if (v < 0 || v > UINT32_MAX)
		return jsonl_fail(&l->j, "expected a number from 0 to 4294967295");
	*ret = (uint32_t)v;
	return true;
}

static bool
take_n(struct line *l)
{
	int64_t v;

	if (!jsonl_int(&l->j, &v))
		return false;
	if (v < 0)
		return jsonl_fail(&l->j, "expected a number that is not negative");
	l->rec.n = (uint64_t)v;
	return l->has_n = true;
}

/* The text of a member into the scratch. */
static bool
take_text(struct line *l, size_t *ret_bytes)
{
	if (!jsonl_text(&l->j, l->scratch, MATCH_LOG_BYTES_MAX + 1))
		return false;
	*ret_bytes = strlen(l->scratch);
	return true;
}

static bool
take_member(struct line *l, const char *name)
{
	size_t bytes;

	if (strcmp(name, "type") == 0)
		return take_type(l);
	if (strcmp(name, "flow") == 0)
		return take_small(l, &l->rec.flow);
	if (strcmp(name, "key") == 0)
		return take_small(l, &l->rec.key);
	if (strcmp(name, "n") == 0)
		return take_n(l);
	if (strcmp(name, "value") == 0)
		return l->has_value = jsonl_int(&l->j, &l->rec.value);
	if (strcmp(name, "time") == 0)
		return jsonl_int(&l->j, &l->rec.at);
	if (strcmp(name, "content") == 0 && !l->has_output) {
		if (!take_text(l, &bytes))
			return false;
		l->rec.hash = match_msg_hash(l->scratch, bytes);
		return true;
	}
	if (strcmp(name, "output") == 0) {
		if (!take_text(l, &bytes))
			return false;
		l->rec.bytes = l->scratch;
		l->rec.byte_count = (uint32_t)bytes;
		return l->has_output = true;
	}
	return jsonl_skip(&l->j);
}

static int
read_json(struct line *l, struct match_rec *ret, const char **error, uint32_t *ret_column)
{
	char name[16];

	if (jsonl_enter(&l->j, '{'))
		while (jsonl_member(&l->j, name, sizeof(name)) && take_member(l, name))
			;
	if (jsonl_end(&l->j)) {
		if (!l->has_type)
			(void)jsonl_fail(&l->j, "there is no \"type\"");
		else if (l->rec.kind == MATCH_OUTPUT && !l->has_output)
			(void)jsonl_fail(&l->j, "an output has no \"output\"");
		else if (l->rec.kind != MATCH_OUTPUT && l->rec.kind != MATCH_CORRUPT && !l->has_n)
			(void)jsonl_fail(&l->j, "there is no \"n\"");
	}
	if (l->j.error != NULL) {
		*error = l->j.error;
		*ret_column = (uint32_t)l->j.at + 1;
		return -EINVAL;
	}
	if (!l->has_value)
		l->rec.value = (int64_t)l->rec.n;
	l->rec.claimed = l->rec.kind == MATCH_CORRUPT && l->has_n;
	if (l->rec.kind != MATCH_OUTPUT) {
		l->rec.bytes = NULL;
		l->rec.byte_count = 0;
	}
	*ret = l->rec;
	return 1;
}

static int
read_message(const char *line, size_t n, enum match_side side, bool outputs, struct match_rec *ret, const char **error, uint32_t *ret_column)
{
	struct match_msg m = { .flow = 0 };
	uint32_t hash = 0;
	int rc = match_msg_read(line, n, &m, &hash);

	*ret = (struct match_rec){ .kind = side == MATCH_SIDE_SENT ? MATCH_SENT : MATCH_GOT, .flow = m.flow, .key = m.key, .n = m.n, .value = m.value,
		.hash = hash };
	if (rc == 0)
		return 1;
	if (side == MATCH_SIDE_SENT) {
		*error = rc == -EBADMSG ? "the hash of this message does not hold" :
		    "expected a message (fl1 FLOW KEY NUMBER VALUE HASH) or a JSON object";
		*ret_column = 1;
		return -EINVAL;
	}
	ret->kind = outputs && rc == -EINVAL ? MATCH_OUTPUT : MATCH_CORRUPT;
	ret->claimed = ret->kind == MATCH_CORRUPT && rc == -EBADMSG;
	ret->bytes = line;
	ret->byte_count = (uint32_t)FL_MIN(n, (size_t)MATCH_LOG_BYTES_MAX);
	return 1;
}

int
match_text_line(const char *line, size_t n, enum match_side side, bool outputs, char *scratch, struct match_rec *ret, const char **error,
    uint32_t *ret_column)
{
	struct line l = { .scratch = scratch, .side = side };
	size_t at = 0;

	if (n > 0 && line[n - 1] == '\r')
		n--;
	while (at < n && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (at == n)
		return 0;
	if (line[at] == '{' && !outputs) {
		jsonl_init(&l.j, line, n);
		return read_json(&l, ret, error, ret_column);
	}
	return read_message(line, n, side, outputs, ret, error, ret_column);
}
