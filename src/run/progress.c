/* SPDX-License-Identifier: MIT */
/* progress.c - the status line. */
#include "run/progress.h"

#include "base/buf.h"
#include "base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_EVERY (200 * FL_MS)
#define BAR_COLUMNS 20

void
progress_init(struct progress *p, bool quiet)
{
	struct winsize size;
	const char *term = getenv("TERM");

	*p = (struct progress){ .columns = 80 };
	p->on = !quiet && isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
	if (p->on && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		p->columns = size.ws_col;
}

static void
put_bar(struct buf *b, const struct progress_state *s)
{
	int filled = s->of > 0 ? (int)((double)s->at / (double)s->of * BAR_COLUMNS) : 0;

	buf_putc(b, '[');
	for (int i = 0; i < BAR_COLUMNS; i++)
		buf_putc(b, i < filled ? '#' : '.');
	buf_printf(b, "] %4.1f/%.0f s", (double)s->at / (double)FL_SEC, (double)s->of / (double)FL_SEC);
}

void
progress_draw(struct progress *p, fl_ns now, const struct progress_state *s)
{
	char p99[32];
	struct buf b;

	if (!p->on || now < p->next)
		return;
	p->next = now + DRAW_EVERY;
	buf_init(&b, 4096);
	buf_printf(&b, "%-7s ", s->phase);
	if (s->of > 0) {
		put_bar(&b, s);
		buf_printf(&b, "  %.0f op/s  %.0f err/s  p99 %s", s->ok, s->bad, units_duration(p99, sizeof(p99), s->p99));
	}
	if (s->faults[0] != '\0')
		buf_printf(&b, "  | %s", s->faults);
	fprintf(stderr, "\r\033[K%.*s", (int)(p->columns - 1), buf_str(&b));
	fflush(stderr);
	buf_fini(&b);
	p->drawn = true;
}

void
progress_clear(struct progress *p)
{
	if (!p->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->drawn = false;
}
