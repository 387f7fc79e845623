/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - any bytes as the daemon's configuration file: refused with a place and a reason, or read. */
#include "base/assert.h"
#include "control/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* The YAML library (0.7) forgets a buffer of its scanner after some mistakes: not ours to find here. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf complaints;
	struct config *c;

	buf_init(&complaints, 1 << 20);
	if (config_parse("x.yaml", (const char *)data, size, &complaints, &c) != 0) {
		fl_assert(strncmp(buf_str(&complaints), "x.yaml:", 7) == 0);
	} else {
		fl_assert(buf_len(&complaints) == 0);
		for (uint32_t i = 0; i < c->line_count; i++)
			fl_assert(c->lines[i].name[0] != '\0' && c->lines[i].origin != NULL);
		config_free(c);
	}
	buf_fini(&complaints);
	return 0;
}
