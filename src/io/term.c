/* SPDX-License-Identifier: MIT */
/* term.c - the terminal. */
#include "io/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
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

/* ---- keys ---- */

#define LOOK (50 * FL_MS)               /* between two looks for a key */

void
term_keys_on(struct term_keys *ret_keys)
{
	struct termios raw;

	ret_keys->on = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &ret_keys->before) == 0;
	if (!ret_keys->on)
		return;
	raw = ret_keys->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void
term_keys_off(struct term_keys *k)
{
	if (k->on)
		tcsetattr(STDIN_FILENO, TCSANOW, &k->before);
	k->on = false;
}

/* Was one of them pressed? */
static bool
pressed(const char *keys)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char c;

	while (poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0) {
		if (read(STDIN_FILENO, &c, 1) != 1)
			return false;
		if (c != '\0' && strchr(keys, c) != NULL)
			return true;
	}
	return false;
}

int
term_wait_key(fl_ns duration, const char *keys)
{
	int sig = 0;

	if (keys == NULL || isatty(STDIN_FILENO) != 1)
		return term_wait(duration);
	while (sig == 0 && duration > 0) {
		fl_ns part = FL_MIN(duration, LOOK);

		if (pressed(keys))
			return -1;
		sig = term_wait(part);
		duration -= part;
	}
	return sig;
}
