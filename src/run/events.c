/* SPDX-License-Identifier: MIT */
/* events.c - what happened, as lines of JSON. */
#include "run/events.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Length of the UTF-8 sequence at s, 0 when it is none (Unicode 15, table 3-7). */
static size_t
utf8_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

int
events_put_text(struct buf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_putc(out, '"');
	while (*p != '\0') {
		size_t n = utf8_length(p);
		if (n == 0)
			buf_puts(out, "\\ufffd");
		else if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p == '\n' || *p == '\r' || *p == '\t')
			buf_puts(out, *p == '\n' ? "\\n" : *p == '\r' ? "\\r" : "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			buf_printf(out, "\\u%04x", *p);
		else
			buf_append(out, p, n);
		p += n == 0 ? 1 : n;
	}
	return buf_putc(out, '"');
}

int
events_proxy(struct buf *out, fl_ns epoch, const struct proxy_event *ev, unsigned life)
{
	buf_printf(out, "{\"t\":%" PRId64 ",\"what\":\"%s\",\"line\":", ev->at - epoch, ev->what);
	events_put_text(out, ev->line);
	buf_printf(out, ",\"conn\":%" PRIu64 ",\"key\":\"%016" PRIx64 "\"", ev->conn_ordinal, ev->conn_key);
	if (life > 1)
		buf_printf(out, ",\"life\":%u", life);
	if (ev->fault_id == 0) {
		if (strcmp(ev->what, "close") == 0) {
			buf_puts(out, ",\"reason\":");
			events_put_text(out, line_close_name((enum line_close)ev->value));
		} else if (ev->fault_name[0] != '\0') {
			buf_puts(out, ",\"text\":");
			events_put_text(out, ev->fault_name);
		}
	} else {
		buf_printf(out, ",\"dir\":\"%s\",\"fault\":", ev->dir == FL_C2S ? "c2s" : "s2c");
		events_put_text(out, ev->fault_name);
		buf_printf(out, ",\"offset\":%" PRIu64 ",\"value\":%" PRId64, ev->offset, ev->value);
	}
	return buf_puts(out, "}\n");
}

int
events_note(struct buf *out, fl_ns t, const char *what, ...)
{
	va_list ap;
	const char *name;

	buf_printf(out, "{\"t\":%" PRId64 ",\"what\":\"%s\"", t, what);
	va_start(ap, what);
	while ((name = va_arg(ap, const char *)) != NULL) {
		const char *value = va_arg(ap, const char *);
		buf_printf(out, ",\"%s\":", name);
		events_put_text(out, value == NULL ? "" : value);
	}
	va_end(ap);
	return buf_puts(out, "}\n");
}
