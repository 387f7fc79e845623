/* SPDX-License-Identifier: MIT */
/*
 * exp_audit.c - the audits of an experiment, as the words of the commands that carry them out.
 *
 *      audit: {model: register}                                # of the history of a Redis load
 *      audit:
 *        - {model: queue, history: "{run}/history.jsonl"}
 *        - {txn: serializable, history: "{run}/history.jsonl", model: bank, total: 1000}
 *        - match: {sent: "{run}/sent.log", received: "{run}/received.log", delivery: at-least-once}
 *        - {same: results.txt, as: lines}
 */
#include "run/exp_audit.h"

#include "audit/match_value.h"
#include "audit/model.h"
#include "audit/txn_level.h"
#include <string.h>

#define WORDS_MAX 96
#define FILES_MAX 32

/* The words of one command as they come together. */
struct maker {
	struct exp_reader *r;
	struct experiment_audit *audit;
	const char *words[WORDS_MAX + 1];
	uint32_t count;
};

static void
put(struct maker *m, const char *word)
{
	if (m->count < WORDS_MAX)
		m->words[m->count++] = word;
}

/* A flag with the value of a key, when that is there. */
static void
put_flag(struct maker *m, const struct doc_node *map, const char *key, const char *flag)
{
	const char *text;

	if (doc_get(map, key) == NULL || !exp_field_template(m->r, map, key, NULL, &text))
		return;
	put(m, flag);
	put(m, text);
}

static void
put_choice(struct maker *m, const struct doc_node *map, const char *key, const char *flag, const char *const *choices)
{
	const struct doc_node *n = doc_get(map, key);
	int i = n == NULL ? -1 : doc_choice(m->r->d, n, choices);

	if (i < 0)
		return;
	put(m, flag);
	put(m, choices[i]);
}

/* The words into the experiment; before: the template of texts in it were checked. */
static void
finish(struct maker *m)
{
	const char **argv = arena_alloc(&m->r->x->mem, (m->count + 1) * sizeof(*argv));

	if (argv == NULL)
		return;
	memcpy(argv, m->words, m->count * sizeof(*argv));
	argv[m->count] = NULL;
	m->audit->argv = argv;
}

static bool
is_redis(const struct exp_reader *r)
{
	return r->x->has_load && r->x->load.type == EXPERIMENT_REDIS;
}

static void
put_history(struct maker *m, const struct doc_node *n)
{
	const char *path = "{run}/history.jsonl";

	if (doc_get(n, "history") == NULL && (!m->r->x->has_load || m->r->x->load.type == EXPERIMENT_HTTP))
		doc_complain(m->r->d, n, "found an audit, but no load whose history it could judge");
	else if (doc_get(n, "history") == NULL && !is_redis(m->r))
		doc_complain(m->r->d, n, "found an audit without history, expected history: \"{run}/...\", which the load writes");
	exp_field_template(m->r, n, "history", NULL, &path);
	put(m, "check");
	put(m, path);
}

/* "./x.so" and "./x.yaml" are models of the user's own. */
static bool
is_own_model(const char *name)
{
	return strchr(name, '/') != NULL || strchr(name, '{') != NULL;
}

static void
read_history(struct maker *m, const struct doc_node *n)
{
	static const char *const known[] = { "model", "history", "consistency", "name", NULL };
	static const char *const orders[] = { "linearizable", "sequential", "causal", "causal-convergence", "staleness", NULL };
	const struct model *const *all = model_all();
	const char *names[64] = { NULL }, *model = NULL;

	doc_keys(m->r->d, n, known);
	for (size_t i = 0; all[i] != NULL && i + 1 < FL_ARRAY_LEN(names); i++)
		names[i] = all[i]->name;
	exp_field_template(m->r, n, "model", NULL, &model);
	if (model != NULL && !is_own_model(model) && model_find(model) == NULL)
		(void)doc_choice(m->r->d, doc_get(n, "model"), names);
	m->audit->kind = EXPERIMENT_AUDIT_HISTORY;
	m->audit->what = model;
	put_history(m, n);
	put(m, "--model");
	put(m, model == NULL ? "" : model);
	put_choice(m, n, "consistency", "--consistency", orders);
}

static void
read_txn(struct maker *m, const struct doc_node *n)
{
	static const char *const known[] = { "txn", "history", "model", "total", "negative", "name", NULL };
	static const char *const models[] = { "list-append", "rw-register", "set-add", "bank", NULL };
	int level = doc_choice(m->r->d, doc_get(n, "txn"), txn_level_names());
	bool negative = false;

	doc_keys(m->r->d, n, known);
	m->audit->kind = EXPERIMENT_AUDIT_TXN;
	m->audit->what = level < 0 ? "" : txn_level_names()[level];
	put_history(m, n);
	put(m, "--txn");
	put(m, "--level");
	put(m, m->audit->what);
	put_choice(m, n, "model", "--model", models);
	put_flag(m, n, "total", "--total");
	if (exp_field_bool(m->r, n, "negative", &negative) && negative)
		put(m, "--negative");
}

/* One path, or a list of them; each after the flag, where there is one. */
static void
put_paths(struct maker *m, const struct doc_node *map, const char *key, const char *flag, uint32_t from, uint32_t to)
{
	const struct doc_node *n = doc_get(map, key);
	uint32_t count = n == NULL ? 0 : n->kind == DOC_LIST ? n->count : 1;

	if (n != NULL && (count == 0 || count > FILES_MAX))
		doc_complain(m->r->d, n, "found %u files, expected 1 to %d", count, FILES_MAX);
	for (uint32_t i = from; i < FL_MIN(FL_MIN(count, to), (uint32_t)FILES_MAX); i++) {
		const char *path = exp_field_template_node(m->r, n->kind == DOC_LIST ? n->items[i] : n);

		if (flag != NULL)
			put(m, flag);
		put(m, path == NULL ? "" : path);
	}
}

static void
check_defects(struct maker *m, const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	const char *text;
	uint32_t bits;
	char word[32];

	if (n == NULL || !doc_text(m->r->d, n, "defects such as \"lost,duplicate\"", &text))
		return;
	if (strcmp(key, "expect") == 0 && (strcmp(text, "match") == 0 || strcmp(text, "nomatch") == 0))
		return;
	if (!match_result_set(text, &bits, word))
		doc_complain(m->r->d, n, "found the defect \"%s\", expected some of lost, duplicate, refused-arrived, corrupt, changed, phantom, "
		    "reordered, reordered-total, late, wrong-value", word);
}

static void
read_match(struct maker *m, const struct doc_node *n)
{
	static const char *const known[] = { "sent", "received", "delivery", "order", "late", "promised", "allow", "expect", "function", "oracle",
		"memory", "lines", NULL };
	static const char *const deliveries[] = { "exactly-once", "at-least-once", "at-most-once", "any", NULL };
	static const char *const orders[] = { "key", "total", "none", NULL };
	static const char *const promises[] = { "acked", "sent", NULL };
	const struct doc_node *function = doc_get(n, "function");
	struct match_oracle oracle;
	bool lines = false;

	if (!doc_expect(m->r->d, n, DOC_MAP, "a map with sent and received"))
		return;
	doc_keys(m->r->d, n, known);
	if (doc_get(n, "sent") == NULL || doc_get(n, "received") == NULL)
		doc_complain(m->r->d, n, "found a match without sent or received, expected both: the logs of the sender and of the receiver");
	put(m, "match");
	put_paths(m, n, "sent", NULL, 0, 1);
	put_paths(m, n, "received", NULL, 0, FILES_MAX);
	put_paths(m, n, "sent", "--sent", 1, FILES_MAX);
	put_choice(m, n, "delivery", "--delivery", deliveries);
	put_choice(m, n, "order", "--order", orders);
	put_choice(m, n, "promised", "--promised", promises);
	put_flag(m, n, "late", "--late");
	check_defects(m, n, "allow");
	put_flag(m, n, "allow", "--allow");
	check_defects(m, n, "expect");
	put_flag(m, n, "expect", "--expect");
	if (function != NULL && function->kind == DOC_SCALAR && !match_value_function(function->text, &oracle))
		doc_unexpected(m->r->d, function, "count, sum, last:N with N up to 16, or join:A,B with the numbers of two flows");
	put_flag(m, n, "function", "--function");
	put_flag(m, n, "oracle", "--oracle");
	put_flag(m, n, "memory", "--memory");
	if (exp_field_bool(m->r, n, "lines", &lines) && lines)
		put(m, "--lines");
	put(m, "-q");
}

static void
read_same(struct exp_reader *r, const struct doc_node *n)
{
	static const char *const known[] = { "same", "as", NULL };
	static const char *const forms[] = { "bytes", "lines", "last", NULL };
	const struct doc_node *as = doc_get(n, "as"), *file = doc_get(n, "same");
	int form = as == NULL ? 0 : doc_choice(r->d, as, forms);

	doc_keys(r->d, n, known);
	if (r->x->same != EXPERIMENT_SAME_NOT)
		doc_complain(r->d, n, "found a second file that is to be the same, expected one");
	if (exp_field_text(r, n, "same", NULL, &r->x->same_file) && (r->x->same_file[0] == '/' || strstr(r->x->same_file, "..") != NULL ||
	    r->x->same_file[0] == '\0'))
		doc_unexpected(r->d, file, "the name of a file in the run directory, which the system writes as {run}/NAME");
	r->x->same = (enum experiment_same)(EXPERIMENT_SAME_BYTES + FL_MAX(form, 0));
}

/* An audit of this program's own history, as it runs. */
static bool
is_plain_register(const struct exp_reader *r, const struct doc_node *n)
{
	const struct doc_node *model = doc_get(n, "model");

	return model != NULL && model->kind == DOC_SCALAR && strcmp(model->text, "register") == 0 && doc_get(n, "history") == NULL &&
	       doc_get(n, "consistency") == NULL && is_redis(r) && !r->x->has_audit;
}

static void
read_one(struct exp_reader *r, const struct doc_node *n)
{
	static const char *const plain[] = { "model", "name", NULL };
	static const char *const match[] = { "match", "name", NULL };
	struct experiment *x = r->x;
	struct maker m = { .r = r, .audit = &x->audits[x->audit_count] };

	if (!doc_expect(r->d, n, DOC_MAP, "a map such as {model: register}"))
		return;
	if (is_plain_register(r, n)) {
		doc_keys(r->d, n, plain);
		exp_field_text(r, n, "name", NULL, &x->audit_name);
		x->has_audit = true;
		return;
	}
	if (doc_get(n, "same") != NULL) {
		read_same(r, n);
		return;
	}
	exp_field_text(r, n, "name", NULL, &m.audit->name);
	if (doc_get(n, "match") != NULL) {
		doc_keys(r->d, n, match);
		m.audit->kind = EXPERIMENT_AUDIT_STREAM;
		m.audit->what = "match";
		read_match(&m, doc_get(n, "match"));
	} else if (doc_get(n, "txn") != NULL) {
		read_txn(&m, n);
	} else if (doc_get(n, "model") != NULL) {
		read_history(&m, n);
	} else {
		doc_complain(r->d, n, "found an audit without model, expected one of model, txn, match, same");
		return;
	}
	finish(&m);
	x->audit_count++;
}

void
exp_audit_read(struct exp_reader *r, const struct doc_node *n)
{
	if (n->kind != DOC_LIST) {
		read_one(r, n);
		return;
	}
	if (n->count == 0 || n->count > EXPERIMENT_AUDITS_MAX) {
		doc_complain(r->d, n, "found %u audits, expected 1 to %d", n->count, EXPERIMENT_AUDITS_MAX);
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		read_one(r, n->items[i]);
}
