/* SPDX-License-Identifier: MIT */
/* test_mailbox.c - many producers, one consumer: nothing lost, nothing twice, each producer's order kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "io/mailbox.h"
#include "io/thread.h"

#define PRODUCERS 3
#define EACH 20000

struct producer {
	struct mailbox *mb;
	uint64_t number;
};

static void *
produce(void *ud)
{
	struct producer *p = ud;
	for (uint64_t i = 0; i < EACH; i++) {
		struct message m = { .words = { p->number, i } };
		while (!mailbox_post(p->mb, &m))
			sched_yield();
	}
	return NULL;
}

static void
many_producers(void **state)
{
	(void)state;
	struct io_opts opts = { .socks_max = 4 };
	struct io *io;
	struct mailbox mb;
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	uint64_t next[PRODUCERS] = { 0 }, got = 0;
	assert_int_equal(io_new(&opts, &io), 0);
	assert_int_equal(mailbox_init(&mb, 64, io), 0);
	for (uint64_t i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){ &mb, i };
		assert_int_equal(thread_start(&threads[i], "producer", produce, &producers[i]), 0);
	}
	while (got < PRODUCERS * EACH) {
		struct message m;
		io_wait(io, FL_NEVER);          /* returns: each post wakes */
		while (mailbox_take(&mb, &m)) {
			assert_true(m.words[0] < PRODUCERS);
			assert_int_equal(m.words[1], next[m.words[0]]);
			next[m.words[0]]++;
			got++;
		}
	}
	for (int i = 0; i < PRODUCERS; i++)
		thread_join(threads[i]);
	struct message m;
	assert_false(mailbox_take(&mb, &m));
	mailbox_fini(&mb);
	io_free(io);
}

static void
full_and_empty(void **state)
{
	(void)state;
	struct io_opts opts = { .socks_max = 4 };
	struct io *io;
	struct mailbox mb;
	struct message m = { .words = { 1 } };
	assert_int_equal(io_new(&opts, &io), 0);
	assert_int_equal(mailbox_init(&mb, 4, io), 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			assert_true(mailbox_post(&mb, &m));
		assert_false(mailbox_post(&mb, &m));
		for (int i = 0; i < 4; i++)
			assert_true(mailbox_take(&mb, &m));
		assert_false(mailbox_take(&mb, &m));
	}
	mailbox_fini(&mb);
	io_free(io);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(full_and_empty), cmocka_unit_test(many_producers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
