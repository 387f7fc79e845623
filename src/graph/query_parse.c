/* SPDX-License-Identifier: MIT */
/* query_parse.c - the text of a question into a tree, by recursive descent. */
#include "graph/query_tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 4096u
#define TEXT_MAX 8192u                  /* of a question: so its tree is not deep */
#define DEPTH_NONE UINT32_MAX

enum token { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_OP, TOKEN_OPEN, TOKEN_CLOSE };

struct parser {
	const char *text;
	struct arena *keep;
	struct query_mistake *mistake;
	enum token token;               /* what comes next */
	size_t at, next;                /* where it is, and what is behind it */
	const char *word;
	enum query_op op;
	unsigned depth;
	int rc;
};

static void fail(struct parser *p, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
fail(struct parser *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	if (p->rc != 0)
		return;
	p->rc = -EINVAL;
	p->mistake->at = at;
	va_start(ap, fmt);
	vsnprintf(p->mistake->text, sizeof(p->mistake->text), fmt, ap);
	va_end(ap);
	p->token = TOKEN_END;
}

/* ---- words ---- */

static bool
in_word(char c)
{
	return c != '\0' && !isspace((unsigned char)c) && strchr("()=!<>~\"'", c) == NULL;
}

static void
take_text(struct parser *p, size_t from, size_t n)
{
	if (n > WORD_MAX) {
		fail(p, from, "a word of more than %u bytes", WORD_MAX);
		return;
	}
	p->word = arena_strndup(p->keep, p->text + from, n);
	if (p->word == NULL)
		p->rc = -ENOMEM;
}

static void
take_quoted(struct parser *p)
{
	const char *end = strchr(p->text + p->at + 1, p->text[p->at]);

	if (end == NULL) {
		fail(p, p->at, "this quote is not closed");
		return;
	}
	p->token = TOKEN_QUOTED;
	p->next = (size_t)(end - p->text) + 1;
	take_text(p, p->at + 1, p->next - p->at - 2);
}

static void
take_op(struct parser *p)
{
	static const struct {
		const char *text;
		enum query_op op;
	} all[] = { { "!=", QUERY_NE }, { "<=", QUERY_LE }, { ">=", QUERY_GE }, { "==", QUERY_EQ }, { "=", QUERY_EQ }, { "<", QUERY_LT },
		{ ">", QUERY_GT }, { "~", QUERY_LIKE } };

	for (size_t i = 0; i < FL_ARRAY_LEN(all); i++)
		if (strncmp(p->text + p->at, all[i].text, strlen(all[i].text)) == 0) {
			p->token = TOKEN_OP;
			p->op = all[i].op;
			p->next = p->at + strlen(all[i].text);
			return;
		}
	fail(p, p->at, "found \"%c\", expected a comparison: = != < <= > >= ~", p->text[p->at]);
}

static void
advance(struct parser *p)
{
	size_t n = 0;

	if (p->rc != 0)
		return;
	p->at = p->next;
	while (isspace((unsigned char)p->text[p->at]))
		p->at++;
	p->next = p->at + 1;
	switch (p->text[p->at]) {
	case '\0':
		p->token = TOKEN_END;
		p->next = p->at;
		return;
	case '(':
		p->token = TOKEN_OPEN;
		return;
	case ')':
		p->token = TOKEN_CLOSE;
		return;
	case '"':
	case '\'':
		take_quoted(p);
		return;
	default:
		while (in_word(p->text[p->at + n]))
			n++;
		if (n == 0) {
			take_op(p);
			return;
		}
		p->token = TOKEN_WORD;
		p->next = p->at + n;
		take_text(p, p->at, n);
	}
}

static bool
is_word(const struct parser *p, const char *word)
{
	return p->rc == 0 && p->token == TOKEN_WORD && strcmp(p->word, word) == 0;
}

static bool
accept(struct parser *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	advance(p);
	return true;
}

static void
unexpected(struct parser *p, const char *expected)
{
	if (p->rc != 0)
		return;
	if (p->token == TOKEN_END)
		fail(p, p->at, "the question ends here, expected %s", expected);
	else
		fail(p, p->at, "found \"%.*s\", expected %s", (int)FL_MIN(p->next - p->at, 60), p->text + p->at, expected);
}

/* ---- conditions ---- */

static struct query_node *
node(struct parser *p, enum query_op op, const struct query_node *left, const struct query_node *right)
{
	struct query_node *n = arena_alloc(p->keep, sizeof(*n));

	if (n == NULL) {
		p->rc = -ENOMEM;
		return NULL;
	}
	n->op = op;
	n->left = left;
	n->right = right;
	return n;
}

static struct query_node *
comparison(struct parser *p)
{
	struct query_node *n;

	if (p->token != TOKEN_WORD && p->token != TOKEN_QUOTED) {
		unexpected(p, "a condition such as tier=1");
		return NULL;
	}
	n = node(p, QUERY_THERE, NULL, NULL);
	if (n == NULL)
		return NULL;
	n->key = p->word;
	n->key_at = p->at;
	advance(p);
	if (p->token != TOKEN_OP)
		return n;
	n->op = p->op;
	advance(p);
	if (p->token != TOKEN_WORD && p->token != TOKEN_QUOTED)
		unexpected(p, "a value");
	n->value = p->word;
	n->value_at = p->at;
	advance(p);
	return n;
}

static struct query_node *disjunction(struct parser *p);

static struct query_node *
unary(struct parser *p)
{
	struct query_node *n;

	if (++p->depth > QUERY_DEPTH_MAX) {
		fail(p, p->at, "nested more than %d deep", QUERY_DEPTH_MAX);
		return NULL;
	}
	if (accept(p, "not")) {
		n = unary(p);
		n = n != NULL ? node(p, QUERY_NOT, n, NULL) : NULL;
	} else if (p->token == TOKEN_OPEN) {
		advance(p);
		n = disjunction(p);
		if (p->token != TOKEN_CLOSE)
			unexpected(p, "and, or, or a closing bracket");
		advance(p);
	} else {
		n = comparison(p);
	}
	p->depth--;
	return n;
}

static struct query_node *
conjunction(struct parser *p)
{
	struct query_node *n = unary(p);

	while (n != NULL && accept(p, "and")) {
		struct query_node *right = unary(p);

		n = right != NULL ? node(p, QUERY_AND, n, right) : NULL;
	}
	return n;
}

static struct query_node *
disjunction(struct parser *p)
{
	struct query_node *n = conjunction(p);

	while (n != NULL && accept(p, "or")) {
		struct query_node *right = conjunction(p);

		n = right != NULL ? node(p, QUERY_OR, n, right) : NULL;
	}
	return n;
}

/* ---- the whole ---- */

static void
take_depth(struct parser *p, struct query *q)
{
	unsigned v = 0;

	for (const char *c = p->word; p->token == TOKEN_WORD && *c != '\0'; c++) {
		if (!isdigit((unsigned char)*c) || v > 100000) {
			v = 0;
			break;
		}
		v = v * 10 + (unsigned)(*c - '0');
	}
	if (p->token != TOKEN_WORD || v == 0)
		unexpected(p, "a number of lines, 1 or more");
	q->depth = v;
	advance(p);
}

static void
take_from(struct parser *p, struct query *q)
{
	if (p->token != TOKEN_WORD && p->token != TOKEN_QUOTED) {
		unexpected(p, "the name of a service");
		return;
	}
	q->from = p->word;
	q->from_at = p->at;
	q->depth = DEPTH_NONE;
	advance(p);
	for (;;) {
		if (accept(p, "upstream"))
			q->upstream = true;
		else if (accept(p, "hard"))
			q->hard_only = true;
		else if (accept(p, "soft"))
			q->soft_only = true;
		else if (accept(p, "depth"))
			take_depth(p, q);
		else if (!accept(p, "downstream"))
			break;
	}
}

/* "from" is also a key of lines: "lines where from=web". It begins a walk only when a name follows it. */
static bool
begins_walk(const struct parser *p)
{
	size_t at = p->next;

	while (isspace((unsigned char)p->text[at]))
		at++;
	return is_word(p, "from") && strchr("=!<>~", p->text[at]) == NULL;
}

int
query_parse(const char *text, struct arena *keep, struct query **ret, struct query_mistake *ret_mistake)
{
	struct parser p = { .text = text, .keep = keep, .mistake = ret_mistake };
	struct query *q = arena_alloc(keep, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
		fail(&p, TEXT_MAX, "a question of more than %u bytes", TEXT_MAX);
	advance(&p);
	if (accept(&p, "lines"))
		q->lines = true;
	else
		accept(&p, "services");
	if (begins_walk(&p)) {
		advance(&p);
		take_from(&p, q);
	}
	if (accept(&p, "where") || (p.rc == 0 && p.token != TOKEN_END && q->from == NULL)) {
		q->where = disjunction(&p);
		if (p.token != TOKEN_END)
			unexpected(&p, "and, or, or the end");
	} else if (p.token != TOKEN_END) {
		unexpected(&p, "upstream, downstream, hard, soft, depth, where or the end");
	}
	if (p.rc == 0)
		*ret = q;
	return p.rc;
}

bool
query_of_lines(const struct query *q)
{
	return q->lines;
}
