// SPDX-License-Identifier: Apache-2.0
/*
 * A job whose state holds every covered type in every kind of state, with extreme values; for tests/interop/run.sh.
 *     weir run tests/interop/kinds.c -- [--count N] [--rows-per-second N]
 * The Java classes of its POJOs are in tests/interop/java/weir.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <weir/weir.h>

#define FAR INT64_C(4102444800000) /* the year 2100 */

#define POINT(F) F(int32, x) F(double, y) F(string, label)
WEIR_RECORD(point, POINT)
#define WEIR_T_point point_type
#define EVERY(F) \
	F(boolean, flag) F(int8, tiny) F(int16, small) F(int32, number) F(int64, big) F(float, single) F(double, wide) F(char, letter) F(string, text) \
	F(bytes, raw) F(timestamp, when) F(point, place)
WEIR_RECORD(every, EVERY)
WEIR_RECORD_AS(every_row, EVERY, WEIR_ROW, NULL)
#define PAIR(F) F(string, f0) F(int64, f1)
WEIR_RECORD_AS(pair, PAIR, WEIR_TUPLE, NULL)
#define WEIR_T_pair pair_type
#define NESTED(F) F(pair, f0) F(point, f1) F(bytes, f2)
WEIR_RECORD_AS(nested, NESTED, WEIR_TUPLE, NULL)
#define ITEM(F) F(timestamp, time) F(int64, key) F(string, name) F(int32, a) F(int8, c) F(int16, d) F(boolean, e) F(char, g) F(int64, n)
WEIR_RECORD(item, ITEM)
#define DONE(F) F(int64, n)
WEIR_RECORD(done, DONE)

static struct weir_field string_list_fields[] = { { "element", &weir_string, 0 } };
static struct weir_type string_list = { .kind = WEIR_LIST, .size = sizeof(struct weir_list), .align = _Alignof(struct weir_list), .fields = string_list_fields,
					.nfields = 1, .null_offset = WEIR_NO_NULLS };
static struct weir_field point_map_fields[] = { { "key", &weir_int32, 0 }, { "value", &point_type, 0 } };
static struct weir_type point_map = { .kind = WEIR_MAP, .size = sizeof(struct weir_map), .align = _Alignof(struct weir_map), .fields = point_map_fields,
				      .nfields = 2, .null_offset = WEIR_NO_NULLS };
static struct weir_field list_list_fields[] = { { "element", &string_list, 0 } };
static struct weir_type list_list = { .kind = WEIR_LIST, .size = sizeof(struct weir_list), .align = _Alignof(struct weir_list), .fields = list_list_fields,
				      .nfields = 1, .null_offset = WEIR_NO_NULLS };

/* ---- values. Java before 19 prints some floats longer than needed (FLT_MIN, 2e-44): such ones are left out; texts and bytes stay valid for the next dozen calls ---- */

static const char *const texts[] = { "", "a", "Zürich", "東京国際空港", "\xf0\x9f\x9b\xab from here", "tab\tquote\"backslash\\", "line\nbreak", "\x01", "0123456789abcdef" };
static const int64_t longs[] = { 0, -1, 1, INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -86400000, 1000000007 };
static const double doubles[] = { 0.0, -0.0, 1.0 / 3, -1e300, DBL_MIN, DBL_MAX, 4.9e-324, (double)INFINITY, (double)-INFINITY, (double)NAN, 100, 1e7, 1e-3 };
static const float floats[] = { 0.0f, -0.0f, 1.0f / 3, FLT_MAX, 2.5e-38f, 1.4e-45f, INFINITY, -INFINITY, NAN, 16777216.0f };
static const uint16_t letters[] = { 'A', 0, 0xe9, 0x4e2d, 0xffff, '"', '\\' };
#define PICK(array, n) ((array)[(uint64_t)(n) % (sizeof(array) / sizeof((array)[0]))])

static struct weir_str text_of(int64_t n)
{
	static _Thread_local char room[32][700];
	static _Thread_local int turn;
	char *p = room[turn++ % 32];
	int len;

	if (n % 7 == 3)
		len = snprintf(p, 700, "%s%0*lld", PICK(texts, n), (int)(n % 600), (long long)n); /* longer than a length of one byte */
	else
		len = snprintf(p, 700, "%s", PICK(texts, n));
	return weir_str_view(p, (uint32_t)len);
}

static struct weir_str bytes_of(int64_t n)
{
	static _Thread_local char room[16][300];
	static _Thread_local int turn;
	char *p = room[turn++ % 16];
	uint32_t len = (uint32_t)(n % 290);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (char)(n * 31 + i * 7);
	return weir_str_view(p, len);
}

static struct point point_of(int64_t n)
{
	return (struct point){ (int32_t)PICK(longs, n), PICK(doubles, n), n % 5 == 0 ? WEIR_STR_NULL : text_of(n) };
}

static struct every every_of(int64_t n)
{
	return (struct every){ n % 2 == 0, (int8_t)n, (int16_t)(n * 257), (int32_t)PICK(longs, n), PICK(longs, n), PICK(floats, n), PICK(doubles, n), PICK(letters, n),
			       n % 3 == 0 ? WEIR_STR_NULL : text_of(n + 1), n % 4 == 0 ? WEIR_STR_NULL : bytes_of(n), (n - 200) * INT64_C(86400123), point_of(n + 2) };
}

/* ---- state of every kind ---- */

struct kinds {
	struct weir_value_state *flag, *tiny, *small, *number, *big, *single, *wide, *letter, *text, *raw, *when, *every, *row, *nested, *names, *lists, *places;
	struct weir_list_state *numbers, *texts, *pairs, *instants;
	struct weir_map_state *counts, *points, *flags, *rows;
};

static int kinds_open(struct weir_ctx *ctx, void *self)
{
	struct kinds *k = self;

	k->flag = weir_value_state(ctx, "flag", &weir_boolean);
	k->tiny = weir_value_state(ctx, "tiny", &weir_int8);
	k->small = weir_value_state(ctx, "small", &weir_int16);
	k->number = weir_value_state(ctx, "number", &weir_int32);
	k->big = weir_value_state(ctx, "big", &weir_int64);
	k->single = weir_value_state(ctx, "single", &weir_float);
	k->wide = weir_value_state(ctx, "wide", &weir_double);
	k->letter = weir_value_state(ctx, "letter", &weir_char);
	k->text = weir_value_state(ctx, "text", &weir_string);
	k->raw = weir_value_state(ctx, "raw", &weir_bytes);
	k->when = weir_value_state(ctx, "when", &weir_timestamp);
	k->every = weir_value_state(ctx, "every", &every_type);
	k->row = weir_value_state(ctx, "row", &every_row_type);
	k->nested = weir_value_state(ctx, "nested", &nested_type);
	k->names = weir_value_state(ctx, "names", &string_list);
	k->lists = weir_value_state(ctx, "lists", &list_list);
	k->places = weir_value_state(ctx, "places", &point_map);
	k->numbers = weir_list_state(ctx, "numbers", &weir_double);
	k->texts = weir_list_state(ctx, "texts", &weir_string);
	k->pairs = weir_list_state(ctx, "pairs", &pair_type);
	k->instants = weir_list_state(ctx, "instants", &weir_timestamp);
	k->counts = weir_map_state(ctx, "counts", &weir_string, &weir_int64);
	k->points = weir_map_state(ctx, "points", &weir_int64, &every_type);
	k->flags = weir_map_state(ctx, "flags", &weir_boolean, &weir_bytes);
	k->rows = weir_map_state(ctx, "rows", &pair_type, &string_list);
	return 0;
}

static void set_scalars(struct kinds *k, int64_t n, const struct every *e)
{
	struct every_row row;

	weir_value_set(k->flag, &e->flag);
	weir_value_set(k->tiny, &e->tiny);
	weir_value_set(k->small, &e->small);
	weir_value_set(k->number, &e->number);
	weir_value_set(k->big, &e->big);
	weir_value_set(k->single, &e->single);
	weir_value_set(k->wide, &e->wide);
	weir_value_set(k->letter, &e->letter);
	weir_value_set(k->when, &e->when);
	weir_value_set(k->every, e);
	memcpy(&row, e, sizeof(row));
	row.text = text_of(n); /* no nulls: this row has no null bitmap */
	row.raw = bytes_of(n);
	row.place.label = text_of(n);
	weir_value_set(k->row, &row);
}

static void set_containers(struct kinds *k, int64_t n)
{
	struct weir_str some[3] = { text_of(n), text_of(n + 1), text_of(n + 2) }, raw = bytes_of(n);
	struct weir_list names = { some, (uint32_t)(n % 4) }, lists_of[2] = { { some, 2 }, { NULL, 0 } }, lists = { lists_of, (uint32_t)(n % 3) };
	int32_t keys[2] = { (int32_t)-n, (int32_t)n + 1 };
	struct point values[2] = { point_of(n), point_of(n + 1) };
	struct weir_map places = { keys, values, NULL, (uint32_t)(n % 3) };
	struct nested nested = { { some[0], PICK(longs, n) }, point_of(n), raw };

	weir_value_set(k->text, &some[0]);
	weir_value_set(k->raw, &raw);
	weir_value_set(k->names, &names);
	weir_value_set(k->lists, &lists);
	weir_value_set(k->places, &places);
	weir_value_set(k->nested, &nested);
}

static void grow_states(struct kinds *k, int64_t n, const struct every *e)
{
	struct weir_str name = text_of(n);
	struct pair pair = { name, n };
	struct pair group = { text_of(n % 5), n % 3 };
	struct weir_str some[2] = { name, text_of(n + 4) };
	struct weir_list names = { some, 2 };
	bool odd = n % 2 != 0;
	struct weir_str raw = bytes_of(n + 3);

	weir_list_add(k->numbers, &e->wide);
	weir_list_add(k->texts, &name);
	weir_list_add(k->pairs, &pair);
	weir_list_add(k->instants, &e->when);
	*(int64_t *)weir_map_edit(k->counts, &name) += n;
	*(struct every *)weir_map_edit(k->points, &e->big) = *e;
	*(struct weir_str *)weir_map_edit(k->flags, &odd) = raw;
	*(struct weir_list *)weir_map_edit(k->rows, &group) = names;
	if (n % 11 == 0)
		weir_map_remove(k->counts, &name);
	if (n % 13 == 0)
		weir_list_clear(k->texts);
	if (n % 17 == 0)
		weir_value_clear(k->nested);
}

static int kinds_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	const struct item *item = in;
	struct every e = every_of(item->n);

	(void)out;
	set_scalars(self, item->n, &e);
	set_containers(self, item->n);
	grow_states(self, item->n, &e);
	weir_event_timer(ctx, FAR + item->n % 50);
	weir_processing_timer(ctx, FAR + item->n % 20);
	if (item->n % 9 == 0)
		weir_delete_processing_timer(ctx, FAR + item->n % 20);
	return 0;
}

static int kinds_timer(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	(void)ctx, (void)self, (void)time, (void)out;
	return 0;
}

static const struct weir_process kinds = {
	.size = sizeof(struct kinds), .in = &item_type, .out = &done_type, .open = kinds_open, .element = kinds_element, .timer = kinds_timer,
};

/* ---- aggregates ---- */

static int last_wins(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct item *a = acc;
	const struct item *i = in;

	(void)ctx;
	a->n += i->n;
	a->time = i->time;
	return 0;
}

static int nested_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct nested *a = acc;
	const struct item *i = in;

	(void)ctx;
	a->f0.f0 = i->name;
	a->f0.f1 += i->n;
	a->f1.x = i->a;
	a->f1.y += (double)i->n / 2;
	if (a->f2.len == 0)
		a->f2 = weir_str_view("\0\xff", 2);
	return 0;
}

static int long_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	(void)ctx;
	*(int64_t *)acc += ((const struct item *)in)->n;
	return 0;
}

static int count_result(struct weir_ctx *ctx, const void *key, const struct weir_window *w, const void *acc, void *out)
{
	(void)ctx, (void)key, (void)acc;
	((struct done *)out)->n = w->start_ms;
	return 0;
}

static const struct weir_aggregate to_nested = { .acc = &nested_type, .out = &done_type, .add = nested_add, .result = count_result };
static const struct weir_aggregate to_long = { .acc = &weir_int64, .out = &done_type, .add = long_add, .result = count_result };

/* ---- the job ---- */

static int make_item(struct weir_ctx *ctx, const void *in, void *out)
{
	int64_t n = *(const int64_t *)in;
	struct item *i = out;

	(void)ctx;
	*i = (struct item){ .time = (n - 300) * 1000, .key = n % 10 < 3 ? PICK(longs, n) : n * INT64_C(2654435761) - (n % 2) * INT64_C(5000000000000), .name = text_of(n % 800),
			    .a = (int32_t)(n * 40503), .c = (int8_t)n, .d = (int16_t)(n * 3), .e = n % 2 == 0, .g = PICK(letters, n), .n = n };
	return 0;
}

int weir_main(struct weir_env *env, int argc, char **argv)
{
	struct weir_stream *numbers, *items, *done[8];
	struct weir_keyed *by_long, *by_text, *by_pair, *by_six;
	int64_t rate = weir_arg_int(env, "rows-per-second", 0);
	uint32_t n = 0;

	(void)argc, (void)argv;
	weir_job_name(env, "kinds");
	numbers = weir_sequence_source(env, "numbers", 1, weir_arg_int(env, "count", 100000), .rows_per_second = rate);
	items = weir_assign_timestamps(weir_map(numbers, "items", make_item, &item_type), "time", weir_bounded_out_of_orderness(WEIR_SECONDS(250)));
	by_long = weir_key_by(items, "key");
	by_text = weir_key_by(items, "name");
	by_pair = weir_key_by(items, "a", "name");
	by_six = weir_key_by(items, "c", "d", "e", "g", "time", "key");
	done[n++] = weir_process(by_long, "states-by-long", &kinds);
	done[n++] = weir_process(by_text, "states-by-text", &kinds);
	done[n++] = weir_process(by_pair, "states-by-pair", &kinds);
	done[n++] = weir_window(by_text, "tumbling", weir_tumbling(WEIR_SECONDS(60)), &to_nested);
	done[n++] = weir_window(by_six, "sliding", weir_sliding(WEIR_SECONDS(40), WEIR_SECONDS(10)), &to_long);
	for (uint32_t i = 0; i < n; i++) {
		char uid[32];

		snprintf(uid, sizeof(uid), "discard-%u", i);
		weir_discard(done[i], uid);
	}
	weir_discard(weir_reduce(by_long, "reduced", last_wins), "discard-reduced");
	weir_discard(weir_sum(by_pair, "summed", "n"), "discard-summed");
	weir_discard(weir_max(by_six, "greatest", "n"), "discard-greatest");
	return 0;
}
