/* SPDX-License-Identifier: MIT */
/* stream_import.c - text into a log that can be read several times. */
#include "stream/stream_import.h"

#include "audit/match_text.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_EVERY_LINES 65536u

struct import {
	FILE *in;
	const char *path;
	char *error, *line, *scratch;
	size_t line_room;
	uint64_t number;
	bool cut, acks, timed;
	enum match_side side;
	bool outputs;
	bool (*stop)(void);
	struct stream_writer out;
};

static int
line_error(struct import *m, uint32_t column, const char *what)
{
	snprintf(m->error, STREAM_IMPORT_ERROR, "%s:%" PRIu64 ":%" PRIu32 ": %s", m->path, m->number, column, what);
	return -EINVAL;
}

/* One line. 1, or 0: it is the last and was cut off; negative: error. */
static int
take_line(struct import *m, const char *line, size_t n, bool whole)
{
	const char *error = "";
	uint32_t column = 1;
	struct match_rec r;
	int rc;

	if (n > MATCH_TEXT_LINE_MAX)
		return line_error(m, MATCH_TEXT_LINE_MAX, "the line is too long: at most 1048576 bytes");
	rc = match_text_line(line, n, m->side, m->outputs, m->scratch, &r, &error, &column);
	if (rc < 0 && !whole)
		return 0;
	if (rc < 0)
		return line_error(m, column, error);
	if (rc == 0)
		return 1;
	if (!whole && r.kind == MATCH_CORRUPT)
		return 0;
	m->acks |= r.kind == MATCH_ACK || r.kind == MATCH_REFUSED;
	m->timed |= r.at != 0;
	r.at += m->out.head.mono;
	rc = stream_writer_put(&m->out, &r);
	if (rc != 0)
		snprintf(m->error, STREAM_IMPORT_ERROR, "%s: it cannot be packed into a temporary file: %s", m->path, strerror(-rc));
	return rc != 0 ? rc : 1;
}

static int
take_lines(struct import *m)
{
	ssize_t n;

	while ((n = getline(&m->line, &m->line_room, m->in)) > 0) {
		bool whole = m->line[n - 1] == '\n';
		int rc;

		m->number++;
		rc = take_line(m, m->line, (size_t)n - whole, whole);
		if (rc < 0)
			return rc;
		m->cut |= rc == 0;
		if (m->number % STOP_EVERY_LINES == 0 && m->stop())
			return -ECANCELED;
	}
	if (ferror(m->in)) {
		snprintf(m->error, STREAM_IMPORT_ERROR, "%s: it cannot be read: %s", m->path, strerror(errno));
		return -EIO;
	}
	return 0;
}

/* The head says whether there were acknowledgements, which is known now only; nobody else has the file. */
static int
patch_head(struct import *m, int fd)
{
	uint8_t head[MATCH_LOG_HEAD_BYTES];

	m->out.head.acks = m->acks;
	m->out.head.mono = 0;
	m->out.head.machine = m->timed ? 1 : 0;
	match_log_put_head(&m->out.head, head);
	return pwrite(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) ? 0 : -EIO;
}

static int
import(struct import *m, struct stream_reader *r)
{
	struct match_log_head head = { .side = m->side };
	int fd = -1, rc = stream_writer_open(&m->out, NULL, &head);

	m->scratch = malloc(MATCH_LOG_BYTES_MAX + 1);
	if (rc == 0 && m->scratch == NULL)
		rc = -ENOMEM;
	if (rc != 0)
		snprintf(m->error, STREAM_IMPORT_ERROR, "%s: there is no room for a temporary file: %s", m->path, strerror(-rc));
	else
		rc = take_lines(m);
	free(m->scratch);
	free(m->line);
	if (stream_writer_finish(&m->out, &fd) == 0 && rc == 0)
		rc = patch_head(m, fd);
	if (rc != 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = stream_reader_take(r, fd, m->path);
	r->cut |= m->cut;
	return rc;
}

static bool
is_ours(FILE *in)
{
	char magic[8];
	size_t n = fread(magic, 1, sizeof(magic), in);

	rewind(in);
	return n == sizeof(magic) && memcmp(magic, MATCH_LOG_MAGIC, sizeof(magic)) == 0;
}

static int
check_side(struct stream_reader *r, enum match_side side, char *ret_error)
{
	if (r->head.side == side)
		return 0;
	snprintf(ret_error, STREAM_IMPORT_ERROR, "%s: this is the log of a %s; expected that of a %s", r->path,
	    side == MATCH_SIDE_SENT ? "receiver" : "sender", side == MATCH_SIDE_SENT ? "sender" : "receiver");
	return -EINVAL;
}

int
stream_import_open(struct stream_reader *r, const char *path, enum match_side side, bool outputs, bool (*stop)(void), char *ret_error)
{
	struct import m = { .path = path, .error = ret_error, .side = side, .outputs = outputs, .stop = stop };
	bool standard = strcmp(path, "-") == 0;
	int rc;

	*r = (struct stream_reader){ .path = path, .fd = -1 };
	ret_error[0] = '\0';
	m.in = standard ? stdin : fopen(path, "re");
	if (m.in == NULL) {
		snprintf(ret_error, STREAM_IMPORT_ERROR, "%s: it cannot be read: %s", path, strerror(errno));
		return -errno;
	}
	if (!standard && is_ours(m.in)) {
		rc = stream_reader_open(r, path);
		if (rc != 0)
			snprintf(ret_error, STREAM_IMPORT_ERROR, "%s: %s", path, r->error);
		else
			rc = check_side(r, side, ret_error);
	} else {
		rc = import(&m, r);
	}
	if (!standard)
		(void)fclose(m.in);
	if (rc != 0 && ret_error[0] == '\0')
		snprintf(ret_error, STREAM_IMPORT_ERROR, "%s: %s", path, rc == -ECANCELED ? "interrupted" : strerror(-rc));
	return rc;
}
