/* SPDX-License-Identifier: MIT */
/* enact.c - what each kind of fault does when its time has come: one function per kind, called by a table. */
#include "run/enact.h"

#include "io/clock.h"
#include "run/fetch.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CALL_NS_MAX (500 * FL_MS)       /* the timeline waits for it */
#define CALL_BYTES_MAX 65536u

/* What is to be done: 0 or -errno; *hits is what it did at once. */
typedef int enact_fn(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits);

static int
enact_fault(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	(void)f;
	(void)now;
	*hits = 1;
	return line_set_fault(w->rig.lines, t->fault, t->round, t->on);
}

static int
enact_cut(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	(void)t;
	*hits = line_set_cut(w->rig.lines, (uint32_t)f->line, f->reset);
	observe_mark(&w->obs, now, true, "%s: %" PRIu64 " connections %s", f->name, *hits, f->reset ? "reset" : "closed");
	return 0;
}

static int
enact_down(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	*hits = 1;
	observe_proxy(&w->obs, w->rig.proxy, w->rig.lines);     /* while the line's life is what it was */
	observe_mark(&w->obs, now, t->on, "line %s is %s", w->x->line_names[f->line], t->on ? "down" : "up again");
	return line_set_down(w->rig.lines, (uint32_t)f->line, t->on);
}

static int
enact_kill(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	const uint32_t process = (uint32_t)f->process;

	if (!t->on) {
		system_start_again(w->rig.system, process);
		return 0;
	}
	*hits = system_pid(w->rig.system, process) != 0;
	system_kill(w->rig.system, process, f->sig);
	observe_mark(&w->obs, now, true, "%s killed (%s)%s", w->x->process_names[process], process_signal_name(f->sig),
	    *hits > 0 ? "" : ", but it was not running");
	return 0;
}

static int
enact_restart(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	const uint32_t process = (uint32_t)f->process;

	(void)t;
	*hits = system_pid(w->rig.system, process) != 0;
	observe_mark(&w->obs, now, true, "%s is restarted", w->x->process_names[process]);
	system_stop(w->rig.system, process, now);
	system_start_again(w->rig.system, process);
	return 0;
}

static int
enact_pause(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	const uint32_t process = (uint32_t)f->process;

	*hits = system_pid(w->rig.system, process) != 0;
	system_pause(w->rig.system, process, t->on);
	observe_mark(&w->obs, now, t->on, "%s %s", w->x->process_names[process], t->on ? "paused" : "goes on");
	return 0;
}

static int
call(struct watch *w, const struct experiment_call *c, char *say)
{
	const struct client_wait wait = { .deadline = clock_mono() + CALL_NS_MAX, .stop_fd = w->rig.signal_fd };
	struct fetch f = { .method = "POST", .body_max = CALL_BYTES_MAX };
	struct arena mem;
	struct buf body;
	int rc = -ENOMEM;

	arena_init(&mem, 2 * CALL_BYTES_MAX);
	buf_init(&body, CALL_BYTES_MAX);
	f.target = subst_expand(&mem, c->target, &w->rig.values);
	f.path = subst_expand(&mem, c->path, &w->rig.values);
	if (f.target != NULL && f.path != NULL)
		rc = fetch(&f, &wait, &body, say);
	if (rc >= 300)
		snprintf(say, FETCH_SAY_MAX, "status %d: %.100s", rc, buf_str(&body));
	buf_fini(&body);
	arena_fini(&mem);
	return rc;
}

static int
enact_call(struct watch *w, const struct timeline_step *t, const struct experiment_fault *f, fl_ns now, uint64_t *hits)
{
	char say[FETCH_SAY_MAX] = "";
	int rc;

	if (!t->on && f->undo.target == NULL)
		return 0;
	rc = call(w, t->on ? &f->call : &f->undo, say);

	*hits = rc >= 200 && rc < 300;
	if (*hits == 0 && rc != -ECANCELED)
		observe_mark(&w->obs, now, true, "%s%s: %s", f->name, t->on ? "" : " is not taken back", say);
	return 0;
}

/* Does it happen at once, with nothing to be taken back later? */
static bool
is_instant(const struct experiment_fault *f)
{
	return f->action == ACTION_CUT || f->action == ACTION_RESTART || (f->action == ACTION_KILL && f->length == 0) ||
	    (f->action == ACTION_CALL && f->undo.target == NULL && f->length == 0);
}

void
enact(struct watch *w, const struct timeline_step *t)
{
	static enact_fn *const acts[] = {
		[ACTION_FAULT] = enact_fault, [ACTION_CUT] = enact_cut, [ACTION_DOWN] = enact_down,
		[ACTION_KILL] = enact_kill, [ACTION_RESTART] = enact_restart, [ACTION_PAUSE] = enact_pause, [ACTION_CALL] = enact_call,
	};
	const struct experiment_fault *f = &w->x->faults[t->fault];
	const fl_ns now = clock_mono();
	uint64_t hits = 0;
	int rc = acts[f->action](w, t, f, now, &hits);

	observe_round(&w->obs, now, t->fault, t->round, t->on, hits);
	if (t->on && is_instant(f))
		observe_round(&w->obs, now, t->fault, t->round, false, hits);
	if (rc < 0)
		watch_stop(w, JUDGE_BROKEN, "fault %s: %s", f->name, strerror(-rc));
}
