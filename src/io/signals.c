/* SPDX-License-Identifier: MIT */
/* signals.c - signals for an io loop. */
#include "io/signals.h"
#include "base/assert.h"
#include "io/thread.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define NUMBER_MAX 65
#define STOP SIGURG             /* ends the thread; nobody sends it otherwise */

struct signals {
	struct io *io;
	sigset_t set;
	pthread_t thread;
	atomic_uint counts[NUMBER_MAX];
};

static void *
wait_for_signals(void *ud)
{
	struct signals *s = ud;
	int number;

	for (;;) {
		if (sigwait(&s->set, &number) != 0)
			continue;
		if (number == STOP)
			return NULL;
		fl_assert(number > 0 && number < NUMBER_MAX);
		atomic_fetch_add(&s->counts[number], 1);
		io_wake(s->io);
	}
}

int
signals_new(struct io *io, const int *numbers, struct signals **ret_signals)
{
	struct signals *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->io = io;
	sigemptyset(&s->set);
	sigaddset(&s->set, STOP);
	for (; *numbers != 0; numbers++)
		sigaddset(&s->set, *numbers);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &s->set, NULL);
	rc = thread_start(&s->thread, "fl-signals", wait_for_signals, s);
	if (rc != 0) {
		free(s);
		return rc;
	}
	*ret_signals = s;
	return 0;
}

void
signals_free(struct signals *s)
{
	if (s == NULL)
		return;
	pthread_kill(s->thread, STOP);
	thread_join(s->thread);
	free(s);
}

unsigned
signals_take(struct signals *s, int number)
{
	fl_assert(number > 0 && number < NUMBER_MAX);
	return atomic_exchange(&s->counts[number], 0);
}
