/* SPDX-License-Identifier: MIT */
/* graph_import.h - files into the store: formats are recognised, what belongs together is read together, and all of it is one batch. */
#ifndef MAP_GRAPH_IMPORT_H
#define MAP_GRAPH_IMPORT_H

#include "map/graph_ask.h"

/*
 * graph_import - the words are paths, "-" is standard input; a folder stands for the files in it.
 * Option `time`: when what has no time of its own was so.
 * A file with a mistake is refused as a whole, with file:line:column in the error; so is then the batch.
 */
graph_fn graph_import;

#endif
