/* SPDX-License-Identifier: MIT */
/* test_assert.c - a failed assert names its place, prints the thread's context once, and aborts. */
#include "unit.h"

#include "base/assert.h"

static void
print_subject(const void *subject)
{
	fprintf(stderr, "context: %s\n", (const char *)subject);
}

static void
print_and_fail(const void *subject)
{
	print_subject(subject);
	fl_assert(subject == NULL);
}

static void
no_context(void)
{
	assert_context(print_subject, "gone");
	assert_context(NULL, NULL);
	fl_assert(1 + 1 == 3);
}

static void
with_context(void)
{
	assert_context(print_subject, "the line redis");
	fl_assert(1 + 1 == 3);
}

static void
failing_context(void)
{
	assert_context(print_and_fail, "itself");
	fl_assert(1 + 1 == 3);
}

/* What body wrote to stderr before it aborted. */
static void
complaint(void (*body)(void), char *ret_text, size_t text_bytes)
{
	int pipe_fds[2], status;
	size_t n = 0;
	ssize_t r;

	assert_int_equal(pipe(pipe_fds), 0);
	fflush(NULL);
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(pipe_fds[1], 2);
		body();
		_exit(0);
	}
	close(pipe_fds[1]);
	while (n + 1 < text_bytes && (r = read(pipe_fds[0], ret_text + n, text_bytes - 1 - n)) > 0)
		n += (size_t)r;
	ret_text[n] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static unsigned
times_in(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
names_its_place(void **state)
{
	char text[2000];

	(void)state;
	complaint(no_context, text, sizeof(text));
	assert_non_null(strstr(text, "bug: test/unit/test_assert.c:"));
	assert_non_null(strstr(text, "no_context: 1 + 1 == 3 does not hold\n"));
	assert_null(strstr(text, "context: gone"));
}

static void
prints_the_context_once(void **state)
{
	char text[2000];

	(void)state;
	complaint(with_context, text, sizeof(text));
	assert_int_equal(times_in(text, "context: the line redis\n"), 1);
	complaint(failing_context, text, sizeof(text));
	assert_int_equal(times_in(text, "context: itself\n"), 1);
	assert_int_equal(times_in(text, "does not hold"), 2);
}

static void
true_costs_nothing_else(void **state)
{
	int evaluated = 0;

	(void)state;
	fl_assert(++evaluated == 1);
	assert_int_equal(evaluated, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_its_place),
		cmocka_unit_test(prints_the_context_once),
		cmocka_unit_test(true_costs_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
