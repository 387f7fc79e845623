/* SPDX-License-Identifier: MIT */
/* tape_json.c - see tape_json.h. Written to be fast: a byte is looked at about once, and text eight bytes at a time. */
#include "audit/tape_json.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static inline void
space(struct tape_lex *l)
{
	const char *p = l->p;

	for (; p < l->end && (unsigned char)*p <= ' '; p++) {
		if (*p == '\n') {
			l->line++;
			l->line_start = p + 1;
			l->lead_bytes = 0;
		} else if (*p != ' ' && *p != '\t' && *p != '\r') {
			break;
		}
	}
	l->p = p;
}

void
tape_json_space(struct tape_lex *l)
{
	space(l);
}

static inline uint64_t
load(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The first quote, backslash or control character. */
static inline const char *
plain_end(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t w = load(p), quote = w ^ (ONES * '"'), slash = w ^ (ONES * '\\');
		uint64_t hit = (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((w - ONES * 0x20) & ~w)) & HIGHS;

		if (hit != 0)
			return p + (__builtin_ctzll(hit) >> 3);
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

/* One escape; l->p is behind the backslash. */
static bool
escape(struct tape_lex *l)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p == 'u') {
		l->p++;
		return tape_lex_unicode(l);
	}
	const char *which = *l->p == '\0' ? NULL : strchr(from, *l->p);

	if (which == NULL)
		return tape_lex_fail(l, "there is no such escape");
	l->p++;
	return buf_putc(&l->scratch, to[which - from]) == 0 || tape_lex_full(l);
}

/* A text with escapes in it; l->p is behind its quote. */
static bool
escaped(struct tape_lex *l, const char **ret, size_t *ret_bytes)
{
	buf_clear(&l->scratch);
	for (;;) {
		const char *stop = plain_end(l->p, l->end);

		if (buf_append(&l->scratch, l->p, (size_t)(stop - l->p)) != 0)
			return tape_lex_full(l);
		l->p = stop;
		if (stop == l->end)
			return tape_lex_ended(l);
		if (*stop == '"')
			break;
		if (*stop != '\\')
			return tape_lex_fail(l, "a control character within a text must be escaped");
		l->p++;
		if (!escape(l))
			return false;
	}
	l->p++;
	*ret = buf_data(&l->scratch);
	*ret_bytes = buf_len(&l->scratch);
	return true;
}

/* A text; l->p is at its quote. What is returned stands until the next text. */
static inline bool
text(struct tape_lex *l, const char **ret, size_t *ret_bytes)
{
	const char *from = ++l->p, *stop = plain_end(from, l->end);

	if (stop < l->end && *stop == '"') {
		*ret = from;
		*ret_bytes = (size_t)(stop - from);
		l->p = stop + 1;
		return true;
	}
	return escaped(l, ret, ret_bytes);
}

static bool
word(struct tape_lex *l, const char *name, struct tape_value v, struct tape_value *ret)
{
	for (; *name != '\0'; name++, l->p++) {
		if (l->p == l->end)
			return tape_lex_ended(l);
		if (*l->p != *name)
			return tape_lex_fail(l, "expected a value");
	}
	*ret = v;
	return true;
}

static bool value(struct tape_lex *l, struct tape_value *ret);

/* Behind an item: true when there is another one; *ret_more false at the end. */
static inline bool
next_item(struct tape_lex *l, char close, bool *ret_more)
{
	space(l);
	if (l->p == l->end)
		return tape_lex_ended(l);
	*ret_more = *l->p == ',';
	if (!*ret_more && *l->p != close)
		return tape_lex_fail(l, close == ']' ? "expected , or ]" : "expected , or }");
	l->p++;
	space(l);
	return true;
}

static bool
list(struct tape_lex *l, struct tape_value *ret)
{
	size_t base = l->stack_count;
	struct tape_value item;
	bool more = true;

	l->p++;
	space(l);
	if (l->p < l->end && *l->p == ']') {
		l->p++;
		return tape_lex_close(l, base, TAPE_FORM_LIST, ret);
	}
	while (more)
		if (!value(l, &item) || !tape_lex_push(l, item) || !next_item(l, ']', &more))
			return false;
	return tape_lex_close(l, base, TAPE_FORM_LIST, ret);
}

/* The name of a member, and the colon behind it. */
static inline bool
name(struct tape_lex *l, const char **ret, size_t *ret_bytes)
{
	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p != '"')
		return tape_lex_fail(l, "expected the name of a member");
	if (!text(l, ret, ret_bytes))
		return false;
	space(l);
	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p != ':')
		return tape_lex_fail(l, "expected :");
	l->p++;
	space(l);
	return true;
}

static bool
map(struct tape_lex *l, struct tape_value *ret)
{
	size_t base = l->stack_count, n;
	struct tape_value item;
	const char *p;
	bool more = true;

	l->p++;
	space(l);
	if (l->p < l->end && *l->p == '}') {
		l->p++;
		return tape_lex_close(l, base, TAPE_FORM_MAP, ret);
	}
	while (more) {
		if (!name(l, &p, &n) || !tape_lex_text(l, p, n, &item) || !tape_lex_push(l, item))
			return false;
		if (!value(l, &item) || !tape_lex_push(l, item) || !next_item(l, '}', &more))
			return false;
	}
	return tape_lex_close(l, base, TAPE_FORM_MAP, ret);
}

/* JSON's numbers have no plus and no leading zero. */
static bool
number(struct tape_lex *l, struct tape_value *ret)
{
	const char *first = l->p + (*l->p == '-');

	if (l->end - first < 2 || *first != '0' || first[1] < '0' || first[1] > '9')
		return tape_lex_number(l, ret);
	l->p = first;
	return tape_lex_fail(l, "a number does not begin with 0");
}

static bool
nested(struct tape_lex *l, struct tape_value *ret)
{
	if (l->depth == TAPE_LEX_DEPTH_MAX)
		return tape_lex_fail(l, "too many lists and maps within each other");
	l->depth++;
	bool ok = *l->p == '[' ? list(l, ret) : map(l, ret);

	l->depth--;
	return ok;
}

static bool
value(struct tape_lex *l, struct tape_value *ret)
{
	const char *p;
	size_t n;

	if (l->p == l->end)
		return tape_lex_ended(l);
	switch (*l->p) {
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return number(l, ret);
	case '"':
		return text(l, &p, &n) && tape_lex_text(l, p, n, ret);
	case '[': case '{':
		return nested(l, ret);
	case 'n': return word(l, "null", tape_nil(), ret);
	case 't': return word(l, "true", tape_bool(true), ret);
	case 'f': return word(l, "false", tape_bool(false), ret);
	default: return tape_lex_fail(l, "expected a value");
	}
}

static bool
process(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_value v;
	struct tape_lex_place from = tape_lex_place(l);
	const char *p;
	size_t n;

	if (l->p < l->end && *l->p == '"') {
		if (!text(l, &p, &n))
			return false;
		return tape_lex_process(l, p, n, ev);
	}
	if (!value(l, &v))
		return false;
	if (v.type != TAPE_INT) {
		return tape_lex_fail_at(l, from, "expected a process number or a name");
	}
	ev->process = v.i;
	ev->nemesis = v.i < 0;
	return true;
}

static bool
type(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place from = tape_lex_place(l);
	const char *p;
	size_t n;

	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p != '"')
		return tape_lex_fail(l, "expected a text");
	if (!text(l, &p, &n))
		return false;
	ev->type = tape_lex_type(p, n);
	if (ev->type != TAPE_TYPE_OTHER)
		return true;
	return tape_lex_fail_at(l, from, "the type is none of invoke, ok, fail and info");
}

/* Other recorders write lists and objects here: their text does. */
static bool
error(struct tape_lex *l, struct tape_event *ev)
{
	const char *from = l->p;
	struct tape_value v;

	if (!value(l, &v))
		return false;
	if (v.type == TAPE_NIL)
		ev->saw &= ~(unsigned)TAPE_SAW_ERROR;
	else if (v.type == TAPE_TEXT)
		ev->error = (uint32_t)v.text;
	else
		return tape_lex_error(l, from, (size_t)(l->p - from), &ev->error);
	return true;
}

static bool
time_of(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place from = tape_lex_place(l);
	struct tape_value v;

	if (!value(l, &v))
		return false;
	if (v.type == TAPE_NIL)
		ev->saw &= ~(unsigned)TAPE_SAW_TIME;
	const char *wrong = tape_lex_time(v, &ev->time);

	return wrong == NULL || tape_lex_fail_at(l, from, wrong);
}

/* A value nobody asks for: what it held is given back. */
static bool
passed_over(struct tape_lex *l)
{
	size_t items_before = l->tape->item_count, ints_before = l->tape->int_count;
	struct tape_value ignored;
	bool ok = value(l, &ignored);

	l->tape->item_count = items_before;
	l->tape->int_count = ints_before;
	return ok;
}

/* The name of a member as most recorders write it, with its colon right behind it; l->p goes on then. */
#define PLAIN(text, which) (memcmp(l->p, text, sizeof(text) - 1) == 0 ? (l->p += sizeof(text) - 1, space(l), which) : TAPE_MEMBER_OTHER)
static inline enum tape_lex_member
plain_member(struct tape_lex *l)
{
	if (l->end - l->p < 10)
		return TAPE_MEMBER_OTHER;
	switch (l->p[1]) {
	case 'p': return PLAIN("\"process\":", TAPE_MEMBER_PROCESS);
	case 't': return l->p[2] == 'i' ? PLAIN("\"time\":", TAPE_MEMBER_TIME) : PLAIN("\"type\":", TAPE_MEMBER_TYPE);
	case 'f': return PLAIN("\"f\":", TAPE_MEMBER_F);
	case 'k': return PLAIN("\"key\":", TAPE_MEMBER_KEY);
	case 'v': return PLAIN("\"value\":", TAPE_MEMBER_VALUE);
	default: return TAPE_MEMBER_OTHER;
	}
}
#undef PLAIN

static bool
member(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place at = tape_lex_place(l);
	enum tape_lex_member which = plain_member(l);
	const char *p;
	size_t n;

	if (which == TAPE_MEMBER_OTHER) {
		if (!name(l, &p, &n))
			return false;
		which = tape_lex_member(p, n);
		if (which == TAPE_MEMBER_OTHER)
			return passed_over(l);
	}
	if (ev->saw & (1u << which)) {
		return tape_lex_fail_at(l, at, "a member stands twice");
	}
	ev->saw |= 1u << which;
	switch (which) {
	case TAPE_MEMBER_PROCESS: return process(l, ev);
	case TAPE_MEMBER_TYPE: return type(l, ev);
	case TAPE_MEMBER_F: return value(l, &ev->f);
	case TAPE_MEMBER_KEY: return value(l, &ev->key);
	case TAPE_MEMBER_VALUE: return value(l, &ev->value);
	case TAPE_MEMBER_TIME: return time_of(l, ev);
	default: return error(l, ev);
	}
}

bool
tape_json_event(struct tape_lex *l, struct tape_event *ret)
{
	bool more = true;

	*ret = (struct tape_event){ .error = TAPE_NONE };
	l->p++;
	space(l);
	if (l->p < l->end && *l->p == '}') {
		l->p++;
		return true;
	}
	while (more) {
		if (!member(l, ret) || !next_item(l, '}', &more))
			return false;
		/* What is behind the event is the reader's. */
	}
	return true;
}
