/* SPDX-License-Identifier: MIT */
/* stream_lines.c - lines by what they say. */
#include "stream/stream_lines.h"

#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_0 UINT64_C(0x6c696e6573206f66)
#define KEY_1 UINT64_C(0x2074657874206f6e)
#define CAP_FIRST ((size_t)1024)
#define STOP_EVERY_LINES 65536u
#define NOBODY UINT32_MAX               /* the flow of lines that nobody sent */
#define NONE SIZE_MAX

/* A message that was sent, and the next one with the same text. */
struct sent {
	uint64_t n;
	size_t next;
	uint32_t flow;
};
/* A text: its first message, and the one that the next arrival is. */
struct text {
	uint64_t hash;
	size_t first, last, due;        /* NONE: the place is free */
};
struct stream_lines {
	size_t memory_bytes;
	struct sent *sent;
	size_t sent_count, sent_cap;
	struct text *texts;
	size_t text_count, text_cap;    /* cap: a power of two */
};

struct stream_lines *
stream_lines_new(size_t memory_bytes)
{
	struct stream_lines *l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->memory_bytes = memory_bytes;
	return l;
}

void
stream_lines_free(struct stream_lines *l)
{
	if (l == NULL)
		return;
	free(l->sent);
	free(l->texts);
	free(l);
}

static struct text *
find(struct text *texts, size_t cap, uint64_t hash)
{
	size_t at = (size_t)hash & (cap - 1);

	while (texts[at].first != NONE && texts[at].hash != hash)
		at = (at + 1) & (cap - 1);
	return &texts[at];
}

static int
grow_texts(struct stream_lines *l)
{
	size_t cap = l->text_cap == 0 ? CAP_FIRST : l->text_cap * 2;
	struct text *texts;

	if ((cap + l->text_cap) * sizeof(*texts) + l->sent_cap * sizeof(*l->sent) > l->memory_bytes)
		return -ENOMEM;
	texts = malloc(cap * sizeof(*texts));
	if (texts == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cap; i++)
		texts[i].first = NONE;
	for (size_t i = 0; i < l->text_cap; i++)
		if (l->texts[i].first != NONE)
			*find(texts, cap, l->texts[i].hash) = l->texts[i];
	free(l->texts);
	l->texts = texts;
	l->text_cap = cap;
	return 0;
}

static int
add_sent(struct stream_lines *l, uint32_t flow, uint64_t n, uint64_t hash)
{
	struct text *t;

	if (l->sent_count == l->sent_cap) {
		size_t cap = l->sent_cap == 0 ? CAP_FIRST : l->sent_cap * 2;
		struct sent *grown = cap * sizeof(*grown) + l->text_cap * sizeof(*t) > l->memory_bytes ? NULL : realloc(l->sent,
		    cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		l->sent = grown;
		l->sent_cap = cap;
	}
	if (l->text_count >= l->text_cap / 4 * 3 && grow_texts(l) != 0)
		return -ENOMEM;
	t = find(l->texts, l->text_cap, hash);
	if (t->first == NONE) {
		*t = (struct text){ .hash = hash, .first = l->sent_count, .last = l->sent_count, .due = l->sent_count };
		l->text_count++;
	} else {
		l->sent[t->last].next = l->sent_count;
		t->last = l->sent_count;
	}
	l->sent[l->sent_count++] = (struct sent){ .n = n, .next = NONE, .flow = flow };
	return 0;
}

/* The message that a line which has arrived is. */
static void
name_arrival(struct stream_lines *l, uint64_t hash, struct match_rec *r)
{
	struct text *t = l->text_cap == 0 ? NULL : find(l->texts, l->text_cap, hash);
	const struct sent *s;

	if (t == NULL || t->first == NONE) {
		r->flow = NOBODY;
		return;
	}
	s = &l->sent[t->due != NONE ? t->due : t->last];
	r->flow = s->flow;
	r->n = s->n;
	if (t->due != NONE)
		t->due = s->next;
}

static int
take_line(struct stream_lines *l, struct stream_writer *w, enum match_side side, uint32_t flow, uint64_t n, const char *line, size_t bytes)
{
	uint64_t hash = hash_bytes(KEY_0, KEY_1, line, bytes);
	struct match_rec r = { .flow = flow, .n = n, .hash = (uint32_t)hash, .at = w->head.mono };
	int rc = 0;

	r.kind = side == MATCH_SIDE_SENT ? MATCH_SENT : MATCH_GOT;
	if (side == MATCH_SIDE_SENT)
		rc = add_sent(l, flow, n, hash);
	else
		name_arrival(l, hash, &r);
	r.value = (int64_t)r.n;
	return rc != 0 ? rc : stream_writer_put(w, &r);
}

static int
take_file(struct stream_lines *l, struct stream_writer *w, enum match_side side, uint32_t flow, FILE *in, bool (*stop)(void))
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rc = 0;

	for (uint64_t number = 1; rc == 0 && (n = getline(&line, &room, in)) > 0; number++) {
		n -= line[n - 1] == '\n';
		n -= n > 0 && line[n - 1] == '\r';
		rc = take_line(l, w, side, flow, number, line, (size_t)n);
		if (rc == 0 && number % STOP_EVERY_LINES == 0 && stop())
			rc = -ECANCELED;
	}
	free(line);
	return rc == 0 && ferror(in) ? -EIO : rc;
}

int
stream_lines_open(struct stream_lines *l, struct stream_reader *r, const char *path, enum match_side side, uint32_t flow, bool (*stop)(void),
    char *ret_error)
{
	struct match_log_head head = { .side = side };
	bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? stdin : fopen(path, "re");
	struct stream_writer w;
	int fd = -1, rc = -errno;

	*r = (struct stream_reader){ .path = path, .fd = -1 };
	if (in == NULL) {
		snprintf(ret_error, STREAM_LINES_ERROR, "%.300s: it cannot be read: %s", path, strerror(-rc));
		return rc;
	}
	rc = stream_writer_open(&w, NULL, &head);
	w.head.machine = 0;
	if (rc == 0)
		rc = take_file(l, &w, side, flow, in, stop);
	if (!standard)
		(void)fclose(in);
	if (stream_writer_finish(&w, &fd) != 0 && rc == 0)
		rc = w.err;
	if (rc == 0)
		rc = stream_reader_take(r, fd, path);
	else if (fd >= 0)
		close(fd);
	r->head.machine = 0;            /* there are no times */
	if (rc == -ENOMEM)
		snprintf(ret_error, STREAM_LINES_ERROR, "%.300s: there are more lines than fit into the memory; give more --memory", path);
	else if (rc != 0)
		snprintf(ret_error, STREAM_LINES_ERROR, "%.300s: %s", path, rc == -ECANCELED ? "interrupted" : strerror(-rc));
	return rc;
}
