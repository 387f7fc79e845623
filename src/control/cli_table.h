/* SPDX-License-Identifier: MIT */
/*
 * cli_table.h - rows of text for people and for scripts.
 *
 * On a terminal: a header and aligned columns; elsewhere each row is its cells with tabs between, without header. Control
 * characters in cells, which may come from anybody, are shown as "?".
 */
#ifndef CONTROL_CLI_TABLE_H
#define CONTROL_CLI_TABLE_H

#include "base/buf.h"

#define CLI_COLUMNS_MAX 16

enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_RED, CLI_GREEN, CLI_YELLOW, CLI_DIM };

struct cli_table {
	unsigned columns;
	const char *const *header;      /* columns words; one that starts with '>' is aligned to the right */
	struct buf cells;               /* digit of the colour, text, NUL; row after row */
	unsigned count;                 /* of cells */
};

void cli_table_init(struct cli_table *t, const char *const *header, unsigned columns);
void cli_table_fini(struct cli_table *t);
/* The next cell, left to right, row after row. */
void cli_table_cell(struct cli_table *t, enum cli_colour colour, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Append what there is. A last row that is not complete is left out. */
void cli_table_render(const struct cli_table *t, bool terminal, struct buf *out);

/* Render it to standard output. */
void cli_table_print(const struct cli_table *t);

/* printf() to standard output with control characters, but for newlines, shown as "?". */
void cli_table_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Append s to out with control characters shown as "?". */
void cli_table_clean(struct buf *out, const char *s);

#endif
