/* SPDX-License-Identifier: MIT */
/* auditor.c - writing the history and auditing it. */
#include "run/auditor.h"

#include "audit/register.h"
#include "base/assert.h"
#include "io/append.h"
#include "io/clock.h"
#include "io/thread.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HISTORY_BYTES_MAX ((size_t)2 << 30)

struct auditor {
	struct history history;
	struct verdict_outcome outcome;
	bool checked;
	bool given_up;
	int rc;
	int done_fd;
	pthread_t thread;
};

/* Errors of the file are kept in it: the history goes on. */
static int
emit(void *ud, struct buf *out)
{
	struct append *file = ud;

	fl_assert(out == &file->out);
	(void)append_flush(file);
	return 0;
}

int
auditor_new(struct oplog *const *logs, uint32_t count, const char *prefix, const char *path, int *ret_write_err,
    struct auditor **ret_auditor)
{
	struct auditor *a = calloc(1, sizeof(*a));
	struct append file;
	struct oplog_merge merge = { .logs = logs, .count = count, .prefix = prefix, .out = &file.out, .emit = emit, .ud = &file };
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->done_fd = -1;
	history_init(&a->history, HISTORY_BYTES_MAX);
	(void)append_open(&file, path);
	rc = oplog_merge(&merge, &a->history);
	*ret_write_err = append_close(&file);
	if (rc < 0) {
		auditor_free(a);
		return rc;
	}
	*ret_auditor = a;
	return 0;
}

static void *
run(void *ud)
{
	struct auditor *a = ud;

	a->rc = register_check(&a->history, NULL, &a->outcome);
	(void)eventfd_write(a->done_fd, 1);
	return NULL;
}

int
auditor_check(struct auditor *a, int stop_fd, const struct verdict_outcome **ret_outcome)
{
	int rc;

	fl_assert(!a->checked && !a->given_up);
	a->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->done_fd < 0)
		return -errno;
	rc = thread_start(&a->thread, "audit", run, a);
	if (rc < 0)
		return rc;
	if (clock_wait(a->done_fd, POLLIN, stop_fd, FL_NEVER) < 0) {
		a->given_up = true;
		return -ECANCELED;
	}
	thread_join(a->thread);
	if (a->rc < 0)
		return a->rc;
	a->checked = true;
	*ret_outcome = &a->outcome;
	return 0;
}

void
auditor_free(struct auditor *a)
{
	if (a == NULL || a->given_up)
		return;
	if (a->checked)
		verdict_fini(&a->outcome);
	history_fini(&a->history);
	if (a->done_fd >= 0)
		close(a->done_fd);
	free(a);
}
