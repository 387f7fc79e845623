/* SPDX-License-Identifier: MIT */
/* term.h - the terminal: is there one, how large, and waiting until somebody presses Ctrl-C. */
#ifndef IO_TERM_H
#define IO_TERM_H

#include "base/types.h"
#include <stdbool.h>
#include <termios.h>

/* Is standard output a terminal? */
bool term_is_output(void);
/* Rows and columns of it; 24 and 80 when it does not say. */
void term_size(unsigned *ret_rows, unsigned *ret_columns);

/* From now on SIGINT, SIGTERM and SIGHUP wait for term_wait(). Main thread, before others are started. */
void term_hold_signals(void);
/* Wait for that long, or until one of these signals comes. returns the signal, 0: none. */
int term_wait(fl_ns duration);

/*
 * Keys as they are pressed, without Enter and without showing them. Nothing happens when standard input is no terminal.
 * term_keys_off() puts it back as it was.
 */
struct term_keys {
	bool on;
	struct termios before;
};
void term_keys_on(struct term_keys *ret_keys);
void term_keys_off(struct term_keys *k);
/* As term_wait(), but one of these keys ends the wait as well (returns -1). keys NULL: none does. */
int term_wait_key(fl_ns duration, const char *keys);

#endif
