/* SPDX-License-Identifier: MIT */
/* sysinfo.h - what the system says of this process and of itself. */
#ifndef IO_SYSINFO_H
#define IO_SYSINFO_H

#include "base/types.h"

struct sysinfo_process {
	double cpu_seconds;
	double start_wall;              /* seconds since 1970 */
	uint64_t resident_bytes, virtual_bytes;
	uint64_t fds, fds_max;
	unsigned threads;
};
/* What /proc says; what cannot be read is 0. */
void sysinfo_process(struct sysinfo_process *ret);

/*
 * sysinfo_raise_fds - raise the limit of descriptors to its hard limit, and when allowed the hard limit to `want`.
 * returns the limit now
 */
uint64_t sysinfo_raise_fds(uint64_t want);

#endif
