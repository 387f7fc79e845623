/* SPDX-License-Identifier: MIT */
/* check_model.c - see check_model.h. */
#include "cmd/check_model.h"

#include "base/text.h"
#include "cmd/cmd.h"
#include "io/file.h"
#include "proto/yaml.h"

#include <stdio.h>
#include <string.h>

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

static int
bad_model(const char *name)
{
	const struct model *const *all = model_all();
	const char *names[64] = { NULL };
	size_t n = 0;

	for (; all[n] != NULL && n + 1 < FL_ARRAY_LEN(names); n++)
		names[n] = all[n]->name;
	const char *near = text_nearest(name, names);

	fprintf(stderr, "faultline check: there is no model \"%s\"; models: ", name);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "%s%s", i > 0 ? ", " : "", names[i]);
	fputs(", or a file of your own: ./NAME.so, ./NAME.yaml", stderr);
	if (near != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputc('\n', stderr);
	return CMD_USAGE;
}

static int
load(struct check_model *m, const char *path)
{
	char error[512];
	void *symbol;

	if (plugin_open(&m->plugin, path, "faultline_model", &symbol, error, sizeof(error)) != 0) {
		fprintf(stderr, "faultline check: the model %s cannot be loaded: %s\n", path, error);
		return CMD_USAGE;
	}
	const char *wrong = model_user_init(&m->user, symbol);

	if (wrong != NULL) {
		fprintf(stderr, "faultline check: the model %s cannot be used: %s\n", path, wrong);
		return CMD_USAGE;
	}
	m->model = &m->user.model;
	return -1;
}

int
cmd_check_model_find(struct check_model *m, const char *name)
{
	*m = (struct check_model){ .model = NULL };
	if (ends_with(name, ".so"))
		return load(m, name);
	if (ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json")) {
		m->table_path = name;
		return -1;
	}
	m->model = model_find(name);
	return m->model == NULL ? bad_model(name) : -1;
}

int
cmd_check_model_bind(struct check_model *m, struct tape *t)
{
	struct doc *doc = NULL;
	struct doc_diag diag;
	struct buf text;

	if (m->table_path == NULL)
		return -1;
	buf_init(&text, DOC_BYTES_MAX);
	doc_diag_init(&diag, m->table_path);
	int rc = file_read(m->table_path, &text);
	bool read = rc == 0;

	if (!read)
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", m->table_path, strerror(-rc));
	else
		rc = yaml_parse(buf_data(&text), buf_len(&text), &diag, &doc);
	if (rc == 0)
		rc = model_table_read(doc->root, t, &diag, &m->table);
	if (diag.count > 0)
		fprintf(stderr, "%s\n", buf_str(&diag.text));
	else if (read && rc != 0)
		fprintf(stderr, "faultline check: the table %s is too large: %s\n", m->table_path, strerror(-rc));
	doc_free(doc);
	doc_diag_fini(&diag);
	buf_fini(&text);
	if (rc != 0)
		return CMD_USAGE;
	m->model = model_table_model(m->table);
	return -1;
}

void
cmd_check_model_fini(struct check_model *m)
{
	model_table_free(m->table);
	plugin_close(&m->plugin);
	*m = (struct check_model){ .model = NULL };
}
