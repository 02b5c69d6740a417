// SPDX-License-Identifier: Apache-2.0
/* The tree without FUSE: every node of a mounted savepoint is walked, named, looked up again, measured and read. */
#include "base/vec.h"
#include "fusefs/tree.h"
#include "statetool/show.h"
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLIGHTS "fixtures/flights/2.1.1/native-hashmap"

static struct weir_tree *open_tree(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_source *src = NULL;
	struct weir_tree *t = NULL;

	ck_ok(weir_source_open(path, &src, &err));
	ck_ok(weir_tree_new(src, NULL, &t, &err));
	return t;
}

static void read_all(struct weir_tree *t, uint64_t ino, size_t step, struct weir_buf *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_file *f = NULL;
	size_t n;

	weir_buf_clear(out);
	ck_ok(weir_tree_open(t, ino, &f, &err));
	do {
		uint8_t *to = weir_buf_room(out, step);

		ck_ok(weir_tree_read(f, to, step, out->len, &n, &err));
		out->len += n;
	} while (n == step);
	weir_tree_close(f);
}

static void read_path(struct weir_tree *t, const char *path, struct weir_buf *out)
{
	struct weir_error err = WEIR_ERROR_INIT;
	uint64_t ino;

	ck_ok(weir_tree_walk(t, path, &ino, &err));
	read_all(t, ino, 4096, out);
}

struct walk {
	struct weir_tree *t;
	uint64_t files, dirs, links, bytes;
};

static void check_file(struct walk *w, uint64_t ino, const struct weir_attr *a)
{
	struct weir_buf once = { 0 }, small = { 0 };

	read_all(w->t, ino, 1 << 20, &once);
	if (!a->stream)
		ck_assert_uint_eq(once.len, a->size);
	if (once.len < 5000 && !a->stream) { /* the same in small pieces */
		read_all(w->t, ino, 7, &small);
		ck_assert(small.len == once.len && (!once.len || memcmp(small.data, once.data, once.len) == 0));
	}
	w->files++;
	w->bytes += once.len;
	weir_buf_fini(&once);
	weir_buf_fini(&small);
}

static void walk(struct walk *w, uint64_t dir, int depth)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 };
	uint64_t count, ino, again;
	struct weir_attr a;

	ck_assert_int_lt(depth, 20);
	w->dirs++;
	ck_ok(weir_tree_count(w->t, dir, &count, &err));
	for (uint64_t i = 0; i < count; i++) {
		ck_ok(weir_tree_child(w->t, dir, i, &ino, &name, &err));
		ck_assert_uint_le(name.len, 255);
		ck_ok(weir_tree_lookup(w->t, dir, weir_buf_cstr(&name), &again, &err));
		ck_assert_msg(again == ino, "%s", weir_buf_cstr(&name));
		ck_assert(weir_inode_pack(weir_inode_unpack(ino)) == ino);
		ck_ok(weir_tree_attr(w->t, ino, &a, &err));
		if (a.shape == WEIR_SHAPE_DIR)
			walk(w, ino, depth + 1);
		else if (a.shape == WEIR_SHAPE_LINK)
			w->links++;
		else
			check_file(w, ino, &a);
	}
	ck_assert_int_eq(weir_tree_child(w->t, dir, count, &ino, &name, &err), WEIR_ENOTFOUND);
	ck_assert_int_eq(weir_tree_lookup(w->t, dir, "no such name", &ino, &err), WEIR_ENOTFOUND);
	weir_buf_fini(&name);
}

static void walk_fixture(const char *path)
{
	struct walk w = { 0 };

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	w.t = open_tree(path);
	walk(&w, 1, 0);
	ck_assert_uint_gt(w.files, 100);
	weir_tree_free(w.t);
}

WEIR_TEST(every_node_of_a_native_savepoint) { walk_fixture(weir_test_source("tests/golden/flights/1.20.1/native-hashmap")); }
WEIR_TEST(every_node_of_a_canonical_savepoint) { walk_fixture(weir_test_source("tests/golden/flights/2.1.1/canonical-hashmap")); }
WEIR_TEST(every_node_of_a_compressed_savepoint) { walk_fixture(weir_test_shared("fixtures/flights/2.1.1/canonical-hashmap-snappy")); }
WEIR_TEST(every_node_of_a_savepoint_of_1000_key_groups) { walk_fixture(weir_test_shared("fixtures/special/2.1.1/maxp-1000-canonical")); }

WEIR_TEST(values_are_found_by_key)
{
	const char *path = weir_test_shared(FLIGHTS);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	struct weir_tree *t;
	uint64_t ino, other;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	t = open_tree(path);
	ck_ok(weir_tree_walk(t, "checkpoints/native-hashmap/by-uid/by-origin", &ino, &err));
	ck_ok(weir_tree_link(t, ino, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "../operators/dd6667d0126c0567e1d895d744174c63");
	ck_ok(weir_tree_walk(t, "latest", &ino, &err));
	ck_ok(weir_tree_link(t, ino, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "checkpoints/native-hashmap");
#define S "checkpoints/native-hashmap/operators/"
	read_path(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/get/ORD.json", &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "{\"kg\":109,\"key\":\"ORD\",\"value\":168}\n");
	read_path(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/get/ORD.txt", &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "168\n");
	read_path(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/get/ORD.raw", &b);
	ck_assert(b.len == 8 && b.data[7] == 168);
	read_path(t, S "78b748534269592b34f5ddbb2b5fe663/keyed/states/sum/get/[\"GRB\",0].json", &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "{\"kg\":0,\"key\":[\"GRB\",0],\"value\":-71}\n");
	read_path(t, S "1228afe0298b7812a54a8a47f0a2c61f/keyed/states/window-contents/get/SYR@979430400000_979603200000.json", &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "{\"kg\":1,\"key\":\"SYR\",\"ns\":{\"start\":979430400000,\"end\":979603200000},\"value\":[1,-15]}\n");
	read_path(t, S "dd6667d0126c0567e1d895d744174c63/uid", &b);
	ck_assert_str_eq(weir_buf_cstr(&b), "by-origin\n");
	ck_ok(weir_tree_walk(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/get/ORD.json", &ino, &err));
	ck_ok(weir_tree_walk(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/by-key/00109/ORD.json", &other, &err));
	ck_assert(ino == other);
	ck_ok(weir_tree_xattr(t, ino, "key_group", &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "109");
	ck_ok(weir_tree_xattr(t, ino, "operator", &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "by-origin");
	ck_ok(weir_tree_xattr(t, ino, "state", &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "count");
	weir_buf_fini(&b);
	weir_tree_free(t);
}

WEIR_TEST(names_that_are_not_there)
{
	static const char *const none[] = { "get/XXX.json", "get/ORD", "get/ORD.xml", "get/O%52D.json", "get/ORD@1_2.json", "get/~00.json", "by-key/00108/ORD.json",
					    "by-key/109", "by-key/99999", "by-key/00109/ORD", "by-key/00109/ord.json" };
	const char *path = weir_test_shared(FLIGHTS);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_tree *t;
	char name[256];
	uint64_t ino;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	t = open_tree(path);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		snprintf(name, sizeof(name), S "dd6667d0126c0567e1d895d744174c63/keyed/states/count/%s", none[i]);
		ck_assert_msg(weir_tree_walk(t, name, &ino, &err) == WEIR_ENOTFOUND, "%s", name);
	}
	ck_assert_int_eq(weir_tree_walk(t, "checkpoints/native-hashmap/by-uid/nobody", &ino, &err), WEIR_ENOTFOUND);
	weir_tree_free(t);
}

static int line_cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sort_lines(char *text, const char *from, struct weir_buf *out)
{
	WEIR_VEC(char *) lines = { 0 };
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char **slot = weir_vec_push(&lines);

		*slot = from ? strstr(l, from) : l; /* without operator and state */
		ck_assert(*slot);
	}
	qsort(lines.items, lines.len, sizeof(char *), line_cmp);
	for (size_t i = 0; i < lines.len; i++) {
		const char *l = lines.items[i];

		weir_buf_text(out, l[0] == '{' ? l + 1 : l);
		weir_buf_u8(out, '\n');
	}
	weir_vec_fini(&lines);
}

WEIR_TEST(all_jsonl_is_what_state_show_prints)
{
	const char *path = weir_test_shared(FLIGHTS);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf all = { 0 }, a = { 0 }, b = { 0 };
	struct weir_sink sink = { 0 };
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;
	struct weir_tree *t;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	t = open_tree(path);
	ck_ok(weir_ckpt_open(path, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	struct weir_show_options o = { .op = &c->operators[0], .state = "to", .limit = -1, .key_group = -1, .subtask = -1, .json = true };
	ck_ok(weir_pick_operator(c, "by-origin", &o.op, &err));
	ck_ok(weir_state_show(v, &o, &sink, NULL, &err));
	read_path(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/to/all.jsonl", &all);
	sort_lines((char *)(uintptr_t)weir_buf_cstr(&all), NULL, &a);
	sort_lines((char *)(uintptr_t)weir_buf_cstr(&sink.buf), "\"kg\"", &b);
	ck_assert_uint_gt(a.len, 10000);
	ck_assert_str_eq(weir_buf_cstr(&a), weir_buf_cstr(&b));
	weir_view_close(v);
	weir_tree_free(t);
	weir_buf_fini(&all);
	weir_buf_fini(&a);
	weir_buf_fini(&b);
	weir_buf_fini(&sink.buf);
}

/* With a tiny budget and no exact sizes: streams until read once, the same bytes. */
WEIR_TEST(streams_have_their_length_after_one_reading)
{
	const char *path = weir_test_shared(FLIGHTS);
	struct weir_tree_options o = { .cache_bytes = 1, .exact_bytes = 1 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_source *src = NULL;
	struct weir_tree *t = NULL;
	struct weir_buf b = { 0 };
	struct weir_attr a;
	uint64_t ino;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	ck_ok(weir_source_open(path, &src, &err));
	ck_ok(weir_tree_new(src, &o, &t, &err));
	ck_ok(weir_tree_walk(t, S "dd6667d0126c0567e1d895d744174c63/keyed/states/to/all.jsonl", &ino, &err));
	ck_ok(weir_tree_attr(t, ino, &a, &err));
	ck_assert(a.stream && a.size == 0);
	read_all(t, ino, 1000, &b);
	ck_ok(weir_tree_attr(t, ino, &a, &err));
	ck_assert(!a.stream && a.size == b.len);
	weir_buf_fini(&b);
	weir_tree_free(t);
}

static void copy_damaged(const char *from, const char *to, size_t cut, size_t flip)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_fs_map *map = NULL;
	struct weir_slice s;
	uint8_t *copy;
	int fd;

	ck_ok(weir_fs_map(weir_fs_local, from, &map, &s, &err));
	if (cut)
		s.len = cut;
	copy = malloc(s.len);
	memcpy(copy, s.ptr, s.len);
	if (flip)
		copy[flip] ^= 0xff;
	fd = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	ck_assert(fd >= 0 && write(fd, copy, s.len) == (ssize_t)s.len);
	close(fd);
	free(copy);
	weir_fs_unmap(map);
}

WEIR_TEST(a_root_shows_complete_checkpoints_and_says_why_others_are_not)
{
	char from[600], root[600], path[700];
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	struct weir_tree *t;
	uint64_t ino;

	if (!weir_test_shared(FLIGHTS))
		weir_test_skip("the shared fixtures are not there");
	snprintf(from, sizeof(from), "%s/_metadata", weir_test_shared(FLIGHTS));
	snprintf(root, sizeof(root), "%s/root", weir_test_dir());
	mkdir(root, 0755);
	for (int i = 3; i <= 5; i++) {
		snprintf(path, sizeof(path), "%s/chk-%d", root, i);
		mkdir(path, 0755);
		strcat(path, "/_metadata");
		if (i < 5)
			copy_damaged(from, path, i == 4 ? 1000 : 0, 0);
	}
	t = open_tree(root);
	ck_ok(weir_tree_walk(t, "latest", &ino, &err));
	ck_ok(weir_tree_link(t, ino, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "checkpoints/chk-3");
	ck_assert_int_eq(weir_tree_walk(t, "checkpoints/chk-4", &ino, &err), WEIR_ENOTFOUND);
	read_path(t, "incomplete/chk-4.txt", &b);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&b), "chk-4/_metadata"));
	read_path(t, "incomplete/chk-5.txt", &b);
	ck_assert_uint_gt(b.len, 10);
	copy_damaged(from, path, 0, 0); /* chk-5 completes while mounted */
	weir_tree_refresh(t, 5000);
	ck_ok(weir_tree_walk(t, "latest", &ino, &err));
	ck_ok(weir_tree_link(t, ino, &b, &err));
	ck_assert_str_eq(weir_buf_cstr(&b), "checkpoints/chk-5");
	weir_buf_fini(&b);
	weir_tree_free(t);
}

/* Whatever byte is damaged: no crash, and every file either reads to its stated size or fails. */
static void survive(struct weir_tree *t, uint64_t dir, int depth)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 }, text = { 0 };
	uint64_t count = 0, ino;
	struct weir_attr a;

	if (depth > 12 || weir_tree_count(t, dir, &count, &err))
		count = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct weir_file *f = NULL;
		uint8_t buf[4096];
		size_t n = 0;

		weir_error_clear(&err);
		if (weir_tree_child(t, dir, i, &ino, &name, &err) || weir_tree_attr(t, ino, &a, &err))
			continue;
		if (a.shape == WEIR_SHAPE_DIR)
			survive(t, ino, depth + 1);
		else if (a.shape == WEIR_SHAPE_FILE && weir_tree_open(t, ino, &f, &err) == 0)
			for (uint64_t off = 0; weir_tree_read(f, buf, sizeof(buf), off, &n, &err) == 0 && n; off += n)
				;
		weir_tree_close(f);
	}
	weir_buf_fini(&name);
	weir_buf_fini(&text);
}

WEIR_TEST(damaged_bytes_never_crash_the_mount)
{
	char from[600], to[600];

	if (!weir_test_shared("fixtures/special/1.20.1/native-hashmap-snappy") && !weir_test_shared(FLIGHTS))
		weir_test_skip("the shared fixtures are not there");
	snprintf(from, sizeof(from), "%s/_metadata", weir_test_shared(FLIGHTS));
	snprintf(to, sizeof(to), "%s/damaged", weir_test_dir());
	mkdir(to, 0755);
	strcat(to, "/_metadata");
	for (size_t at = 9; at < 300000; at += 14983) {
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_source *src = NULL;
		struct weir_tree *t = NULL;

		copy_damaged(from, to, 0, at);
		if (weir_source_open(to, &src, &err)) {
			ck_assert_ptr_nonnull(strstr(err.path, "damaged"));
			continue;
		}
		ck_ok(weir_tree_new(src, NULL, &t, &err));
		survive(t, 1, 0);
		weir_tree_free(t);
	}
}

WEIR_TEST(rocksdb_files_are_shown_as_any_other_state)
{
	const char *path = weir_test_shared("fixtures/flights/2.1.1/native-rocksdb");
	struct weir_buf b = { 0 };
	struct weir_tree *t;

	if (!path)
		weir_test_skip("the shared fixtures are not there");
	t = open_tree(path);
	read_path(t, "checkpoints/native-rocksdb/operators/dd6667d0126c0567e1d895d744174c63/keyed/states/count/type.json", &b);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&b), "int64"));
	weir_buf_clear(&b);
	read_path(t, "checkpoints/native-rocksdb/operators/dd6667d0126c0567e1d895d744174c63/keyed/states/count/count", &b);
	ck_assert_int_gt(atoi(weir_buf_cstr(&b)), 100);
	weir_buf_fini(&b);
	weir_tree_free(t);
}

WEIR_TEST(paths_that_are_no_checkpoint)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_source *src = NULL;
	char path[600];

	snprintf(path, sizeof(path), "%s/nowhere", weir_test_dir());
	ck_assert_int_eq(weir_source_open(path, &src, &err), WEIR_ENOTFOUND);
	weir_error_clear(&err);
	ck_assert_int_eq(weir_source_open(weir_test_dir(), &src, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "_metadata"));
}
