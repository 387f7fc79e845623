/* SPDX-License-Identifier: MIT */
/* txn_level.c - isolation levels, which of them implies which, and what breaks them. */
#include "audit/txn_level.h"

#include <string.h>
#include <strings.h>

static const char *const names[TXN_LEVELS + 1] = {
	[TXN_RU] = "read-uncommitted", [TXN_RC] = "read-committed", [TXN_RA] = "read-atomic", [TXN_CC] = "causal",
	[TXN_PSI] = "parallel-snapshot-isolation", [TXN_RR] = "repeatable-read", [TXN_SI] = "snapshot-isolation",
	[TXN_SESSION_SI] = "strong-session-snapshot-isolation", [TXN_STRONG_SI] = "strong-snapshot-isolation",
	[TXN_SER] = "serializable", [TXN_SESSION_SER] = "strong-session-serializable", [TXN_STRICT] = "strict-serializable",
};

static const struct alias {
	const char *name;
	enum txn_level level;
} aliases[] = {
	{ "PL-1", TXN_RU }, { "PL-2", TXN_RC }, { "PL-2.99", TXN_RR }, { "PL-3", TXN_SER }, { "PL-SI", TXN_SI }, { "PL-SS", TXN_STRICT },
	{ "ru", TXN_RU }, { "rc", TXN_RC }, { "ra", TXN_RA }, { "cc", TXN_CC }, { "tcc", TXN_CC }, { "causal-consistency", TXN_CC },
	{ "transactional-causal-consistency", TXN_CC }, { "psi", TXN_PSI }, { "rr", TXN_RR }, { "si", TXN_SI }, { "ser", TXN_SER },
	{ "serializability", TXN_SER }, { "conflict-serializable", TXN_SER }, { "strong-serializable", TXN_STRICT },
	{ "strict-serializability", TXN_STRICT }, { "strict-snapshot-isolation", TXN_STRONG_SI },
};

/* a -> b: a implies b. RC, RA and CC of registers count the order of sessions, so that only session levels imply them. */
static const struct implication {
	enum txn_level a, b;
	bool lists_only;
} implications[] = {
	{ TXN_STRICT, TXN_SESSION_SER, false }, { TXN_STRICT, TXN_STRONG_SI, false }, { TXN_SESSION_SER, TXN_SER, false },
	{ TXN_SESSION_SER, TXN_SESSION_SI, false }, { TXN_STRONG_SI, TXN_SESSION_SI, false }, { TXN_SESSION_SI, TXN_SI, false },
	{ TXN_SESSION_SI, TXN_CC, false }, { TXN_SER, TXN_SI, false }, { TXN_SER, TXN_RR, false }, { TXN_SI, TXN_PSI, false },
	{ TXN_PSI, TXN_RU, false }, { TXN_RR, TXN_RU, false }, { TXN_CC, TXN_RA, false }, { TXN_RA, TXN_RC, false },
	{ TXN_RC, TXN_RU, false }, { TXN_PSI, TXN_RA, true }, { TXN_RR, TXN_RC, true },
};

/* The weakest levels that an oddity breaks; what is stronger follows. */
static const struct forbidden {
	enum txn_odd odd;
	enum txn_level level;
	unsigned models;                /* bits of enum txn_model */
} forbiddens[] = {
#define ALL 7u
#define REGISTERS (1u << TXN_RW_REGISTER)
	{ TXN_ODD_GARBAGE, TXN_RU, ALL }, { TXN_ODD_DUPLICATE, TXN_RU, ALL }, { TXN_ODD_CYCLIC, TXN_RU, ALL },
	{ TXN_ODD_G1A, TXN_RC, ALL }, { TXN_ODD_G1A, TXN_PSI, ALL }, { TXN_ODD_G1A, TXN_RR, ALL },
	{ TXN_ODD_DIRTY_UPDATE, TXN_RC, ALL }, { TXN_ODD_DIRTY_UPDATE, TXN_PSI, ALL }, { TXN_ODD_DIRTY_UPDATE, TXN_RR, ALL },
	{ TXN_ODD_INCOMPATIBLE, TXN_RC, ALL }, { TXN_ODD_INCOMPATIBLE, TXN_PSI, ALL }, { TXN_ODD_INCOMPATIBLE, TXN_RR, ALL },
	{ TXN_ODD_G1B, TXN_RC, ALL }, { TXN_ODD_G1B, TXN_PSI, ALL }, { TXN_ODD_G1B, TXN_RR, ALL },
	{ TXN_ODD_FUTURE_READ, TXN_RC, ALL }, { TXN_ODD_FUTURE_READ, TXN_PSI, ALL }, { TXN_ODD_FUTURE_READ, TXN_RR, ALL },
	{ TXN_ODD_INTERNAL, TXN_RA, ALL }, { TXN_ODD_INTERNAL, TXN_PSI, ALL },
	{ TXN_ODD_OWN_WRITE, TXN_RC, REGISTERS }, { TXN_ODD_OWN_WRITE, TXN_RR, REGISTERS }, { TXN_ODD_UNREPEATED, TXN_RR, REGISTERS },
	{ TXN_ODD_LOST_UPDATE, TXN_PSI, ALL }, { TXN_ODD_LOST_UPDATE, TXN_RR, ALL },
};

const char *
txn_level_name(enum txn_level level)
{
	return names[level];
}

const enum txn_level *
txn_level_main(void)
{
	static const enum txn_level levels[] = { TXN_RU, TXN_RC, TXN_RA, TXN_CC, TXN_SI, TXN_RR, TXN_SER, TXN_SESSION_SER, TXN_STRICT, TXN_LEVELS };

	return levels;
}

const char *const *
txn_level_names(void)
{
	return names;
}

bool
txn_level_find(const char *name, enum txn_level *ret_level)
{
	for (size_t i = 0; i < TXN_LEVELS; i++) {
		if (strcasecmp(name, names[i]) == 0) {
			*ret_level = (enum txn_level)i;
			return true;
		}
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(aliases); i++) {
		if (strcasecmp(name, aliases[i].name) == 0) {
			*ret_level = aliases[i].level;
			return true;
		}
	}
	return false;
}

/* The levels that a implies, as bits. */
static unsigned
implied(enum txn_model model, enum txn_level a)
{
	unsigned set = 1u << a, before;

	do {
		before = set;
		for (size_t i = 0; i < FL_ARRAY_LEN(implications); i++)
			if ((set >> implications[i].a & 1) != 0 && !(implications[i].lists_only && model == TXN_RW_REGISTER))
				set |= 1u << implications[i].b;
	} while (set != before);
	return set;
}

bool
txn_level_implies(enum txn_model model, enum txn_level a, enum txn_level b)
{
	return (implied(model, a) >> b & 1) != 0;
}

bool
txn_level_forbids(enum txn_model model, enum txn_level level, enum txn_odd odd)
{
	unsigned set = implied(model, level);

	for (size_t i = 0; i < FL_ARRAY_LEN(forbiddens); i++)
		if (forbiddens[i].odd == odd && (set >> forbiddens[i].level & 1) != 0 && (forbiddens[i].models >> model & 1) != 0)
			return true;
	return false;
}

void
txn_level_close(enum txn_model model, enum txn_holds status[TXN_LEVELS])
{
	enum txn_holds known[TXN_LEVELS];

	memcpy(known, status, sizeof(known));
	for (unsigned a = 0; a < TXN_LEVELS; a++) {
		unsigned set = implied(model, (enum txn_level)a);

		for (unsigned b = 0; b < TXN_LEVELS; b++) {
			if ((set >> b & 1) == 0)
				continue;
			if (known[b] == TXN_BROKEN)
				status[a] = TXN_BROKEN;
			if (known[a] == TXN_HOLDS && known[b] == TXN_UNKNOWN && status[b] == TXN_UNKNOWN)
				status[b] = TXN_HOLDS;
		}
	}
}

const char *
txn_level_odd_name(enum txn_odd odd)
{
	static const char *const odds[TXN_ODDS] = {
		[TXN_ODD_GARBAGE] = "garbage-read", [TXN_ODD_DUPLICATE] = "duplicate-elements", [TXN_ODD_CYCLIC] = "cyclic-versions",
		[TXN_ODD_G1A] = "G1a", [TXN_ODD_DIRTY_UPDATE] = "dirty-update", [TXN_ODD_INCOMPATIBLE] = "incompatible-order",
		[TXN_ODD_G1B] = "G1b", [TXN_ODD_FUTURE_READ] = "future-read", [TXN_ODD_INTERNAL] = "internal",
		[TXN_ODD_OWN_WRITE] = NULL, [TXN_ODD_UNREPEATED] = "non-repeatable-read", [TXN_ODD_LOST_UPDATE] = "lost-update",
	};

	return odds[odd];
}
