/* SPDX-License-Identifier: MIT */
/* test_graph_source.c - which files are read: those that are named, those of a folder, and beside them what they name, none further out. */
#include "map/graph_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
	char dir[64];
};

static const char *const names[] = { "p/compose.yaml", "p/.env", "p/in/more.yaml", "out/secret.yaml", "p/README", "p/in/deep/x.yaml" };

static const char *
path(const struct place *p, const char *name, char *out)
{
	snprintf(out, 256, "%s/%s", p->dir, name);
	return out;
}

static int
start(void **state)
{
	static const char *const dirs[] = { "p", "p/in", "p/in/deep", "out" };
	struct place *p = calloc(1, sizeof(*p));
	char a[256], b[256];

	snprintf(p->dir, sizeof(p->dir), "/tmp/faultline-source-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	for (size_t i = 0; i < FL_ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdir(path(p, dirs[i], a), 0700), 0);
	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		FILE *f = fopen(path(p, names[i], a), "w");

		assert_non_null(f);
		fputs(names[i], f);
		fclose(f);
	}
	assert_int_equal(symlink(path(p, "out/secret.yaml", a), path(p, "p/link.yaml", b)), 0);
	*state = p;
	return 0;
}

static int
stop(void **state)
{
	static const char *const dirs[] = { "p/in/deep", "p/in", "p", "out", "" };
	struct place *p = *state;
	char a[256];

	(void)unlink(path(p, "p/link.yaml", a));
	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++)
		(void)unlink(path(p, names[i], a));
	for (size_t i = 0; i < FL_ARRAY_LEN(dirs); i++)
		(void)rmdir(path(p, dirs[i], a));
	free(p);
	return 0;
}

static void
test_beside(void **state)
{
	static const char *const left_out[] = { "../out/secret.yaml", "link.yaml", "missing.yaml", "in", "", "/etc/hostname", "./compose.yaml",
		"in/../.env" };
	const struct place *p = *state;
	struct graph_source s;
	struct graph_reply r;
	char a[256], b[256];
	const char *word = path(p, "p/compose.yaml", a);

	graph_reply_init(&r);
	assert_int_equal(graph_source_read(&s, &word, 1, &r), 0);
	assert_int_equal(s.count, 1);
	assert_false(s.files[0].found);
	assert_int_equal(graph_source_beside(&s, 0, ".env", &r), 0);
	assert_int_equal(graph_source_beside(&s, 0, "in/more.yaml", &r), 0);
	assert_int_equal(s.count, 3);
	assert_string_equal(s.files[1].name, path(p, "p/.env", b));
	assert_true(s.files[1].found && s.files[2].found);
	assert_string_equal(buf_str(&s.files[2].bytes), "p/in/more.yaml");
	/* What that one names is of the same folder. */
	assert_int_equal(graph_source_beside(&s, 2, "deep/x.yaml", &r), 0);
	assert_int_equal(graph_source_beside(&s, 2, "../compose.yaml", &r), 0);
	assert_int_equal(s.count, 4);
	for (size_t i = 0; i < FL_ARRAY_LEN(left_out); i++) {
		assert_int_equal(graph_source_beside(&s, 0, left_out[i], &r), 0);
		assert_int_equal(s.count, 4);
	}
	assert_int_equal(graph_source_beside(&s, 2, "../../out/secret.yaml", &r), 0);
	assert_int_equal(s.count, 4);
	graph_source_fini(&s);
	graph_reply_fini(&r);
}

static void
test_folder(void **state)
{
	const struct place *p = *state;
	struct graph_source s;
	struct graph_reply r;
	char a[256];
	const char *word = path(p, "p", a);

	graph_reply_init(&r);
	assert_int_equal(graph_source_read(&s, &word, 1, &r), 0);
	assert_int_equal(s.count, 4);
	for (unsigned i = 0; i < s.count; i++)
		assert_true(s.files[i].found);
	graph_source_fini(&s);
	graph_reply_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_beside, start, stop), cmocka_unit_test_setup_teardown(test_folder, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
