// SPDX-License-Identifier: Apache-2.0
/* Rows of text, CSV and NDJSON: every rule, every message, any cut of the input, and there and back again. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "runtime/format_rows.h"

#define FLIGHT(F) F(timestamp, date) F(string, origin) F(int32, delay)
WEIR_RECORD(flight, FLIGHT)
#define EVERY(F) F(boolean, b) F(int8, i8) F(int16, i16) F(int32, i32) F(int64, i64) F(float, f) F(double, d) F(char, c) F(string, s) F(bytes, y) F(timestamp, t)
WEIR_RECORD(every, EVERY)
#define LINE(F) F(string, text)
WEIR_RECORD(line, LINE)
#define ONE(F) F(int32, n)
WEIR_RECORD(one, ONE)
#define NAMES(F) F(int32, a) F(int32, fourteen_bytes) F(int32, fifteen_letters) F(int32, a_name_of_more_than_sixteen_letters)
WEIR_RECORD(names, NAMES)

struct how {
	enum weir_rows_format format;
	struct weir_type *type;
	char delimiter;
	bool header;
};

/* Rows as JSON lines, bad ones as "! line column (name): what [text]", fed `chunk` bytes at a time. malloc'ed. */
static char *read_all(struct how how, const char *text, size_t len, size_t chunk)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_parser *ps;
	struct weir_row_writer *w;
	struct weir_buf log = { 0 };
	char *copy = malloc(len + WEIR_TEXT_SLACK);
	struct weir_row_cursor c = { .p = copy, .end = copy };
	struct weir_batch *b;
	bool header = how.header, ended = false;
	uint32_t step = chunk % 3 ? 2 : 500;

	memcpy(copy, text, len);
	memset(copy + len, '"', WEIR_TEXT_SLACK);
	ck_ok(weir_type_prepare(how.type, &err));
	ck_ok(weir_row_parser_new(how.format, how.type, how.delimiter, &ps, &err));
	ck_ok(weir_row_writer_new(WEIR_ROWS_JSON, how.type, NULL, &w, &err));
	b = weir_batch_new(how.type, false);
	while (!ended) {
		struct weir_row_fault fault;
		enum weir_rows_stop stop = header ? weir_row_parser_header(ps, &c, &err) : weir_row_parser_run(ps, &c, b, b->rows + step < WEIR_BATCH_ROWS ? b->rows + step : WEIR_BATCH_ROWS, &fault);

		switch (stop) {
		case WEIR_ROWS_FULL:
			header = false;
			if (b->rows >= WEIR_BATCH_ROWS - step) {
				ck_ok(weir_row_writer_put(w, b, NULL, &log, &err));
				weir_batch_unref(b);
				b = weir_batch_new(how.type, false);
			}
			break;
		case WEIR_ROWS_MORE:
			ck_assert_msg(!c.last, "nothing more can come");
			c.end += chunk < (size_t)(copy + len - c.end) ? chunk : (size_t)(copy + len - c.end);
			c.last = c.end == copy + len;
			break;
		case WEIR_ROWS_END:
			ended = true;
			break;
		case WEIR_ROWS_BAD:
			ck_ok(weir_row_writer_put(w, b, NULL, &log, &err));
			weir_batch_unref(b);
			b = weir_batch_new(how.type, false);
			if (header) {
				weir_buf_printf(&log, "!! %s\n", err.msg);
				ended = true;
				break;
			}
			weir_buf_printf(&log, "! %llu %u (%s): %s", (unsigned long long)fault.line + 1, fault.column, fault.name ? fault.name : "", fault.what);
			if (fault.text)
				weir_buf_printf(&log, " [%.*s]", (int)fault.text_len, fault.text);
			weir_buf_printf(&log, " in [%.*s]\n", (int)fault.row_len, fault.row);
			break;
		default:
			ck_abort_msg("out of memory");
		}
	}
	ck_ok(weir_row_writer_put(w, b, NULL, &log, &err));
	weir_batch_unref(b);
	weir_row_writer_free(w);
	weir_row_parser_free(ps);
	free(copy);
	weir_buf_cstr(&log);
	return (char *)log.data;
}

static void reads_as(struct how how, const char *text, const char *rows)
{
	static const size_t chunks[] = { 1, 2, 3, 5, 8, 13, 100, 1 << 20 };

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		char *got = read_all(how, text, strlen(text), chunks[i]);

		ck_assert_msg(strcmp(got, rows) == 0, "%zu bytes at a time\n%s\nreads as\n%s\nexpected\n%s", chunks[i], text, got, rows);
		free(got);
	}
}

static const struct how csv = { WEIR_FORMAT_CSV, &flight_type, 0, true }, bare_csv = { WEIR_FORMAT_CSV, &flight_type, 0, false };
static const struct how json = { WEIR_FORMAT_JSON, &flight_type, 0, false }, text_lines = { WEIR_FORMAT_TEXT, &line_type, 0, false };
static const struct how csv_line = { WEIR_FORMAT_CSV, &line_type, 0, false };

#define DTW "{\"date\":\"2001-01-01T00:47:00Z\",\"origin\":\"DTW\",\"delay\":66}\n"
#define HNL "{\"date\":\"2001-01-01T01:10:00Z\",\"origin\":\"HNL\",\"delay\":-95}\n"

WEIR_TEST(csv_header_maps_columns_by_name)
{
	reads_as(csv, "date,delay,distance,origin,destination\n2001/01/01 00:47,66,1750,DTW,LAS\n2001/01/01 01:10,-95,2399,HNL,SFO\n", DTW HNL);
	reads_as(csv, "origin,date,delay\r\nDTW,2001/01/01 00:47,66\r\nHNL,2001/01/01 01:10,-95\r\n", DTW HNL);
	reads_as(csv, "\"delay\",x,\"origin\",\"a \"\"quoted\"\" one\",date\n66,,DTW,,2001/01/01 00:47", DTW); /* the last line has no end */
	reads_as(csv, "date,delay,origin\n", "");
	reads_as(csv, "date,delay,origin", "");
	reads_as(csv, "", "");
	reads_as(bare_csv, "2001/01/01 00:47,DTW,66\n2001/01/01 01:10,HNL,-95", DTW HNL);
	reads_as((struct how){ WEIR_FORMAT_CSV, &flight_type, ';', true }, "date;delay;origin\n2001/01/01 00:47;66;DTW\n", DTW);
	reads_as((struct how){ WEIR_FORMAT_CSV, &flight_type, '\t', false }, "2001/01/01 00:47\tDTW\t66\n", DTW);
}

WEIR_TEST(csv_bad_headers)
{
	reads_as(csv, "time,delay,origin\nx\n",
		 "!! line 1: no column is called date, which is a field of the record; the header has: time, delay, origin (no_header reads files without one)\n");
	reads_as(csv, "date,delay,origin,delay\n", "!! line 1: the header names column delay twice\n");
	reads_as(csv, "date,x,x,delay,origin\n2001/01/01 00:47,1,2,66,DTW\n", DTW); /* twice what nobody asks for */
	reads_as(csv, "date,\"del\"ay,origin\n", "!! line 1: the header is not CSV: a quote is not closed, or text stands behind one\n");
}

WEIR_TEST(csv_quotes)
{
	reads_as(csv_line, "\"plain\"\n", "{\"text\":\"plain\"}\n");
	reads_as(csv_line, "\"a,b\"\n\"\"\n\"\"\"\"\n\"say \"\"hello, world\"\" twice\"\r\n", "{\"text\":\"a,b\"}\n{\"text\":\"\"}\n{\"text\":\"\\\"\"}\n{\"text\":\"say \\\"hello, world\\\" twice\"}\n");
	reads_as(csv_line, "\"two\nlines\r\nor three\"\n", "{\"text\":\"two\\nlines\\r\\nor three\"}\n");
	reads_as(csv_line, "in the \"middle\" of it\n", "{\"text\":\"in the \\\"middle\\\" of it\"}\n");
	reads_as(csv_line, "\"no line end\"", "{\"text\":\"no line end\"}\n");
	reads_as(csv_line, "cr\r\r\n", "{\"text\":\"cr\\r\"}\n");
	reads_as(csv_line, "a longer text than a view holds itself\n", "{\"text\":\"a longer text than a view holds itself\"}\n");
	reads_as(bare_csv, "\"2001/01/01 00:47\",\"DTW\",\"66\"\n", DTW);
	reads_as(bare_csv, "2001/01/01 00:47,\"DTW\",66\n\"2001/01/01 01:10\",HNL,\"-95\"", DTW HNL);
	/* a line number counts the lines inside quotes */
	reads_as(csv, "origin,delay,date,note\nDTW,66,2001/01/01 00:47,\"two\nlines\"\nX,x,2001/01/01 00:47,\n",
		 DTW "! 4 2 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [x] in [X,x,2001/01/01 00:47,]\n");
}

WEIR_TEST(csv_empty_fields_and_lines)
{
	reads_as(bare_csv, "2001/01/01 00:47,,66\n", "{\"date\":\"2001-01-01T00:47:00Z\",\"origin\":\"\",\"delay\":66}\n");
	reads_as(bare_csv, "2001/01/01 00:47,\"\",66\n", "{\"date\":\"2001-01-01T00:47:00Z\",\"origin\":\"\",\"delay\":66}\n");
	reads_as(bare_csv, "\n\r\n2001/01/01 00:47,DTW,66\n\n\n", DTW);
	reads_as(csv_line, "a\n\nb\n", "{\"text\":\"a\"}\n{\"text\":\"\"}\n{\"text\":\"b\"}\n"); /* one column: an empty line is a row */
	reads_as(bare_csv, "2001/01/01 00:47,DTW,\n",
		 "! 1 3 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [] in [2001/01/01 00:47,DTW,]\n");
}

WEIR_TEST(csv_nulls)
{
	struct weir_arena a = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *fields[] = { &weir_string, &weir_int32 };
	const char *const names[] = { "s", "n" };
	struct weir_type *row = weir_type_row(&a, 2, fields, names, &err);
	struct how h = { WEIR_FORMAT_CSV, row, 0, false }, j = { WEIR_FORMAT_JSON, row, 0, false };

	ck_assert_ptr_nonnull(row);
	reads_as(h, ",1\n\"\",2\nx,3\n", "{\"s\":null,\"n\":1}\n{\"s\":\"\",\"n\":2}\n{\"s\":\"x\",\"n\":3}\n");
	reads_as(j, "{\"n\":1}\n{\"s\":null,\"n\":2}\n", "{\"s\":null,\"n\":1}\n{\"s\":null,\"n\":2}\n");
	reads_as(j, "{\"s\":\"x\"}\n", "! 1 0 (n): field n is missing in [{\"s\":\"x\"}]\n");
	weir_arena_fini(&a);
}

WEIR_TEST(csv_bad_rows)
{
	reads_as(bare_csv, "2001/01/01 00:47,DTW\n2001/01/01 00:47,DTW,66\n", "! 1 0 (): the row has 2 columns, expected 3 [2001/01/01 00:47,DTW] in [2001/01/01 00:47,DTW]\n" DTW);
	reads_as(csv, "date,delay,origin\n2001/01/01 00:47,66,DTW,x,y\n",
		 "! 2 0 (): the row has 5 columns, expected 3 as in the header [2001/01/01 00:47,66,DTW,x,y] in [2001/01/01 00:47,66,DTW,x,y]\n");
	reads_as(bare_csv, "x\n", "! 1 0 (): the row has 1 column, expected 3 [x] in [x]\n");
	reads_as(bare_csv, "2001/01/32 00:47,DTW,66\r\n2001/01/01 00:47,DTW,66\n",
		 "! 1 1 (date): expected a time such as 2001-01-31T23:59:00Z or 2001/01/31 23:59 [2001/01/32 00:47] in [2001/01/32 00:47,DTW,66]\n" DTW);
	reads_as(bare_csv, "2001/01/01 00:47,DTW,66.0\n", "! 1 3 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [66.0] in [2001/01/01 00:47,DTW,66.0]\n");
	reads_as(bare_csv, "2001/01/01 00:47,DTW,2147483648\n",
		 "! 1 3 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [2147483648] in [2001/01/01 00:47,DTW,2147483648]\n");
	reads_as(bare_csv, "2001/01/01 00:47,caf\xe9,66\n", "! 1 2 (origin): expected text in UTF-8 [caf\xe9] in [2001/01/01 00:47,caf\xe9,66]\n");
	reads_as(bare_csv, "2001/01/01 00:47,\"DTW\"x,66\n2001/01/01 00:47,DTW,66\n",
		 "! 1 2 (): text stands behind a closing quote; a quote inside a quoted field is written twice [x,66] in [2001/01/01 00:47,\"DTW\"x,66]\n" DTW);
	/* a quote that is never closed costs its line, not the rest of the file */
	reads_as(bare_csv, "2001/01/01 00:47,\"DTW,66\n2001/01/01 00:47,DTW,66\n",
		 "! 1 2 (): the quote that opens here is never closed [\"DTW,66] in [2001/01/01 00:47,\"DTW,66]\n" DTW);
	reads_as(bare_csv, "2001/01/01 00:47,\"", "! 1 2 (): the quote that opens here is never closed [\"] in [2001/01/01 00:47,\"]\n");
}

WEIR_TEST(csv_every_kind)
{
	struct how h = { WEIR_FORMAT_CSV, &every_type, 0, false };

	reads_as(h, "true,-128,32767,1,-9223372036854775808,0.1,1e300,\xc3\xa9,text,AAEC,1970-01-01\n",
		 "{\"b\":true,\"i8\":-128,\"i16\":32767,\"i32\":1,\"i64\":-9223372036854775808,\"f\":0.1,\"d\":1.0E300,\"c\":\"\xc3\xa9\",\"s\":\"text\",\"y\":\"AAEC\","
		 "\"t\":\"1970-01-01T00:00:00Z\"}\n");
	reads_as(h, "TRUE,1,1,1,1,1,1,x,x,,1970-01-01\n", "! 1 1 (b): expected true or false [TRUE] in [TRUE,1,1,1,1,1,1,x,x,,1970-01-01]\n");
	reads_as(h, "true,128,1,1,1,1,1,x,x,,1970-01-01\n", "! 1 2 (i8): expected a whole number from -128 to 127 (int8) [128] in [true,128,1,1,1,1,1,x,x,,1970-01-01]\n");
	reads_as(h, "true,1,32768,1,1,1,1,x,x,,1970-01-01\n", "! 1 3 (i16): expected a whole number from -32768 to 32767 (int16) [32768] in [true,1,32768,1,1,1,1,x,x,,1970-01-01]\n");
	reads_as(h, "true,1,1,1,9223372036854775808,1,1,x,x,,1970-01-01\n",
		 "! 1 5 (i64): expected a whole number of 64 bits (int64) [9223372036854775808] in [true,1,1,1,9223372036854775808,1,1,x,x,,1970-01-01]\n");
	reads_as(h, "true,1,1,1,1,1e39,1,x,x,,1970-01-01\n", "! 1 6 (f): expected a number within the range of a float [1e39] in [true,1,1,1,1,1e39,1,x,x,,1970-01-01]\n");
	reads_as(h, "true,1,1,1,1,1,one,x,x,,1970-01-01\n", "! 1 7 (d): expected a number within the range of a double [one] in [true,1,1,1,1,1,one,x,x,,1970-01-01]\n");
	reads_as(h, "true,1,1,1,1,1,1,xy,x,,1970-01-01\n", "! 1 8 (c): expected one character (of the Basic Multilingual Plane) [xy] in [true,1,1,1,1,1,1,xy,x,,1970-01-01]\n");
	reads_as(h, "true,1,1,1,1,1,1,x,x,AA,1970-01-01\n", "! 1 10 (y): expected bytes in base64 [AA] in [true,1,1,1,1,1,1,x,x,AA,1970-01-01]\n");
}

WEIR_TEST(json_rows)
{
	reads_as(json, "{\"date\":\"2001/01/01 00:47\",\"delay\":66,\"distance\":1750,\"origin\":\"DTW\",\"destination\":\"LAS\"}\n", DTW);
	reads_as(json, " { \"origin\" : \"DTW\" , \"date\" : 978310020000 , \"delay\" : 66 } \r\n\n  \n{\"date\":\"2001-01-01T01:10:00Z\",\"origin\":\"HNL\",\"delay\":-95}", DTW HNL);
	reads_as(json, "{\"delay\":1,\"date\":\"2001/01/01 00:47\",\"origin\":\"DTW\",\"delay\":66}\n", DTW); /* the last counts */
	reads_as(json, "{\"x\":{\"a\":[1,2.5e3,{\"b\":null}],\"c\":\"}\\\"\"},\"y\":[],\"z\":{},\"t\":true,\"date\":\"2001/01/01 00:47\",\"f\":false,\"origin\":\"DTW\",\"delay\":66,\"n\":null}\n", DTW);
	reads_as(json, "{\"\\u0064ate\":\"2001\\/01\\/01 00:47\",\"origin\":\"\\u0044TW\",\"delay\":66}\n", DTW);
	reads_as(json, "{\"date\":0,\"origin\":null,\"delay\":-0}\n", "{\"date\":\"1970-01-01T00:00:00Z\",\"origin\":null,\"delay\":0}\n");
	reads_as(json, "", "");
	reads_as((struct how){ WEIR_FORMAT_JSON, &weir_int64, 0, false }, "1\n -2 \n\n3", "1\n-2\n3\n");
	reads_as((struct how){ WEIR_FORMAT_JSON, &weir_string, 0, false }, "\"a\"\nnull\n", "\"a\"\nnull\n");
}

WEIR_TEST(json_strings)
{
	struct how h = { WEIR_FORMAT_JSON, &line_type, 0, false };

	reads_as(h, "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}\n", "{\"text\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\"}\n");
	reads_as(h, "{\"text\":\"\\ud83d\\ude00 \\u00e9\\u20ac\"}\n", "{\"text\":\"\xf0\x9f\x98\x80 \xc3\xa9\xe2\x82\xac\"}\n");
	reads_as(h, "{\"text\":\"\\ud83d\"}\n{\"text\":\"\\ude00\\ud83d\"}\n{\"text\":\"\\ud83dx\"}\n", "{\"text\":\"\\ud83d\"}\n{\"text\":\"\\ude00\\ud83d\"}\n{\"text\":\"\\ud83dx\"}\n");
	reads_as(h, "{\"text\":\"a long text with an escape\\u0021 in it\"}\n", "{\"text\":\"a long text with an escape! in it\"}\n");
	reads_as(h, "{\"text\":\"bell\x07\"}\n", "! 1 14 (text): a control character stands in a string; it must be escaped [\x07\"}] in [{\"text\":\"bell\x07\"}]\n");
	reads_as(h, "{\"text\":\"\\x41\"}\n", "! 1 10 (text): a backslash in a string is followed by something that is no escape of JSON [\\x41\"}] in [{\"text\":\"\\x41\"}]\n");
	reads_as(h, "{\"text\":\"\\u00g0\"}\n", "! 1 10 (text): a backslash in a string is followed by something that is no escape of JSON [\\u00g0\"}] in [{\"text\":\"\\u00g0\"}]\n");
	reads_as(h, "{\"text\":\"open\n", "! 1 10 (text): the string is not closed [open] in [{\"text\":\"open]\n");
	reads_as(h, "{\"text\":\"open\\\n", "! 1 10 (text): the string is not closed [open\\] in [{\"text\":\"open\\]\n");
	reads_as(h, "{\"text\":\"caf\xe9\"}\n", "! 1 9 (text): expected text in UTF-8 [\"caf\xe9\"] in [{\"text\":\"caf\xe9\"}]\n");
}

static void bad_json(const char *row, const char *what)
{
	char text[400], expected[800];

	snprintf(text, sizeof(text), "%s\n{\"date\":978310020000,\"origin\":\"DTW\",\"delay\":66}\n", row);
	snprintf(expected, sizeof(expected), "! 1 %s in [%s]\n" DTW, what, row);
	reads_as(json, text, expected);
}

WEIR_TEST(json_bad_rows)
{
	bad_json("{\"date\":0,\"origin\":\"DTW\"}", "0 (delay): field delay is missing");
	bad_json("{}", "0 (date): field date is missing");
	bad_json("[1]", "1 (): expected an object: { at the start of the row [[1]]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":\"66\"}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [\"66\"]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":66.0}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [66.0]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":066}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [066]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":+66}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [+66]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":null}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [null]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":true}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [true]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":[1]}", "34 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [[1]]");
	bad_json("{\"date\":0,\"origin\":7,\"delay\":1}", "20 (origin): expected text in UTF-8 [7]");
	bad_json("{\"date\":\"soon\",\"origin\":\"DTW\",\"delay\":1}",
		 "9 (date): expected a time such as 2001-01-31T23:59:00Z or 2001/01/31 23:59, or milliseconds since 1970 [\"soon\"]");
	bad_json("{\"date\":1.5,\"origin\":\"DTW\",\"delay\":1}", "9 (date): expected a time such as 2001-01-31T23:59:00Z or 2001/01/31 23:59, or milliseconds since 1970 [1.5]");
	bad_json("{\"date\":0,}", "11 (): expected a field name in quotes [}]");
	bad_json("{\"date\" 0}", "9 (): expected a colon behind the field name [0}]");
	bad_json("{\"date\":0 \"origin\":1}", "11 (date): expected a comma or } in an object [\"origin\":1}]");
	bad_json("{\"date\":", "9 (date): expected a value []");
	bad_json("{\"x\":[1 2]}", "9 (): expected a comma or ] in an array [2]}]");
	bad_json("{\"x\":{1:2}}", "7 (): expected a field name in quotes [1:2}}]");
	bad_json("{\"x\":1-2}", "6 (): expected a value [1-2}]");
	bad_json("{\"x\":nul}", "6 (): expected a value [nul}]");
	bad_json("{\"x\":}", "6 (): expected a value [}]");
	bad_json("{\"date\":0,\"origin\":\"DTW\",\"delay\":1} 2", "37 (): something stands behind the value; a row is one line with one value [2]");
}

WEIR_TEST(json_whole_numbers_of_every_length)
{
	static const struct { const char *text; bool good; } numbers[] = {
		{ "0", true }, { "-0", true }, { "7", true }, { "-7", true }, { "1234567", true }, { "-1234567", true }, { "12345678", true }, { "-12345678", true },
		{ "123456789", true }, { "-2147483648", true }, { "2147483648", false }, { "00", false }, { "-01", false }, { "0123456", false }, { "-", false },
		{ "--1", false }, { "+1", false }, { "1.0", false }, { "1e2", false }, { "12-3", false }, { "1:2", false }, { "", false },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const char *shown = strcmp(numbers[i].text, "-0") == 0 ? "0" : numbers[i].text;
		char line[100], want[200];

		for (int blank = 0; blank < 2; blank++) {
			char *got;

			snprintf(line, sizeof(line), "{\"n\":%s%s}", numbers[i].text, blank ? " " : "");
			got = read_all((struct how){ WEIR_FORMAT_JSON, &one_type, 0, false }, line, strlen(line), 100);
			snprintf(want, sizeof(want), "{\"n\":%s}\n", shown);
			ck_assert_msg(numbers[i].good ? strcmp(got, want) == 0 : got[0] == '!', "%s reads as %s", line, got);
			free(got);
		}
	}
}

WEIR_TEST(json_names_longer_than_two_words_and_shorter)
{
	reads_as((struct how){ WEIR_FORMAT_JSON, &names_type, 0, false }, "{\"a\":1,\"fourteen_bytes\":2,\"fifteen_letters\":3,\"a_name_of_more_than_sixteen_letters\":4}\n"
		 "{\"a\" :1, \"fourteen_bytes\": 2,\"fifteen_letters\" : 3,\"a_name_of_more_than_sixteen_letters\":4 }\n",
		 "{\"a\":1,\"fourteen_bytes\":2,\"fifteen_letters\":3,\"a_name_of_more_than_sixteen_letters\":4}\n"
		 "{\"a\":1,\"fourteen_bytes\":2,\"fifteen_letters\":3,\"a_name_of_more_than_sixteen_letters\":4}\n");
	reads_as((struct how){ WEIR_FORMAT_JSON, &names_type, 0, false }, "{\"a\"", "! 1 5 (): expected a colon behind the field name [] in [{\"a\"]\n");
}

WEIR_TEST(json_depth_is_capped)
{
	char row[400] = "{\"x\":", *got;
	size_t n = strlen(row);

	memset(row + n, '[', 64);
	memset(row + n + 64, ']', 64);
	strcpy(row + n + 128, ",\"date\":978310020000,\"origin\":\"DTW\",\"delay\":66}");
	got = read_all(json, row, strlen(row), 1000);
	ck_assert_str_eq(got, DTW);
	free(got);
	memset(row + n, '[', 300);
	got = read_all(json, row, n + 300, 1000);
	ck_assert_msg(strstr(got, "values are nested deeper than 64"), "%s", got);
	free(got);
}

WEIR_TEST(lines_of_text)
{
	reads_as(text_lines, "one\ntwo \r\n\nthe last one has no line end", "{\"text\":\"one\"}\n{\"text\":\"two \"}\n{\"text\":\"\"}\n{\"text\":\"the last one has no line end\"}\n");
	reads_as(text_lines, "", "");
	reads_as(text_lines, "ok\ncaf\xe9\nok\n", "{\"text\":\"ok\"}\n! 2 0 (): expected text in UTF-8 [caf\xe9] in [caf\xe9]\n{\"text\":\"ok\"}\n");
}

WEIR_TEST(rows_that_are_too_long)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_parser *ps;
	struct weir_row_fault fault;
	struct weir_batch *b;
	char text[64] = "\"never closed\n1\n2";
	struct weir_row_cursor c = { .p = text, .end = text + strlen(text), .full = true };

	ck_ok(weir_type_prepare(&line_type, &err));
	ck_ok(weir_row_parser_new(WEIR_FORMAT_CSV, &line_type, 0, &ps, &err));
	b = weir_batch_new(&line_type, false);
	ck_assert_int_eq(weir_row_parser_run(ps, &c, b, 10, &fault), WEIR_ROWS_BAD);
	ck_assert_str_eq(fault.what, "the row does not end within 0 MiB (is a quote not closed?)");
	ck_assert_uint_eq(fault.row_len, strlen("\"never closed"));
	ck_assert_int_eq(weir_row_parser_run(ps, &c, b, 10, &fault), WEIR_ROWS_MORE); /* the row behind it is just not all there */
	ck_assert_uint_eq(b->rows, 1);
	ck_assert_ptr_eq(c.p, text + strlen(text) - 1);
	weir_batch_unref(b);
	weir_row_parser_free(ps);
}

WEIR_TEST(rows_end_at_the_limit)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_parser *ps;
	struct weir_row_fault fault;
	struct weir_batch *b;
	char text[64] = "one\ntwo\nthree\n";
	struct weir_row_cursor c = { .p = text, .end = text + strlen(text), .limit = text + 5 };

	ck_ok(weir_type_prepare(&line_type, &err));
	ck_ok(weir_row_parser_new(WEIR_FORMAT_CSV, &line_type, 0, &ps, &err));
	b = weir_batch_new(&line_type, false);
	ck_assert_int_eq(weir_row_parser_run(ps, &c, b, 10, &fault), WEIR_ROWS_END);
	ck_assert_uint_eq(b->rows, 2); /* "two" begins before it */
	weir_batch_unref(b);
	weir_row_parser_free(ps);
}

static void refuses(enum weir_rows_format f, struct weir_type *t, char delimiter, const char *message)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_parser *ps;

	ck_assert_int_eq(weir_type_prepare(t, &err), 0);
	ck_assert_int_eq(weir_row_parser_new(f, t, delimiter, &ps, &err), WEIR_EINVALID);
	ck_assert_str_eq(err.msg, message);
}

WEIR_TEST(types_that_rows_cannot_hold)
{
	struct weir_arena a = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *list = weir_type_list(&a, &weir_int64, &err), *fields[] = { &weir_int64, list };
	const char *const names[] = { "a", "tags" };
	struct weir_type *row = weir_type_row(&a, 2, fields, names, &err);
	struct weir_row_writer *w;

	ck_assert_ptr_nonnull(row);
	refuses(WEIR_FORMAT_CSV, row, 0, "field tags is a list, which CSV rows cannot be read into; they hold simple values only");
	refuses(WEIR_FORMAT_JSON, row, 0, "field tags is a list, which JSON rows cannot be read into; they hold simple values only");
	refuses(WEIR_FORMAT_JSON, list, 0, "a row of JSON cannot be read as list; use a record of simple fields");
	refuses(WEIR_FORMAT_TEXT, &flight_type, 0, "lines of text need a record with one field, a string");
	refuses(WEIR_FORMAT_CSV, &flight_type, '"', "a quote or a line end cannot be the delimiter of CSV");
	ck_assert_int_eq(weir_row_writer_new(WEIR_ROWS_CSV, row, NULL, &w, &err), WEIR_EINVALID);
	ck_assert_str_eq(err.msg, "field tags is a list, which a column of CSV cannot hold; write JSON, or make it simple values");
	weir_arena_fini(&a);
}

WEIR_TEST(csv_is_quoted_where_it_must_be)
{
	static const char *const pairs[][2] = {
		{ "plain", "plain" }, { "a,b", "\"a,b\"" }, { "say \"x\"", "\"say \"\"x\"\"\"" }, { "two\nlines", "\"two\nlines\"" }, { "cr\r", "\"cr\r\"" }, { " blanks ", " blanks " },
		{ "\"", "\"\"\"\"" }, { "", "" },
	};
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_writer *w;
	struct weir_buf out = { 0 };

	ck_ok(weir_type_prepare(&flight_type, &err));
	ck_ok(weir_row_writer_new(WEIR_ROWS_CSV, &flight_type, NULL, &w, &err));
	weir_row_writer_header(w, &out);
	ck_assert_str_eq(weir_buf_cstr(&out), "date,origin,delay\n");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct weir_batch *b = weir_batch_new(&flight_type, false);
		struct flight f = { .date = 978310020000, .origin = weir_str_of(pairs[i][0]), .delay = -7 };
		char expected[100];

		weir_buf_clear(&out);
		ck_assert(weir_batch_append(b, &f, 0));
		ck_ok(weir_row_writer_put(w, b, NULL, &out, &err));
		snprintf(expected, sizeof(expected), "2001-01-01T00:47:00Z,%s,-7\n", pairs[i][1]);
		ck_assert_str_eq(weir_buf_cstr(&out), expected);
		weir_batch_unref(b);
	}
	weir_row_writer_free(w);
	weir_buf_fini(&out);
}

WEIR_TEST(writers_take_selections_and_prefixes)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_row_writer *w;
	struct weir_buf out = { 0 };
	struct weir_batch *b = weir_batch_new(&weir_int64, false);
	uint16_t picked[] = { 1, 3 };
	struct weir_select rows = { 2, picked };

	for (int64_t i = 0; i < 5; i++)
		ck_assert(weir_batch_append(b, &i, 0));
	ck_ok(weir_row_writer_new(WEIR_ROWS_JSON, &weir_int64, "3> ", &w, &err));
	ck_ok(weir_row_writer_put(w, b, &rows, &out, &err));
	ck_assert_str_eq(weir_buf_cstr(&out), "3> 1\n3> 3\n");
	weir_batch_unref(b);
	weir_row_writer_free(w);
	weir_buf_fini(&out);
}

/* ---- plain rows and others together ---- */

static void put_cell(struct weir_buf *to, struct weir_rng *r, const char *text)
{
	if (weir_rng_below(r, 6) == 0)
		weir_buf_printf(to, "\"%s\"", text);
	else
		weir_buf_text(to, text);
}

/* One line of the file, and what it must become: a row, an error, or nothing. */
static void put_mixed_row(struct weir_rng *r, struct weir_buf *csv_text, struct weir_buf *want, int line, int32_t n, uint32_t oddity)
{
	const char *end = weir_rng_below(r, 4) ? "\n" : "\r\n", *origin = n % 3 ? "DTW" : n % 2 ? "a name too long for a view" : "Z\xc3\xbcrich";
	char clock[20], number[16], minute[8];

	snprintf(minute, sizeof(minute), "%02d:%02d", n & 15, n & 31);
	snprintf(clock, sizeof(clock), "2001/0%d/0%d %s", 1 + (n >> 7 & 7), 1 + (n >> 10 & 7), minute);
	snprintf(number, sizeof(number), "%d", n - 1000000);
	if (oddity == 1) { /* too few, too many, nothing */
		weir_buf_printf(csv_text, "%s,DTW%s", clock, end);
		weir_buf_printf(want, "! %d 0 (): the row has 2 columns, expected 3 as in the header [%s,DTW] in [%s,DTW]\n", line, clock, clock);
	} else if (oddity == 2) {
		weir_buf_printf(csv_text, "%s,DTW,1,1%s", clock, end);
		weir_buf_printf(want, "! %d 0 (): the row has 4 columns, expected 3 as in the header [%s,DTW,1,1] in [%s,DTW,1,1]\n", line, clock, clock);
	} else if (oddity == 3) {
		weir_buf_printf(csv_text, "%s", end);
	} else if (oddity == 4) {
		weir_buf_printf(csv_text, "%s,\"D\"\"T,W\",5%s", clock, end);
		weir_buf_printf(want, "{\"date\":\"2001-0%d-0%dT%s:00Z\",\"origin\":\"D\\\"T,W\",\"delay\":5}\n", 1 + (n >> 7 & 7), 1 + (n >> 10 & 7), minute);
	} else if (oddity == 5) {
		weir_buf_printf(csv_text, "%s,in the \"middle\",5%s", clock, end);
		weir_buf_printf(want, "{\"date\":\"2001-0%d-0%dT%s:00Z\",\"origin\":\"in the \\\"middle\\\"\",\"delay\":5}\n", 1 + (n >> 7 & 7), 1 + (n >> 10 & 7), minute);
	} else if (oddity == 6) {
		weir_buf_printf(csv_text, "%s,DTW,9x%s", clock, end);
		weir_buf_printf(want, "! %d 3 (delay): expected a whole number from -2147483648 to 2147483647 (int32) [9x] in [%s,DTW,9x]\n", line, clock);
	} else if (oddity == 7) {
		weir_buf_printf(csv_text, "%s,\"D\"x,7%s", clock, end);
		weir_buf_printf(want, "! %d 2 (origin): text stands behind a closing quote; a quote inside a quoted field is written twice [x,7] in [%s,\"D\"x,7]\n", line, clock);
	} else {
		put_cell(csv_text, r, clock);
		weir_buf_u8(csv_text, ',');
		put_cell(csv_text, r, origin);
		weir_buf_u8(csv_text, ',');
		put_cell(csv_text, r, number);
		weir_buf_text(csv_text, end);
		weir_buf_printf(want, "{\"date\":\"2001-0%d-0%dT%s:00Z\",\"origin\":\"%s\",\"delay\":%s}\n", 1 + (n >> 7 & 7), 1 + (n >> 10 & 7), minute, origin, number);
	}
}

WEIR_TEST(csv_rows_of_every_spelling_stand_together)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct weir_rng r = { seed };
		struct weir_buf text = { 0 }, want = { 0 };
		uint64_t odd = 1 + weir_rng_below(&r, 60);
		char *got;
		size_t at;

		weir_buf_text(&text, "date,origin,delay\n");
		for (int line = 2; line < 400; line++)
			put_mixed_row(&r, &text, &want, line, (int32_t)weir_rng_below(&r, 2000000), weir_rng_below(&r, odd) == 0 ? 1 + (uint32_t)weir_rng_below(&r, 7) : 0);
		got = read_all(csv, (char *)text.data, text.len, 1 + weir_rng_below(&r, 9000));
		for (at = 0; got[at] && got[at] == weir_buf_cstr(&want)[at]; at++)
			;
		ck_assert_msg(strcmp(got, weir_buf_cstr(&want)) == 0, "seed %llu, at %zu:\n%.300s\nexpected\n%.300s", (unsigned long long)seed, at,
			      got + (at < 100 ? 0 : at - 100), weir_buf_cstr(&want) + (at < 100 ? 0 : at - 100));
		free(got);
		weir_buf_fini(&text);
		weir_buf_fini(&want);
	}
}

/* ---- there and back ---- */

static struct weir_str random_text(struct weir_rng *r, char *room)
{
	static const char *const pieces[] = { "a", "b", ",", "\"", "\n", "\r", "\\", "\xc3\xa9", "\xf0\x9f\x98\x80", " ", "\t", "\x01", ";", "\xed\xa0\x80x", "/", "{", "}", "word" };
	uint64_t n = weir_rng_below(r, 12);
	size_t at = 0;

	for (uint64_t i = 0; i < n; i++) {
		const char *p = pieces[weir_rng_below(r, sizeof(pieces) / sizeof(pieces[0]))];

		memcpy(room + at, p, strlen(p));
		at += strlen(p);
	}
	return weir_str_view(room, (uint32_t)at);
}

static struct every random_row(struct weir_rng *r, char *text, char *bytes)
{
	uint64_t shift = weir_rng_below(r, 64);
	double d;
	float f;
	uint64_t bits = weir_rng_next(r);

	memcpy(&d, &bits, 8);
	memcpy(&f, &bits, 4);
	for (int i = 0; i < 24; i++)
		bytes[i] = (char)weir_rng_next(r);
	return (struct every){
		.b = bits & 1, .i8 = (int8_t)bits, .i16 = (int16_t)bits, .i32 = (int32_t)(bits >> (shift & 31)), .i64 = (int64_t)bits >> shift,
		.f = f == f ? f : 0.5f, .d = d == d ? d : (double)(int64_t)bits / 1000, .c = (uint16_t)bits, .s = random_text(r, text),
		.y = weir_str_view(bytes, (uint32_t)weir_rng_below(r, 25)), .t = (int64_t)weir_rng_next(r) >> shift,
	};
}

static void round_trip(enum weir_row_format out_format, enum weir_rows_format in_format, uint64_t seed)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_rng r = { seed };
	struct weir_row_writer *w, *show;
	struct weir_buf out = { 0 }, want = { 0 };
	struct weir_batch *b = weir_batch_new(&every_type, false);
	char text[200], bytes[32], *got;

	ck_ok(weir_row_writer_new(out_format, &every_type, NULL, &w, &err));
	ck_ok(weir_row_writer_new(WEIR_ROWS_JSON, &every_type, NULL, &show, &err));
	for (int i = 0; i < 200; i++) {
		struct every e = random_row(&r, text, bytes);

		ck_assert(weir_batch_append(b, &e, 0));
	}
	weir_row_writer_header(w, &out);
	ck_ok(weir_row_writer_put(w, b, NULL, &out, &err));
	ck_ok(weir_row_writer_put(show, b, NULL, &want, &err));
	got = read_all((struct how){ in_format, &every_type, 0, in_format == WEIR_FORMAT_CSV }, (char *)out.data, out.len, 1 + weir_rng_below(&r, 5000));
	ck_assert_msg(strcmp(got, weir_buf_cstr(&want)) == 0, "seed %llu:\n%s\nreads as\n%s", (unsigned long long)seed, weir_buf_cstr(&out), got);
	free(got);
	weir_batch_unref(b);
	weir_row_writer_free(w);
	weir_row_writer_free(show);
	weir_buf_fini(&out);
	weir_buf_fini(&want);
}

WEIR_TEST(random_rows_round_trip)
{
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_type_prepare(&every_type, &err));
	for (uint64_t seed = 1; seed <= 60; seed++) {
		round_trip(WEIR_ROWS_CSV, WEIR_FORMAT_CSV, seed);
		round_trip(WEIR_ROWS_JSON, WEIR_FORMAT_JSON, seed);
	}
}

WEIR_TEST(not_a_number_round_trips)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct how c = { WEIR_FORMAT_CSV, &weir_double, 0, false }, j = { WEIR_FORMAT_JSON, &weir_double, 0, false };
	struct weir_row_writer *w;
	struct weir_buf out = { 0 };
	struct weir_batch *b = weir_batch_new(&weir_double, false);
	double values[] = { __builtin_nan(""), __builtin_inf(), -__builtin_inf() };

	reads_as(c, "NaN\nInfinity\n-Infinity\n", "\"NaN\"\n\"Infinity\"\n\"-Infinity\"\n");
	reads_as(j, "\"NaN\"\n\"Infinity\"\n\"-Infinity\"\n", "\"NaN\"\n\"Infinity\"\n\"-Infinity\"\n");
	reads_as(j, "NaN\n", "! 1 1 (value): expected a number within the range of a double [] in [NaN]\n");
	for (int i = 0; i < 3; i++)
		ck_assert(weir_batch_append(b, &values[i], 0));
	ck_ok(weir_row_writer_new(WEIR_ROWS_CSV, &weir_double, NULL, &w, &err));
	ck_ok(weir_row_writer_put(w, b, NULL, &out, &err));
	ck_assert_str_eq(weir_buf_cstr(&out), "NaN\nInfinity\n-Infinity\n");
	weir_batch_unref(b);
	weir_row_writer_free(w);
	weir_buf_fini(&out);
}
