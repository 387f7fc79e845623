/* SPDX-License-Identifier: MIT */
/*
 * keeper.c - the supervisor process.
 *
 * Invariants
 *  (1) Every process it started, and every orphan of theirs, is its child or a descendant of its child: it is a child
 *      subreaper, so nothing escapes by forking twice or by setsid().
 *  (2) A child's pid is signalled only while the child has not been waited for, so it cannot be somebody else's.
 *  (3) It holds no descriptor of the runner's but the socket, so nobody who waits for the runner's output waits for it.
 *  (4) A child dies with the keeper (PR_SET_PDEATHSIG), should that be killed itself.
 */
#include "io/keeper.h"

#include "base/assert.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX 1024
#define KILL_ROUNDS_MAX 500             /* of 10 ms: when nothing dies of SIGKILL any more, waiting is vain */

struct child {
	uint32_t id;
	pid_t pid;                      /* 0: free slot */
};
struct keeper {
	int sock, signals;
	struct child children[CHILDREN_MAX];
	char packet[KEEPER_PACKET_MAX + 1];
};
/* A SPAWN packet taken apart; pointers into the packet. */
struct request {
	char *argv[KEEPER_ARGS_MAX + 1];
	char *env[KEEPER_ARGS_MAX];
	uint32_t envc;
	const char *cwd, *log;
};
/* What a child that could not become the program says through its pipe. */
struct refusal {
	int err;
	char step[16];
};

static void
send_message(const struct keeper *k, const struct keeper_message *m, const char *text)
{
	char packet[sizeof(*m) + 64];
	size_t text_bytes = text == NULL ? 0 : strnlen(text, 63) + 1;

	memcpy(packet, m, sizeof(*m));
	memset(packet + sizeof(*m), 0, 64);
	if (text_bytes > 0)
		memcpy(packet + sizeof(*m), text, text_bytes - 1);
	/* When the runner is gone this fails, and the next receive says so. */
	(void)send(k->sock, packet, sizeof(*m) + text_bytes, MSG_NOSIGNAL);
}

static char *
next_text(char **p, const char *end)
{
	char *s = *p;
	char *nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;

	if (nul == NULL)
		return NULL;
	*p = nul + 1;
	return s;
}

static bool
parse_spawn(const struct keeper_message *m, char *p, const char *end, struct request *ret)
{
	if (m->argc == 0 || m->argc > KEEPER_ARGS_MAX || m->envc > KEEPER_ARGS_MAX)
		return false;
	for (uint32_t i = 0; i < m->argc; i++)
		if ((ret->argv[i] = next_text(&p, end)) == NULL)
			return false;
	ret->argv[m->argc] = NULL;
	for (uint32_t i = 0; i < m->envc; i++)
		if ((ret->env[i] = next_text(&p, end)) == NULL)
			return false;
	ret->envc = m->envc;
	ret->cwd = next_text(&p, end);
	ret->log = next_text(&p, end);
	return ret->cwd != NULL && ret->log != NULL;
}

_Noreturn static void
refuse(int report, const char *step)
{
	struct refusal r = { .err = errno };

	strncpy(r.step, step, sizeof(r.step) - 1);
	(void)!write(report, &r, sizeof(r));
	_exit(127);
}

/* In the child: become the program, or say through `report` why not. */
_Noreturn static void
become(const struct request *req, int report)
{
	sigset_t none;
	pid_t keeper = getppid();
	int null, log;

	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper)
		refuse(report, "prctl");
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0)
		refuse(report, "/dev/null");
	if (req->cwd[0] != '\0' && chdir(req->cwd) < 0)
		refuse(report, "cwd");
	log = open(req->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		refuse(report, "log");
	for (uint32_t i = 0; i < req->envc; i++)
		(void)putenv(req->env[i]);
	execvp(req->argv[0], req->argv);
	refuse(report, "exec");
}

static struct child *
free_slot(struct keeper *k)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (k->children[i].pid == 0)
			return &k->children[i];
	return NULL;
}

/* Fork and exec; waits until the exec succeeded or failed. */
static void
spawn(struct keeper *k, const struct keeper_message *m, const struct request *req)
{
	struct keeper_message answer = { .what = KEEPER_SPAWNED, .id = m->id };
	struct refusal why = { .step = "fork" };
	struct child *slot = free_slot(k);
	int report[2];
	ssize_t n;
	pid_t pid;

	if (slot == NULL || pipe2(report, O_CLOEXEC) < 0) {
		answer.value = slot == NULL ? -EAGAIN : -errno;
		send_message(k, &answer, "fork");
		return;
	}
	pid = fork();
	if (pid == 0)
		become(req, report[1]);
	why.err = errno;
	close(report[1]);
	do
		n = pid < 0 ? (ssize_t)sizeof(why) : read(report[0], &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n != 0) {
		answer.value = -why.err;
		why.step[sizeof(why.step) - 1] = '\0';
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		send_message(k, &answer, why.step);
		return;
	}
	*slot = (struct child){ .id = m->id, .pid = pid };
	answer.pid = pid;
	send_message(k, &answer, NULL);
}

static void
signal_group(const struct keeper *k, uint32_t id, int sig)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *c = &k->children[i];
		if (c->pid != 0 && c->id == id && kill(-c->pid, sig) < 0)
			(void)kill(c->pid, sig);        /* it made itself another group (2) */
	}
}

/* One packet from the runner. false: the runner is gone. */
static bool
serve(struct keeper *k)
{
	struct keeper_message m;
	struct request req;
	ssize_t n = recv(k->sock, k->packet, KEEPER_PACKET_MAX, 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < (ssize_t)sizeof(m))
		return false;
	memcpy(&m, k->packet, sizeof(m));
	if (m.what == KEEPER_SIGNAL) {
		signal_group(k, m.id, m.value);
	} else {
		fl_assert(m.what == KEEPER_SPAWN);
		if (parse_spawn(&m, k->packet + sizeof(m), k->packet + n, &req)) {
			spawn(k, &m, &req);
		} else {
			m = (struct keeper_message){ .what = KEEPER_SPAWNED, .id = m.id, .value = -E2BIG };
			send_message(k, &m, "request");
		}
	}
	return true;
}

static void
reap(struct keeper *k)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)!read(k->signals, &info, sizeof(info));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < CHILDREN_MAX; i++) {
			struct child *c = &k->children[i];
			if (c->pid != pid)
				continue;
			struct keeper_message m = { .what = KEEPER_EXITED, .id = c->id, .value = status, .pid = pid };
			c->pid = 0;
			send_message(k, &m, NULL);
		}
	}
}

static pid_t
parent_of(const char *pid_name)
{
	char path[300], text[512];
	const char *p;
	ssize_t n;
	int fd, ppid;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid_name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	/* "pid (name, with anything in it) S ppid ..." */
	p = strrchr(text, ')');
	return p != NULL && sscanf(p + 1, " %*c %d", &ppid) == 1 ? (pid_t)ppid : -1;
}

/* SIGKILL to every child; their orphans become children and fall in the next round (1). */
static void
kill_children(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t self = getpid();

	while (proc != NULL && (e = readdir(proc)) != NULL)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == self)
			(void)kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
	if (proc != NULL)
		closedir(proc);
}

static void
kill_all(void)
{
	const struct timespec pause = { .tv_nsec = 10 * FL_MS };

	for (int round = 0; round < KILL_ROUNDS_MAX; round++) {
		pid_t pid;
		kill_children();
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			continue;
		if (pid < 0 && errno == ECHILD)
			return;
		nanosleep(&pause, NULL);
	}
}

/* Keep nothing of the runner's but the socket (3). */
static int
let_go(int sock)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(sock, 3) < 0)
		_exit(127);
	if (close_range(4, ~0U, 0) < 0)
		for (int fd = 4; fd < 65536; fd++)
			close(fd);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3;
}

_Noreturn void
keeper_main(int sock)
{
	static struct keeper k;         /* too large for a stack; there is one keeper in a process */
	sigset_t all, child;

	/* Its own session: a Ctrl-C at the terminal is the runner's business. */
	(void)setsid();
	(void)prctl(PR_SET_NAME, "faultline-keep");
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	k.sock = let_go(sock);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	k.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	fl_assert(k.signals >= 0);
	for (;;) {
		struct pollfd fds[] = { { .fd = k.sock, .events = POLLIN }, { .fd = k.signals, .events = POLLIN } };
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			reap(&k);
		if (fds[0].revents != 0 && !serve(&k))
			break;
	}
	kill_all();
	_exit(0);
}
