/* SPDX-License-Identifier: MIT */
/* term.c - the terminal. */
#include "io/term.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool
term_is_output(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

void
term_size(unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize w = { .ws_row = 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0 || w.ws_col == 0)
		w = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = w.ws_row;
	*ret_columns = w.ws_col;
}

static void
held_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

void
term_hold_signals(void)
{
	sigset_t set;

	held_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int
term_wait(fl_ns duration)
{
	struct timespec left = { .tv_sec = duration / FL_SEC, .tv_nsec = duration % FL_SEC };
	sigset_t set;
	int sig;

	held_signals(&set);
	/* Another signal that has a handler cuts the wait short; the caller only looks again sooner. */
	sig = sigtimedwait(&set, NULL, &left);
	return sig > 0 ? sig : 0;
}
