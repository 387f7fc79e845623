/* SPDX-License-Identifier: MIT */
/* test_query.c - questions about an estate: what they are true of, and what is said of mistakes; times and schedules they rest on. */
#include "unit.h"

#include "graph/cron.h"
#include "graph/drift.h"
#include "graph/lint.h"
#include "graph/moment.h"
#include "graph/query.h"

#include <errno.h>

#define NOW (INT64_C(1793442000) * FL_SEC)      /* 2026-10-31T10:20Z */

struct rig {
	struct arena mem, scratch;
	struct estate_builder *b;
	struct estate *e;
};

static void
node(struct rig *r, const char *name, enum sight_kind kind)
{
	const struct sight s = { .what = SIGHT_NODE, .source = "declared", .name = name, .kind = kind };

	assert_int_equal(estate_sight(r->b, &s), 0);
}

static void
fact(struct rig *r, const char *name, const char *key, const char *value)
{
	const struct sight s = { .what = SIGHT_FACT, .source = "declared", .name = name, .key = key, .value = value };

	assert_int_equal(estate_sight(r->b, &s), 0);
}

static void
line(struct rig *r, const char *source, const char *from, const char *to, enum sight_strength strength, uint64_t errors)
{
	const struct sight s = { .what = SIGHT_LINE, .source = source, .from = from, .to = to, .strength = strength, .protocol = "http", .count = 10,
		.errors = errors, .first = NOW - FL_SEC, .last = NOW };

	assert_int_equal(estate_sight(r->b, &s), 0);
}

static int
set_up(void **state)
{
	static struct rig r;

	arena_init(&r.mem, 64u << 20);
	arena_init(&r.scratch, 64u << 20);
	assert_int_equal(estate_builder_new(&r.scratch, 1, &r.b), 0);
	node(&r, "web", SIGHT_SERVICE);
	node(&r, "cart", SIGHT_SERVICE);
	node(&r, "ads", SIGHT_SERVICE);
	node(&r, "redis", SIGHT_DATASTORE);
	fact(&r, "web", "tier", "1");
	fact(&r, "cart", "tier", "1");
	fact(&r, "cart", "rto", "5m");
	fact(&r, "redis", "rto", "15m");
	fact(&r, "ads", "tier", "3");
	fact(&r, "ads", "zone", "a, b");
	fact(&r, "redis", "backup.last", "2026-10-31T02:00:00Z");
	fact(&r, "redis", "rpo", "4h");
	fact(&r, "redis", "backup.schedule", "0 2 * * *");
	line(&r, "declared", "web", "cart", SIGHT_HARD, 0);
	line(&r, "otlp", "web", "cart", SIGHT_STRENGTH_UNKNOWN, 2);
	line(&r, "declared", "cart", "redis", SIGHT_HARD, 0);
	line(&r, "declared", "web", "ads", SIGHT_SOFT, 0);
	line(&r, "otlp", "ads", "redis", SIGHT_STRENGTH_UNKNOWN, 0);
	assert_int_equal(estate_finish(r.b, &r.mem, &r.scratch, &r.e), 0);
	*state = &r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	arena_fini(&r->mem);
	arena_fini(&r->scratch);
	return 0;
}

/* The names (or "from>to") that a question is true of, by name. */
static const char *
ask(struct rig *r, const char *text)
{
	static char said[1024];
	struct query_mistake mistake;
	struct query *q;
	uint32_t ids[64];
	size_t n = 0;
	int64_t count;

	assert_int_equal(query_parse(text, &r->mem, &q, &mistake), 0);
	assert_int_equal(query_check(q, r->e, NULL, NULL, &mistake), 0);
	count = query_run(q, r->e, NOW, &r->scratch, ids);
	said[0] = '\0';
	assert_true(count >= 0 && count < 64);
	for (uint32_t k = 0; k < r->e->node_count; k++)
		for (int64_t i = 0; i < count; i++) {
			uint32_t v = r->e->by_name[k];

			if (!query_of_lines(q) && ids[i] == v)
				n += (size_t)snprintf(said + n, sizeof(said) - n, "%s ", r->e->nodes[v].name);
			else if (query_of_lines(q) && r->e->lines[ids[i]].from == v)
				n += (size_t)snprintf(said + n, sizeof(said) - n, "%s>%s ", r->e->nodes[v].name,
				    r->e->nodes[r->e->lines[ids[i]].to].name);
		}
	return said;
}

static void
is_true_of(void **state)
{
	struct rig *r = *state;

	assert_string_equal(ask(r, "tier=1"), "cart web ");
	assert_string_equal(ask(r, "tier > 1"), "ads ");
	assert_string_equal(ask(r, "not tier=1"), "ads redis ");
	assert_string_equal(ask(r, "tier=1 and not rto or kind=datastore"), "redis web ");
	assert_string_equal(ask(r, "tier=1 and (not rto or kind=datastore)"), "web ");
	assert_string_equal(ask(r, "zone=b"), "ads ");
	assert_string_equal(ask(r, "name~*a*"), "ads cart ");
	assert_string_equal(ask(r, "stateful"), "redis ");
	assert_string_equal(ask(r, "rto<=300"), "cart ");
	assert_string_equal(ask(r, "rto>10m"), "redis ");
	assert_string_equal(ask(r, "services"), "ads cart redis web ");
}

static void
ages_compare_with_durations(void **state)
{
	struct rig *r = *state;

	assert_string_equal(ask(r, "backup.last<24h"), "redis ");
	assert_string_equal(ask(r, "backup.last<8h"), "");
	assert_string_equal(ask(r, "stateful=true and not backup.last<8h"), "redis ");
	assert_string_equal(ask(r, "backup.last>2026-10-30"), "redis ");
	/* What nobody knows is not so, and its opposite is. */
	assert_string_equal(ask(r, "kind=service and not backup.last<24h"), "ads cart web ");
}

static void
walks(void **state)
{
	struct rig *r = *state;

	assert_string_equal(ask(r, "from web downstream hard"), "cart redis ");
	assert_string_equal(ask(r, "from web depth 1"), "ads cart ");
	assert_string_equal(ask(r, "from redis upstream where tier=1"), "cart web ");
	assert_string_equal(ask(r, "lines from web soft"), "web>ads ");
	assert_string_equal(ask(r, "lines where errors>0"), "web>cart ");
	assert_string_equal(ask(r, "lines where from=web and to.tier=3"), "web>ads ");
	assert_string_equal(ask(r, "lines where source=otlp and strength=hard"), "ads>redis web>cart ");
}

static void
mistakes_are_placed(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *says;
	} all[] = { { "tier=", 5, "ends here" }, { "tier=1 adn x", 7, "adn" }, { "(tier=1", 7, "closing bracket" }, { "", 0, "" }, { "and", 0, "" },
		{ "name='x", 5, "not closed" }, { "from web depth x", 15, "number of lines" }, { "a !b", 2, "comparison" } };
	struct rig *r = *state;
	struct query_mistake m;
	char deep[400];
	struct query *q;

	for (size_t i = 0; i < FL_ARRAY_LEN(all); i++) {
		if (all[i].says[0] == '\0')
			continue;
		assert_int_equal(query_parse(all[i].text, &r->mem, &q, &m), -EINVAL);
		assert_int_equal(m.at, all[i].at);
		assert_non_null(strstr(m.text, all[i].says));
	}
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(query_parse(deep, &r->mem, &q, &m), -EINVAL);
	assert_non_null(strstr(m.text, "deep"));
	assert_int_equal(query_parse("teir=1", &r->mem, &q, &m), 0);
	assert_int_equal(query_check(q, r->e, NULL, NULL, &m), -ENOENT);
	assert_non_null(strstr(m.text, "\"tier\""));
}

static void
times(void **state)
{
	int64_t t;
	char text[40];

	(void)state;
	assert_int_equal(moment_parse("2026-10-31T10:20:00Z", &t), 0);
	assert_true(t == NOW);
	assert_int_equal(moment_parse("2026-10-31T12:20+02:00", &t), 0);
	assert_true(t == NOW);
	assert_int_equal(moment_parse("2026-10-31 10:20:00.25", &t), 0);
	assert_string_equal(moment_text(t, text), "2026-10-31T10:20:00.25Z");
	assert_int_equal(moment_parse("2024-02-29", &t), 0);
	assert_int_equal(moment_parse("2026-02-29", &t), -EINVAL);
	assert_int_equal(moment_parse("2026-13-01", &t), -EINVAL);
	assert_int_equal(moment_parse("2026-10-31T24:00", &t), -EINVAL);
	assert_int_equal(moment_parse("2026-10-31x", &t), -EINVAL);
	for (int64_t day = 0; day < 80000; day += 17) {
		int y, m, d;

		moment_date(day, &y, &m, &d);
		assert_true(moment_days(y, m, d) == day);
	}
}

static fl_ns
gap(const char *text)
{
	struct cron c;

	assert_int_equal(cron_parse(text, &c), 0);
	return cron_longest_gap(&c);
}

static void
schedules(void **state)
{
	struct cron c;

	(void)state;
	assert_true(gap("*/15 * * * *") == 900 * FL_SEC);
	assert_true(gap("0 2 * * *") == 86400 * FL_SEC);
	assert_true(gap("0 2 * * 1-5") == 3 * 86400 * FL_SEC);
	assert_true(gap("0 0,12 * * *") == 43200 * FL_SEC);
	assert_true(gap("30 1,13 * * *") == 43200 * FL_SEC);
	assert_true(gap("@monthly") == 31 * 86400 * FL_SEC);
	assert_true(gap("0 0 1,15 * sun") == 7 * 86400 * FL_SEC);
	assert_true(gap("@every 6h") == 21600 * FL_SEC);
	assert_true(gap("0 0 29 feb *") == (4 * 365 + 1) * 86400 * FL_SEC);
	assert_true(gap("0 0 31 2 *") == FL_NEVER);
	assert_int_equal(cron_parse("61 * * * *", &c), -EINVAL);
	assert_int_equal(cron_parse("* * * *", &c), -EINVAL);
	assert_int_equal(cron_parse("* * * * * *", &c), -EINVAL);
	assert_int_equal(cron_parse("5-1 * * * *", &c), -EINVAL);
	assert_int_equal(cron_parse("*/0 * * * *", &c), -EINVAL);
}

static bool
finds(const struct lint *l, enum lint_rule rule, const char *subject)
{
	for (uint32_t i = 0; i < l->finding_count; i++)
		if (l->findings[i].rule == rule && strcmp(l->findings[i].subject, subject) == 0)
			return true;
	return false;
}

static void
lint(void **state)
{
	struct rig *r = *state;
	const struct lint_options o = { .now = NOW };
	struct lint l;

	assert_int_equal(lint_run(r->e, &o, &r->mem, &r->scratch, &l), 0);
	assert_true(finds(&l, LINT_STALE, "redis") && finds(&l, LINT_SCHEDULE, "redis") && finds(&l, LINT_UNTESTED, "redis"));
	assert_true(finds(&l, LINT_RTO, "cart") && finds(&l, LINT_NO_OWNER, "web"));
	assert_false(finds(&l, LINT_NO_BACKUP, "redis") || finds(&l, LINT_TIER, "web") || finds(&l, LINT_CYCLE, "web"));
	assert_true(l.errors >= 3 && l.errors < l.finding_count);
}

static bool
declares(const char *source)
{
	return strcmp(source, "declared") == 0;
}

static void
drift(void **state)
{
	struct rig *r = *state;
	const struct drift_rule rules[] = { { "ads", "r*", true }, { "web", "*", true }, { "web", "cart", false } };
	bool covered[8] = { false };
	const char *names[8];
	struct drift_line lines[8];
	char said[256] = "";
	size_t n = 0;

	for (uint32_t v = 0; v < r->e->node_count; v++)
		names[v] = r->e->nodes[v].name;
	drift_run(r->e, names, declares, rules, 3, covered, lines);
	for (uint32_t k = 0; k < r->e->node_count; k++)
		for (uint32_t i = 0; i < r->e->line_count; i++)
			if (r->e->lines[i].from == r->e->by_name[k])
				n += (size_t)snprintf(said + n, sizeof(said) - n, "%s>%s:%s ", names[r->e->lines[i].from], names[r->e->lines[i].to],
				    drift_word(lines[i].state));
	/* web was seen calling cart, so that its other line was not seen means something; nobody looked at cart. */
	assert_non_null(strstr(said, "ads>redis:forbidden"));
	assert_non_null(strstr(said, "cart>redis:no_coverage"));
	assert_non_null(strstr(said, "web>ads:stale"));
	assert_non_null(strstr(said, "web>cart:ok"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(is_true_of),
		CASE(ages_compare_with_durations),
		CASE(walks),
		CASE(mistakes_are_placed),
		CASE(times),
		CASE(schedules),
		CASE(lint),
		CASE(drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
