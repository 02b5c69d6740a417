// SPDX-License-Identifier: Apache-2.0
/* The same state in other orders: every view of the mount holds what all.jsonl holds, on every kind of fixture. */
#include "base/vec.h"
#include "fusefs/tree.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

static struct weir_tree *open_tree(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_source *src = NULL;
	struct weir_tree *t = NULL;

	ck_ok(weir_source_open(path, &src, &err));
	ck_ok(weir_tree_new(src, NULL, &t, &err));
	return t;
}

static void append_file(struct weir_tree *t, uint64_t ino, struct weir_buf *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_file *f = NULL;
	struct weir_attr a;
	size_t n, start = out->len;
	uint64_t at = 0;

	ck_ok(weir_tree_attr(t, ino, &a, &err));
	ck_ok(weir_tree_open(t, ino, &f, &err));
	do {
		uint8_t *to = weir_buf_room(out, 65536);

		ck_ok(weir_tree_read(f, to, 65536, at, &n, &err));
		out->len += n;
		at += n;
	} while (n);
	weir_tree_close(f);
	if (!a.stream)
		ck_assert_uint_eq(out->len - start, a.size);
}

/* Every file below, in the order of the tree; names are looked up again. */
static void append_all(struct weir_tree *t, uint64_t dir, struct weir_buf *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 };
	uint64_t ino, again;

	for (uint64_t i = 0; weir_tree_child(t, dir, i, &ino, &name, &err) == 0; i++) {
		ck_ok(weir_tree_lookup(t, dir, weir_buf_cstr(&name), &again, &err));
		ck_assert_msg(again == ino, "%s", weir_buf_cstr(&name));
		if (weir_tree_shape(ino) == WEIR_SHAPE_DIR)
			append_all(t, ino, out);
		else
			append_file(t, ino, out);
	}
	weir_buf_fini(&name);
}

/* Every node below: found again by its name, its attributes and links there, files read to exactly their size. State of RocksDB needs librocksdb. */
static uint64_t visit(struct weir_tree *t, uint64_t dir, struct weir_buf *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 }, text = { 0 };
	size_t mark = path->len;
	uint64_t ino, again, n = 0, i = 0;
	int rc;

	for (; (rc = weir_tree_child(t, dir, i, &ino, &name, &err)) == 0; i++, n++) {
		weir_buf_printf(path, "/%s", weir_buf_cstr(&name));
		ck_assert_msg(name.len <= 255 && weir_tree_lookup(t, dir, weir_buf_cstr(&name), &again, &err) == 0 && again == ino, "%s", weir_buf_cstr(path));
		if (weir_tree_shape(ino) == WEIR_SHAPE_DIR) {
			n += visit(t, ino, path);
		} else if (weir_tree_shape(ino) == WEIR_SHAPE_LINK) {
			ck_ok(weir_tree_link(t, ino, &text, &err));
			ck_ok(weir_tree_resolve(t, weir_buf_cstr(path) + 1, &again, &err));
		} else {
			weir_buf_clear(&text);
			append_file(t, ino, &text);
		}
		path->len = mark;
	}
	ck_assert_msg(rc == WEIR_ENOTFOUND || rc == WEIR_EUNSUPPORTED, "%s: %s", weir_buf_cstr(path), err.msg);
	weir_buf_fini(&name);
	weir_buf_fini(&text);
	return n;
}

WEIR_TEST(every_node_of_every_fixture)
{
	const char *root = weir_test_shared("fixtures");
	char command[700], line[700];
	uint64_t nodes = 0, fixtures = 0;
	FILE *p;

	if (!root)
		weir_test_skip("the shared fixtures are not there");
	snprintf(command, sizeof(command), "find '%s/flink' '%s/special' -name _metadata -size -200k | sort", root, root);
	p = popen(command, "r");
	ck_assert(p != NULL);
	while (fgets(line, sizeof(line), p)) {
		struct weir_buf path = { 0 };
		struct weir_tree *t;

		line[strcspn(line, "\n")] = 0;
		*strrchr(line, '/') = 0;
		t = open_tree(line);
		nodes += visit(t, 1, &path);
		fixtures++;
		weir_tree_free(t);
		weir_buf_fini(&path);
	}
	ck_assert_int_eq(pclose(p), 0);
	ck_assert(fixtures > 140 && nodes > 20000);
}

static int line_cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sort_lines(const struct weir_buf *text, struct weir_buf *out)
{
	WEIR_VEC(char *) lines = { 0 };
	char *copy = strndup(text->data ? (const char *)text->data : "", text->len), *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		*weir_vec_push(&lines) = l;
	if (lines.len)
		qsort(lines.items, lines.len, sizeof(char *), line_cmp);
	weir_buf_clear(out);
	for (size_t i = 0; i < lines.len; i++) {
		weir_buf_text(out, lines.items[i]);
		weir_buf_u8(out, '\n');
	}
	weir_vec_fini(&lines);
	free(copy);
}

struct seen {
	uint64_t ranges, windows, timers, subtasks, tables;
};

static bool child_named(struct weir_tree *t, uint64_t dir, const char *name, uint64_t *ino)
{
	struct weir_error err = WEIR_ERROR_INIT;

	return weir_tree_lookup(t, dir, name, ino, &err) == 0;
}

/* The files of a view, sorted by line, are those of all.jsonl. */
static void same_lines(struct weir_tree *t, const struct weir_buf *all, uint64_t dir, uint64_t *count)
{
	struct weir_buf got = { 0 }, a = { 0 }, b = { 0 };

	append_all(t, dir, &got);
	sort_lines(all, &a);
	sort_lines(&got, &b);
	ck_assert_str_eq(weir_buf_cstr(&a), weir_buf_cstr(&b));
	++*count;
	weir_buf_fini(&got);
	weir_buf_fini(&a);
	weir_buf_fini(&b);
}

static uint64_t count_lines(const struct weir_buf *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	return n;
}

static void check_state(struct weir_tree *t, uint64_t dir, struct seen *seen)
{
	struct weir_buf all = { 0 }, b = { 0 }, type = { 0 };
	uint64_t ino;

	ck_assert(child_named(t, dir, "all.jsonl", &ino));
	append_file(t, ino, &all);
	if (child_named(t, dir, "type.json", &ino))
		append_file(t, ino, &type);
	if (child_named(t, dir, "ranges", &ino)) {
		append_all(t, ino, &b);
		ck_assert_str_eq(weir_buf_cstr(&b), weir_buf_cstr(&all));
		seen->ranges++;
	}
	if (child_named(t, dir, "all.tsv", &ino)) {
		weir_buf_clear(&b);
		append_file(t, ino, &b);
		if (!strstr(weir_buf_cstr(&type), "list")) /* a list has a row for each element */
			ck_assert_uint_eq(count_lines(&b), count_lines(&all) + 1);
		seen->tables++;
	}
	if (child_named(t, dir, "by-window", &ino) && !strstr(weir_buf_cstr(&type), "\"map\"")) /* a leaf of a map is one line for many */
		same_lines(t, &all, ino, &seen->windows);
	if (child_named(t, dir, "by-time", &ino))
		same_lines(t, &all, ino, &seen->timers);
	if (child_named(t, dir, "subtasks", &ino))
		same_lines(t, &all, ino, &seen->subtasks);
	weir_buf_fini(&all);
	weir_buf_fini(&b);
	weir_buf_fini(&type);
}

static void find_states(struct weir_tree *t, uint64_t dir, struct seen *seen)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 };
	uint64_t ino;

	if (child_named(t, dir, "all.jsonl", &ino)) {
		check_state(t, dir, seen);
		return;
	}
	for (uint64_t i = 0; weir_tree_child(t, dir, i, &ino, &name, &err) == 0; i++)
		if (weir_tree_shape(ino) == WEIR_SHAPE_DIR)
			find_states(t, ino, seen);
	weir_buf_fini(&name);
}

static void check_views(const char *path, struct seen *seen)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_tree *t;
	uint64_t ino;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	t = open_tree(path);
	ck_ok(weir_tree_resolve(t, "latest/operators", &ino, &err));
	find_states(t, ino, seen);
	weir_tree_free(t);
}

WEIR_TEST(every_view_of_a_canonical_savepoint_holds_the_same)
{
	struct seen s = { 0 };

	check_views(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"), &s);
	ck_assert(s.ranges > 10 && s.windows >= 1 && s.timers >= 3 && s.subtasks >= 3 && s.tables > 20);
}

WEIR_TEST(every_view_of_a_native_savepoint_holds_the_same)
{
	struct seen s = { 0 };

	check_views(weir_test_source("tests/golden/flights/1.20.1/native-hashmap"), &s);
	ck_assert(s.ranges > 10 && s.windows >= 1 && s.timers >= 3 && s.subtasks >= 3);
}

WEIR_TEST(timers_in_raw_state_are_timers)
{
	struct seen s = { 0 };

	check_views(weir_test_shared("fixtures/flink/datastream/legacy-raw-state-heap-timers-rocks-db-1.12"), &s);
	ck_assert_uint_ge(s.timers, 1);
}

/* handles/: the parts of a file, put together, are its bytes; inline ones are those of the metadata. */
WEIR_TEST(handles_are_the_bytes_they_name)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf raw = { 0 }, part = { 0 }, name = { 0 };
	struct weir_tree *t;
	uint64_t dir, ino, n = 0;

	t = open_tree(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"));
	ck_ok(weir_tree_resolve(t, "latest/raw/_metadata", &ino, &err));
	append_file(t, ino, &raw);
	ck_ok(weir_tree_resolve(t, "latest/handles", &dir, &err));
	for (uint64_t i = 0; weir_tree_child(t, dir, i, &ino, &name, &err) == 0; i++) {
		weir_buf_clear(&part);
		append_file(t, ino, &part);
		if (part.len && memmem(raw.data, raw.len, part.data, part.len)) /* all of this savepoint lies in its metadata */
			n++;
	}
	ck_assert_uint_gt(n, 20);
	weir_tree_free(t);
	weir_buf_fini(&raw);
	weir_buf_fini(&part);
	weir_buf_fini(&name);
}

/* by-size/: every link leads to a directory, the order is descending, and every state of the operators is there. */
WEIR_TEST(states_by_size_are_all_of_them)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 }, link = { 0 }, path = { 0 }, bytes = { 0 };
	uint64_t dir, ino, to, n = 0, last = UINT32_MAX;
	struct weir_tree *t;

	t = open_tree(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"));
	ck_ok(weir_tree_resolve(t, "latest/by-size", &dir, &err));
	for (; weir_tree_child(t, dir, n, &ino, &name, &err) == 0; n++) {
		uint64_t again, size;

		ck_ok(weir_tree_lookup(t, dir, weir_buf_cstr(&name), &again, &err));
		ck_assert(again == ino);
		ck_ok(weir_tree_link(t, ino, &link, &err));
		weir_buf_clear(&path);
		weir_buf_printf(&path, "latest/by-size/%s/bytes", weir_buf_cstr(&name));
		ck_ok(weir_tree_resolve(t, weir_buf_cstr(&path), &to, &err));
		weir_buf_clear(&bytes);
		append_file(t, to, &bytes);
		size = strtoull(weir_buf_cstr(&bytes), NULL, 10);
		ck_assert_msg(size <= last + 8 * 1000, "%s is larger than the one before it", weir_buf_cstr(&name));
		last = size;
	}
	ck_assert_uint_gt(n, 25);
	ck_assert_int_eq(weir_tree_lookup(t, dir, "0001_nothing", &ino, &err), WEIR_ENOTFOUND);
	weir_tree_free(t);
	weir_buf_fini(&name);
	weir_buf_fini(&link);
	weir_buf_fini(&path);
	weir_buf_fini(&bytes);
}

/* The leaves of other orders are found by name only as they are listed. */
WEIR_TEST(names_that_no_view_has)
{
	static const char *const none[] = {
		"tumbling/keyed/states/window-contents/by-window/0_1", "tumbling/keyed/states/window-contents/by-window/979430400000_979603200000/NOPE.json",
		"tumbling/keyed/states/window-contents/by-window/979430400000_979603200000/SYR", "tumbling/keyed/states/window-contents/by-window/979430400000_979603200000/SYR.txt",
		"tumbling/timers/window-timers/event/by-time/2001-01-15T23/1_SYR.json", "tumbling/timers/window-timers/event/by-time/2001-01-15",
		"tumbling/keyed/states/window-contents/ranges/0001-of-0001.jsonl", "tumbling/keyed/states/window-contents/top/by-map-size.tsv",
	};
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_tree *t = open_tree(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap"));
	char path[400];
	uint64_t ino;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		snprintf(path, sizeof(path), "latest/by-uid/%s", none[i]);
		ck_assert_msg(weir_tree_resolve(t, path, &ino, &err) == WEIR_ENOTFOUND, "%s", path);
	}
	weir_tree_free(t);
}
