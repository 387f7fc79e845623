/* SPDX-License-Identifier: MIT */
/* draw_maps.c - a shop of thirty services as the engine lays it out: whole, with a failed store, and as it looked a line earlier. */
#include "draw_maps.h"

#include "base/assert.h"
#include "graph/draw_map.h"

#include <string.h>

/* FROM, TO, how: h hard, s soft, a asynchronous, ? not said. */
static const char *const lines[][3] = {
	{ "customer", "gateway", "h" }, { "customer", "cdn", "s" }, { "gateway", "web", "h" }, { "gateway", "login", "h" },
	{ "gateway", "api", "h" }, { "web", "search", "s" }, { "web", "catalog", "h" }, { "web", "ads", "s" }, { "api", "cart", "h" },
	{ "api", "checkout", "h" }, { "api", "profile", "s" }, { "login", "users-db", "h" }, { "login", "sessions", "h" },
	{ "profile", "users-db", "h" }, { "catalog", "search", "s" }, { "search", "search-index", "h" }, { "cart", "catalog", "?" },
	{ "cart", "cart-cache", "s" }, { "checkout", "cart", "h" }, { "checkout", "payment", "h" }, { "checkout", "stock", "h" },
	{ "checkout", "orders", "a" }, { "payment", "bank.example", "h" }, { "payment", "ledger", "h" }, { "ledger", "ledger-db", "h" },
	{ "stock", "stock-db", "h" }, { "orders", "shipping", "a" }, { "shipping", "stock", "s" }, { "shipping", "mail", "a" },
	{ "ads", "profile", "?" }, { "fraud", "payment", "s" }, { "payment", "fraud", "s" }, { "catalog", "config", "?" },
	{ "stock", "config", "?" }, { "payment", "config", "?" },
};
static const struct { const char *name, *tier; enum sight_kind kind; } nodes[] = {
	{ "customer", NULL, SIGHT_USER }, { "users-db", "1", SIGHT_DATASTORE }, { "sessions", "1", SIGHT_DATASTORE },
	{ "search-index", "2", SIGHT_DATASTORE }, { "cart-cache", "2", SIGHT_DATASTORE }, { "ledger-db", "1", SIGHT_DATASTORE },
	{ "stock-db", "1", SIGHT_DATASTORE }, { "catalog-db-1", "1", SIGHT_DATASTORE }, { "catalog-db-2", "1", SIGHT_DATASTORE },
	{ "orders", "1", SIGHT_BROKER }, { "bank.example", NULL, SIGHT_EXTERNAL }, { "cdn", NULL, SIGHT_EXTERNAL },
	{ "checkout", "1", SIGHT_SERVICE }, { "payment", "1", SIGHT_SERVICE }, { "gateway", "1", SIGHT_SERVICE },
	{ "ads", "3", SIGHT_SERVICE },
};

static void
tell(struct estate_builder *b, struct sight s)
{
	s.source = "declared";
	fl_assert(estate_sight(b, &s) == 0);
}

static struct estate *
shop(struct arena *a)
{
	static const char *const stores[] = { "catalog-db-1", "catalog-db-2" };
	struct estate_builder *b = NULL;
	struct estate *e = NULL;

	fl_assert(estate_builder_new(a, 1, &b) == 0);
	for (size_t i = 0; i < FL_ARRAY_LEN(lines); i++) {
		const char how = *lines[i][2];

		tell(b, (struct sight){ .what = SIGHT_LINE, .from = lines[i][0], .to = lines[i][1], .from_kind = SIGHT_SERVICE,
			.to_kind = SIGHT_SERVICE, .strength = how == 'h' ? SIGHT_HARD : how == '?' ? SIGHT_STRENGTH_UNKNOWN : SIGHT_SOFT,
			.mode = how == 'a' ? SIGHT_ASYNC : SIGHT_SYNC });
	}
	tell(b, (struct sight){ .what = SIGHT_GROUP, .from = "catalog", .members = stores, .member_count = 2, .k = 1, .strength = SIGHT_HARD });
	for (size_t i = 0; i < FL_ARRAY_LEN(nodes); i++) {
		tell(b, (struct sight){ .what = SIGHT_NODE, .name = nodes[i].name, .kind = nodes[i].kind });
		if (nodes[i].tier != NULL)
			tell(b, (struct sight){ .what = SIGHT_FACT, .name = nodes[i].name, .key = "tier", .value = nodes[i].tier });
	}
	fl_assert(estate_finish(b, a, a, &e) == 0);
	return e;
}

static void
draw_shop(const char *title, const char *const *failed, uint32_t count, struct buf *out)
{
	struct arena a;
	struct needs *n = NULL;
	struct impact im;
	struct draw_map m;
	uint32_t nodes_failed[4];

	arena_init(&a, (size_t)16 << 20);
	struct estate *e = shop(&a);

	fl_assert(needs_of_estate(e, &(struct needs_view){ SIGHT_RUNTIME, false }, &a, &a, &n) == 0 && impact_init(&im, n, &a) == 0);
	for (uint32_t i = 0; i < count; i++)
		nodes_failed[i] = estate_lookup(e, failed[i]);
	impact_run(&im, nodes_failed, count);
	struct draw_options o = { .title = title, .im = count > 0 ? &im : NULL };

	fl_assert(draw_map(e, &o, &a, &a, &m) == 0 && draw_svg(&m, out) == 0);
	arena_fini(&a);
}

void
draw_maps_whole(struct buf *out)
{
	draw_shop("The lines of a shop", NULL, 0, out);
}

void
draw_maps_impact(struct buf *out)
{
	draw_shop("What goes down with stock-db", (const char *[]){ "stock-db" }, 1, out);
}

void
draw_maps_degraded(struct buf *out)
{
	draw_shop("One of two stores, and the search", (const char *[]){ "catalog-db-1", "search-index" }, 2, out);
}
