/* SPDX-License-Identifier: MIT */
/* sysinfo.c - what the system says of this process. */
#include "io/sysinfo.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The start of a small file of /proc as a string; "" when it cannot be read. */
static void
read_proc(const char *path, char *text, size_t text_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, text_bytes - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Field i of /proc/self/stat, counted from 3 (the state), which stands behind the name in brackets. */
static uint64_t
stat_field(const char *text, unsigned i)
{
	const char *p = strrchr(text, ')');

	if (p == NULL)
		return 0;
	for (p += 2; i > 3 && p != NULL; i--) {
		p = strchr(p, ' ');
		p = p != NULL ? p + 1 : NULL;
	}
	return p != NULL ? strtoull(p, NULL, 10) : 0;
}

static double
boot_wall(void)
{
	struct timespec wall, boot;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
}

static uint64_t
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (dir == NULL)
		return 0;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n > 0 ? n - 1 : 0;       /* the directory itself was open */
}

void
sysinfo_process(struct sysinfo_process *ret)
{
	double ticks = (double)sysconf(_SC_CLK_TCK);
	struct rlimit limit = { .rlim_cur = 0 };
	char text[1024];

	memset(ret, 0, sizeof(*ret));
	read_proc("/proc/self/stat", text, sizeof(text));
	ret->cpu_seconds = (double)(stat_field(text, 14) + stat_field(text, 15)) / ticks;
	ret->threads = (unsigned)stat_field(text, 20);
	ret->start_wall = boot_wall() + (double)stat_field(text, 22) / ticks;
	ret->virtual_bytes = stat_field(text, 23);
	ret->resident_bytes = stat_field(text, 24) * (uint64_t)sysconf(_SC_PAGESIZE);
	ret->fds = count_fds();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		ret->fds_max = limit.rlim_cur;
}

uint64_t
sysinfo_raise_fds(uint64_t want)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_max < want) {
		struct rlimit higher = { .rlim_cur = want, .rlim_max = want };

		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			return want;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}
