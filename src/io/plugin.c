/* SPDX-License-Identifier: MIT */
/* plugin.c - see plugin.h. */
#include "io/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int
plugin_open(struct plugin *p, const char *path, const char *symbol, void **ret_symbol, char *error, size_t error_bytes)
{
	char here[4096];
	const char *why;

	p->handle = NULL;
	/* A name without a slash would be looked for among the system's libraries. */
	if ((size_t)snprintf(here, sizeof(here), "%s%s", strchr(path, '/') == NULL ? "./" : "", path) >= sizeof(here)) {
		snprintf(error, error_bytes, "the path is too long");
		return -ENOENT;
	}
	p->handle = dlopen(here, RTLD_NOW | RTLD_LOCAL);
	void *found = p->handle == NULL ? NULL : dlsym(p->handle, symbol);

	if (found == NULL) {
		why = dlerror();
		snprintf(error, error_bytes, "%s", why == NULL ? "the symbol is null" : why);
		plugin_close(p);
		return -ENOENT;
	}
	*ret_symbol = found;
	return 0;
}

void
plugin_close(struct plugin *p)
{
	if (p->handle != NULL)
		dlclose(p->handle);
	p->handle = NULL;
}
