/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changelogs: what records make of nothing and of materialized state, in files and inline, plain and compressed, and what damage does. That real ones list
 * the records that Flink lists, test_fixtures.c says.
 */
#include "tests/unit/view/golden.h"

#include "base/arena.h"
#include "base/hash.h"
#include "state/ckpt/changelog.h"
#include "state/flink/snappy_frame.h"

enum { MAX_PARALLELISM = 16, VALUE, LIST, MAP, SUM, TIMERS, WINDOWS, NSTATES };
enum { CLEAR, SET, SET_INTERNAL, ADD, MERGE_NS, ADD_ELEMENT, ADD_OR_UPDATE, REMOVE };

static const struct weir_slice none = { NULL, 0 };

/* One operator, one subtask: `base` HEAP bytes (or none), changes. */
struct job {
	struct weir_arena mem;
	struct weir_keyed_state_meta states[NSTATES];
	struct weir_change changes[100];
	uint32_t nchanges;
	struct weir_buf base, bytes;
	int64_t offsets[MAX_PARALLELISM];
	struct weir_view *view;
};

static void start(struct job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_type *timer;

	*j = (struct job){ .nchanges = 0 };
	timer = weir_arena_zero(&j->mem, sizeof(*timer));
	timer->kind = WEIR_TIMER;
	timer->null_offset = WEIR_NO_NULLS;
	timer->nfields = 2;
	timer->fields = weir_arena_zero(&j->mem, 2 * sizeof(*timer->fields));
	timer->fields[0].type = &weir_int64;
	timer->fields[1].type = &weir_void;
	ck_ok(weir_type_prepare(timer, &err));
	j->states[VALUE] = (struct weir_keyed_state_meta){ .name = "value", .kind = WEIR_STATE_VALUE, .ns = &weir_void, .stored = &weir_string };
	j->states[LIST] = (struct weir_keyed_state_meta){ .name = "list", .kind = WEIR_STATE_LIST, .ns = &weir_void, .stored = weir_type_list(&j->mem, &weir_int32, &err) };
	j->states[MAP] = (struct weir_keyed_state_meta){ .name = "map", .kind = WEIR_STATE_MAP, .ns = &weir_void,
							 .stored = weir_type_map(&j->mem, &weir_string, &weir_int32, &err) };
	j->states[SUM] = (struct weir_keyed_state_meta){ .name = "sum", .kind = WEIR_STATE_REDUCING, .ns = &weir_int64, .stored = &weir_int32 };
	j->states[TIMERS] = (struct weir_keyed_state_meta){ .name = "_timer_state/event_t", .kind = WEIR_STATE_TIMER, .stored = timer };
	j->states[WINDOWS] = (struct weir_keyed_state_meta){ .name = "windows", .kind = WEIR_STATE_LIST, .ns = &weir_int64, .stored = j->states[LIST].stored };
}

static void finish(struct job *j)
{
	weir_view_close(j->view);
	weir_arena_fini(&j->mem);
	weir_buf_fini(&j->base);
	weir_buf_fini(&j->bytes);
}

static int32_t group_of(int64_t key) { return (int32_t)weir_key_group(weir_java_hash_i64(key), MAX_PARALLELISM); }

static void add(struct job *j, int32_t group, struct weir_buf *b)
{
	ck_assert_uint_lt(j->nchanges, 100);
	j->changes[j->nchanges++] = (struct weir_change){ group, { weir_arena_copy(&j->mem, b->data, b->len), b->len } };
	weir_buf_fini(b);
}

static void describe(struct job *j, int state)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 }, empty = { 0 }, one = { 0 };

	ck_ok(weir_keyed_write_meta(false, &weir_int64, 0, NULL, &empty, &err));
	ck_ok(weir_keyed_write_meta(false, &weir_int64, 1, &j->states[state], &one, &err));
	weir_buf_u8(&b, 8);
	weir_buf_i32(&b, 7);
	weir_buf_put(&b, one.data + empty.len, one.len - empty.len);
	if (state != TIMERS)
		weir_buf_u16(&b, 0); /* no TTL, no default */
	weir_buf_u16(&b, (uint16_t)(100 + state));
	weir_buf_u8(&b, state == TIMERS ? 3 : 0);
	weir_buf_fini(&empty);
	weir_buf_fini(&one);
	add(j, -1, &b);
}

static void describe_all(struct job *j)
{
	for (int s = VALUE; s < NSTATES; s++)
		describe(j, s);
}

/* op, id, key, namespace; the caller goes on. */
static struct weir_buf record(int op, int state, int64_t key, int64_t ns)
{
	struct weir_buf b = { 0 };

	weir_buf_u8(&b, (uint8_t)op);
	weir_buf_u16(&b, (uint16_t)(100 + state));
	if (state == TIMERS)
		return b;
	weir_buf_i64(&b, key);
	if (state == SUM || state == WINDOWS)
		weir_buf_i64(&b, ns);
	else
		weir_buf_u8(&b, 0);
	return b;
}

static void put_text(struct weir_buf *b, const char *text) /* StringValue of ASCII */
{
	weir_buf_varint(b, (uint32_t)strlen(text) + 1);
	weir_buf_text(b, text);
}

static void set_value(struct job *j, int64_t key, const char *text)
{
	struct weir_buf b = record(SET, VALUE, key, 0);

	put_text(&b, text);
	add(j, group_of(key), &b);
}

static void clear(struct job *j, int state, int64_t key)
{
	struct weir_buf b = record(CLEAR, state, key, 0);

	add(j, group_of(key), &b);
}

static void whole_list(struct job *j, int op, int state, int64_t key, int64_t ns, int n, int first)
{
	struct weir_buf b = record(op, state, key, ns);

	weir_buf_i32(&b, n);
	for (int i = 0; i < n; i++)
		weir_buf_i32(&b, first + i);
	add(j, group_of(key), &b);
}

static void element(struct job *j, int state, int64_t key, int64_t ns, int v)
{
	struct weir_buf b = record(ADD_ELEMENT, state, key, ns);

	weir_buf_i32(&b, v);
	add(j, group_of(key), &b);
}

static void put_entry(struct job *j, int64_t key, const char *user_key, int v)
{
	struct weir_buf b = record(ADD_OR_UPDATE, MAP, key, 0);

	put_text(&b, user_key);
	weir_buf_i32(&b, v);
	add(j, group_of(key), &b);
}

static void remove_entry(struct job *j, int64_t key, const char *user_key)
{
	struct weir_buf b = record(REMOVE, MAP, key, 0);

	put_text(&b, user_key);
	add(j, group_of(key), &b);
}

static void set_sum(struct job *j, int64_t key, int64_t ns, int v)
{
	struct weir_buf b = record(SET_INTERNAL, SUM, key, ns);

	weir_buf_i32(&b, v);
	add(j, group_of(key), &b);
}

static void merge(struct job *j, int state, int64_t key, int64_t target, int nsources, int64_t first)
{
	struct weir_buf b = record(MERGE_NS, state, key, target);

	weir_buf_i64(&b, target);
	weir_buf_i32(&b, nsources);
	for (int i = 0; i < nsources; i++)
		weir_buf_i64(&b, first + i);
	add(j, group_of(key), &b);
}

static void timer(struct job *j, int op, int64_t timestamp, int64_t key)
{
	struct weir_buf b = record(op, TIMERS, key, 0);

	if (op == ADD_ELEMENT)
		weir_buf_i32(&b, 1);
	weir_buf_u64(&b, (uint64_t)timestamp ^ 1ull << 63);
	weir_buf_i64(&b, key);
	weir_buf_u8(&b, 0);
	add(j, group_of(key), &b);
}

/* ---- what is materialized: a HEAP stream ---- */

static int put(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)err;
	weir_buf_put(arg, p, n);
	return 0;
}

static void base_entry(struct weir_keyed_writer *w, int state, int64_t key, int64_t ns, struct weir_buf *value, int64_t timestamp)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf k = { 0 }, n = { 0 };

	weir_buf_i64(&k, key);
	if (state == SUM || state == WINDOWS)
		weir_buf_i64(&n, ns);
	else
		weir_buf_u8(&n, 0);
	ck_ok(weir_keyed_writer_entry(w, weir_buf_slice(&k), weir_buf_slice(&n), none, weir_buf_slice(value), timestamp, &err));
	weir_buf_fini(&k);
	weir_buf_fini(&n);
	weir_buf_fini(value);
}

/* Keys 1 and 2 in every state: value "base", list 1 2, map {a: 1, b: 2}, sum 10 of namespace 5, timer 50, windows 1 2 of namespace 5. */
static void materialize(struct job *j)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_keyed_writer *w;
	uint64_t size;

	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int64, NSTATES - VALUE, &j->states[VALUE], MAX_PARALLELISM, 0, MAX_PARALLELISM, put, &j->base, &w, &err));
	for (int32_t g = 0; g < MAX_PARALLELISM; g++) {
		ck_ok(weir_keyed_writer_group(w, g, &err));
		for (int s = VALUE; s < NSTATES; s++) {
			ck_ok(weir_keyed_writer_state(w, (uint32_t)(s - VALUE), (uint32_t)((group_of(1) == g) + (group_of(2) == g)), &err));
			for (int64_t key = 1; key <= 2; key++) {
				struct weir_buf v = { 0 };

				if (group_of(key) != g)
					continue;
				if (s == VALUE) {
					put_text(&v, "base");
				} else if (s == LIST || s == WINDOWS) {
					weir_buf_i32(&v, 2);
					weir_buf_i32(&v, 1);
					weir_buf_i32(&v, 2);
				} else if (s == MAP) {
					weir_buf_i32(&v, 2);
					for (int i = 1; i <= 2; i++) {
						put_text(&v, i == 1 ? "a" : "b");
						weir_buf_u8(&v, 0);
						weir_buf_i32(&v, i);
					}
				} else if (s == SUM) {
					weir_buf_i32(&v, 10);
				}
				base_entry(w, s, key, 5, &v, 50);
			}
		}
	}
	ck_ok(weir_keyed_writer_finish(w, j->offsets, &size, &err));
	weir_keyed_writer_free(w);
}

/* ---- opening, and what is seen ---- */

static void open_handle(struct job *j, struct weir_keyed_handle *increments, uint32_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt c = { .id = 1 };
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("x"), .parallelism = 1, .max_parallelism = MAX_PARALLELISM, .nsubtasks = 1 };
	struct weir_subtask_state sub = { 0 };
	struct weir_slice id = { (const uint8_t *)"id", 2 };
	struct weir_keyed_handle base = { .kind = WEIR_KEYED_GROUPS, .groups = { 0, MAX_PARALLELISM, j->offsets }, .id = id,
					  .stream = { .kind = WEIR_HANDLE_INLINE, .name = id, .data = weir_buf_slice(&j->base), .size = (int64_t)j->base.len } };

	sub.managed_keyed = (struct weir_keyed_handle){ .kind = WEIR_KEYED_CHANGELOG, .groups = { 0, MAX_PARALLELISM, NULL }, .id = id, .nincrements = n,
							.increments = increments, .nmaterialized = j->base.len ? 1 : 0, .materialized = &base };
	op.subtasks = &sub;
	c.noperators = 1;
	c.operators = &op;
	ck_ok(weir_ckpt_encode(&c, 4, &j->bytes, &err));
	ck_ok(view_of(j->bytes.data, j->bytes.len, &j->view, &err));
}

static void open_inline(struct job *j)
{
	struct weir_keyed_handle inc[2] = { { .kind = WEIR_KEYED_CHANGES_INLINE, .groups = { 0, MAX_PARALLELISM, NULL }, .id = { (const uint8_t *)"i", 1 } } };

	inc[1] = inc[0]; /* two increments: the order goes on from one to the next */
	inc[0].changes = j->changes;
	inc[0].nchanges = j->nchanges / 2;
	inc[1].changes = j->changes + inc[0].nchanges;
	inc[1].nchanges = j->nchanges - inc[0].nchanges;
	open_handle(j, inc, 2);
}

struct lines {
	char text[100][160];
	unsigned n;
};

static int line(void *arg, const struct weir_entry *e)
{
	struct lines *l = arg;
	struct weir_buf b = { 0 };
	char *to = l->text[l->n++];
	struct weir_src src = weir_src_of(e->key, NULL, 0);

	ck_assert_uint_le(l->n, 100);
	weir_buf_printf(&b, "%s %lld", e->state->kind == WEIR_STATE_TIMER ? "timer" : e->state->name, (long long)weir_src_i64(&src));
	if (e->ns.len == 8) {
		src = weir_src_of(e->ns, NULL, 0);
		weir_buf_printf(&b, "@%lld", (long long)weir_src_i64(&src));
	}
	weir_buf_u8(&b, ' ');
	if (e->user_key.len)
		weir_buf_printf(&b, "%.*s ", (int)e->user_key.len - 1, (const char *)e->user_key.ptr + 1);
	if (e->state->kind == WEIR_STATE_TIMER)
		weir_buf_printf(&b, "%lld", (long long)e->timestamp);
	else if (e->undecodable)
		weir_buf_text(&b, e->damaged ? "damaged" : "unknown");
	else
		weir_buf_hex(&b, e->value);
	snprintf(to, sizeof(l->text[0]), "%s", weir_buf_cstr(&b));
	weir_buf_fini(&b);
	return 0;
}

static int compare_text(const void *a, const void *b) { return strcmp(a, b); }

static void is(struct job *j, const struct weir_scan *scan, const char *const *want, size_t nwant)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct lines l = { .n = 0 };

	ck_ok(weir_view_scan(j->view, scan, line, &l, &err));
	qsort(l.text, l.n, sizeof(l.text[0]), compare_text);
	for (size_t i = 0; i < l.n || i < nwant; i++)
		ck_assert_str_eq(i < l.n ? l.text[i] : "(nothing)", i < nwant ? want[i] : "(nothing)");
}
#define IS(j, ...) is(j, &WEIR_SCAN_ALL, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* ---- tests ---- */

static void some_changes(struct job *j)
{
	describe_all(j);
	set_value(j, 1, "one");
	set_value(j, 3, "gone");
	whole_list(j, SET, LIST, 1, 0, 3, 7);
	element(j, LIST, 1, 0, 99);
	whole_list(j, ADD, LIST, 2, 0, 2, 20);
	whole_list(j, ADD, LIST, 2, 0, 0, 0);
	put_entry(j, 1, "a", 5);
	put_entry(j, 1, "c", 6);
	put_entry(j, 2, "x", 1);
	clear(j, VALUE, 3);
	remove_entry(j, 1, "a");
	clear(j, MAP, 2);
	put_entry(j, 2, "y", 2);
	set_sum(j, 1, 5, 11);
	set_sum(j, 2, 5, 1);
	set_sum(j, 2, 5, 22);
	timer(j, ADD_ELEMENT, 10, 1);
	timer(j, ADD_ELEMENT, 20, 1);
	timer(j, REMOVE, 10, 1);
	timer(j, ADD_ELEMENT, -5, 2);
	timer(j, REMOVE, 50, 2);
}

WEIR_TEST(changes_alone_make_state)
{
	struct job j;

	start(&j);
	some_changes(&j);
	open_inline(&j);
	IS(&j, "list 1 000000072c000000082c000000092c00000063", "list 2 000000142c00000015", "map 1 c 0000000006", "map 2 y 0000000002", "sum 1@5 0000000b",
	   "sum 2@5 00000016", "timer 1 20", "timer 2 -5", "value 1 046f6e65");
	finish(&j);
}

WEIR_TEST(changes_are_applied_to_what_is_materialized)
{
	struct job j;

	start(&j);
	materialize(&j);
	some_changes(&j);
	open_inline(&j);
	IS(&j, "list 1 000000072c000000082c000000092c00000063", "list 2 000000012c000000022c000000142c00000015", "map 1 b 0000000002", "map 1 c 0000000006",
	   "map 2 y 0000000002", "sum 1@5 0000000b", "sum 2@5 00000016", "timer 1 20", "timer 1 50", "timer 2 -5", "value 1 046f6e65", "value 2 0562617365",
	   "windows 1@5 000000012c00000002", "windows 2@5 000000012c00000002");
	finish(&j);
}

WEIR_TEST(state_that_nothing_changed_is_as_it_was)
{
	struct job j;

	start(&j);
	materialize(&j);
	open_inline(&j);
	IS(&j, "list 1 000000012c00000002", "list 2 000000012c00000002", "map 1 a 0000000001", "map 1 b 0000000002", "map 2 a 0000000001", "map 2 b 0000000002",
	   "sum 1@5 0000000a", "sum 2@5 0000000a", "timer 1 50", "timer 2 50", "value 1 0562617365", "value 2 0562617365", "windows 1@5 000000012c00000002",
	   "windows 2@5 000000012c00000002");
	finish(&j);
}

WEIR_TEST(whole_maps_and_cleared_lists)
{
	struct weir_buf b;
	struct job j;

	start(&j);
	materialize(&j);
	describe_all(&j);
	b = record(ADD, MAP, 1, 0); /* putAll: {b: null, d: 4} */
	weir_buf_i32(&b, 2);
	put_text(&b, "b");
	weir_buf_u8(&b, 1);
	put_text(&b, "d");
	weir_buf_u8(&b, 0);
	weir_buf_i32(&b, 4);
	add(&j, group_of(1), &b);
	clear(&j, LIST, 1);
	element(&j, LIST, 1, 0, 9);
	clear(&j, LIST, 2);
	clear(&j, MAP, 2);
	open_inline(&j);
	IS(&j, "list 1 00000009", "map 1 a 0000000001", "map 1 b 01", "map 1 d 0000000004", "sum 1@5 0000000a", "sum 2@5 0000000a", "timer 1 50", "timer 2 50",
	   "value 1 0562617365", "value 2 0562617365", "windows 1@5 000000012c00000002", "windows 2@5 000000012c00000002");
	finish(&j);
}

WEIR_TEST(namespaces_are_merged_as_far_as_that_can_be_told)
{
	struct job j;

	start(&j);
	describe_all(&j);
	whole_list(&j, SET, WINDOWS, 1, 1, 1, 1);
	whole_list(&j, SET, WINDOWS, 1, 2, 1, 2);
	whole_list(&j, SET, WINDOWS, 1, 3, 1, 3);
	merge(&j, WINDOWS, 1, 3, 2, 1);   /* 1 and 2 into 3 */
	merge(&j, WINDOWS, 1, 3, 0, 0);   /* as session windows do for each record */
	set_sum(&j, 1, 1, 10);
	merge(&j, SUM, 1, 9, 1, 1);       /* one side holds nothing: no function is needed */
	set_sum(&j, 2, 1, 10);
	set_sum(&j, 2, 2, 20);
	merge(&j, SUM, 2, 2, 1, 1);       /* both do */
	set_sum(&j, 3, 1, 10);
	set_sum(&j, 3, 2, 20);
	merge(&j, SUM, 3, 2, 1, 1);
	set_sum(&j, 3, 2, 30);            /* and the result is logged behind */
	open_inline(&j);
	IS(&j, "sum 1@9 0000000a", "sum 2@2 unknown", "sum 3@2 0000001e", "windows 1@3 000000032c000000012c00000002");
	finish(&j);

	start(&j);
	materialize(&j);
	describe_all(&j);
	merge(&j, WINDOWS, 1, 6, 1, 5);
	open_inline(&j);
	IS(&j, "list 1 000000012c00000002", "list 2 000000012c00000002", "map 1 a 0000000001", "map 1 b 0000000002", "map 2 a 0000000001", "map 2 b 0000000002",
	   "sum 1@5 0000000a", "sum 2@5 0000000a", "timer 1 50", "timer 2 50", "value 1 0562617365", "value 2 0562617365", "windows 1@6 unknown",
	   "windows 2@5 000000012c00000002");
	finish(&j);
}

WEIR_TEST(one_key_and_one_key_group_of_a_changelog)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct weir_buf key = { 0 };
	struct job j;

	start(&j);
	materialize(&j);
	some_changes(&j);
	open_inline(&j);
	weir_buf_i64(&key, 2);
	scan.key = weir_buf_slice(&key);
	scan.state = weir_view_find(j.view, NULL, "map");
	is(&j, &scan, (const char *const[]){ "map 2 y 0000000002" }, 1);
	scan.state = weir_view_find(j.view, NULL, "list");
	is(&j, &scan, (const char *const[]){ "list 2 000000012c000000022c000000142c00000015" }, 1);
	scan.key = none;
	scan.key_group = group_of(1);
	ck_assert_int_ne(group_of(1), group_of(2));
	is(&j, &scan, (const char *const[]){ "list 1 000000072c000000082c000000092c00000063" }, 1);
	weir_buf_fini(&key);
	finish(&j);
}

/* ---- files ---- */

/* One change set of changes from to to, one group each. */
static void change_set(const struct job *j, uint32_t from, uint32_t to, struct weir_buf *out)
{
	weir_buf_u32(out, to - from);
	for (uint32_t i = from; i < to; i++) {
		weir_buf_u32(out, 1);
		weir_buf_i32(out, j->changes[i].key_group);
		weir_buf_u32(out, (uint32_t)j->changes[i].bytes.len);
		weir_buf_put_slice(out, j->changes[i].bytes);
	}
}

/* The changes as two change sets of one file, foreign bytes between them; cut: bytes that are missing at its end; first: the first byte. */
static void open_files(struct job *j, bool snappy, int first, size_t cut, int64_t shift)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf plain = { 0 }, file = { 0 };
	struct weir_change_file files[2] = { { .offset = 0 } };
	struct weir_keyed_handle inc = { .kind = WEIR_KEYED_CHANGES_FILES, .groups = { 0, MAX_PARALLELISM, NULL }, .id = { (const uint8_t *)"i", 1 }, .nfiles = 2, .files = files,
					 .storage_id = { (const uint8_t *)"filesystem", 10 } };
	char path[1100], uri[1200];

	weir_buf_text(&plain, "another subtask's");
	files[0].offset = (int64_t)plain.len;
	change_set(j, 0, j->nchanges / 2, &plain);
	weir_buf_text(&plain, "..");
	files[1].offset = (int64_t)plain.len + shift;
	change_set(j, j->nchanges / 2, j->nchanges, &plain);
	weir_buf_u8(&file, (uint8_t)(first >= 0 ? first : snappy));
	if (snappy) {
		weir_snappy_frame_begin(&file);
		ck_ok(weir_snappy_frame_put(weir_buf_slice(&plain), &file, &err));
	} else {
		weir_buf_put_slice(&file, weir_buf_slice(&plain));
	}
	snprintf(path, sizeof(path), "%s/log", weir_test_dir());
	write_file(path, file.data, file.len - cut);
	snprintf(uri, sizeof(uri), "file:%s", path);
	for (int i = 0; i < 2; i++)
		files[i].handle = (struct weir_stream_handle){ .kind = WEIR_HANDLE_FILE, .name = { (const uint8_t *)uri, strlen(uri) }, .size = (int64_t)(file.len - cut) };
	open_handle(j, &inc, 1);
	weir_buf_fini(&plain);
	weir_buf_fini(&file);
}

WEIR_TEST(change_sets_in_files_plain_and_compressed)
{
	for (int snappy = 0; snappy < 2; snappy++) {
		struct job j;

		start(&j);
		some_changes(&j);
		open_files(&j, snappy, -1, 0, 0);
		IS(&j, "list 1 000000072c000000082c000000092c00000063", "list 2 000000142c00000015", "map 1 c 0000000006", "map 2 y 0000000002", "sum 1@5 0000000b",
		   "sum 2@5 00000016", "timer 1 20", "timer 2 -5", "value 1 046f6e65");
		finish(&j);
	}
}

/* ---- what cannot be read ---- */

static void find(void *arg, const struct weir_problem *p)
{
	struct weir_buf *b = arg;

	weir_buf_printf(b, "%s %s|%s\n", weir_code_name(p->code), p->path, p->text);
}

static void verify_says(struct job *j, const char *code, const char *text)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };

	ck_ok(weir_view_verify(j->view, find, &b, &err));
	ck_assert_msg(strncmp(weir_buf_cstr(&b), code, strlen(code)) == 0 && strstr(weir_buf_cstr(&b), text), "wanted %s: %s, got %s", code, text, weir_buf_cstr(&b));
	weir_buf_fini(&b);
	finish(j);
}

WEIR_TEST(damaged_log_files)
{
	struct job j;

	start(&j);
	some_changes(&j);
	open_files(&j, false, 2, 0, 0);
	verify_says(&j, "CORRUPT", "this is not a changelog: it begins with 2");
	start(&j);
	some_changes(&j);
	open_files(&j, false, -1, 5, 0);
	verify_says(&j, "CORRUPT", "log|");
	start(&j);
	some_changes(&j);
	open_files(&j, true, -1, 5, 0);
	verify_says(&j, "", "log|");
	start(&j);
	some_changes(&j);
	open_files(&j, false, -1, 0, 100000);
	verify_says(&j, "CORRUPT", "outside of the");
	start(&j);
	some_changes(&j);
	open_files(&j, false, -1, 0, 1);
	verify_says(&j, "", "log|");
}

WEIR_TEST(damaged_records)
{
	struct weir_buf b;
	struct job j;

	start(&j);
	set_value(&j, 1, "before it is described");
	open_inline(&j);
	verify_says(&j, "CORRUPT", "a change of a state that no record before it describes");

	start(&j);
	describe_all(&j);
	b = record(77, VALUE, 1, 0);
	add(&j, group_of(1), &b);
	open_inline(&j);
	verify_says(&j, "CORRUPT", "this kind of change is not known");

	start(&j);
	describe_all(&j);
	b = record(SET, SUM, 1, 0);
	b.len -= 3;
	add(&j, group_of(1), &b);
	open_inline(&j);
	verify_says(&j, "CORRUPT", "key and namespace do not decode");

	start(&j);
	describe_all(&j);
	b = record(ADD, MAP, 1, 0);
	weir_buf_i32(&b, 7);
	add(&j, group_of(1), &b);
	open_inline(&j);
	verify_says(&j, "CORRUPT", "its map does not decode");

	start(&j);
	describe_all(&j);
	timer(&j, REMOVE, 3, 1);
	j.changes[j.nchanges - 1].bytes.len--;
	open_inline(&j);
	verify_says(&j, "CORRUPT", "a timer does not decode");

	start(&j);
	describe_all(&j);
	j.changes[2].bytes.len = 6;
	open_inline(&j);
	verify_says(&j, "", "operator");

	start(&j);
	describe_all(&j);
	set_value(&j, 1, "elsewhere");
	j.changes[j.nchanges - 1].key_group = (group_of(1) + 1) % MAX_PARALLELISM;
	open_inline(&j);
	verify_says(&j, "CORRUPT", "the key belongs to key group");
}

WEIR_TEST(a_log_without_the_serializer_of_its_keys)
{
	struct job j;

	start(&j);
	describe(&j, VALUE);
	set_value(&j, 1, "?");
	open_inline(&j);
	verify_says(&j, "NOTYPE", "the log does not name the serializer of keys");
}

/* Every byte of a small log set to other values, every truncation: never a crash, always an end. */
WEIR_TEST(any_byte_may_be_wrong)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	struct job j;

	start(&j);
	some_changes(&j);
	for (uint32_t i = 0; i < j.nchanges; i++)
		for (size_t k = 0; k < j.changes[i].bytes.len; k++)
			for (size_t m = 0; m < 3; m++) {
				struct weir_slice whole = j.changes[i].bytes, cut = { whole.ptr, k };
				uint8_t *p = (uint8_t *)(uintptr_t)whole.ptr + k, old = *p;
				struct lines l;
				struct weir_error err = WEIR_ERROR_INIT;

				if (k % 7 && i < NSTATES) /* descriptions are long */
					continue;
				*p ^= masks[m];
				if (m == 2 && k > 0)
					j.changes[i].bytes = cut;
				weir_buf_clear(&j.bytes);
				open_inline(&j);
				l.n = 0;
				(void)!weir_view_scan(j.view, &WEIR_SCAN_ALL, line, &l, &err);
				weir_view_close(j.view);
				*p = old;
				j.changes[i].bytes = whole;
			}
	j.view = NULL;
	finish(&j);
}
