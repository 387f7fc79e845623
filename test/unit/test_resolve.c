/* SPDX-License-Identifier: MIT */
/* test_resolve.c - names to addresses, with and without waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "io/resolve.h"
#include "io/thread.h"

struct asked {
	struct thread_gate gate;
	uint64_t ticket;
	struct resolve_answer answer;
};

static void
done(void *ud, uint64_t ticket, const struct resolve_answer *answer)
{
	struct asked *a = ud;
	a->ticket = ticket;
	a->answer = *answer;
	thread_gate_done(&a->gate);
}

static void
ask(struct resolver *r, const char *host, const char *port, struct asked *a)
{
	thread_gate_init(&a->gate, 1);
	int now = resolver_ask(r, host, port, done, a, 42, &a->answer);
	assert_true(now == 0 || now == 1);
	if (now == 0) {
		thread_gate_wait(&a->gate);
		assert_int_equal(a->ticket, 42);
	}
	thread_gate_fini(&a->gate);
}

static void
names(void **state)
{
	(void)state;
	struct resolver *r;
	struct asked a;
	char text[ADDR_TEXT_MAX];
	assert_int_equal(resolver_new(2, &r), 0);
	ask(r, "127.0.0.9", "80", &a);
	assert_int_equal(a.answer.res, 1);
	assert_string_equal(addr_format(&a.answer.addrs[0], text, sizeof(text)), "127.0.0.9:80");
	ask(r, "localhost", "81", &a);
	assert_true(a.answer.res >= 1);
	assert_int_equal(addr_port(&a.answer.addrs[0]), 81);
	/* Asked again, the answer is remembered. */
	struct resolve_answer again;
	assert_int_equal(resolver_ask(r, "localhost", "81", done, NULL, 1, &again), 1);
	assert_true(again.res >= 1);
	/* A port that is no number and no service. */
	ask(r, "127.0.0.1", "no-such-service", &a);
	assert_true(a.answer.res < 0);
	resolver_free(r);
}

static void
too_long(void **state)
{
	(void)state;
	struct resolver *r;
	struct asked a;
	char name[400];
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = 'x';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(resolver_new(1, &r), 0);
	ask(r, name, "1", &a);
	assert_int_equal(a.answer.res, -ENAMETOOLONG);
	resolver_free(r);
}

static void
waiting_form(void **state)
{
	(void)state;
	struct resolve_answer a;
	assert_int_equal(resolver_wait("::1", "9", &a), 0);
	assert_int_equal(a.addrs[0].sa.sa_family, AF_INET6);
	assert_true(resolver_wait("127.0.0.1", "no-such-service", &a) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(too_long), cmocka_unit_test(waiting_form) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
