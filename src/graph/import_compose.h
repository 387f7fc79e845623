/* SPDX-License-Identifier: MIT */
/*
 * import_compose.h - what is kept of compose files until all of them, and their .env, are read. Files of one folder are one project:
 * an override adds to the services of the file before it. What a project includes is of its group, whose services see each other; a file
 * that others only extend from is no project: nothing of it runs.
 */
#ifndef GRAPH_IMPORT_COMPOSE_H
#define GRAPH_IMPORT_COMPOSE_H

#include "graph/import_ref.h"
#include "graph/import_say.h"

#define COMPOSE_SOURCE "compose"

struct compose_env {
	struct compose_env *next;
	const char *key, *value;        /* value NULL: from .env */
	struct import_at at;
};

struct compose_need {
	struct compose_need *next;
	const char *name;
	bool soft, running;             /* running: a link, which is used all the time; else waited for at the start */
	struct import_at at;
};

struct compose_service {
	struct compose_service *next;
	struct compose_project *project;
	const char *name, *image, *script, *extends;
	const char *extends_file;       /* path; NULL: of the same file */
	struct compose_env *env;
	struct compose_need *needs;
	struct import_text *aliases, *env_files;
	int64_t replicas;               /* -1 */
	bool stateful;
	enum sight_kind kind;
	struct import_at at;
};

/* One file; once they are joined, the first of a folder holds what all of them say. */
struct compose_project {
	struct compose_project *next;
	const char *path, *dir;
	struct import_text *vars;       /* of .env */
	struct import_text *includes, *env_files;       /* keys: paths */
	struct compose_service *services;
	bool base;                      /* only extended from */
	struct compose_project *head;   /* the first of its folder */
	const struct compose_project *group;
};

/* A .env or an env_file. */
struct compose_vars {
	struct compose_vars *next;
	const char *path;
	struct import_text *vars;
};

struct import_compose {
	struct compose_project *projects, **projects_end;
	struct compose_vars *files;
};

/* import_compose_read.c */
void import_compose_add(struct import *im);
void import_dotenv_add(struct import *im);
/* import_compose_join.c: heads, groups and bases of all files. */
void import_compose_join(struct import *im);
/* The service that name means in a project, or in what it is grouped with; what s extends. NULL: none. */
struct compose_service *import_compose_service(const struct import_compose *c, const struct compose_project *p, const char *name);
struct compose_service *import_compose_base(const struct import_compose *c, const struct compose_service *s);
/* The path of rel as a file in dir says it, without "." and ".."; NULL: no memory. */
const char *import_compose_path(struct import *im, const char *dir, const char *rel);

/* import_compose.c */
int import_compose_finish(struct import *im);

#endif
