/* SPDX-License-Identifier: MIT */
/* test_runbook.c - steps in their order, conducted with real commands; pauses, failures, people, and going on after a crash. */
#include "unit.h"

#include "io/file.h"
#include "io/term.h"
#include "map/runbook_print.h"
#include "map/runbook_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 16

static char dir[] = "/tmp/runbook-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	term_hold_signals();
	return 0;
}

static int
teardown(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(chdir("/"), 0);
	snprintf(text, sizeof(text), "rm -r %s", dir);
	return system(text);
}

static void
fresh(void)
{
	assert_int_equal(system("rm -rf ./* && mkdir logs"), 0);
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Text of a file without its newlines. */
static const char *
text_of(const char *path)
{
	static char text[4096];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	assert_int_equal(file_read(path, &b), 0);
	memcpy(text, buf_str(&b), buf_len(&b) + 1);
	buf_fini(&b);
	for (char *p; (p = strchr(text, '\n')) != NULL;)
		*p = ' ';
	return text;
}

static struct runbook_item items[STEPS_MAX];

static struct runbook
book(const struct runbook_step *steps, uint32_t count)
{
	struct runbook b;
	uint32_t at;

	assert_int_equal(runbook_init(&b, steps, count, items, &at), RUNBOOK_OK);
	return b;
}

static FILE *
quiet(void)
{
	FILE *f = fopen("said", "a");

	assert_non_null(f);
	return f;
}

static enum runbook_outcome
conduct(struct runbook *b, struct runbook_opts o)
{
	o.out = quiet();
	o.logs = "logs";
	enum runbook_outcome r = runbook_run(b, &o);
	fclose(o.out);
	return r;
}

#define AFTER(...) .after = (const uint32_t[]){ __VA_ARGS__ }, .after_count = sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4

static void
test_bad_books(void **state)
{
	const struct runbook_step same[] = { { .name = "a" }, { .name = "b" }, { .name = "a" } };
	const struct runbook_step circle[] = { { .name = "a" }, { .name = "b", AFTER(2) }, { .name = "c", AFTER(1) } };
	const struct runbook_step beyond[] = { { .name = "a", AFTER(1) } }, nameless[] = { { .name = "" } };
	struct runbook b;
	uint32_t at;

	(void)state;
	assert_int_equal(runbook_init(&b, same, 3, items, &at), RUNBOOK_SAME_NAME);
	assert_int_equal(runbook_init(&b, circle, 3, items, &at), RUNBOOK_CIRCLE);
	assert_in_range(at, 1, 2);
	assert_int_equal(runbook_init(&b, beyond, 1, items, &at), RUNBOOK_NO_SUCH_STEP);
	assert_int_equal(runbook_init(&b, nameless, 1, items, &at), RUNBOOK_NO_NAME);
	assert_int_equal(runbook_init(&b, same, 0, items, &at), RUNBOOK_OK);
}

static uint32_t ends;

static void
on_end(void *ud, uint32_t step, fl_ns took, bool ok)
{
	(void)step;
	assert_ptr_equal(ud, &ends);
	assert_true(took >= 0 && ok);
	ends++;
}

static void
test_order(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "app", AFTER(1, 2), .command = "test -e db && test -e cache && echo app >> order" },
		{ .name = "db", .pre = "test ! -e db", .command = "touch db; echo db >> order", .post = "test -e db" },
		{ .name = "cache/../1", AFTER(1), .command = "touch cache; echo cache; echo cache >> order" },
		{ .name = "nothing", AFTER(0) },
	};
	struct runbook b = book(steps, 4);

	(void)state;
	fresh();
	ends = 0;
	assert_int_equal(conduct(&b, (struct runbook_opts){ .on_end = on_end, .ud = &ends }), RUNBOOK_ALL_DONE);
	assert_string_equal(text_of("order"), "db cache app ");
	assert_int_equal(ends, 4);
	assert_string_equal(text_of("logs/cache_.._1.log"), "cache ");
}

/* As many at once as may be, and no more. */
static void
test_parallel(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "a", .command = "touch a; while ! test -e b; do sleep 0.01; done" },
		{ .name = "b", .command = "touch b; while ! test -e a; do sleep 0.01; done" },
	};
	const struct runbook_step alone[] = {
		{ .name = "a", .command = "mkdir one && sleep 0.1 && rmdir one" }, { .name = "b", .command = "mkdir one && rmdir one" },
		{ .name = "c", .command = "mkdir one && rmdir one" },
	};
	struct runbook b = book(steps, 2);

	(void)state;
	fresh();
	assert_int_equal(conduct(&b, (struct runbook_opts){ .parallel = 0 }), RUNBOOK_ALL_DONE);
	b = book(alone, 3);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .parallel = 1 }), RUNBOOK_ALL_DONE);
}

/* A step that fails: others under way end, nothing new begins; then it is mended and gone on from. */
static void
test_failure(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "bad", .command = "test -e mended" },
		{ .name = "slow", .command = "sleep 0.2; echo slow >> order" },
		{ .name = "later", AFTER(0, 1), .command = "echo later >> order" },
	};
	struct runbook b = book(steps, 3);
	struct runbook_journal j;
	struct runbook_past past;

	(void)state;
	fresh();
	assert_int_equal(runbook_journal_new(&j, "journal", &b, true), 0);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .journal = &j }), RUNBOOK_STEP_FAILED);
	runbook_journal_close(&j);
	assert_string_equal(text_of("order"), "slow ");
	assert_int_equal(runbook_journal_new(&j, "journal", &b, true), -EEXIST);
	assert_int_equal(system("touch mended"), 0);
	b = book(steps, 3);
	assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
	assert_true(past.drill && !past.changed && !past.cut);
	assert_int_equal(past.done, 1);
	assert_int_equal(past.under_way, 0);
	struct runbook other = book(steps, 3);
	struct runbook_journal second;
	assert_int_equal(runbook_journal_resume(&second, "journal", &other, &past), -EWOULDBLOCK);
	b = book(steps, 3);
	runbook_journal_close(&j);
	assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .journal = &j }), RUNBOOK_ALL_DONE);
	runbook_journal_close(&j);
	assert_string_equal(text_of("order"), "slow later ");
}

static void
test_checks(void **state)
{
	const struct runbook_step no[] = { { .name = "a", .pre = "false", .command = "touch ran" } };
	const struct runbook_step late[] = { { .name = "a", .command = "true", .post = "echo x >> tries; test $(wc -l < tries) -ge 2" } };
	const struct runbook_step never[] = { { .name = "a", .post = "false", .timeout = 50 * FL_MS } };
	const struct runbook_step hangs[] = { { .name = "a", .command = "sleep 1000", .timeout = 50 * FL_MS, .p50 = FL_MS, .p75 = 2 * FL_MS } };
	struct runbook b;

	(void)state;
	fresh();
	b = book(no, 1);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .out = NULL }), RUNBOOK_STEP_FAILED);
	assert_false(exists("ran"));
	b = book(late, 1);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .out = NULL }), RUNBOOK_ALL_DONE);
	b = book(never, 1);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .out = NULL }), RUNBOOK_STEP_FAILED);
	b = book(hangs, 1);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .out = NULL }), RUNBOOK_STEP_FAILED);
	assert_non_null(strstr(text_of("said"), "the check before it exited with 1"));
	assert_non_null(strstr(text_of("said"), "the check after it did not pass in time"));
	assert_non_null(strstr(text_of("said"), "it did not end in time"));
}

/* Work of a person: nobody there, then said to be done. */
static void
test_person(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "key", .manual = "Fetch the key from the safe." }, { .name = "other", .command = "touch other" },
		{ .name = "vault", AFTER(0), .command = "touch vault" },
	};
	const char *const done[] = { "key", NULL };
	struct runbook b = book(steps, 3);

	(void)state;
	fresh();
	assert_int_equal(conduct(&b, (struct runbook_opts){ .out = NULL }), RUNBOOK_PAUSED);
	assert_true(exists("other") && !exists("vault"));
	b = book(steps, 3);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .confirmed = done }), RUNBOOK_ALL_DONE);
	assert_true(exists("vault"));
}

/* At a terminal: answers come from standard input. */
static void
test_answers(void **state)
{
	const struct runbook_step steps[] = { { .name = "a", .manual = "Do it." }, { .name = "b", .manual = "Do that." } };
	struct runbook b = book(steps, 2);
	int in[2], kept = dup(STDIN_FILENO);

	(void)state;
	fresh();
	assert_true(pipe(in) == 0 && dup2(in[0], STDIN_FILENO) == STDIN_FILENO);
	assert_int_equal(write(in[1], "what\n\nf\n", 8), 8);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .person = true }), RUNBOOK_STEP_FAILED);
	assert_int_equal(b.done, 1);
	assert_non_null(strstr(text_of("said"), "somebody said that it failed"));
	b = book(steps, 2);
	close(in[1]);           /* whoever sat there has gone */
	assert_int_equal(conduct(&b, (struct runbook_opts){ .person = true }), RUNBOOK_PAUSED);
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(in[0]);
}

/* In a process of its own: where is it when it is killed? */
static pid_t
conductor(const struct runbook_step *steps, uint32_t count)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	struct runbook b = book(steps, count);
	struct runbook_journal j;
	if (runbook_journal_new(&j, "journal", &b, false) < 0)
		_exit(9);
	enum runbook_outcome r = conduct(&b, (struct runbook_opts){ .journal = &j });
	_exit((int)r);
}

static void
wait_for_file(const char *path)
{
	for (int i = 0; i < 60000 && !exists(path); i++)
		(void)poll(NULL, 0, 1);
	assert_true(exists(path));
}

static void
test_killed(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "first", .command = "echo first >> order" },
		{ .name = "checked", AFTER(0), .post = "test -e checked",
			.command = "touch begun; while ! test -e go; do sleep 0.01; done; echo checked >> order; touch checked" },
		{ .name = "blind", AFTER(0), .command = "echo blind >> order; touch begun2; while ! test -e go; do sleep 0.01; done" },
		{ .name = "last", AFTER(1, 2), .command = "echo last >> order" },
	};
	const char *const blind[] = { "blind", NULL };
	struct runbook_journal j;
	struct runbook_past past;
	int status;

	(void)state;
	fresh();
	pid_t pid = conductor(steps, 4);
	wait_for_file("begun");
	wait_for_file("begun2");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* What it had started goes on. */
	assert_int_equal(system("touch go"), 0);
	wait_for_file("checked");
	struct runbook b = book(steps, 4);
	assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
	assert_int_equal(past.done, 1);
	assert_int_equal(past.under_way, 2);
	/* One says by its check that it is done; nobody can tell of the other. */
	assert_int_equal(conduct(&b, (struct runbook_opts){ .journal = &j }), RUNBOOK_PAUSED);
	runbook_journal_close(&j);
	b = book(steps, 4);
	assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
	assert_int_equal(past.done, 2);
	assert_int_equal(conduct(&b, (struct runbook_opts){ .journal = &j, .again = blind }), RUNBOOK_ALL_DONE);
	runbook_journal_close(&j);
	const char *order = text_of("order");
	assert_memory_equal(order, "first ", 6);
	assert_non_null(strstr(order, "blind last "));
	assert_null(strstr(strstr(order, "checked") + 1, "checked"));
}

/* Ctrl-C: what is under way ends; a second one kills it. */
static void
test_pause_and_abort(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "a", .command = "touch begun; while ! test -e go; do sleep 0.01; done; touch done" },
		{ .name = "b", AFTER(0), .command = "touch b" },
	};
	int status;

	(void)state;
	for (int kills = 1; kills <= 2; kills++) {
		fresh();
		pid_t pid = conductor(steps, 2);
		wait_for_file("begun");
		kill(pid, SIGINT);
		while (!exists("said") || strstr(text_of("said"), "pausing") == NULL)
			(void)poll(NULL, 0, 1);
		if (kills == 2)
			kill(pid, SIGINT);
		else
			assert_int_equal(system("touch go"), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), kills == 1 ? RUNBOOK_PAUSED : RUNBOOK_ABORTED);
		assert_int_equal(exists("done"), kills == 1);
		assert_false(exists("b"));
	}
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
test_journals(void **state)
{
	static const char *const bad[] = { "", "\n", "x\n", "{}\n", "[1]\n", "{\"event\":1}\n", "{\"event\":\"start\",\"step\":\"a\"}\n" };
	const struct runbook_step steps[] = { { .name = "a" }, { .name = "b", AFTER(0) } };
	const struct runbook_step other[] = { { .name = "z" }, { .name = "b", AFTER(0) } };
	struct runbook b = book(steps, 2);
	struct runbook_journal j;
	struct runbook_past past;

	(void)state;
	fresh();
	assert_int_equal(runbook_journal_resume(&j, "none", &b, &past), -ENOENT);
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		write_file("journal", bad[i]);
		assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), -EBADMSG);
	}
	/* Cut at every byte: what stands in whole lines counts. */
	(void)unlink("journal");
	assert_int_equal(runbook_journal_new(&j, "journal", &b, false), 0);
	assert_int_equal(runbook_journal_put(&j, "start", "a", -1, NULL), 0);
	assert_int_equal(runbook_journal_put(&j, "done", "a", 5, "why \"not\"\n"), 0);
	runbook_journal_close(&j);
	struct buf whole;
	buf_init(&whole, 1 << 20);
	assert_int_equal(file_read("journal", &whole), 0);
	size_t first = (size_t)(strchr(buf_str(&whole), '\n') - buf_str(&whole)) + 1;
	for (size_t n = first; n <= buf_len(&whole); n++) {
		write_file("journal", "");
		assert_int_equal(truncate("journal", 0), 0);
		FILE *f = fopen("journal", "w");
		assert_int_equal(fwrite(buf_data(&whole), 1, n, f), n);
		fclose(f);
		b = book(steps, 2);
		assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
		assert_int_equal(past.done, n == buf_len(&whole));
		assert_int_equal(past.cut, buf_data(&whole)[n - 1] != '\n');
		assert_int_equal(runbook_journal_put(&j, "paused", NULL, -1, NULL), 0);
		runbook_journal_close(&j);
		b = book(steps, 2);
		assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
		runbook_journal_close(&j);
	}
	/* The steps are others by now: what b stood after is not done. */
	write_file("journal", "");
	(void)unlink("journal");
	b = book(steps, 2);
	assert_int_equal(runbook_journal_new(&j, "journal", &b, false), 0);
	runbook_journal_put(&j, "done", "a", 1, NULL);
	runbook_journal_put(&j, "done", "b", 1, NULL);
	runbook_journal_close(&j);
	b = book(other, 2);
	assert_int_equal(runbook_journal_resume(&j, "journal", &b, &past), 0);
	assert_true(past.changed);
	assert_int_equal(past.done, 0);
	assert_int_equal(past.redo, 1);
	runbook_journal_close(&j);
	buf_fini(&whole);
}

static void
test_paper(void **state)
{
	const struct runbook_step steps[] = {
		{ .name = "app<1>", AFTER(1), .command = "echo ```` && x\ny", .wave = 2, .start = 5, .owner = "a & b", .note = "note" },
		{ .name = "db_1", .pre = "p", .manual = "do *it*", .post = "q", .p50 = 3 * FL_SEC, .p75 = 9 * FL_SEC, .wave = 1,
			.timeout = 60 * FL_SEC },
	};
	const struct runbook_title t = { .name = "Recovery <of> x", .about = "About.", .made = 1700000000000000000 };
	struct runbook b = book(steps, 2);
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	runbook_print_text(&b, &t, &out);
	assert_string_equal(buf_str(&out), "Recovery <of> x: 2 steps\nAbout.\n\nwave 1\n   1.  db_1  usually 3.00 s, at times 9.00 s\n"
	    "       before   p\n"
	    "       person   do *it*\n       check    q\n\nwave 2\n   2.  app<1>  (after 1)\n       run      echo ```` && x\ny\n"
	    "       owner    a & b\n       note     note\n");
	buf_clear(&out);
	runbook_print_markdown(&b, &t, &out);
	assert_non_null(strstr(buf_str(&out), "# Recovery \\<of\\> x\n"));
	assert_non_null(strstr(buf_str(&out), "- [ ] **1. db\\_1**, usually 3.00 s, at times 9.00 s, give up after 60.0 s\n"));
	assert_non_null(strstr(buf_str(&out), "    `````\n    echo ```` && x\n    y\n    `````\n"));
	assert_non_null(strstr(buf_str(&out), "by hand: do \\*it\\*"));
	buf_clear(&out);
	runbook_print_html(&b, &t, &out);
	assert_non_null(strstr(buf_str(&out), "<b>2. app&lt;1&gt;</b></label> <span class=\"dim\">after 1; owner a &amp; b; give up after"));
	assert_false(out.overflowed);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_books),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_person),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_pause_and_abort),
		cmocka_unit_test(test_journals),
		cmocka_unit_test(test_paper),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
