/* SPDX-License-Identifier: MIT */
/* test_graph_service.c - the daemon's map: what it is told is kept, what finds no room is counted and told, questions are answered. */
#include "unit.h"

#include "control/graph_service.h"
#include "io/clock.h"
#include "io/dir.h"
#include "store/past.h"
#include "store/past_read.h"

#include <errno.h>
#include <pthread.h>

#define SAID_MAX 16
#define TELLERS 4
#define LINES_EACH 1500

struct fixture {
	char dir[64], store[96];
	struct graph_service *s;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned readies, said_count;
	struct {
		bool alarm;
		char text[256];
	} said[SAID_MAX];
};

static void
on_ready(void *ud)
{
	struct fixture *f = ud;

	pthread_mutex_lock(&f->mutex);
	f->readies++;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->mutex);
}

static void
on_said(void *ud, bool alarm, const char *text)
{
	struct fixture *f = ud;

	pthread_mutex_lock(&f->mutex);
	if (f->said_count < SAID_MAX) {
		f->said[f->said_count].alarm = alarm;
		snprintf(f->said[f->said_count++].text, sizeof(f->said[0].text), "%s", text);
	}
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->mutex);
}

static int
set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	snprintf(f.dir, sizeof(f.dir), "/tmp/test-graph-service-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.store, sizeof(f.store), "%s/map.db", f.dir);
	pthread_mutex_init(&f.mutex, NULL);
	pthread_cond_init(&f.cond, NULL);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	graph_service_stop(f->s);
	pthread_mutex_destroy(&f->mutex);
	pthread_cond_destroy(&f->cond);
	return dir_remove(f->dir);
}

static void
start(struct fixture *f, size_t waiting_bytes)
{
	const struct graph_service_opts o = { .store = f->store, .waiting_bytes = waiting_bytes, .ready = on_ready, .say = on_said, .ud = f };
	char error[GRAPH_SERVICE_ERROR];
	int rc = graph_service_start(&o, error, &f->s);

	if (rc != 0)
		fail_msg("%s", error);
}

static void
stop(struct fixture *f)
{
	graph_service_stop(f->s);
	f->s = NULL;
}

/* Until something was said that begins so. */
static void
await_said(struct fixture *f, bool alarm, const char *text)
{
	bool found = false;

	pthread_mutex_lock(&f->mutex);
	while (!found) {
		for (unsigned i = 0; i < f->said_count && !found; i++)
			found = f->said[i].alarm == alarm && strncmp(f->said[i].text, text, strlen(text)) == 0;
		if (!found)
			pthread_cond_wait(&f->cond, &f->mutex);
	}
	pthread_mutex_unlock(&f->mutex);
}

static struct sight
line(const char *from, const char *to)
{
	return (struct sight){ .what = SIGHT_LINE, .source = "proxied", .where = "line", .from = from, .to = to, .protocol = "http",
		.first = clock_wall() - FL_SEC, .last = clock_wall(), .count = 1 };
}

/* ---- what the store has ---- */

struct found {
	unsigned lines, groups;
	char group[256], spaced[256];
};

static int
note(void *arg, const struct sight *s)
{
	struct found *found = arg;
	int n;

	if (s->what == SIGHT_LINE) {
		found->lines++;
		if (s->from_space != NULL && s->from_space[0] != '\0')
			snprintf(found->spaced, sizeof(found->spaced), "%s/%s %s/%s", s->from_space, s->from, s->to_space, s->to);
	} else if (s->what == SIGHT_GROUP) {
		found->groups++;
		n = snprintf(found->group, sizeof(found->group), "%s %u:", s->from, s->k);
		for (uint32_t i = 0; i < s->member_count; i++)
			n += snprintf(found->group + n, sizeof(found->group) - (size_t)n, " %s", s->members[i]);
	}
	return 0;
}

static struct found
read_store(const struct fixture *f)
{
	const struct past_opts o = { .path = f->store };
	const struct past_view v = { .until = 0 };
	struct found found = { .lines = 0 };
	char error[GRAPH_SERVICE_ERROR];
	struct past *p;

	assert_int_equal(past_open(&o, error, &p), 0);
	assert_int_equal(past_read(p, &v, note, &found), 0);
	past_close(p);
	return found;
}

/* ---- telling ---- */

static void
whole_sightings_are_kept(void **state)
{
	static const char *const members[] = { "etcd-1", "etcd-2", "etcd-3" };
	struct fixture *f = *state;
	struct sight s[2] = { line("cart", "cart-db"), { .what = SIGHT_GROUP, .source = "sockets", .from = "cart", .members = members,
		.member_count = 3, .k = 2 } };
	struct found found;

	s[0].from_space = "shop";
	s[0].to_space = "data";
	start(f, 0);
	graph_service_sight(f->s, s, 2);
	stop(f);
	found = read_store(f);
	assert_string_equal(found.spaced, "shop/cart data/cart-db");
	assert_string_equal(found.group, "cart 2: etcd-1 etcd-2 etcd-3");
	assert_true(found.lines == 1 && found.groups == 1 && f->said_count == 0);
}

struct teller {
	struct fixture *f;
	unsigned number;
	pthread_t thread;
};

static void *
tell(void *arg)
{
	struct teller *t = arg;
	char to[32];

	for (unsigned i = 0; i < LINES_EACH; i++) {
		const struct sight s = line("cart", to);

		snprintf(to, sizeof(to), "db-%u-%u", t->number, i);
		graph_service_sight(t->f->s, &s, 1);
	}
	return NULL;
}

/* More than ever come at once, from several threads. */
static void
a_large_sweep_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct teller tellers[TELLERS];
	struct graph_service_counts c;

	start(f, 0);
	for (unsigned i = 0; i < TELLERS; i++) {
		tellers[i] = (struct teller){ .f = f, .number = i };
		assert_int_equal(pthread_create(&tellers[i].thread, NULL, tell, &tellers[i]), 0);
	}
	for (unsigned i = 0; i < TELLERS; i++)
		assert_int_equal(pthread_join(tellers[i].thread, NULL), 0);
	c = graph_service_count(f->s);
	assert_true(c.dropped == 0 && c.kept + c.waiting == TELLERS * LINES_EACH);
	stop(f);
	assert_int_equal(read_store(f).lines, TELLERS * LINES_EACH);
}

/* Another holds the store: what finds no room meanwhile is counted, and told once. */
static void
what_finds_no_room_is_told(void **state)
{
	struct fixture *f = *state;
	const struct past_opts po = { .path = f->store };
	const struct past_batch batch = { .now = clock_wall() };
	struct graph_service_counts c;
	char error[GRAPH_SERVICE_ERROR], to[32];
	struct past *other;

	start(f, 8192);
	assert_int_equal(past_open(&po, error, &other), 0);
	assert_int_equal(past_begin(other, &batch), 0);
	for (unsigned i = 0; i < 200; i++) {
		const struct sight s = line("cart", to);

		snprintf(to, sizeof(to), "db-%u", i);
		graph_service_sight(f->s, &s, 1);
	}
	c = graph_service_count(f->s);
	assert_true(c.kept == 0 && c.waiting > 0 && c.dropped > 0 && c.waiting + c.dropped == 200);
	assert_true(c.waiting_bytes <= c.waiting_max && c.waiting_max == 8192);
	past_rollback(other);
	past_close(other);
	await_said(f, true, "no room for more sightings");
	await_said(f, false, "there is room for sightings again");
	stop(f);
	assert_int_equal(f->said_count, 2);
	assert_int_equal(read_store(f).lines, c.waiting);
}

/* A store that cannot grow, as on a full disk: nothing is lost, and it is tried again. Nothing is asserted while no file may grow. */
static void
a_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	const struct sight s = line("cart", "cart-db");
	struct rlimit before, now;
	uint64_t waiting;

	signal(SIGXFSZ, SIG_IGN);
	start(f, 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	now = before;
	now.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	graph_service_sight(f->s, &s, 1);
	await_said(f, true, "");
	waiting = graph_service_count(f->s).waiting;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(waiting, 1);
	await_said(f, false, "the map is written again");
	stop(f);
	assert_int_equal(read_store(f).lines, 1);
}

static void
a_store_that_cannot_be_opened_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct graph_service_opts o = { .store = f->dir, .ready = on_ready, .say = on_said, .ud = f };
	char error[GRAPH_SERVICE_ERROR] = "";

	assert_true(graph_service_start(&o, error, &f->s) < 0);
	assert_null(f->s);
	assert_true(error[0] != '\0');
}

/* ---- asking ---- */

struct question {
	struct http1 http;
	struct url_path path;
	struct api_request q;
	struct api_reply r;
};

static void
question_init(struct question *x, const char *method, const char *target, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, target, strlen(body), body);

	memset(x, 0, sizeof(*x));
	http1_init(&x->http, HTTP1_REQUEST, 4096);
	http1_feed(&x->http, text, (size_t)n);
	assert_int_equal(x->http.state, HTTP1_DONE);
	assert_int_equal(url_path_parse(x->http.target, &x->path), 0);
	x->q = (struct api_request){ .http = &x->http, .path = &x->path };
	buf_init(&x->r.headers, 4096);
	buf_init(&x->r.body, API_REPLY_MAX);
}

static void
question_fini(struct question *x)
{
	buf_fini(&x->r.headers);
	buf_fini(&x->r.body);
	http1_fini(&x->http);
}

/* As the API's server does: offered again whenever an answer is there. */
static int
offer(struct fixture *f, struct question *x)
{
	unsigned before = 0;
	int rc;

	while ((rc = graph_service_answer(f->s, &x->q, &x->r)) == -EINPROGRESS) {
		pthread_mutex_lock(&f->mutex);
		while (f->readies == before)
			pthread_cond_wait(&f->cond, &f->mutex);
		before = f->readies;
		pthread_mutex_unlock(&f->mutex);
	}
	return rc;
}

static unsigned
ask(struct fixture *f, const char *method, const char *target, const char *body, char *ret_text, size_t max)
{
	struct question x;
	unsigned status;

	question_init(&x, method, target, body);
	assert_int_equal(offer(f, &x), 0);
	status = x.r.status;
	snprintf(ret_text, max, "%s", buf_str(&x.r.body));
	question_fini(&x);
	return status;
}

static void
questions_are_answered(void **state)
{
	struct fixture *f = *state;
	char text[4096];

	start(f, 0);
	assert_int_equal(ask(f, "POST", "/v1/graph/import?name=a.csv", "from,to\ncart,cart-db\ncart,prices\n", text, sizeof(text)), 200);
	assert_non_null(strstr(text, "\"lines\":2"));
	assert_int_equal(ask(f, "GET", "/v1/graph/show/%70rices", "", text, sizeof(text)), 200);
	assert_non_null(strstr(text, "\"cart\""));
	assert_int_equal(ask(f, "GET", "/v1/graph/query?q=kind%3Dservice+tier", "", text, sizeof(text)), 400);
	assert_int_equal(ask(f, "GET", "/v1/graph/show/nobody", "", text, sizeof(text)), 404);
	assert_int_equal(ask(f, "GET", "/v1/graph/import", "", text, sizeof(text)), 405);
	assert_int_equal(ask(f, "POST", "/v1/graph/show", "", text, sizeof(text)), 405);
}

static void
other_paths_are_others(void **state)
{
	struct fixture *f = *state;
	struct question x;

	start(f, 0);
	question_init(&x, "GET", "/v1/graph/nonsense", "");
	assert_int_equal(graph_service_answer(f->s, &x.q, &x.r), 1);
	question_fini(&x);
	question_init(&x, "GET", "/v1/graph", "");
	assert_int_equal(graph_service_answer(f->s, &x.q, &x.r), 1);
	question_fini(&x);
}

/* Its answer is not there before it is asked for, so it cannot be taken at once; stop() lets go of it. */
static void
an_answer_nobody_takes_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct question x;

	start(f, 0);
	question_init(&x, "GET", "/v1/graph/show", "");
	assert_int_equal(graph_service_answer(f->s, &x.q, &x.r), -EINPROGRESS);
	question_fini(&x);
	stop(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_sightings_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_large_sweep_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_be_opened_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(questions_are_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_paths_are_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_nobody_takes_is_let_go, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
