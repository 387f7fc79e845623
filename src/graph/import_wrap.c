/* SPDX-License-Identifier: MIT */
/* import_wrap.c - see import_wrap.h. A part of a line ("P") is joined with the next: places count lines of the proxy's then. */
#include "graph/import_wrap.h"
#include "graph/import_say.h"
#include "proto/json.h"
#include <errno.h>
#include <string.h>

#define RECORD_MAX ((size_t)1 << 20)

/* "TIME stdout F " and how long it is; 0: the line is none of CRI's. */
static size_t
cri(const char *line, size_t n, bool *ret_partial)
{
	const char *space = memchr(line, ' ', FL_MIN(n, (size_t)40));
	size_t at = space != NULL ? (size_t)(space - line) + 1 : 0;
	int64_t when;

	if (at < 21 || n < at + 9 || line[10] != 'T' || !import_time(line, at - 1, &when))
		return 0;
	if ((memcmp(line + at, "stdout ", 7) != 0 && memcmp(line + at, "stderr ", 7) != 0) || line[at + 8] != ' ' ||
	    (line[at + 7] != 'F' && line[at + 7] != 'P'))
		return 0;
	*ret_partial = line[at + 7] == 'P';
	return at + 9;
}

/* Docker's record: the text of "log", without the end of its line. NULL: it is none. doc_free() it. */
static struct doc *
docker(const char *line, size_t n, const char **ret_text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc;

	if (n < 10 || n > RECORD_MAX || line[0] != '{' || memmem(line, n, "\"log\"", 5) == NULL || json_parse(line, n, error, &doc) != 0)
		return NULL;
	*ret_text = import_word(doc->root, "log");
	if ((*ret_text)[0] != '\0' && (import_word(doc->root, "stream")[0] != '\0' || import_word(doc->root, "time")[0] != '\0'))
		return doc;
	doc_free(doc);
	return NULL;
}

bool
import_is_wrapped(const char *text, size_t n)
{
	const char *p = text, *line, *inner;
	struct doc *doc;
	bool partial;
	size_t len;

	if (!import_next_line(&p, text + n, &line, &len))
		return false;
	if (cri(line, len, &partial) > 0)
		return true;
	doc = docker(line, len, &inner);
	doc_free(doc);
	return doc != NULL;
}

int
import_unwrap(const char *text, size_t n, struct buf *out)
{
	const char *p = text, *line, *inner;
	bool partial = false;
	size_t len, skip;
	int rc = 0;

	while (rc == 0 && import_next_line(&p, text + n, &line, &len)) {
		struct doc *doc;

		skip = cri(line, len, &partial);
		doc = skip == 0 ? docker(line, len, &inner) : NULL;
		if (doc != NULL) {
			size_t used = strcspn(inner, "\n");

			rc = buf_append(out, inner, used);
			partial = inner[used] == '\0' && used >= 16384;         /* Docker cuts lines at 16 KB */
		} else {
			rc = buf_append(out, line + skip, len - skip);
			partial = partial && skip > 0;
		}
		if (rc == 0 && !partial)
			rc = buf_putc(out, '\n');
		doc_free(doc);
	}
	return rc;
}
