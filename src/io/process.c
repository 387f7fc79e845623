/* SPDX-License-Identifier: MIT */
/*
 * process.c - the runner's side of the supervisor.
 *
 * Invariants
 *  (1) Exits that arrive while an answer is awaited are kept, in order, for process_exited().
 *  (2) Once gone is set nothing runs any more under this set, and every call says -EPIPE.
 */
#include "io/process.h"

#include "base/assert.h"
#include "io/keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXITS_MAX 256

struct process_set {
	int sock;
	pid_t keeper;
	bool gone;
	uint32_t exit_count;
	struct process_exit exits[EXITS_MAX];
};

int
process_set_new(struct process_set **ret_set)
{
	struct process_set *s = calloc(1, sizeof(*s));
	int pair[2];
	int err;

	if (s == NULL)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err = -errno;
		free(s);
		return err;
	}
	s->sock = pair[0];
	s->keeper = fork();
	if (s->keeper == 0)
		keeper_main(pair[1]);
	err = -errno;
	close(pair[1]);
	if (s->keeper < 0) {
		close(s->sock);
		free(s);
		return err;
	}
	*ret_set = s;
	return 0;
}

void
process_set_free(struct process_set *s)
{
	if (s == NULL)
		return;
	close(s->sock);
	while (waitpid(s->keeper, NULL, 0) < 0 && errno == EINTR)
		continue;
	free(s);
}

int
process_set_fd(const struct process_set *s)
{
	return s->sock;
}

static bool
put_text(char *packet, size_t *at, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > KEEPER_PACKET_MAX - *at)
		return false;
	memcpy(packet + *at, text, n);
	*at += n;
	return true;
}

static bool
put_list(char *packet, size_t *at, const char *const *list, uint32_t *ret_count)
{
	uint32_t n = 0;

	for (; list != NULL && list[n] != NULL; n++)
		if (n == KEEPER_ARGS_MAX || !put_text(packet, at, list[n]))
			return false;
	*ret_count = n;
	return true;
}

static int
send_packet(struct process_set *s, const void *packet, size_t n)
{
	ssize_t sent;

	if (s->gone)
		return -EPIPE;
	do
		sent = send(s->sock, packet, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)n)
		s->gone = true;
	return s->gone ? -EPIPE : 0;
}

static void
keep_exit(struct process_set *s, const struct keeper_message *m)
{
	fl_assert(s->exit_count < EXITS_MAX);
	s->exits[s->exit_count++] = (struct process_exit){ .id = m->id, .pid = m->pid, .status = m->value };
}

/* One message; text (64 bytes) gets what follows it. 1, 0 when there is none (only with MSG_DONTWAIT), or -EPIPE. */
static int
receive(struct process_set *s, int flags, struct keeper_message *ret_m, char *text)
{
	char packet[sizeof(*ret_m) + 64] = { 0 };
	ssize_t n;

	if (s->gone)
		return -EPIPE;
	do
		n = recv(s->sock, packet, sizeof(packet), flags);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < (ssize_t)sizeof(*ret_m)) {
		s->gone = true;
		return -EPIPE;
	}
	memcpy(ret_m, packet, sizeof(*ret_m));
	memcpy(text, packet + sizeof(*ret_m), 64);
	text[63] = '\0';
	return 1;
}

static int
await_spawned(struct process_set *s, uint32_t id, pid_t *ret_pid, char *error)
{
	struct keeper_message m;
	char text[64];

	for (;;) {
		int rc = receive(s, 0, &m, text);
		if (rc < 0) {
			snprintf(error, PROCESS_ERROR_MAX, "the supervisor of the processes is gone");
			return rc;
		}
		if (m.what == KEEPER_EXITED) {
			keep_exit(s, &m);
			continue;
		}
		fl_assert(m.what == KEEPER_SPAWNED && m.id == id);
		if (m.value < 0)
			snprintf(error, PROCESS_ERROR_MAX, "%s: %s", text, strerror(-m.value));
		else
			*ret_pid = m.pid;
		return m.value;
	}
}

int
process_start(struct process_set *s, const struct process_start *start, pid_t *ret_pid, char *error)
{
	struct keeper_message m = { .what = KEEPER_SPAWN, .id = start->id };
	char *packet = malloc(KEEPER_PACKET_MAX);
	size_t at = sizeof(m);
	int rc = -E2BIG;

	fl_assert(start->argv != NULL && start->argv[0] != NULL);
	if (packet == NULL) {
		snprintf(error, PROCESS_ERROR_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (put_list(packet, &at, start->argv, &m.argc) && put_list(packet, &at, start->env, &m.envc) &&
	    put_text(packet, &at, start->cwd == NULL ? "" : start->cwd) && put_text(packet, &at, start->log)) {
		memcpy(packet, &m, sizeof(m));
		/* A failed send is noticed by the receive. */
		(void)send_packet(s, packet, at);
		rc = await_spawned(s, start->id, ret_pid, error);
	} else {
		snprintf(error, PROCESS_ERROR_MAX, "command, environment and paths are over %d bytes", KEEPER_PACKET_MAX);
	}
	free(packet);
	return rc;
}

int
process_signal(struct process_set *s, uint32_t id, int sig)
{
	struct keeper_message m = { .what = KEEPER_SIGNAL, .id = id, .value = sig };

	fl_assert(sig > 0 && sig < NSIG);
	return send_packet(s, &m, sizeof(m));
}

int
process_exited(struct process_set *s, struct process_exit *ret)
{
	struct keeper_message m;
	char text[64];
	int rc;

	if (s->exit_count == 0) {
		rc = receive(s, MSG_DONTWAIT, &m, text);
		if (rc <= 0)
			return rc;
		fl_assert(m.what == KEEPER_EXITED);
		keep_exit(s, &m);
	}
	*ret = s->exits[0];
	s->exit_count--;
	memmove(&s->exits[0], &s->exits[1], s->exit_count * sizeof(s->exits[0]));
	return 1;
}

char *
process_status_text(int status, char *buf, size_t buf_bytes)
{
	if (WIFSIGNALED(status))
		snprintf(buf, buf_bytes, "killed by %s", process_signal_name(WTERMSIG(status)));
	else
		snprintf(buf, buf_bytes, "exited with %d", WEXITSTATUS(status));
	return buf;
}

static const struct {
	int sig;
	const char *name;
} signals[] = {
	{ SIGHUP, "SIGHUP" }, { SIGINT, "SIGINT" }, { SIGQUIT, "SIGQUIT" }, { SIGILL, "SIGILL" }, { SIGABRT, "SIGABRT" },
	{ SIGBUS, "SIGBUS" }, { SIGFPE, "SIGFPE" }, { SIGKILL, "SIGKILL" }, { SIGSEGV, "SIGSEGV" }, { SIGPIPE, "SIGPIPE" },
	{ SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" }, { SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" }, { SIGCONT, "SIGCONT" },
	{ SIGSTOP, "SIGSTOP" }, { SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" }, { SIGSYS, "SIGSYS" }, { SIGTRAP, "SIGTRAP" },
};

int
process_signal_number(const char *name)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(signals); i++) {
		char number[8];
		snprintf(number, sizeof(number), "%d", signals[i].sig);
		if (strcmp(name, signals[i].name) == 0 || strcmp(name, signals[i].name + 3) == 0 || strcmp(name, number) == 0)
			return signals[i].sig;
	}
	return -EINVAL;
}

const char *
process_signal_name(int sig)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(signals); i++)
		if (signals[i].sig == sig)
			return signals[i].name;
	return "signal";
}

int64_t
process_memory_bytes(pid_t pid)
{
	char path[64], text[256];
	long long size, resident = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	if (sscanf(text, "%lld %lld", &size, &resident) != 2)
		return 0;
	return resident * sysconf(_SC_PAGESIZE);
}
