/* SPDX-License-Identifier: MIT */
/*
 * connects.c - see connects.h.
 *
 * 1. One ring per processor; the kernel writes up to head, we read up to head and then say so by tail.
 * 2. The file system of tracepoints is mounted for ourselves alone, nowhere to be seen, as long as it takes to read two files.
 */
#include "io/connects.h"
#include "base/types.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_PAGES 128u
#define CPUS_MAX 1024u
#define RECORD_MAX 512u

struct ring {
	int fd;
	struct perf_event_mmap_page *head;
	const uint8_t *data;
	size_t bytes;
};

/* Where in a record what stands. */
struct layout {
	unsigned id, dport, sport, saddr, daddr;
};

struct connects {
	struct layout at;
	struct ring *rings;
	unsigned count;
	size_t page;
};

static size_t
read_at(int dir, const char *path, char *out, size_t n)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, out, n - 1) : -1;

	if (fd >= 0)
		close(fd);
	out[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

/* "field:__u16 dport;	offset:26;	size:2;" of a format file. */
static bool
field(const char *format, const char *name, unsigned size, unsigned *ret)
{
	char key[64];
	const char *at, *offset;

	for (unsigned array = 0; array < 2; array++) {
		unsigned n;

		if (array)
			snprintf(key, sizeof(key), " %s[%u];", name, size);
		else
			snprintf(key, sizeof(key), " %s;", name);
		at = strstr(format, key);
		offset = at != NULL ? strstr(at, "offset:") : NULL;
		if (offset == NULL)
			continue;
		n = (unsigned)strtoul(offset + 7, NULL, 10);
		if (n + size > RECORD_MAX)
			return false;
		*ret = n;
		return true;
	}
	return false;
}

static int
read_layout(struct layout *ret)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), dir = -1, err;
	char id[32] = "", format[4096] = "";

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		dir = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	err = dir < 0 ? -errno : 0;
	close(fs);
	if (err != 0)
		return err;
	(void)read_at(dir, "events/sock/inet_sock_set_state/id", id, sizeof(id));
	(void)read_at(dir, "events/sock/inet_sock_set_state/format", format, sizeof(format));
	close(dir);
	ret->id = (unsigned)strtoul(id, NULL, 10);
	if (ret->id == 0 || !field(format, "dport", 2, &ret->dport) || !field(format, "sport", 2, &ret->sport) ||
	    !field(format, "saddr_v6", 16, &ret->saddr) || !field(format, "daddr_v6", 16, &ret->daddr))
		return -ENOENT;
	return 0;
}

/* A processor that is off has no ring. */
static int
open_ring(const struct connects *c, int cpu, struct ring *ret)
{
	struct perf_event_attr a = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(a), .config = c->at.id, .sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_RAW, .disabled = 1 };
	size_t bytes = (RING_PAGES + 1) * c->page;
	void *p;
	int fd = (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	/* Of all changes only that by which a process opens a connection: 2 is TCP_SYN_SENT, 6 TCP. */
	p = ioctl(fd, PERF_EVENT_IOC_SET_FILTER, "newstate == 2 && protocol == 6") == 0 ?
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (p == MAP_FAILED || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
		err = -errno;
		if (p != MAP_FAILED)
			munmap(p, bytes);
		close(fd);
		return err;
	}
	*ret = (struct ring){ .fd = fd, .head = p, .data = (const uint8_t *)p + c->page, .bytes = RING_PAGES * c->page };
	return 0;
}

int
connects_new(struct connects **ret)
{
	struct connects *c = calloc(1, sizeof(*c));
	long cpus = FL_MIN(sysconf(_SC_NPROCESSORS_CONF), (long)CPUS_MAX);
	int r = c != NULL ? read_layout(&c->at) : -ENOMEM;

	if (r == 0) {
		c->page = (size_t)sysconf(_SC_PAGESIZE);
		c->rings = calloc((size_t)FL_MAX(cpus, 1), sizeof(*c->rings));
		r = c->rings != NULL ? 0 : -ENOMEM;
	}
	for (long i = 0; i < cpus && r == 0; i++) {
		r = open_ring(c, (int)i, &c->rings[c->count]);
		c->count += r == 0;
		if (r == -ENODEV)
			r = 0;
	}
	if (r == 0 && c->count == 0)
		r = -ENODEV;
	if (r != 0) {
		connects_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void
connects_free(struct connects *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->count; i++) {
		munmap(c->rings[i].head, (RING_PAGES + 1) * c->page);
		close(c->rings[i].fd);
	}
	free(c->rings);
	free(c);
}

/* n bytes of the ring from position `from`, around its end. */
static void
take(const struct ring *r, uint64_t from, void *out, size_t n)
{
	size_t at = (size_t)(from & (r->bytes - 1)), first = FL_MIN(n, r->bytes - at);

	memcpy(out, r->data + at, first);
	memcpy((uint8_t *)out + first, r->data, n - first);
}

/* A sample: pid, tid, the size of what the tracepoint wrote, and that. */
static void
sample(const struct connects *c, const uint8_t *p, size_t n, connects_fn *fn, void *arg)
{
	struct connects_event e;
	uint32_t pid, raw;
	const uint8_t *at = p + 12;

	if (n < 12)
		return;
	memcpy(&pid, p, 4);
	memcpy(&raw, p + 8, 4);
	if (raw > n - 12 || raw < c->at.daddr + 16 || raw < c->at.saddr + 16 || raw < c->at.dport + 2u || raw < c->at.sport + 2u)
		return;
	memset(&e, 0, sizeof(e));
	e.pid = (int)pid;
	memcpy(e.local.ip, at + c->at.saddr, 16);
	memcpy(e.peer.ip, at + c->at.daddr, 16);
	memcpy(&e.local.port, at + c->at.sport, 2);
	memcpy(&e.peer.port, at + c->at.dport, 2);
	fn(arg, &e);
}

static void
read_ring(const struct connects *c, struct ring *r, connects_fn *fn, void *arg, uint64_t *ret_lost)
{
	uint64_t head = __atomic_load_n(&r->head->data_head, __ATOMIC_ACQUIRE), tail = r->head->data_tail;
	uint8_t record[RECORD_MAX + sizeof(struct perf_event_header)];

	while (tail < head) {
		struct perf_event_header h;
		uint64_t lost[2];

		take(r, tail, &h, sizeof(h));
		if (h.size < sizeof(h) || h.size > head - tail) {
			tail = head;
			break;
		}
		if (h.type == PERF_RECORD_SAMPLE && h.size <= sizeof(record)) {
			take(r, tail + sizeof(h), record, h.size - sizeof(h));
			sample(c, record, h.size - sizeof(h), fn, arg);
		} else if (h.type == PERF_RECORD_LOST && h.size >= sizeof(h) + sizeof(lost)) {
			take(r, tail + sizeof(h), lost, sizeof(lost));
			*ret_lost += lost[1];
		}
		tail += h.size;
	}
	__atomic_store_n(&r->head->data_tail, tail, __ATOMIC_RELEASE);
}

void
connects_read(struct connects *c, connects_fn *fn, void *arg, uint64_t *ret_lost)
{
	for (unsigned i = 0; i < c->count; i++)
		read_ring(c, &c->rings[i], fn, arg, ret_lost);
}
