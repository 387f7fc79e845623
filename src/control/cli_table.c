/* SPDX-License-Identifier: MIT */
/* cli_table.c - rows of text for people and for scripts. */
#include "control/cli_table.h"
#include "base/assert.h"
#include "io/term.h"
#include "proto/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CELLS_BYTES_MAX (64u << 20)
#define CELL_GAP 2

static const char *const escapes[] = {
	[CLI_PLAIN] = "", [CLI_BOLD] = "\x1b[1m", [CLI_RED] = "\x1b[31m", [CLI_GREEN] = "\x1b[32m",
	[CLI_YELLOW] = "\x1b[33m", [CLI_DIM] = "\x1b[2m",
};

void
cli_table_init(struct cli_table *t, const char *const *header, unsigned columns)
{
	fl_assert(columns > 0 && columns <= CLI_COLUMNS_MAX);
	*t = (struct cli_table){ .columns = columns, .header = header };
	buf_init(&t->cells, CELLS_BYTES_MAX);
}

void
cli_table_fini(struct cli_table *t)
{
	buf_fini(&t->cells);
}

/* Length of the sequence at s, 0 when it may not be shown: control characters (also those of 0x80-0x9f) and what is not UTF-8. */
static size_t
printable(const unsigned char *s, size_t n)
{
	size_t len = utf8_len(s, n);

	if (len == 0 || s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return len;
}

void
cli_table_clean(struct buf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t n = strlen(s); n > 0;) {
		size_t len = printable(p, n);

		if (len == 0)
			buf_putc(out, '?');
		else
			buf_append(out, p, len);
		len = FL_MAX(len, (size_t)1);
		p += len;
		n -= len;
	}
}

void
cli_table_cell(struct cli_table *t, enum cli_colour colour, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, 1 << 16);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_putc(&t->cells, (char)('0' + colour));
	cli_table_clean(&t->cells, buf_str(&text));
	buf_putc(&t->cells, '\0');
	buf_fini(&text);
	if (!t->cells.overflowed)
		t->count++;
}

static size_t
width_of(const char *s)
{
	size_t w = 0;

	for (; *s != '\0'; s++)
		w += ((unsigned char)*s & 0xc0) != 0x80;
	return w;
}

static void
pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

/* One cell of a row on a terminal. */
static void
put_cell(const struct cli_table *t, unsigned column, enum cli_colour colour, const char *text, const size_t *widths,
    struct buf *out)
{
	bool right = t->header[column][0] == '>', last = column + 1 == t->columns;
	size_t space = widths[column] - width_of(text);

	if (right)
		pad(out, space);
	buf_puts(out, escapes[colour]);
	buf_puts(out, text);
	if (colour != CLI_PLAIN)
		buf_puts(out, "\x1b[0m");
	if (!last)
		pad(out, (right ? 0 : space) + CELL_GAP);
	else
		buf_putc(out, '\n');
}

void
cli_table_render(const struct cli_table *t, bool terminal, struct buf *out)
{
	size_t widths[CLI_COLUMNS_MAX];
	unsigned cells = t->count - t->count % t->columns;
	const char *p = buf_data(&t->cells);

	for (unsigned c = 0; c < t->columns; c++)
		widths[c] = width_of(t->header[c] + (t->header[c][0] == '>'));
	for (unsigned i = 0; i < cells; i++, p += strlen(p) + 1)
		widths[i % t->columns] = FL_MAX(widths[i % t->columns], width_of(p + 1));
	for (unsigned c = 0; terminal && c < t->columns; c++)
		put_cell(t, c, CLI_BOLD, t->header[c] + (t->header[c][0] == '>'), widths, out);
	p = buf_data(&t->cells);
	for (unsigned i = 0; i < cells; i++, p += strlen(p) + 1) {
		if (terminal)
			put_cell(t, i % t->columns, (enum cli_colour)(p[0] - '0'), p + 1, widths, out);
		else
			buf_printf(out, "%s%c", p + 1, (i + 1) % t->columns == 0 ? '\n' : '\t');
	}
}

void
cli_table_print(const struct cli_table *t)
{
	struct buf out;

	buf_init(&out, 2 * (size_t)CELLS_BYTES_MAX);
	cli_table_render(t, term_is_output(), &out);
	fwrite(buf_data(&out), 1, buf_len(&out), stdout);
	buf_fini(&out);
}

void
cli_table_say(const char *fmt, ...)
{
	struct buf text, clean;
	va_list ap;
	char *next, *line;

	buf_init(&text, 1 << 16);
	buf_init(&clean, 1 << 18);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_str(&text);
	next = buf_len(&text) > 0 ? text.mem + text.start : NULL;
	while ((line = strsep(&next, "\n")) != NULL) {
		cli_table_clean(&clean, line);
		if (next != NULL)
			buf_putc(&clean, '\n');
	}
	fputs(buf_str(&clean), stdout);
	buf_fini(&clean);
	buf_fini(&text);
}
