/* SPDX-License-Identifier: MIT */
/*
 * past_names.c - which names are one: aliases, addresses of instances, namespaces
 *
 * 1. An alias makes its name another word for its target; a ring of aliases ends where it closes.
 * 2. A node that is called by an address is the service that has an instance there: at that very address, or, where it has no
 *    port, at any port of that host if all are of one service. The latest instance wins: addresses are given again.
 * 3. A name without a namespace is the one of that name in a namespace, if there is but one. Two of one name in two namespaces are two.
 */
#include "base/map.h"
#include "store/past_claim.h"
#include "store/past_db.h"
#include "store/past_world.h"

#include <errno.h>
#include <string.h>

#define STEPS_MAX 64

static int64_t
root_of(const struct past_world *w, int64_t node)
{
	for (int i = 0; i < STEPS_MAX && w->nodes[node].root != node; i++)
		node = w->nodes[node].root;
	return node;
}

/* `node` becomes another word for `to`, unless that would close a ring. */
static void
join(struct past_world *w, int64_t node, int64_t to)
{
	int64_t a = root_of(w, node), b = root_of(w, to);

	if (a != b)
		w->nodes[a].root = b;
}

static void
join_aliases(struct past_world *w)
{
	for (int64_t i = 1; i < w->claim_count; i++) {
		const struct past_claim *c = &w->claims[i];

		if (c->id != 0 && c->what == SIGHT_ALIAS && c->until == PAST_NEVER)
			join(w, c->a, c->b);
	}
}

/* ---- addresses ---- */

/* "10.0.0.1" of "10.0.0.1:80", "[::1]" of "[::1]:80"; 0 when there is no port. */
static size_t
host_bytes(const char *address)
{
	const char *colon = strrchr(address, ':');

	if (colon == NULL || colon == address || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0')
		return 0;
	/* An IPv6 address without brackets has more than one colon and no port. */
	if (address[0] != '[' && memchr(address, ':', (size_t)(colon - address)) != NULL)
		return 0;
	return (size_t)(colon - address);
}

/* Note that claim c is at this address; what is ambiguous for a host alone is noted as such. */
static int
note_instance(struct past_world *w, struct map *at, const char *address, size_t n, struct past_claim *c, bool host)
{
	struct past_claim *other = map_getn(at, address, n);

	if (other != NULL && host && other->id != 0 && root_of(w, other->a) != root_of(w, c->a)) {
		static const struct past_claim several;

		return map_putn(at, address, n, (void *)(uintptr_t)&several, NULL);
	}
	if (other != NULL && (other->id == 0 || other->last > c->last))
		return 0;
	return map_putn(at, address, n, c, NULL);
}

static int
note_instances(struct past_world *w, struct map *exact, struct map *hosts)
{
	int rc = 0;

	for (int64_t i = 1; i < w->claim_count && rc == 0; i++) {
		struct past_claim *c = &w->claims[i];
		const char *address;
		size_t host;

		if (c->id == 0 || c->what != SIGHT_INSTANCE || c->until != PAST_NEVER)
			continue;
		address = past_text(w, c->value);
		host = host_bytes(address);
		rc = note_instance(w, exact, address, strlen(address), c, false);
		if (rc == 0 && host > 0)
			rc = note_instance(w, hosts, address, host, c, true);
	}
	return rc;
}

static int
join_addresses(struct past_world *w)
{
	struct map exact, hosts;
	int rc;

	map_init(&exact, 0, 0);
	map_init(&hosts, 0, 0);
	rc = note_instances(w, &exact, &hosts);
	for (int64_t i = 1; i < w->node_count && rc == 0 && exact.count > 0; i++) {
		const struct past_claim *c;
		const char *name = past_text(w, w->nodes[i].name);

		if (w->nodes[i].name == 0)
			continue;
		c = map_get(&exact, name);
		if (c == NULL && host_bytes(name) == 0)
			c = map_get(&hosts, name);
		/* An instance that is all of a host answers for its ports too. */
		if (c == NULL && host_bytes(name) > 0)
			c = map_getn(&exact, name, host_bytes(name));
		if (c != NULL && c->id != 0)
			join(w, i, c->a);
	}
	map_fini(&exact);
	map_fini(&hosts);
	return rc;
}

/* ---- namespaces ---- */

/* For each name the one root of it that has a namespace, 0 when there are several. */
static int
join_spaces(struct past_world *w)
{
	int64_t *one = arena_alloc(&w->mem, (size_t)w->text_count * sizeof(*one));

	if (one == NULL)
		return -ENOMEM;
	for (int64_t i = 1; i < w->node_count; i++) {
		const struct past_node *n = &w->nodes[i];

		if (n->name <= 0 || n->name >= w->text_count || n->space == 0)
			continue;
		one[n->name] = one[n->name] == 0 || (one[n->name] > 0 && root_of(w, one[n->name]) == root_of(w, i)) ? i : -1;
	}
	for (int64_t i = 1; i < w->node_count; i++) {
		const struct past_node *n = &w->nodes[i];

		if (n->name > 0 && n->name < w->text_count && n->space == 0 && one[n->name] > 0 && n->root == i)
			join(w, i, one[n->name]);
	}
	return 0;
}

int
past_names(struct past_world *w)
{
	int rc;

	join_aliases(w);
	rc = join_addresses(w);
	if (rc == 0)
		rc = join_spaces(w);
	for (int64_t i = 1; i < w->node_count; i++)
		w->nodes[i].root = w->nodes[i].name != 0 ? root_of(w, i) : 0;
	for (int64_t i = 1; i < w->claim_count && rc == 0; i++) {
		const struct past_claim *c = &w->claims[i];

		if (c->id == 0 || c->until != PAST_NEVER || (c->bits >> 14 & 1) == 0)
			continue;
		if (c->what == SIGHT_NODE)
			w->nodes[w->nodes[c->a].root].through = true;
		else if (c->what == SIGHT_LINE)
			w->nodes[w->nodes[w->lines[c->a].b].root].through = true;
	}
	return rc;
}
