/* SPDX-License-Identifier: MIT */
/*
 * sockproc.c - see sockproc.h.
 *
 * 1. inodes[0] holds what was asked for since the last look, inodes[1] what was asked for before; what is in neither is forgotten.
 * 2. A process is known by its number and by its directory's time, so that a number that is used again is another process.
 */
#include "io/sockproc.h"
#include "base/map.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES_MAX 65536

struct entry {
	struct sockproc_process p;
	struct timespec born;
	bool seen, fresh, sockets;      /* in this look; never scanned; it had sockets */
	bool scanned;                   /* in this look */
};

struct sockproc {
	struct map inodes[2];           /* (1) */
	struct map by_pid;
	struct entry **all;
	uint32_t count, room, next;     /* next: where the scan goes on */
	uint64_t own;
	struct entry nobody;            /* holder of what was given up */
};

static uint64_t
netns_of(int pid)
{
	char path[64], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 5)
		return 0;
	link[n] = '\0';
	return strtoull(link + 5, NULL, 10);
}

int
sockproc_new(struct sockproc **ret)
{
	struct sockproc *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	map_init(&s->inodes[0], 1, 2);
	map_init(&s->inodes[1], 1, 2);
	map_init(&s->by_pid, 1, 2);
	s->own = netns_of(getpid());
	*ret = s;
	return 0;
}

void
sockproc_free(struct sockproc *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		free(s->all[i]);
	free(s->all);
	map_fini(&s->inodes[0]);
	map_fini(&s->inodes[1]);
	map_fini(&s->by_pid);
	free(s);
}

/* Up to n - 1 bytes of a small file, without the newline at its end. */
static size_t
read_small(const char *path, char *out, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd >= 0 ? read(fd, out, n - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (got < 0)
		got = 0;
	while (got > 0 && out[got - 1] == '\n')
		got--;
	out[got] = '\0';
	return (size_t)got;
}

/* A container's number: 64 digits of base 16. */
static bool
container_id(const char *path, char *out, size_t out_bytes)
{
	for (const char *p = path; *p != '\0'; p++) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n == 64 && out_bytes > 64) {
			memcpy(out, p, 64);
			out[64] = '\0';
			return true;
		}
		if (n > 0)
			p += n - 1;
	}
	return false;
}

/* What people call the container: Docker's name, else its host name, else the beginning of its number. */
static void
container_name(int pid, const char *id, char *out, size_t out_bytes)
{
	char path[256], text[16384], *name;

	snprintf(path, sizeof(path), "/var/lib/docker/containers/%s/config.v2.json", id);
	(void)read_small(path, text, sizeof(text));
	name = strstr(text, "\"Name\":\"/");
	if (name != NULL) {
		snprintf(out, out_bytes, "%.*s", (int)strcspn(name + 9, "\""), name + 9);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root/etc/hostname", pid);
	if (read_small(path, out, out_bytes) == 0 || strncmp(out, id, strlen(out)) == 0)
		snprintf(out, out_bytes, "%.12s", id);
}

/* The name that `ip netns` gave it. */
static void
netns_name(uint64_t netns, char *out, size_t out_bytes)
{
	DIR *d = opendir("/run/netns");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		struct stat st;

		if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0 && (uint64_t)st.st_ino == netns) {
			snprintf(out, out_bytes, "%.*s", (int)out_bytes - 1, e->d_name);
			break;
		}
	}
	if (d != NULL)
		closedir(d);
}

static void
learn(struct sockproc *s, struct entry *e)
{
	char path[64], text[1024], id[65], *line;

	e->p.netns = netns_of(e->p.pid);
	snprintf(path, sizeof(path), "/proc/%d/comm", e->p.pid);
	(void)read_small(path, e->p.name, sizeof(e->p.name));
	snprintf(path, sizeof(path), "/proc/%d/cgroup", e->p.pid);
	(void)read_small(path, text, sizeof(text));
	line = strstr(text, "0::");
	line = line != NULL ? line + 3 : text;
	line[strcspn(line, "\n")] = '\0';
	if (container_id(text, id, sizeof(id))) {
		char name[SOCKPROC_NAME_MAX - 16];

		container_name(e->p.pid, id, name, sizeof(name));
		snprintf(e->p.unit, sizeof(e->p.unit), "container:%s", name);
		if (e->p.netns != s->own)
			snprintf(e->p.host, sizeof(e->p.host), "%s", name);
	} else {
		snprintf(e->p.unit, sizeof(e->p.unit), "%.*s", (int)sizeof(e->p.unit) - 1, line);
	}
	if (e->p.netns != s->own && e->p.netns != 0 && e->p.host[0] == '\0')
		netns_name(e->p.netns, e->p.host, sizeof(e->p.host));
	if (e->p.netns != s->own && e->p.netns != 0 && e->p.host[0] == '\0')
		snprintf(e->p.host, sizeof(e->p.host), "netns-%llu", (unsigned long long)e->p.netns);
}

static struct entry *
add(struct sockproc *s, int pid)
{
	struct entry *e, **grown;

	if (s->count == PROCESSES_MAX)
		return NULL;
	if (s->count == s->room) {
		s->room = s->room != 0 ? s->room * 2 : 256;
		grown = realloc(s->all, s->room * sizeof(struct entry *));
		if (grown == NULL)
			return NULL;
		s->all = grown;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL || map_putn(&s->by_pid, &pid, sizeof(pid), e, NULL) != 0) {
		free(e);
		return NULL;
	}
	s->all[s->count++] = e;
	return e;
}

/* Which processes there are; new ones are learnt. */
static void
list(struct sockproc *s)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	for (uint32_t i = 0; i < s->count; i++)
		s->all[i]->seen = s->all[i]->scanned = false;
	while (d != NULL && (de = readdir(d)) != NULL) {
		int pid = isdigit((unsigned char)de->d_name[0]) ? (int)strtol(de->d_name, NULL, 10) : 0;
		struct entry *e;
		struct stat st;

		if (pid <= 0 || fstatat(dirfd(d), de->d_name, &st, 0) != 0)
			continue;
		e = map_getn(&s->by_pid, &pid, sizeof(pid));
		if (e == NULL)
			e = add(s, pid);
		if (e == NULL)
			continue;
		e->seen = true;
		if (e->p.pid != pid || e->born.tv_sec != st.st_ctim.tv_sec || e->born.tv_nsec != st.st_ctim.tv_nsec) {
			*e = (struct entry){ .p.pid = pid, .born = st.st_ctim, .seen = true, .fresh = true };
			learn(s, e);
		}
	}
	if (d != NULL)
		closedir(d);
}

/* Ended processes are kept as long as a socket of theirs is remembered. */
static void
forget(struct sockproc *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->count; i++)
		s->all[i]->sockets = s->all[i]->sockets && s->all[i]->seen;
	for (int m = 0; m < 2; m++) {
		for (uint32_t i = 0; i < s->inodes[m].count; i++)
			((struct entry *)s->inodes[m].entries[i].value)->sockets = true;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		struct entry *e = s->all[i];

		if (e->seen || e->sockets) {
			s->all[kept++] = e;
			continue;
		}
		(void)map_deln(&s->by_pid, &e->p.pid, sizeof(e->p.pid));
		free(e);
	}
	s->count = kept;
}

/* The sockets among a process's descriptors. */
static unsigned
scan(struct sockproc *s, struct entry *e, unsigned links)
{
	char path[64], link[64];
	unsigned used = 0;
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", e->p.pid);
	d = opendir(path);
	e->fresh = false;
	e->scanned = true;
	while (d != NULL && used < links && (de = readdir(d)) != NULL) {
		ssize_t n = de->d_name[0] != '.' ? readlinkat(dirfd(d), de->d_name, link, sizeof(link) - 1) : -1;
		uint32_t inode;

		used += n >= 0;
		if (n < 9 || memcmp(link, "socket:[", 8) != 0)
			continue;
		link[n] = '\0';
		inode = (uint32_t)strtoul(link + 8, NULL, 10);
		e->sockets = true;
		(void)map_putn(&s->inodes[0], &inode, sizeof(inode), e, NULL);
	}
	if (d != NULL)
		closedir(d);
	return used + 1;
}

unsigned
sockproc_look(struct sockproc *s, unsigned wanted, unsigned links)
{
	unsigned used = 0;

	list(s);
	if (wanted > 0) {
		uint32_t from = s->next, i;

		/* The newest of those that were never looked at, then all from where the last look had to end. */
		for (i = s->count; i > 0 && used < links; i--) {
			if (s->all[i - 1]->seen && s->all[i - 1]->fresh)
				used += scan(s, s->all[i - 1], links - used);
		}
		for (i = 0; i < s->count && used < links; i++) {
			struct entry *e = s->all[(from + i) % s->count];

			if (e->seen && !e->scanned)
				used += scan(s, e, links - used);
		}
		s->next = s->count > 0 ? (from + i) % s->count : 0;
	}
	return used;
}

static struct entry *
holder(struct sockproc *s, uint32_t inode)
{
	struct entry *e = inode != 0 ? map_getn(&s->inodes[0], &inode, sizeof(inode)) : NULL;

	if (e == NULL && inode != 0) {
		e = map_getn(&s->inodes[1], &inode, sizeof(inode));
		if (e != NULL)
			(void)map_putn(&s->inodes[0], &inode, sizeof(inode), e, NULL);
	}
	return e;
}

const struct sockproc_process *
sockproc_of(struct sockproc *s, uint32_t inode)
{
	const struct entry *e = holder(s, inode);

	return e != NULL && e != &s->nobody ? &e->p : NULL;
}

void
sockproc_give_up(struct sockproc *s, uint32_t inode)
{
	if (holder(s, inode) == NULL)
		(void)map_putn(&s->inodes[0], &inode, sizeof(inode), &s->nobody, NULL);
}

bool
sockproc_is_settled(struct sockproc *s, uint32_t inode)
{
	return holder(s, inode) != NULL;
}

void
sockproc_turn(struct sockproc *s)
{
	map_fini(&s->inodes[1]);
	s->inodes[1] = s->inodes[0];
	map_init(&s->inodes[0], 1, 2);
	forget(s);
}

const struct sockproc_process *
sockproc_namespace(struct sockproc *s, unsigned index)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct entry *e = s->all[i];
		bool first = e->seen && e->p.netns != 0 && e->p.netns != s->own;

		for (uint32_t j = 0; j < i && first; j++)
			first = !s->all[j]->seen || s->all[j]->p.netns != e->p.netns;
		if (first && index-- == 0)
			return &e->p;
	}
	return NULL;
}

uint64_t
sockproc_own_netns(const struct sockproc *s)
{
	return s->own;
}
