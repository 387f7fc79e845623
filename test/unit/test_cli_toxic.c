/* SPDX-License-Identifier: MIT */
/* test_cli_toxic.c - toxics on a command line: what is sent, and what is refused before anything is. */
#include "control/cli_toxic.h"
#include "proto/json.h"
#include "unit.h"

#include <errno.h>

#define MAX_WORDS 32

static const struct cli_opt opts[] = {
	{ 't', "type", "TYPE", "" }, { 'n', "name", "NAME", "" }, { 'u', "upstream", NULL, "" }, { 'd', "downstream", NULL, "" },
	{ 'a', "attribute", "KEY=VALUE", "" }, { 0, "toxicity", "SHARE", "" }, { 0, "scope-client", "ADDRESS", "" },
	{ 0, "every", "N", "" }, { 0, "method", "M", "" }, { 0, "path", "P", "" }, { 0, "scope-host", "H", "" }, { 0, "header", "H", "" },
	{ 0, "experiment", "X", "" }, { 0, "scope-key", "K", "" },
	{ 0, "first", "N", "" }, { 0, "window", "FROM..TO", "" }, { 0, "duty", "ON/PERIOD", "" }, { 0, "ttl", "TIME", "" },
	{ 0, NULL, NULL, NULL },
};

static char complained[4096];

static struct doc *
parse_json(const char *text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc;

	assert_int_equal(json_parse(text, strlen(text), error, &doc), 0);
	return doc;
}

/* The body for words with spaces between. current: JSON of the toxic as it is, or NULL. returns what cli_toxic_body() did. */
static int
body(const char *line, const char *current, struct buf *out)
{
	static struct cli_args a;
	char copy[1024], *argv[MAX_WORDS], *next = copy, *word;
	FILE *err = tmpfile();
	struct doc *doc = current != NULL ? parse_json(current) : NULL;
	int argc = 0, saved, r;

	assert_non_null(err);
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&next, " ")) != NULL && argc < MAX_WORDS)
		if (word[0] != '\0')
			argv[argc++] = word;
	fflush(NULL);
	saved = dup(2);
	dup2(fileno(err), 2);
	r = cli_args_parse(opts, "toxic add", 0, argc, argv, &a);
	if (r == 0)
		r = cli_toxic_body(&a, doc != NULL ? doc->root : NULL, out);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	rewind(err);
	complained[fread(complained, 1, sizeof(complained) - 1, err)] = '\0';
	fclose(err);
	doc_free(doc);
	return r;
}

static void
test_new(void **state)
{
	static const struct { const char *line, *json; } cases[] = {
		{ "-t latency", "{\"type\":\"latency\",\"stream\":\"downstream\",\"attributes\":{}}" },
		{ "-t latency -a latency=100 -a jitter=10ms -n slow -u",
		  "{\"name\":\"slow\",\"type\":\"latency\",\"stream\":\"upstream\",\"attributes\":{\"latency\":100,\"jitter\":10}}" },
		{ "-t latency -a latency=1.5s", "{\"type\":\"latency\",\"stream\":\"downstream\",\"attributes\":{\"latency\":1500}}" },
		{ "-t latency -a latency=1 -a LATENCY=2",
		  "{\"type\":\"latency\",\"stream\":\"downstream\",\"attributes\":{\"LATENCY\":2}}" },
		{ "-t latency -a distribution=normal -a latency=5",
		  "{\"type\":\"latency\",\"stream\":\"downstream\",\"attributes\":{\"distribution\":\"normal\",\"latency\":5}}" },
		{ "-t slicer -a average_size=2KB -a delay=250us",
		  "{\"type\":\"slicer\",\"stream\":\"downstream\",\"attributes\":{\"average_size\":2000,\"delay\":250}}" },
		{ "-t slicer -a average_size=100 -a delay=5ms",
		  "{\"type\":\"slicer\",\"stream\":\"downstream\",\"attributes\":{\"average_size\":100,\"delay\":5000}}" },
		{ "-t bandwidth -a rate=1MB/s -a shared=true",
		  "{\"type\":\"bandwidth\",\"stream\":\"downstream\",\"attributes\":{\"rate\":1000,\"shared\":true}}" },
		{ "-t corrupt -a rate=0.25", "{\"type\":\"corrupt\",\"stream\":\"downstream\",\"attributes\":{\"rate\":0.25}}" },
		{ "-t noop --toxicity 0.3", "{\"type\":\"noop\",\"stream\":\"downstream\",\"attributes\":{},\"toxicity\":0.3}" },
		{ "-t noop --ttl 90s", "{\"type\":\"noop\",\"stream\":\"downstream\",\"attributes\":{},\"ttl\":90000}" },
		{ "-t noop --every 3 --first 10 --scope-client 10.0.0.0/8",
		  "{\"type\":\"noop\",\"stream\":\"downstream\",\"attributes\":{},\"scope\":{\"client\":\"10.0.0.0/8\",\"every\":3,\"first\":10}}" },
		{ "-t noop --window 1s..5s --duty 200ms/1s",
		  "{\"type\":\"noop\",\"stream\":\"downstream\",\"attributes\":{},\"scope\":{\"window\":{\"from\":1000,\"to\":5000},"
		  "\"duty\":{\"period\":1000,\"on\":200}}}" },
		{ "-t noop --window ..500us", "{\"type\":\"noop\",\"stream\":\"downstream\",\"attributes\":{},"
		    "\"scope\":{\"window\":{\"from\":0,\"to\":0.5}}}" },
		{ "-t http_abort -a status=429 -a retry_after=2s -a body=no --method GET,HEAD --path /a/** --experiment x --scope-key trace",
		  "{\"type\":\"http_abort\",\"stream\":\"downstream\",\"attributes\":{\"status\":429,\"retry_after\":2,\"body\":\"no\"},"
		  "\"scope\":{\"method\":\"GET,HEAD\",\"path\":\"/a/**\",\"experiment\":\"x\",\"key\":\"trace\"}}" },
		{ "-t http_slow -a pace=1KB/s -a part=head -u --scope-host *.b --header X:y",
		  "{\"type\":\"http_slow\",\"stream\":\"upstream\",\"attributes\":{\"pace\":1000,\"part\":\"head\"},"
		  "\"scope\":{\"host\":\"*.b\",\"header\":\"X: y\"}}" },
		{ "-t http_delay -a delay=1s -a distribution=samples -a samples=/a/b",
		  "{\"type\":\"http_delay\",\"stream\":\"downstream\",\"attributes\":{\"delay\":1000,\"distribution\":\"samples\","
		  "\"samples\":\"/a/b\"}}" },
		{ "-t latency -a distribution=samples -a samples=/a/b",
		  "{\"type\":\"latency\",\"stream\":\"downstream\",\"attributes\":{\"distribution\":\"samples\",\"samples\":\"/a/b\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct buf out;

		buf_init(&out, 1 << 16);
		assert_int_equal(body(cases[i].line, NULL, &out), 0);
		assert_string_equal(complained, "");
		assert_string_equal(buf_str(&out), cases[i].json);
		buf_fini(&out);
	}
}

static void
test_refused(void **state)
{
	static const struct { const char *line, *said; } cases[] = {
		{ "-a latency=1", "expected --type" },
		{ "-t latncy", "did you mean latency?" },
		{ "-t zzzzzzzz", "expected one of latency, bandwidth" },
		{ "-t latency -a latncy=1", "did you mean \"latency\"?" },
		{ "-t latency -a latency", "expected KEY=VALUE" },
		{ "-t latency -a =5", "expected KEY=VALUE" },
		{ "-t latency -a latency=abc", "latency: found" },
		{ "-t latency -a latency=10us", "milliseconds" },
		{ "-t latency -a distribution=norml", "did you mean \"normal\"?" },
		{ "-t slicer -a delay=1ms", "average_size: found 0, expected at least 1" },
		{ "-t bandwidth -a rate=-1", "rate: found -1" },
		{ "-t bandwidth -a shared=perhaps", "shared: found" },
		{ "-t noop -a x=1", "none" },
		{ "-t noop -u -d", "one of --upstream and --downstream" },
		{ "-t noop --toxicity 7", "--toxicity: found the number 7" },
		{ "-t noop --toxicity x", "--toxicity: found \"x\"" },
		{ "-t noop --ttl 5", "--ttl: found the number 5" },
		{ "-t http_abort --method get", "--method: method: found \"get\", did you mean \"GET\"?" },
		{ "-t http_abort --path x", "--path: path: found \"x\"" },
		{ "-t http_header", "name: found" },
		{ "-t latency --path /a", "latency acts on connections" },
		{ "-t noop --ttl soon", "--ttl: found \"soon\"" },
		{ "-t noop --every -1", "--every: found" },
		{ "-t noop --first many", "--first: found" },
		{ "-t noop --scope-client everybody", "--scope-client: client" },
		{ "-t noop --window 5s", "--window: found \"5s\", expected from..to" },
		{ "-t noop --window 5..6s", "--window: found the number 5" },
		{ "-t noop --window 5s..1s", "window" },
		{ "-t noop --duty 2s/1s", "duty" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct buf out;

		buf_init(&out, 1 << 16);
		assert_int_equal(body(cases[i].line, NULL, &out), -EINVAL);
		assert_memory_equal(complained, "faultline toxic add: ", 21);
		if (strstr(complained, cases[i].said) == NULL)
			fail_msg("%s: expected \"%s\" in: %s", cases[i].line, cases[i].said, complained);
		buf_fini(&out);
	}
}

static void
test_change(void **state)
{
	static const char slicer[] = "{\"type\":\"slicer\",\"attributes\":{\"average_size\":64,\"size_variation\":32,\"delay\":10},\"toxicity\":0.5}";
	static const struct { const char *line, *current, *json; } cases[] = {
		{ "-a delay=1ms", slicer, "{\"attributes\":{\"delay\":1000}}" },
		{ "--toxicity 0", slicer, "{\"attributes\":{},\"toxicity\":0}" },
		{ "--ttl 0", slicer, "{\"attributes\":{},\"ttl\":0}" },
		{ "-a loss_rate=0.5 -a on=true -a n=3 -a s=x", "{\"type\":\"packet_loss\",\"attributes\":{\"loss_rate\":1}}",
		  "{\"attributes\":{\"loss_rate\":0.5,\"on\":true,\"n\":3,\"s\":\"x\"}}" },
		{ "--every 5", "{\"type\":\"noop\",\"scope\":{\"client\":\"10.0.0.0/8\",\"every\":2,\"window\":{\"from\":1500,\"to\":2000}}}",
		  "{\"attributes\":{},\"scope\":{\"client\":\"10.0.0.0/8\",\"every\":5,\"window\":{\"from\":1500,\"to\":2000}}}" },
		{ "--every 0", "{\"type\":\"noop\",\"scope\":{\"every\":2}}", "{\"attributes\":{},\"scope\":{}}" },
		{ "-a latency=7", "{\"type\":\"latency\",\"attributes\":{\"latency\":1,\"jitter\":0,"
		    "\"distribution\":\"samples\",\"samples\":\"/x\"}}",
		  "{\"attributes\":{\"latency\":7}}" },
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		buf_init(&out, 1 << 16);
		assert_int_equal(body(cases[i].line, cases[i].current, &out), 0);
		assert_string_equal(complained, "");
		assert_string_equal(buf_str(&out), cases[i].json);
		buf_fini(&out);
	}
	/* What depends on several values is seen with those that the toxic has. */
	buf_init(&out, 1 << 16);
	assert_int_equal(body("-a average_size=8", slicer, &out), -EINVAL);
	assert_non_null(strstr(complained, "size_variation"));
	buf_fini(&out);
}

static void
test_hostile_daemon(void **state)
{
	static const char *const currents[] = {
		"null", "[]", "7", "{}", "{\"type\":null}", "{\"type\":[],\"attributes\":7}",
		"{\"type\":\"latency\",\"attributes\":[1,2]}",
		"{\"type\":\"latency\",\"attributes\":{\"nonsense\":{\"a\":1}}}",
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(currents); i++) {
		buf_init(&out, 1 << 16);
		assert_int_equal(body("-a latency=1", currents[i], &out), 0);
		assert_string_equal(buf_str(&out), "{\"attributes\":{\"latency\":1}}");
		buf_fini(&out);
	}
}

static void
test_describe(void **state)
{
	static const struct { const char *json, *text; } cases[] = {
		{ "{\"attributes\":{\"latency\":100,\"jitter\":5}}", "jitter=5 latency=100" },
		{ "{}", "" },
		{ "{\"attributes\":{},\"ttl\":60000}", "ttl=1m" },
		{ "{\"attributes\":{\"rate\":1},\"scope\":{\"client\":\"::1\",\"every\":2,\"window\":{\"from\":1000},"
		    "\"duty\":{\"period\":1000,\"on\":0.5}}}",
		  "rate=1 client=::1 every=2 window=1s.. duty=500us/1s" },
		{ "{\"attributes\":{\"x\":[1],\"y\":{}},\"scope\":7,\"ttl\":\"x\"}", "ttl=0ns" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct doc *doc = parse_json(cases[i].json);
		struct buf out;

		buf_init(&out, 1 << 16);
		cli_toxic_describe(doc->root, &out);
		assert_string_equal(buf_str(&out), cases[i].text);
		buf_fini(&out);
		doc_free(doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_hostile_daemon),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
