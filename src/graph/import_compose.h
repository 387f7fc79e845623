/* SPDX-License-Identifier: MIT */
/*
 * import_compose.h - what is kept of compose files until all of them, and their .env, are read. Files of one folder are one project:
 * an override adds to the services of the file before it.
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
	struct compose_env *env;
	struct compose_need *needs;
	struct import_text *aliases, *env_files;
	int64_t replicas;               /* -1 */
	bool stateful;
	enum sight_kind kind;
	struct import_at at;
};

struct compose_project {
	struct compose_project *next;
	const char *dir;
	struct import_text *vars;       /* of .env */
	struct compose_service *services;
};

/* A .env or an env_file. */
struct compose_vars {
	struct compose_vars *next;
	const char *path;
	struct import_text *vars;
};

struct import_compose {
	struct compose_project *projects;
	struct compose_vars *files;
};

/* import_compose_read.c */
void import_compose_add(struct import *im);
void import_dotenv_add(struct import *im);
/* import_compose.c */
int import_compose_finish(struct import *im);

#endif
