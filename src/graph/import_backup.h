/* SPDX-License-Identifier: MIT */
/*
 * import_backup.h - what is known of backups, as facts of the service whose data they keep. Keys:
 *
 *      backup.last        when the newest good one was finished, RFC 3339     backup.ok         "true", "false": how the newest one ended
 *      backup.schedule    cron, five fields                                  backup.paused     "true"
 *      backup.bytes       of the newest good one                             backup.verified   when one was last restored to see that it can be
 *      backup.failed      when one last failed                               backup.archived   when the last piece of the log was archived (PITR)
 *      backup.seconds     how long the newest good one took                  backup.by         the tool
 */
#ifndef GRAPH_IMPORT_BACKUP_H
#define GRAPH_IMPORT_BACKUP_H

#include "graph/import_say.h"

/* What one record or a set of them says of a service; zero is not known. Times are ns since 1970. */
struct import_backup {
	const char *node, *space, *by, *schedule;
	int64_t last, failed, verified, archived, seconds;
	uint64_t bytes;
	bool has_ok, ok, paused, none;  /* none: configured, and it never ran */
};
void import_backup_tell(struct import *im, const char *source, const struct import_backup *b, struct import_at at);

/* Of im->file. The service of a file that names none is the file's own name without its ending. */
void import_pgbackrest_add(struct import *im);
void import_restic_add(struct import *im);
void import_borg_add(struct import *im);
void import_records_add(struct import *im);
void import_archiver_add(struct import *im);

#endif
