/* SPDX-License-Identifier: MIT */
/* test_kernel.c - probes of the kernel: each answers, leaves nothing behind, and says no where the answer is no. */
#include "io/kernel.h"
#include "base/types.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <sys/prctl.h>

static unsigned
open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
test_limits(void **state)
{
	uint64_t soft = 0, hard = 0, bytes = 0;
	struct rlimit l, all;

	(void)state;
	assert_int_equal(kernel_descriptors(&soft, &hard), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	assert_int_equal(soft, l.rlim_cur);
	assert_int_equal(hard, l.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_AS, &all), 0);
	l = (struct rlimit){ .rlim_cur = UINT64_C(1) << 46, .rlim_max = all.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &l), 0);
	assert_false(kernel_memory_unlimited(&bytes));
	assert_int_equal(bytes, UINT64_C(1) << 46);
	assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
}

static void
test_calls(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	assert_true(kernel_epoll_pwait2() <= 0);
	assert_true(kernel_pidfd() <= 0);
	assert_true(kernel_io_uring() <= 0);
	assert_true(kernel_namespaces() <= 0);
	assert_int_equal(kernel_subreaper(), 0);
	assert_int_equal(kernel_pdeathsig(), 0);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);       /* no child is left */
}

static void
test_timer(void **state)
{
	enum { COUNT = 20 };
	fl_ns late[COUNT];
	int slack = prctl(PR_GET_TIMERSLACK);
	unsigned before = open_descriptors();

	(void)state;
	assert_int_equal(kernel_timer(FL_US, COUNT, late), 0);
	assert_true(late[0] >= 0);
	for (int i = 1; i < COUNT; i++)
		assert_true(late[i - 1] <= late[i]);
	assert_int_equal(prctl(PR_GET_TIMERSLACK), slack);
	assert_int_equal(open_descriptors(), before);
}

static void
test_listen(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	assert_int_equal(kernel_listen("127.0.0.1:0"), 0);
	assert_int_equal(kernel_listen("unix:@faultline-test-kernel"), 0);
	assert_int_equal(kernel_listen("unix:@faultline-test-kernel"), 0);
	assert_int_equal(kernel_listen("203.0.113.1:0"), -EADDRNOTAVAIL);
	assert_int_equal(kernel_listen("nonsense"), -EINVAL);
	assert_int_equal(open_descriptors(), before);
}

static void
test_names_and_programs(void **state)
{
	char text[KERNEL_TEXT_MAX] = "";
	fl_ns took = -1;

	(void)state;
	assert_int_equal(kernel_resolve("127.0.0.1", &took, text), 0);
	assert_string_equal(text, "127.0.0.1");
	assert_true(took >= 0);
	assert_true(kernel_resolve("a..b", &took, text) < 0);
	assert_int_equal(kernel_program("sh", text), 0);
	assert_int_equal(access(text, X_OK), 0);
	assert_int_equal(kernel_program("no-such-program-anywhere", text), -ENOENT);
	assert_int_equal(kernel_writable("/proc/self/no/such/directory"), -ENOENT);
	kernel_name(text);
	assert_memory_equal(text, "Linux ", 6);
	assert_int_equal(kernel_user(), geteuid());
}

static void
test_files(void **state)
{
	char path[] = "/tmp/faultline-test-kernel-XXXXXX", text[KERNEL_TEXT_MAX];
	static const char content[] = "32768\t60999 word\nsecond line\n";
	int64_t n[3] = { 0, 0, 7 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, sizeof(content) - 1), sizeof(content) - 1);
	close(fd);
	assert_int_equal(kernel_text(path, text), 0);
	assert_string_equal(text, "32768\t60999 word");
	assert_int_equal(kernel_numbers(path, 2, n), 0);
	assert_int_equal(n[0], 32768);
	assert_int_equal(n[1], 60999);
	assert_int_equal(kernel_numbers(path, 3, n), -EINVAL);
	assert_int_equal(n[2], 7);
	unlink(path);
	assert_int_equal(kernel_text(path, text), -ENOENT);
	assert_int_equal(kernel_text("/proc/self", text), -EISDIR);
	assert_int_equal(kernel_numbers(path, 1, n), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_names_and_programs),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
