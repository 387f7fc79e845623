/* SPDX-License-Identifier: MIT */
/* import_lsof.c - text of lsof -i: who holds which socket of TCP. It knows no connections that are over. */
#include "graph/import_sockets.h"
#include <string.h>

#define COMMAND_SHORT 9         /* lsof cuts names there, but for +c 0 */

/* Names that lsof has cut, of programs that are told apart by name. */
static const char *
whole_name(struct import *im, const char *s, size_t n)
{
	static const char *const names[] = { "redis-server", "valkey-server", "clickhouse-server", "nats-server", "rabbitmq-server", "memcached",
	    "zookeeper", "redis-sentinel", "cockroach", "mosquitto", "prometheus", "postgres" };

	for (size_t i = 0; i < FL_ARRAY_LEN(names) && n == COMMAND_SHORT; i++) {
		if (strncmp(names[i], s, n) == 0)
			return names[i];
	}
	s = import_keepn(im, s, n);
	return s != NULL ? s : "";
}

/* " name" behind p up to the next space. */
static const char *
word(const char *p, const char *end, size_t *ret_n)
{
	const char *from;

	while (p < end && *p == ' ')
		p++;
	for (from = p; p < end && *p != ' '; p++)
		;
	*ret_n = (size_t)(p - from);
	return from;
}

/* "10.0.0.11:60694->10.0.0.62:4222 (ESTABLISHED)", "*:8080 (LISTEN)". */
static bool
name_parse(const char *p, size_t n, const char *end, struct import_socket *s)
{
	const char *arrow = memmem(p, n, "->", 2);
	size_t state_n;
	const char *state = word(p + n, end, &state_n);

	if (!import_addr_end(p, arrow != NULL ? (size_t)(arrow - p) : n, &s->local))
		return false;
	if (arrow != NULL && !import_addr_end(arrow + 2, n - (size_t)(arrow + 2 - p), &s->peer))
		return false;
	s->listening = arrow == NULL;
	s->failed = s->opened = state_n == 10 && memcmp(state, "(SYN_SENT)", 10) == 0;
	s->accepted = state_n == 10 && memcmp(state, "(SYN_RECV)", 10) == 0;
	return arrow != NULL || (state_n == 8 && memcmp(state, "(LISTEN)", 8) == 0);
}

void
import_lsof_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct import_host *h = import_sockets_file_host(im, "sockets");
	uint32_t number = 0;
	size_t len;

	while (h != NULL && import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct import_socket s = { .process = "", .unit = "" };
		const char *tcp = memmem(line, len, " TCP ", 5), *stop = line + len, *name, *command, *pid;
		size_t name_n, command_n, pid_n;

		number++;
		if (tcp == NULL)
			continue;       /* a heading, another family */
		name = word(tcp + 5, stop, &name_n);
		if (!name_parse(name, name_n, stop, &s)) {
			im->dropped += memmem(name, (size_t)(stop - name), "(CLOSED)", 8) == NULL;
			continue;
		}
		command = word(line, stop, &command_n);
		s.process = whole_name(im, command, command_n);
		pid = word(command + command_n, stop, &pid_n);
		for (size_t i = 0; i < pid_n && pid[i] >= '0' && pid[i] <= '9'; i++)
			s.pid = s.pid * 10 + (uint32_t)(pid[i] - '0');
		(void)import_sockets_seen(im, h, &s, import_line(im, number));
	}
}
