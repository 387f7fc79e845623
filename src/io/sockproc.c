/* SPDX-License-Identifier: MIT */
/*
 * sockproc.c - see sockproc.h.
 *
 * 1. inodes[0] holds what was asked for since the last look, inodes[1] what was asked for before; what is in neither is forgotten.
 * 2. A process is known by its number and by its directory's time, so that a number that is used again is another process.
 */
#include "io/sockproc.h"
#include "base/map.h"
#include "io/procname.h"
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
#define NAMED_MAX 1024u

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
	char own_group[SOCKPROC_NAME_MAX], own_id[SOCKPROC_NAME_MAX];
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

unsigned
sockproc_named(struct sockproc_netns *ret, unsigned n)
{
	DIR *d = opendir("/run/netns");
	struct dirent *e;
	unsigned count = 0;

	while (d != NULL && count < n && (e = readdir(d)) != NULL) {
		struct stat st;

		if (e->d_name[0] == '.' || strlen(e->d_name) >= SOCKPROC_NAME_MAX || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
			continue;
		ret[count].netns = st.st_ino;
		snprintf(ret[count++].name, sizeof(ret->name), "%.*s", SOCKPROC_NAME_MAX - 1, e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return count;
}

static void
netns_name(struct sockproc_process *p)
{
	struct sockproc_netns *all = calloc(NAMED_MAX, sizeof(*all));
	unsigned n = all != NULL ? sockproc_named(all, NAMED_MAX) : 0;

	for (unsigned i = 0; i < n; i++) {
		if (all[i].netns == p->netns)
			snprintf(p->host, sizeof(p->host), "%s", all[i].name);
	}
	free(all);
	p->nameless = p->host[0] == '\0';
	if (p->nameless)
		snprintf(p->host, sizeof(p->host), "netns-%llu", (unsigned long long)p->netns);
}

/* Path of the control group, and the number of the container if it is in one; both "" when they are our own, which tell nobody apart. */
static void
learn_group(const struct sockproc *s, int pid, char *text, size_t n, char *group, char *id)
{
	char path[64], *line;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	(void)procname_read(path, text, n);
	line = strstr(text, "0::");
	snprintf(group, SOCKPROC_NAME_MAX, "%.*s", (int)strcspn(line != NULL ? line + 3 : text, "\n"), line != NULL ? line + 3 : text);
	if (!procname_container(text, id, SOCKPROC_NAME_MAX))
		id[0] = '\0';
	if (strcmp(group, s->own_group) == 0 && strcmp(id, s->own_id) == 0)
		group[0] = id[0] = '\0';
}

/* The first of its ancestors that run the same program. Parents have been listed before, or are not known. */
static int
master_of(struct sockproc *s, const struct sockproc_process *p)
{
	char path[64], text[512], *paren;
	const struct entry *parent;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%d/stat", p->pid);
	(void)procname_read(path, text, sizeof(text));
	paren = strrchr(text, ')');
	ppid = paren != NULL && strlen(paren) > 4 ? (int)strtol(paren + 4, NULL, 10) : 0;
	parent = map_getn(&s->by_pid, &ppid, sizeof(ppid));
	if (parent == NULL || parent->p.netns != p->netns || strcmp(parent->p.name, p->name) != 0 || strcmp(parent->p.app, p->app) != 0)
		return p->pid;
	return parent->p.master;
}

static void
learn_app(struct sockproc_process *p)
{
	char path[64], args[4096], cwd[512];
	ssize_t n;
	size_t got;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", p->pid);
	got = procname_read(path, args, sizeof(args));
	snprintf(path, sizeof(path), "/proc/%d/cwd", p->pid);
	n = readlink(path, cwd, sizeof(cwd) - 1);
	cwd[n > 0 ? n : 0] = '\0';
	(void)procname_app(p->name, args, got, cwd, p->app, sizeof(p->app));
}

static void
learn(struct sockproc *s, struct entry *e)
{
	struct sockproc_process *p = &e->p;
	char path[64], text[4096], group[SOCKPROC_NAME_MAX], id[SOCKPROC_NAME_MAX], name[SOCKPROC_NAME_MAX - 16];

	p->host[0] = p->app[0] = '\0';
	p->netns = netns_of(p->pid);
	snprintf(path, sizeof(path), "/proc/%d/comm", p->pid);
	(void)procname_read(path, p->name, sizeof(p->name));
	learn_app(p);
	p->master = master_of(s, p);
	learn_group(s, p->pid, text, sizeof(text), group, id);
	snprintf(p->unit, sizeof(p->unit), "%s", group);
	if (id[0] != '\0') {
		procname_container_name(p->pid, text, id, name, sizeof(name));
		snprintf(p->unit, sizeof(p->unit), "container:%s", name);
		if (p->netns != s->own)
			snprintf(p->host, sizeof(p->host), "%s", name);
	}
	if (p->netns != s->own && p->netns != 0 && p->host[0] == '\0')
		netns_name(p);
}

int
sockproc_new(struct sockproc **ret)
{
	struct sockproc *s = calloc(1, sizeof(*s));
	char text[4096], group[SOCKPROC_NAME_MAX], id[SOCKPROC_NAME_MAX];

	if (s == NULL)
		return -ENOMEM;
	map_init(&s->inodes[0], 1, 2);
	map_init(&s->inodes[1], 1, 2);
	map_init(&s->by_pid, 1, 2);
	s->own = netns_of(getpid());
	learn_group(s, getpid(), text, sizeof(text), group, id);
	memcpy(s->own_group, group, sizeof(group));
	memcpy(s->own_id, id, sizeof(id));
	*ret = s;
	return 0;
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

/* Known, and still the same process; else learnt. NULL: no memory. */
static struct entry *
meet(struct sockproc *s, int pid, const struct stat *st)
{
	struct entry *e = map_getn(&s->by_pid, &pid, sizeof(pid));

	if (e == NULL)
		e = add(s, pid);
	if (e == NULL)
		return NULL;
	e->seen = true;
	if (e->p.pid != pid || e->born.tv_sec != st->st_ctim.tv_sec || e->born.tv_nsec != st->st_ctim.tv_nsec) {
		*e = (struct entry){ .p.pid = pid, .born = st->st_ctim, .seen = true, .fresh = true };
		learn(s, e);
	}
	return e;
}

/* What was a shell when it was listed may be a server by now. */
static void
refresh(struct sockproc *s, struct entry *e)
{
	char path[64], name[sizeof(e->p.name)];

	snprintf(path, sizeof(path), "/proc/%d/comm", e->p.pid);
	if (procname_read(path, name, sizeof(name)) > 0 && strcmp(name, e->p.name) != 0)
		learn(s, e);
}

const struct sockproc_process *
sockproc_by_pid(struct sockproc *s, int pid)
{
	char path[64];
	struct stat st;
	struct entry *e;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	e = stat(path, &st) == 0 ? meet(s, pid, &st) : NULL;
	if (e == NULL)
		return NULL;
	refresh(s, e);
	return &e->p;
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
		struct stat st;

		if (pid <= 0 || fstatat(dirfd(d), de->d_name, &st, 0) != 0)
			continue;
		(void)meet(s, pid, &st);
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

	refresh(s, e);
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
