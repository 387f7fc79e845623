/* SPDX-License-Identifier: MIT */
/* import.c - see import.h: each file to the reader of its format. */
#include "graph/import.h"
#include "base/assert.h"
#include "graph/import_backstage.h"
#include "graph/import_backup.h"
#include "graph/import_compose.h"
#include "graph/import_declared.h"
#include "graph/import_k8s.h"
#include "graph/import_log.h"
#include "graph/import_log_json.h"
#include "graph/import_mesh.h"
#include "graph/import_sockets.h"
#include "graph/import_table.h"
#include "graph/import_tally.h"
#include "graph/import_velero.h"
#include "graph/import_wrap.h"
#include <errno.h>
#include <string.h>

struct format_info {
	const char *name, *text;
	bool here;
};
static const struct format_info formats[] = {
#define X(id, word, here, text) [IMPORT_##id] = { word, text, here },
	IMPORT_FORMATS(X)
#undef X
};

const char *
import_format_name(enum import_format f)
{
	fl_assert(f < IMPORT_FORMAT_COUNT);
	return formats[f].name;
}

const char *
import_format_text(enum import_format f)
{
	fl_assert(f < IMPORT_FORMAT_COUNT);
	return formats[f].text;
}

bool
import_format_here(enum import_format f)
{
	fl_assert(f < IMPORT_FORMAT_COUNT);
	return formats[f].here;
}

void
import_init(struct import *im, const struct import_opts *opts)
{
	fl_assert(opts->take != NULL);
	*im = (struct import){ .opts = *opts };
	arena_init(&im->mem, opts->memory_bytes != 0 ? opts->memory_bytes : IMPORT_MEMORY_DEFAULT);
	doc_diag_init(&im->diag, NULL);
	im->parts = import_alloc(im, sizeof(*im->parts));
}

void
import_fini(struct import *im)
{
	if (im->parts != NULL) {
		import_k8s_fini(im);
		import_backstage_fini(im);
		import_tally_fini(im);
		import_sockets_fini(im);
	}
	doc_diag_fini(&im->diag);
	arena_fini(&im->mem);
	*im = (struct import){ .parts = NULL };
}

/* Backstage's, Velero's and a cluster's documents may stand in one stream. */
static void
one_resource(struct import *im, const struct doc_node *root)
{
	const char *version = import_word(root, "apiVersion");

	if (root->kind != DOC_MAP) {
		doc_unexpected(&im->diag, root, "a map with apiVersion and kind");
		import_drop(im);
	} else if (strncmp(version, "backstage.io/", 13) == 0) {
		import_backstage_doc(im, root);
	} else if (strncmp(version, "velero.io/", 10) == 0) {
		import_velero_doc(im, root);
	} else if (version[0] != '\0') {
		import_k8s_doc(im, root);
	}
}

static void
resources_add(struct import *im)
{
	import_docs(im, one_resource);
}

static void
declared_add(struct import *im)
{
	import_docs(im, import_declared);
}

static void
nothing_add(struct import *im)
{
	(void)im;
}

typedef void add_fn(struct import *im);

static add_fn *const readers[IMPORT_FORMAT_COUNT] = {
	[IMPORT_EMPTY] = nothing_add, [IMPORT_DECLARED] = declared_add, [IMPORT_KUBERNETES] = resources_add, [IMPORT_COMPOSE] = import_compose_add,
	[IMPORT_DOTENV] = import_dotenv_add, [IMPORT_CSV] = import_csv_add, [IMPORT_JSON_GRAPH] = import_graph_json_add,
	[IMPORT_JSON_RECORDS] = import_records_add, [IMPORT_PGBACKREST] = import_pgbackrest_add, [IMPORT_RESTIC] = import_restic_add,
	[IMPORT_BORG] = import_borg_add, [IMPORT_PG_ARCHIVER] = import_archiver_add, [IMPORT_KIALI] = import_kiali_add,
	    [IMPORT_HUBBLE] = import_hubble_add,
	[IMPORT_PROMETHEUS] = import_prometheus_add, [IMPORT_DNS_LOG] = import_dns_add, [IMPORT_HOSTS] = import_hosts_add,
	    [IMPORT_SS] = import_ss_add, [IMPORT_LSOF] = import_lsof_add,
	[IMPORT_PROC_NET] = import_proc_net_add, [IMPORT_CONNTRACK] = import_conntrack_add, [IMPORT_NGINX] = import_nginx_add,
	[IMPORT_HAPROXY] = import_haproxy_add, [IMPORT_ENVOY] = import_envoy_add, [IMPORT_LOG_JSON] = import_log_json_add,
};

static int
add_plain(struct import *im, const struct import_file *file, enum import_format *ret_format)
{
	enum import_format f = import_recognise(file->name, file->text, file->n);
	unsigned complaints = im->diag.count;

	if (ret_format != NULL)
		*ret_format = f;
	if (readers[f] == NULL)
		return -ENOTSUP;
	if (im->parts == NULL)
		return -ENOMEM;
	if (im->failed != 0)
		return im->failed;
	im->parts->file = import_keep(im, file->name != NULL ? file->name : "");
	if (im->parts->file == NULL)
		return im->failed;
	im->file = file;
	im->diag.name = im->parts->file;
	readers[f](im);
	im->diag.line_base = 0;
	im->diag.name = NULL;
	im->file = NULL;
	if (im->failed != 0)
		return im->failed;
	return im->diag.count != complaints ? -EINVAL : 0;
}

static int
add_wrapped(struct import *im, const struct import_file *file, enum import_format *ret_format)
{
	struct import_file inner = *file;
	struct buf b;
	int rc;

	buf_init(&b, im->opts.memory_bytes != 0 ? im->opts.memory_bytes : IMPORT_MEMORY_DEFAULT);
	rc = import_unwrap(file->text, file->n, &b);
	inner.text = buf_data(&b);
	inner.n = buf_len(&b);
	rc = rc == 0 ? add_plain(im, &inner, ret_format) : -ENOMEM;
	buf_fini(&b);
	return rc;
}

int
import_add(struct import *im, const struct import_file *file, enum import_format *ret_format)
{
	return import_is_wrapped(file->text, file->n) ? add_wrapped(im, file, ret_format) : add_plain(im, file, ret_format);
}

int
import_finish(struct import *im)
{
	static int (*const steps[])(struct import *) = { import_k8s_finish, import_velero_finish, import_compose_finish, import_backstage_finish,
		import_sockets_finish, import_tally_finish };

	for (size_t i = 0; i < FL_ARRAY_LEN(steps) && im->failed == 0; i++)
		(void)steps[i](im);
	return im->failed;
}
