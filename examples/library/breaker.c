/* SPDX-License-Identifier: MIT */
/*
 * breaker.c - a circuit breaker around a function, and nothing else of the library.
 *
 *     cc -o breaker breaker.c $(pkg-config --cflags --libs faultline)
 */
#include <faultline/breaker.h>
#include <stdio.h>
#include <time.h>

static fl_ns
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (fl_ns)t.tv_sec * FL_SEC + t.tv_nsec;
}

static void
changed(void *ud, const struct fl_event *e)
{
	(void)ud;
	printf("%s: %s -> %s: %s\n", e->name, e->from, e->to, e->why);
}

/* Works 30 times, then fails. */
static int
flaky(int n)
{
	return n < 30 ? 0 : -1;
}

int
main(void)
{
	struct fl_breaker_opts o;
	struct fl_breaker *b;
	const char *field;
	int refused = 0;

	fl_breaker_opts_init(&o);
	o.name = "flaky";
	o.listener.event = changed;
	if (fl_breaker_new(&o, &b, &field) < 0) {
		fprintf(stderr, "wrong option: %s\n", field);
		return 2;
	}
	for (int n = 0; n < 200; n++) {
		struct fl_permit p;
		struct fl_refusal why;
		char say[256];
		fl_ns start = now_ns();

		if (fl_breaker_admit(b, 0, start, &p, &why) < 0) {
			if (refused++ == 0)
				printf("%s\n", fl_refusal_say(&why, say, sizeof(say)));
			continue;
		}
		int r = flaky(n);
		fl_breaker_record(b, 0, &p, r == 0 ? FL_OK : FL_FAILED, now_ns() - start, now_ns());
	}
	printf("%d calls were not made\n", refused);
	fl_breaker_free(b);
	return refused > 100 ? 0 : 1;
}
