/* SPDX-License-Identifier: MIT */
/* import_image.h - what runs, by the name of an image or a process: redis keeps data, rabbitmq carries messages. */
#ifndef GRAPH_IMPORT_IMAGE_H
#define GRAPH_IMPORT_IMAGE_H

#include "graph/sight.h"

/* Of "registry/path/name:tag@digest"; SIGHT_SERVICE when it is none that is known. */
enum sight_kind import_image_kind(const char *image);
/* Of a process (its name as the kernel has it, 15 bytes at most) that listens on port; SIGHT_SERVICE likewise. */
enum sight_kind import_process_kind(const char *process, unsigned port);

#endif
