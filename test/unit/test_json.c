/* SPDX-License-Identifier: MIT */
/* test_json.c - reading JSON as Go reads it, and writing it as Go writes it. */
#include "proto/json.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct doc *
parse(const char *text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc = NULL;

	assert_int_equal(json_parse(text, strlen(text), error, &doc), 0);
	return doc;
}

static void
test_values(void **state)
{
	struct doc *doc = parse(" {\"a\":1,\"A\":\"x\\n\\u00e9\\ud83d\\ude00\",\n \"l\":[true,false,null,-0.5e-3,{}],\"a\":2} trailing");
	const struct doc_node *l = doc_get(doc->root, "l");

	(void)state;
	assert_int_equal(doc->root->count, 4);
	assert_string_equal(doc->root->pairs[0].value->text, "1");
	assert_string_equal(doc->root->pairs[3].value->text, "2");
	assert_string_equal(doc_get(doc->root, "A")->text, "x\n\xc3\xa9\xf0\x9f\x98\x80");
	assert_false(doc_get(doc->root, "A")->plain);
	assert_int_equal(l->count, 5);
	assert_int_equal(l->line, 2);
	assert_int_equal(l->items[2]->kind, DOC_NULL);
	assert_string_equal(l->items[3]->text, "-0.5e-3");
	assert_int_equal(l->items[4]->kind, DOC_MAP);
	doc_free(doc);
}

static void
test_bad_text_is_replaced(void **state)
{
	struct doc *doc = parse("[\"a\xff" "b\",\"\\ud800\",\"\\ud800\\u0041\",\"\\udc00x\",\"\xed\xa0\x80\"]");

	(void)state;
	assert_string_equal(doc->root->items[0]->text, "a\xef\xbf\xbd" "b");
	assert_string_equal(doc->root->items[1]->text, "\xef\xbf\xbd");
	assert_string_equal(doc->root->items[2]->text, "\xef\xbf\xbd" "A");
	assert_string_equal(doc->root->items[3]->text, "\xef\xbf\xbdx");
	assert_string_equal(doc->root->items[4]->text, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	doc_free(doc);
}

static void
test_errors(void **state)
{
	static const struct { const char *text, *error; } cases[] = {
		{ "", "EOF" },
		{ " \n", "EOF" },
		{ "{\"name\":", "unexpected EOF" },
		{ "{\"name\"", "unexpected EOF" },
		{ "[1,", "unexpected EOF" },
		{ "\"abc", "unexpected EOF" },
		{ "tru", "unexpected EOF" },
		{ "-", "unexpected EOF" },
		{ "x", "invalid character 'x' looking for beginning of value" },
		{ "{x", "invalid character 'x' looking for beginning of object key string" },
		{ "{\"a\":1,}", "invalid character '}' looking for beginning of object key string" },
		{ "[1,]", "invalid character ']' looking for beginning of value" },
		{ "{\"a\" 1}", "invalid character '1' after object key" },
		{ "{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair" },
		{ "[1 2]", "invalid character '2' after array element" },
		{ "[01]", "invalid character '1' after array element" },
		{ "[1.]", "invalid character ']' after decimal point in numeric literal" },
		{ "[1e]", "invalid character ']' in exponent of numeric literal" },
		{ "[-x]", "invalid character 'x' in numeric literal" },
		{ "[trux]", "invalid character 'x' in literal true (expecting 'e')" },
		{ "[nil]", "invalid character 'i' in literal null (expecting 'u')" },
		{ "\"\\q\"", "invalid character 'q' in string escape code" },
		{ "\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape" },
		{ "\"a\nb\"", "invalid character '\\n' in string literal" },
		{ "'a'", "invalid character '\\'' looking for beginning of value" },
		{ "\xef\xbb\xbf{}", "invalid character '\xc3\xaf' looking for beginning of value" },
		{ "\"\\u0000\"", "U+0000 in a string" },
	};
	char error[JSON_ERROR_MAX];
	struct doc *doc = (struct doc *)1;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), error, &doc), -EINVAL);
		assert_string_equal(error, cases[i].error);
		assert_ptr_equal(doc, (struct doc *)1);
	}
}

static void
test_depth(void **state)
{
	char text[201], error[JSON_ERROR_MAX];
	struct doc *doc;

	(void)state;
	memset(text, '[', 200);
	text[200] = '\0';
	assert_int_equal(json_parse(text, 200, error, &doc), -E2BIG);
	assert_string_equal(error, "exceeded max depth");
}

static void
test_writer(void **state)
{
	struct buf b;
	struct jsonw w;

	(void)state;
	buf_init(&b, 4096);
	jsonw_init(&w, &b);
	jsonw_object(&w);
	jsonw_str(&w, "a<b>&\"\\", "x\n\r\t\x01\xe2\x80\xa8\xe2\x80\xa9\xff\xc3\xa9");
	jsonw_key(&w, "list");
	jsonw_array(&w);
	jsonw_int(&w, INT64_MIN);
	jsonw_uint(&w, UINT64_MAX);
	jsonw_object(&w);
	jsonw_end(&w);
	jsonw_array(&w);
	jsonw_end(&w);
	jsonw_null(&w);
	jsonw_end(&w);
	jsonw_flag(&w, "on", true);
	jsonw_key(&w, "raw");
	jsonw_raw(&w, "[1]", 3);
	jsonw_end(&w);
	assert_string_equal(buf_str(&b), "{\"a\\u003cb\\u003e\\u0026\\\"\\\\\":\"x\\n\\r\\t\\u0001\\u2028\\u2029\\ufffd\xc3\xa9\","
	    "\"list\":[-9223372036854775808,18446744073709551615,{},[],null],\"on\":true,\"raw\":[1]}");
	buf_fini(&b);
}

static void
test_floats(void **state)
{
	static const struct { double v; bool single; const char *text; } cases[] = {
		{ 0.123456789012345, true, "0.12345679" }, { 1e-7, true, "1e-7" }, { 1, true, "1" }, { 0, true, "0" }, { 0.5, true, "0.5" },
		{ -1, true, "-1" }, { 7, true, "7" }, { 1e20, true, "100000000000000000000" }, { 1e21, true, "1e+21" },
		{ 3.4e38, true, "3.4e+38" }, { 0.1, true, "0.1" }, { 1e-6, true, "0.000001" }, { 16777216, true, "16777216" },
		{ 0.1, false, "0.1" }, { 1.0 / 3, false, "0.3333333333333333" }, { 1e-7, false, "1e-7" }, { 1e21, false, "1e+21" },
		{ 123456789.125, false, "123456789.125" }, { 5e-324, false, "5e-324" }, { 1.5e-9, false, "1.5e-9" }, { 2.5e-10, false, "2.5e-10" },
		{ 1.7976931348623157e308, false, "1.7976931348623157e+308" }, { 100, false, "100" }, { 1200, false, "1200" },
	};
	char text[48];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++)
		assert_string_equal(jsonw_format_float(text, cases[i].single ? (double)(float)cases[i].v : cases[i].v,
		    cases[i].single), cases[i].text);
}

static void
test_floats_for_people(void **state)
{
	static const struct { double v; const char *text; } cases[] = {
		{ 100, "100" }, { 100000, "100000" }, { 1000000, "1e+06" }, { 123456789, "1.23456789e+08" }, { 0.5, "0.5" }, { 0.0001, "0.0001" },
		{ 0.00001, "1e-05" }, { -2.5, "-2.5" }, { 0, "0" }, { 1e100, "1e+100" },
	};
	char text[48];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++)
		assert_string_equal(jsonw_format_g(text, cases[i].v), cases[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_bad_text_is_replaced), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_writer), cmocka_unit_test(test_floats),
		cmocka_unit_test(test_floats_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
