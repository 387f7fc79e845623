/* SPDX-License-Identifier: MIT */
/*
 * graph.c - how long the questions to a map take: impact, with and without groups, plans, every single failure, pictures.
 *
 * A made-up estate of --nodes services in teams of 12 with --lines lines: six of ten stay in the team, the rest go to others, most of them to a
 * few hubs (a line goes from a higher number to a lower one, so nobody waits for itself). Then the numbers are shuffled, as names
 * would be, and nodes are numbered anew as an estate does it. --groups: of three lines of a node two belong to a group of which one
 * member is enough. Time is that of the thread on a processor; the best of --rounds counts, and the median is told as well.
 *
 *   --what impact       everything that depends on the largest hub            --edges FILE    write the lines for peers: pairs of uint32
 *   --what plan         recovery of everything, with and without what is chosen
 *   --what every        each node fails alone
 *   --what layout       a picture
 */
#include "lib.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/impact.h"
#include "graph/layout.h"
#include "graph/plan.h"
#include "graph/schedule.h"
#include "graph/spof.h"

#define TEAM 12
#define ARENA_MAX ((size_t)4 << 30)

struct made {
	uint32_t n, m, groups;
	uint32_t *from, *to;
	struct needs_group *group;
	uint32_t *members;
};

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double
unit(uint64_t *state)
{
	return (double)(next_random(state) >> 11) * 0x1p-53;
}

static void *
need(void *p)
{
	if (p == NULL)
		die("no memory");
	return p;
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
draw_lines(struct made *g, uint64_t *state)
{
	for (uint32_t i = 0; i < g->m; i++) {
		uint32_t from = 1 + (uint32_t)(unit(state) * (g->n - 1)), first = from / TEAM * TEAM;
		double u = unit(state);

		g->from[i] = from;
		if (from > first && unit(state) < 0.6)
			g->to[i] = first + (uint32_t)(u * (from - first));
		else
			g->to[i] = (uint32_t)(u * u * u * from);
	}
}

/* Other numbers: shuffled, then as an estate numbers them. */
static void
renumber(struct made *g, struct arena *a, uint64_t *state)
{
	uint32_t *shuffled = need(csr_numbers(a, g->n)), *id = need(csr_numbers(a, g->n));

	for (uint32_t v = 0; v < g->n; v++)
		shuffled[v] = v;
	for (uint32_t v = g->n - 1; v > 0; v--) {
		uint32_t u = (uint32_t)(next_random(state) % (v + 1)), t = shuffled[v];

		shuffled[v] = shuffled[u];
		shuffled[u] = t;
	}
	for (uint32_t i = 0; i < g->m; i++) {
		g->from[i] = shuffled[g->from[i]];
		g->to[i] = shuffled[g->to[i]];
	}
	if (csr_number(a, g->n, g->m, g->from, g->to, id) != 0)
		die("no memory");
	for (uint32_t i = 0; i < g->m; i++) {
		g->from[i] = id[g->from[i]];
		g->to[i] = id[g->to[i]];
	}
}

/* Of every three lines of a node, two become a group of which one is enough. */
static void
make_groups(struct made *g, struct arena *a)
{
	uint32_t *order = need(csr_numbers(a, g->m)), *at = need(csr_numbers(a, (size_t)g->n + 1)), kept = 0, members = 0;
	uint32_t *from = need(csr_numbers(a, g->m)), *to = need(csr_numbers(a, g->m));

	g->group = need(arena_alloc(a, (g->m / 2 + 1) * sizeof(*g->group)));
	g->members = need(csr_numbers(a, g->m));
	if (csr_order(a, NULL, g->m, g->from, g->n, order, at) != 0)
		die("no memory");
	for (uint32_t v = 0; v < g->n; v++) {
		for (uint32_t i = at[v]; i < at[v + 1]; i++) {
			uint32_t u = g->to[order[i]], w = i + 1 < at[v + 1] ? g->to[order[i + 1]] : u;

			if ((i - at[v]) % 3 == 0 && u != w) {
				g->group[g->groups++] = (struct needs_group){ .node = v, .k = 1, .first = members, .count = 2 };
				g->members[members++] = u;
				g->members[members++] = w;
				i++;
				continue;
			}
			from[kept] = v;
			to[kept++] = u;
		}
	}
	g->from = from;
	g->to = to;
	g->m = kept;
}

static void
write_edges(const struct made *g, const char *path)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	for (uint32_t i = 0; i < g->m; i++) {
		uint32_t pair[2] = { g->from[i], g->to[i] };

		if (fwrite(pair, sizeof(pair), 1, f) != 1)
			die("%s: %s", path, strerror(errno));
	}
	if (fclose(f) != 0)
		die("%s: %s", path, strerror(errno));
}

static struct needs *
build(const struct made *g, struct arena *a)
{
	const struct needs_spec spec = { .node_count = g->n, .edge_count = g->m, .from = g->from, .to = g->to, .group_count = g->groups,
		.groups = g->group, .members = g->members };
	struct needs *n = NULL;

	if (needs_build(&spec, a, a, &n) != 0)
		die("cannot build it");
	return n;
}

static uint32_t
largest_hub(const struct needs *n)
{
	uint32_t hub = 0;

	for (uint32_t v = 1; v < n->node_count; v++)
		if (n->use_at[v + 1] - n->use_at[v] > n->use_at[hub + 1] - n->use_at[hub])
			hub = v;
	return hub;
}

/* ---- rounds ---- */

struct times {
	double ms[1000];
	int count;
};

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
tell(const char *name, struct times *t)
{
	qsort(t->ms, (size_t)t->count, sizeof(t->ms[0]), compare_doubles);
	printf(",\"%s_ms\":%.4f,\"%s_p50_ms\":%.4f", name, t->ms[0], name, t->ms[t->count / 2]);
}

static void
bench_impact(const struct needs *n, struct arena *a, int rounds)
{
	struct times t = { .count = rounds };
	struct impact im;
	uint32_t hub = largest_hub(n);

	if (impact_init(&im, n, a) != 0)
		die("no memory");
	for (int i = 0; i < rounds; i++) {
		double before = cpu_ms();

		impact_run(&im, &hub, 1);
		t.ms[i] = cpu_ms() - before;
	}
	printf(",\"down\":%u,\"degraded\":%u,\"hops\":%u", im.fall.count, im.weak_count, im.hops);
	tell("impact", &t);
}

static void
bench_plan(const struct needs *n, struct arena *a, int rounds)
{
	struct times t = { .count = rounds }, alone = { .count = rounds }, crews = { .count = rounds };
	fl_ns *recover = need(arena_alloc(a, n->node_count * sizeof(*recover)));
	struct plan p;
	struct plan_question q = { .recover = recover };
	uint64_t state = 5;

	for (uint32_t v = 0; v < n->node_count; v++)
		recover[v] = (fl_ns)(1 + next_random(&state) % 300) * FL_SEC;
	if (plan_init(&p, n, a) != 0)
		die("no memory");
	for (int i = 0; i < rounds; i++) {
		double before = cpu_ms();

		plan_times(&p, &q);
		alone.ms[i] = cpu_ms() - before;
		before = cpu_ms();
		plan_run(&p, &q);
		t.ms[i] = cpu_ms() - before;
		struct arena_mark mark = arena_snapshot(a);
		struct schedule s;

		before = cpu_ms();
		if (schedule_run(&p, 50, a, a, &s) != 0)
			die("no memory");
		crews.ms[i] = cpu_ms() - before;
		arena_reset(a, mark);
	}
	printf(",\"makespan_s\":%.0f,\"started\":%u", (double)p.makespan / 1e9, p.count);
	tell("plan", &t);
	tell("times", &alone);
	tell("crews", &crews);
}

static void
bench_every(const struct needs *n, struct arena *a, int rounds)
{
	struct times t = { .count = rounds };
	struct spof *rows = need(arena_alloc(a, n->node_count * sizeof(*rows)));
	struct functions none = { 0 };
	struct impact im;

	if (impact_init(&im, n, a) != 0)
		die("no memory");
	for (int i = 0; i < rounds; i++) {
		double before = cpu_ms();

		if (spof_rank(&im, &none, NULL, a, rows) != 0)
			die("no memory");
		t.ms[i] = cpu_ms() - before;
	}
	printf(",\"worst\":%u", rows[0].down);
	tell("every", &t);
}

static void
bench_layout(const struct made *g, struct arena *a, int rounds)
{
	struct times t = { .count = rounds };
	float *size = need(arena_alloc(a, g->n * sizeof(*size)));
	struct layout_spec spec = { .node_count = g->n, .width = size, .height = size, .edge_count = g->m, .from = g->from, .to = g->to,
		.gap_layer = 60, .gap_node = 10 };
	struct layout l = { 0 };

	for (uint32_t v = 0; v < g->n; v++)
		size[v] = 20;
	for (int i = 0; i < rounds; i++) {
		struct arena_mark mark = arena_snapshot(a);
		double before = cpu_ms();

		if (layout_run(&spec, a, a, &l) != 0)
			die("cannot draw it");
		t.ms[i] = cpu_ms() - before;
		arena_reset(a, mark);
	}
	printf(",\"layers\":%u,\"vertices\":%u,\"crossings\":%llu", l.layer_count, l.vertex_count, (unsigned long long)l.crossings);
	tell("layout", &t);
}

int
main(int argc, char **argv)
{
	struct made g = { .n = (uint32_t)opt_num(argc, argv, "--nodes", 12000), .m = (uint32_t)opt_num(argc, argv, "--lines", 30000) };
	const char *what = opt_text(argc, argv, "--what", "impact"), *edges = opt_text(argc, argv, "--edges", "");
	int rounds = (int)opt_num(argc, argv, "--rounds", 20);
	uint64_t state = (uint64_t)opt_num(argc, argv, "--seed", 1);
	struct arena a;

	if (g.n < 2 || g.m < 1 || rounds < 1 || rounds > 1000)
		die("--nodes at least 2, --lines at least 1, --rounds 1 to 1000");
	arena_init(&a, ARENA_MAX);
	g.from = need(csr_numbers(&a, g.m));
	g.to = need(csr_numbers(&a, g.m));
	draw_lines(&g, &state);
	renumber(&g, &a, &state);
	if (*edges != '\0')
		write_edges(&g, edges);
	if (opt_num(argc, argv, "--groups", 0) > 0)
		make_groups(&g, &a);
	double before = cpu_ms();
	const struct needs *n = build(&g, &a);

	printf("{\"nodes\":%u,\"lines\":%u,\"groups\":%u,\"build_ms\":%.1f", g.n, g.m, g.groups, cpu_ms() - before);
	if (strcmp(what, "impact") == 0)
		bench_impact(n, &a, rounds);
	else if (strcmp(what, "plan") == 0)
		bench_plan(n, &a, rounds);
	else if (strcmp(what, "every") == 0)
		bench_every(n, &a, rounds);
	else if (strcmp(what, "layout") == 0)
		bench_layout(&g, &a, rounds);
	else
		die("--what: impact, plan, every or layout");
	printf("}\n");
	arena_fini(&a);
	return 0;
}
