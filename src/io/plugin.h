/* SPDX-License-Identifier: MIT */
/* plugin.h - shared objects that a user names. Their code runs with our rights: only what was asked for on the command line. */
#ifndef IO_PLUGIN_H
#define IO_PLUGIN_H

#include <stddef.h>

struct plugin {
	void *handle;
};

/*
 * plugin_open - load the object at path and find a symbol in it.
 * returns    0; -ENOENT it cannot be loaded, or has no such symbol; then error (of error_bytes) says why
 */
int plugin_open(struct plugin *p, const char *path, const char *symbol, void **ret_symbol, char *error, size_t error_bytes);
void plugin_close(struct plugin *p);            /* all zero is fine */

#endif
