/* SPDX-License-Identifier: MIT */
/* import_velero.c - see import_velero.h. A schedule covers what is stateful in its namespaces and bears its labels. */
#include "graph/import_velero.h"
#include "graph/import_backup.h"
#include "graph/import_k8s.h"
#include <string.h>

#define SOURCE "velero"

struct covering {
	struct covering *next;
	struct import_backup b;
	bool schedule;
	struct import_text *included, *excluded, *labels;
	struct import_at at;
};

struct import_velero {
	struct covering *first, **end;
};

static struct import_text *
read_list(struct import *im, const struct doc_node *list)
{
	struct import_text *out = NULL;

	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++)
		import_push(im, &out, list->items[i]->text, "");
	return out;
}

static int64_t
time_of(const struct doc_node *map, const char *key)
{
	const char *w = import_word(map, key);
	int64_t ns;

	return import_time(w, strlen(w), &ns) ? ns : 0;
}

static void
read_backup(const struct doc_node *root, struct import_backup *b)
{
	const struct doc_node *status = doc_get(root, "status");
	const char *phase = import_word(status, "phase");
	int64_t end = time_of(status, "completionTimestamp"), start = time_of(status, "startTimestamp");

	b->ok = strcmp(phase, "Completed") == 0;
	b->has_ok = b->ok || strstr(phase, "Failed") != NULL;
	if (b->ok) {
		b->last = end;
		b->seconds = start > 0 && end > start ? (end - start) / FL_SEC : 0;
	} else if (b->has_ok) {
		b->failed = end != 0 ? end : start;
	}
}

void
import_velero_doc(struct import *im, const struct doc_node *root)
{
	const char *kind = import_word(root, "kind");
	bool schedule = strcmp(kind, "Schedule") == 0;
	const struct doc_node *spec = doc_get(root, "spec"), *what = schedule ? doc_get(spec, "template") : spec;
	struct import_velero *v = im->parts->velero;
	struct covering *c;

	if (!schedule && strcmp(kind, "Backup") != 0)
		return;
	if (v == NULL)
		v = im->parts->velero = import_alloc(im, sizeof(*v));
	c = import_alloc(im, sizeof(*c));
	if (v == NULL || c == NULL)
		return;
	if (v->end == NULL)
		v->end = &v->first;
	c->schedule = schedule;
	c->b.by = "velero";
	c->at = import_here(im, root);
	c->included = read_list(im, doc_get(what, "includedNamespaces"));
	c->excluded = read_list(im, doc_get(what, "excludedNamespaces"));
	c->labels = import_k8s_labels(im, IMPORT_PATH(what, "labelSelector", "matchLabels"));
	if (schedule) {
		c->b.schedule = import_keep(im, import_word(spec, "schedule"));
		c->b.paused = strcmp(import_word(spec, "paused"), "true") == 0;
		c->b.none = doc_get(root, "status") != NULL && import_word(doc_get(root, "status"), "lastBackup")[0] == '\0';
	} else {
		read_backup(root, &c->b);
	}
	*v->end = c;
	v->end = &c->next;
}

static bool
has(const struct import_text *list, const char *s)
{
	while (list != NULL && strcmp(list->key, s) != 0 && strcmp(list->key, "*") != 0)
		list = list->next;
	return list != NULL;
}

static bool
covers(const struct covering *c, const struct k8s_workload *w)
{
	if (!w->stateful || (c->included != NULL && !has(c->included, w->ns)) || has(c->excluded, w->ns))
		return false;
	for (const struct import_text *l = c->labels; l != NULL; l = l->next) {
		const struct import_text *x = w->labels;

		while (x != NULL && (strcmp(x->key, l->key) != 0 || strcmp(x->value, l->value) != 0))
			x = x->next;
		if (x == NULL)
			return false;
	}
	return true;
}

/* Of several backups the newest good one counts, and the newest failure; how the last one ended follows from both. */
static void
add_backup(struct import_backup *sum, const struct import_backup *b)
{
	if (b->last > sum->last) {
		sum->last = b->last;
		sum->seconds = b->seconds;
	}
	sum->failed = FL_MAX(sum->failed, b->failed);
	sum->has_ok = sum->has_ok || b->has_ok;
	sum->ok = sum->last > sum->failed;
}

int
import_velero_finish(struct import *im)
{
	const struct import_velero *v = im->parts->velero;
	const struct import_k8s *k = im->parts->k8s;

	for (const struct k8s_workload *w = k != NULL && v != NULL ? k->workloads : NULL; w != NULL && im->failed == 0; w = w->next) {
		struct import_backup sum = { .node = w->node, .space = w->ns, .by = "velero" };
		const struct covering *at = NULL;

		for (const struct covering *c = v->first; c != NULL; c = c->next) {
			if (!covers(c, w))
				continue;
			at = c;
			if (!c->schedule) {
				add_backup(&sum, &c->b);
			} else if (sum.schedule == NULL || (sum.paused && !c->b.paused)) {
				sum.schedule = c->b.schedule;
				sum.paused = c->b.paused;
				sum.none = c->b.none;
			}
		}
		sum.none = sum.none && sum.last == 0;
		if (at != NULL)
			import_backup_tell(im, SOURCE, &sum, at->at);
	}
	return im->failed;
}
