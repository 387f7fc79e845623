/* SPDX-License-Identifier: MIT */
/* command.c - a command of a shell, with an input and a log. */
#include "io/command.h"

#include "base/assert.h"
#include "io/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 10

/* A file that can be read from its beginning and is gone with the last who has it open. -errno on failure. */
static int
input_file(const void *input, size_t n)
{
	const char *at = input;
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (n > 0) {
		ssize_t k = write(fd, at, n);
		if (k < 0 && errno != EINTR) {
			int err = -errno;
			close(fd);
			return err;
		}
		at += k < 0 ? 0 : k;
		n -= k < 0 ? 0 : (size_t)k;
	}
	(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
open_files(const void *input, size_t n, const char *log, int *ret_in, int *ret_out)
{
	int in = input != NULL ? input_file(input, n) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (in < 0)
		return input != NULL ? in : -errno;
	int out = open(log != NULL ? log : "/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (out < 0) {
		int err = -errno;
		close(in);
		return err;
	}
	*ret_in = in;
	*ret_out = out;
	return 0;
}

static int
spawn(struct command *c, const char *text, int in, int out)
{
	const char *const argv[] = { "sh", "-c", text, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, usual;
	int err;

	if ((err = posix_spawn_file_actions_init(&files)) != 0)
		return -err;
	if ((err = posix_spawnattr_init(&how)) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return -err;
	}
	(void)sigemptyset(&none);
	(void)sigfillset(&usual);
	(void)posix_spawnattr_setpgroup(&how, 0);
	(void)posix_spawnattr_setsigmask(&how, &none);
	(void)posix_spawnattr_setsigdefault(&how, &usual);
	(void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	if (err == 0)
		err = posix_spawn(&c->pid, "/bin/sh", &files, &how, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawnattr_destroy(&how);
	(void)posix_spawn_file_actions_destroy(&files);
	return -err;
}

int
command_start(struct command *c, const char *text, const void *input, size_t n, const char *log)
{
	int in = -1, out = -1, err = open_files(input, n, log, &in, &out);

	*c = (struct command){ .began = clock_mono() };
	if (err < 0)
		return err;
	err = spawn(c, text, in, out);
	close(in);
	close(out);
	if (err < 0)
		c->pid = 0;
	return err;
}

bool
command_ended(struct command *c, int *ret_status)
{
	fl_assert(c->pid > 0);
	int status = 0;
	pid_t r = waitpid(c->pid, &status, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	*ret_status = r < 0 ? 0x7f00 : status;          /* somebody else took it: as an exit with 127 */
	c->pid = 0;
	return true;
}

int
command_wait(struct command *c, fl_ns deadline, int *ret_status)
{
	while (!command_ended(c, ret_status)) {
		if (clock_mono() >= deadline)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

void
command_kill(struct command *c)
{
	int status;

	if (c->pid <= 0)
		return;
	(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}
