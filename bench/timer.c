/* SPDX-License-Identifier: MIT */
/*
 * timer.c - how late this machine wakes a thread that sleeps: epoll_pwait2() and clock_nanosleep(), --ms long, --count times.
 *
 * What a fault's timing is off by less than this, the kernel cannot give to a program that sleeps.
 */
#include "lib.h"

static int64_t
late_epoll(int ep, int64_t ns)
{
	struct epoll_event ev;
	int64_t until = now_ns() + ns;

	poll_until(ep, &ev, 1, until);
	return now_ns() - until;
}

static int64_t
late_nanosleep(int64_t ns)
{
	int64_t until = now_ns() + ns;
	struct timespec t = { .tv_sec = until / SEC, .tv_nsec = until % SEC };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return now_ns() - until;
}

int
main(int argc, char **argv)
{
	int64_t ns = (int64_t)(opt_num(argc, argv, "--ms", 10) * 1e6);
	int count = (int)opt_num(argc, argv, "--count", 200), ep = poll_new();
	struct samples by_epoll = { 0 }, by_sleep = { 0 };

	place(opt_num(argc, argv, "--cpu", -1));
	for (int i = 0; i < count; i++) {
		sample_add(&by_epoll, late_epoll(ep, ns));
		sample_add(&by_sleep, late_nanosleep(ns));
	}
	printf("{\"epoll_p50_us\":%.2f,\"epoll_p99_us\":%.2f,\"nanosleep_p50_us\":%.2f,\"nanosleep_p99_us\":%.2f}\n",
	    sample_us(&by_epoll, 0.5), sample_us(&by_epoll, 0.99), sample_us(&by_sleep, 0.5), sample_us(&by_sleep, 0.99));
	return 0;
}
