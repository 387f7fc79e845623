/* SPDX-License-Identifier: MIT */
/* tape_log.c - see tape_log.h. */
#include "audit/tape_log.h"

#include "audit/tape_edn.h"

static const char *const types[] = { "\t:invoke\t:", "\t:ok\t:", "\t:fail\t:", "\t:info\t:" };

/* Where the type stands in [p, end), with the tab before it; NULL. */
static const char *
find_type(const char *p, const char *end, enum tape_lex_type *ret)
{
	for (; (p = memchr(p, '\t', (size_t)(end - p))) != NULL; p++)
		for (size_t i = 0; i < FL_ARRAY_LEN(types); i++) {
			size_t n = strlen(types[i]);

			if ((size_t)(end - p) > n && memcmp(p, types[i], n) == 0) {
				*ret = (enum tape_lex_type)i;
				return p;
			}
		}
	return NULL;
}

bool
tape_log_found(const char *text, size_t n)
{
	enum tape_lex_type type;

	return n > 0 && find_type(text, text + n, &type) != NULL;
}

/* The process before the tab: digits; else it is none of a client. false: nothing stands there. */
static bool
process(const char *from, const char *tab, struct tape_event *ev)
{
	const char *p = tab;

	while (p > from && p[-1] != ' ' && p[-1] != '\t')
		p--;
	ev->nemesis = p == tab || tab - p > 18;
	for (const char *q = p; q < tab && !ev->nemesis; q++) {
		ev->nemesis = *q < '0' || *q > '9';
		ev->process = ev->process * 10 + (*q - '0');
	}
	return p != tab;
}

/* Function, value and error, up to the end of the line. */
static bool
rest(struct tape_lex *l, struct tape_event *ev)
{
	const char *from = l->p;
	uint32_t error;

	while (l->p < l->end && *l->p != '\t' && *l->p != '\n' && *l->p != '\r')
		l->p++;
	if (!tape_lex_text(l, from, (size_t)(l->p - from), &ev->f))
		return false;
	ev->saw = TAPE_SAW_PROCESS | TAPE_SAW_TYPE | TAPE_SAW_F;
	if (l->p == l->end || *l->p != '\t')
		return true;
	l->p++;
	from = l->p;
	if (!tape_edn_value(l, &ev->value))
		return false;
	ev->saw |= TAPE_SAW_VALUE;
	size_t n = (size_t)(l->p - from);

	if (ev->type == TAPE_TYPE_FAIL && tape_is_list(ev->value) && strcmp(tape_chars(l->tape, (uint32_t)ev->f.text), "cas") == 0) {
		from = "cas-mismatch";
		n = strlen(from);
	} else if ((ev->type != TAPE_TYPE_FAIL && ev->type != TAPE_TYPE_INFO) || ev->value.type != TAPE_TEXT) {
		return true;
	}
	if (!tape_lex_error(l, from, n, &error))
		return false;
	ev->error = error;
	ev->saw |= TAPE_SAW_ERROR;
	return true;
}

bool
tape_log_line(struct tape_lex *l, bool last, struct tape_event *ret, bool *ret_event)
{
	const char *from = l->p, *end = l->end, *nl = memchr(from, '\n', (size_t)(end - from));
	bool ok = true;

	if (nl == NULL && !last)
		return tape_lex_ended(l);
	*ret = (struct tape_event){ .error = TAPE_NONE };
	const char *stop = nl == NULL ? end : nl + 1, *tab = find_type(from, stop, &ret->type);

	*ret_event = tab != NULL && process(from, tab, ret);
	if (*ret_event) {
		l->p = tab + strlen(types[ret->type]);
		l->end = stop;
		ok = rest(l, ret);
		l->end = end;
		if (!ok)
			return false;
	}
	l->p = stop;
	if (nl != NULL) {
		l->line++;
		l->line_start = stop;
		l->lead_bytes = 0;
	}
	return true;
}
