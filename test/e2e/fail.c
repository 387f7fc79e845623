/* SPDX-License-Identifier: MIT */
/* fail.c - see fail.h. Each line is one write(), so lines of several threads do not mix. */
#include "fail.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *script = "";
static _Thread_local const char *at_who = "";
static _Thread_local int at_line;

void
fail_at(const char *who, int line)
{
	at_who = who;
	at_line = line;
}

void
fail_script(const char *path)
{
	script = path;
}

static void
say(const char *what, const char *fmt, va_list ap)
{
	char text[2048], line[4096];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	n = snprintf(line, sizeof(line), "%s:%d: %s%s%s%s\n", script, at_line, at_who, *at_who != '\0' ? ": " : "", what, text);
	if (n > (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 1;
	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(1);
}

void
fail_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

_Noreturn void
fail_test(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("FAILED: ", fmt, ap);
	va_end(ap);
	_exit(1);
}

_Noreturn void
fail_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("skipped: ", fmt, ap);
	va_end(ap);
	_exit(FAIL_EXIT_SKIPPED);
}
