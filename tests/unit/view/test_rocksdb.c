/* SPDX-License-Identifier: Apache-2.0 */
/* RocksDB files as state: looking up keys and key groups, ranges, damage, temporary directories. That the entries are right, test_dump.c and test_fixtures.c say. */
#include "tests/unit/view/golden.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/time.h>

#include "base/arena.h"
#include "state/ckpt/rocksdb.h"

static const struct weir_state_info *state_named(const struct weir_view *v, const char *name, enum weir_state_kind kind)
{
	for (uint32_t i = 0; i < weir_view_nstates(v); i++)
		if (strcmp(weir_view_state(v, i)->name, name) == 0 && weir_view_state(v, i)->kind == kind)
			return weir_view_state(v, i);
	ck_abort_msg("there is no state %s", name);
}

/* ---- what a scan gives, as text ---- */

struct seen {
	struct weir_buf text;
	unsigned n;
	int32_t first, last; /* key groups */
	struct weir_buf key; /* of the entry in the middle */
	unsigned keep;
};

static int see(void *arg, const struct weir_entry *e)
{
	struct seen *s = arg;

	weir_buf_printf(&s->text, "%d ", e->key_group);
	weir_buf_hex(&s->text, e->key);
	weir_buf_hex(&s->text, e->ns);
	weir_buf_u8(&s->text, ' ');
	weir_buf_hex(&s->text, e->user_key);
	weir_buf_u8(&s->text, ' ');
	weir_buf_hex(&s->text, e->value);
	weir_buf_u8(&s->text, '\n');
	if (s->n++ == s->keep)
		weir_buf_put_slice(&s->key, e->key);
	if (s->n == 1 || e->key_group < s->first)
		s->first = e->key_group;
	if (s->n == 1 || e->key_group > s->last)
		s->last = e->key_group;
	return 0;
}

static void forget(struct seen *s)
{
	weir_buf_fini(&s->text);
	weir_buf_fini(&s->key);
}

static unsigned lines_with(const struct weir_buf *text, const char *needle)
{
	unsigned n = 0;

	for (const char *p = (const char *)text->data; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

WEIR_TEST(one_key_is_found_without_reading_the_others)
{
	struct weir_view *v = golden_view("2.1.1/native-rocksdb");
	static const struct {
		const char *state;
		enum weir_state_kind kind;
	} states[] = { { "count", WEIR_STATE_VALUE }, { "to", WEIR_STATE_MAP }, { "recent", WEIR_STATE_LIST }, { "sum", WEIR_STATE_VALUE },
		       { "by-day", WEIR_STATE_MAP }, { "_timer_state/event_user-timers", WEIR_STATE_TIMER } };
	struct weir_error err = WEIR_ERROR_INIT;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct weir_scan scan = WEIR_SCAN_ALL;
		struct seen all = { .keep = 40 }, one = { 0 };
		struct weir_buf needle = { 0 };

		scan.state = state_named(v, states[i].state, states[i].kind);
		ck_ok(weir_view_scan(v, &scan, see, &all, &err));
		ck_assert_uint_gt(all.n, 41);
		scan.key = weir_buf_slice(&all.key);
		ck_ok(weir_view_scan(v, &scan, see, &one, &err));
		weir_buf_printf(&needle, "\n%d ", one.first);
		weir_buf_hex(&needle, scan.key);
		weir_buf_cstr(&all.text);
		for (const char *p = weir_buf_cstr(&one.text), *end; (end = strchr(p, '\n')) != NULL; p = end + 1)
			ck_assert(memmem(all.text.data, all.text.len, p, (size_t)(end + 1 - p)) != NULL);
		ck_assert_uint_ge(one.n, 1);
		if (states[i].kind != WEIR_STATE_TIMER && weir_type_java_length(scan.state->key) < 0) /* no key of these begins with another */
			ck_assert_uint_eq(one.n, lines_with(&all.text, weir_buf_cstr(&needle)));
		scan.key.len--; /* a key that is not there, though others begin with it */
		forget(&one);
		one = (struct seen){ 0 };
		ck_ok(weir_view_scan(v, &scan, see, &one, &err));
		ck_assert_uint_eq(one.n, 0);
		weir_buf_fini(&needle);
		forget(&all);
		forget(&one);
	}
	weir_view_close(v);
}

WEIR_TEST(a_key_group_is_its_share_of_all)
{
	struct weir_view *v = golden_view("2.1.1/native-rocksdb");
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct seen all = { 0 }, parts = { 0 };

	scan.state = state_named(v, "to", WEIR_STATE_MAP);
	ck_ok(weir_view_scan(v, &scan, see, &all, &err));
	for (scan.key_group = 0; scan.key_group < 128; scan.key_group++) {
		struct seen one = { 0 };

		ck_ok(weir_view_scan(v, &scan, see, &one, &err));
		if (one.n) {
			ck_assert_int_eq(one.first, scan.key_group);
			ck_assert_int_eq(one.last, scan.key_group);
		}
		weir_buf_put_slice(&parts.text, weir_buf_slice(&one.text));
		forget(&one);
	}
	ck_assert_uint_eq(parts.text.len, all.text.len);
	ck_assert_int_eq(memcmp(parts.text.data, all.text.data, all.text.len), 0);
	forget(&all);
	forget(&parts);
	weir_view_close(v);
}

/* ---- checkpoints that were changed ---- */

/* Decode the native savepoint, let change() do something to it, open it again. The bytes given out must stay until the view is closed. */
static struct weir_view *changed(void (*change)(struct weir_ckpt *c, struct weir_arena *mem))
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf bytes = golden_bytes("2.1.1/native-rocksdb"), out = { 0 };
	struct weir_arena mem = { 0 };
	struct weir_ckpt *c;
	struct weir_view *v;

	ck_ok(weir_ckpt_decode(weir_buf_slice(&bytes), "golden", &mem, &c, &err));
	change(c, &mem);
	ck_ok(weir_ckpt_encode(c, c->version, &out, &err));
	ck_ok(view_of(out.data, out.len, &v, &err));
	weir_buf_fini(&bytes);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
	return v;
}

static struct weir_keyed_handle *handle_of(struct weir_ckpt *c, uint32_t subtask)
{
	struct weir_operator_id id;

	ck_assert(weir_operator_id_parse("dd6667d0126c0567e1d895d744174c63", &id)); /* by-origin */
	return &weir_ckpt_operator(c, &id)->subtasks[subtask].managed_keyed;
}

static void shrink(struct weir_ckpt *c, struct weir_arena *mem)
{
	struct weir_keyed_handle *k = handle_of(c, 0);

	(void)mem;
	k->groups.first += 10;
	k->groups.count = 20;
	handle_of(c, 1)->groups.count = 1;
}

WEIR_TEST(only_the_key_groups_of_the_handle_are_delivered)
{
	struct weir_view *whole = golden_view("2.1.1/native-rocksdb"), *part = changed(shrink);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct seen all = { 0 }, some = { 0 };
	unsigned want = 0;

	scan.state = state_named(whole, "count", WEIR_STATE_VALUE);
	ck_ok(weir_view_scan(whole, &scan, see, &all, &err));
	scan.state = state_named(part, "count", WEIR_STATE_VALUE);
	ck_ok(weir_view_scan(part, &scan, see, &some, &err));
	for (const char *p = weir_buf_cstr(&all.text), *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		int group = atoi(p);
		bool in = (group >= 10 && group < 30) || group == 64;

		want += in;
		ck_assert_int_eq(in, memmem(some.text.data, some.text.len, p, (size_t)(end + 1 - p)) != NULL);
	}
	ck_assert_uint_gt(want, 10);
	ck_assert_uint_eq(some.n, want);
	forget(&all);
	forget(&some);
	weir_view_close(whole);
	weir_view_close(part);
}

/* ---- damage ---- */

struct findings {
	unsigned n;
	struct weir_buf text;
	int code;
};

static void find(void *arg, const struct weir_problem *p)
{
	struct findings *f = arg;

	f->n++;
	f->code = p->code;
	weir_buf_printf(&f->text, "%s|%s\n", p->path, p->text);
}

static struct findings verify(struct weir_view *v)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct findings f = { 0 };

	ck_ok(weir_view_verify(v, find, &f, &err));
	weir_buf_cstr(&f.text);
	return f;
}

static struct weir_named_handle *sst_of(struct weir_keyed_handle *k)
{
	for (uint32_t i = 0; i < k->nshared + k->nprivate; i++) {
		struct weir_named_handle *f = i < k->nshared ? &k->shared[i] : &k->private_[i - k->nshared];

		if (f->name.len > 4 && memcmp(f->name.ptr + f->name.len - 4, ".sst", 4) == 0)
			return f;
	}
	ck_abort_msg("no table file");
}

static void flip(struct weir_ckpt *c, struct weir_arena *mem)
{
	struct weir_named_handle *f = sst_of(handle_of(c, 0));
	uint8_t *copy = weir_arena_copy(mem, f->handle.data.ptr, f->handle.data.len);

	copy[20] ^= 0x40; /* inside the first block */
	f->handle.data.ptr = copy;
}

static void rename_up(struct weir_ckpt *c, struct weir_arena *mem)
{
	(void)mem;
	sst_of(handle_of(c, 0))->name = (struct weir_slice){ (const uint8_t *)"../escape.sst", 13 };
}

static void rename_twice(struct weir_ckpt *c, struct weir_arena *mem)
{
	(void)mem;
	sst_of(handle_of(c, 0))->name = (struct weir_slice){ (const uint8_t *)"CURRENT", 7 };
}

static void cut_manifest(struct weir_ckpt *c, struct weir_arena *mem)
{
	struct weir_keyed_handle *k = handle_of(c, 1);

	(void)mem;
	for (uint32_t i = 0; i < k->nprivate; i++)
		if (k->private_[i].name.len > 8 && memcmp(k->private_[i].name.ptr, "MANIFEST", 8) == 0)
			k->private_[i].handle.data.len = (size_t)(k->private_[i].handle.size /= 2);
}

static void remove_table(struct weir_ckpt *c, struct weir_arena *mem)
{
	struct weir_keyed_handle *k = handle_of(c, 0);

	struct weir_named_handle *f = sst_of(k);

	(void)mem;
	ck_assert_ptr_eq(f, &k->shared[0]);
	memmove(f, f + 1, --k->nshared * sizeof(*f));
}

WEIR_TEST(damage_is_told_and_the_rest_is_read)
{
	static const struct {
		void (*change)(struct weir_ckpt *c, struct weir_arena *mem);
		const char *says;
	} cases[] = { { flip, "checksum mismatch" }, { rename_up, "impossible name" }, { rename_twice, "are both called CURRENT" }, { cut_manifest, "RocksDB: " },
		      { remove_table, "RocksDB: " } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_view *v = changed(cases[i].change);
		struct findings f = verify(v);
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_dump_result r;
		struct weir_buf dump = { 0 };

		ck_assert_uint_ge(f.n, 1);
		ck_assert_uint_le(f.n, 40);
		ck_assert_int_eq(f.code, WEIR_ECORRUPT);
		ck_assert_msg(strstr(weir_buf_cstr(&f.text), cases[i].says) != NULL, "%s", weir_buf_cstr(&f.text));
		ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&f.text), "by-origin"));
		ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&f.text), "_metadata|"));
		ck_assert_ptr_null(strstr(weir_buf_cstr(&f.text), "weir-rocksdb-")); /* the temporary directory is nobody's business */
		ck_ok(weir_dump(v, put_to_buf, &dump, &r, &err));
		ck_assert_uint_ge(r.damaged, 1);
		ck_assert_uint_gt(r.entries, 2000); /* all other operators, and the other subtask */
		weir_buf_fini(&dump);
		weir_buf_fini(&f.text);
		weir_view_close(v);
	}
}

WEIR_TEST(a_missing_shared_file_is_told_once_by_its_name)
{
	const char *dir = unpack_incremental();
	char path[1300];
	struct findings f;
	struct weir_view *v;

	snprintf(path, sizeof(path), "%s/../shared/c5590281-e9fa-4fbf-ad6d-94130b43a6a8", dir);
	ck_assert_int_eq(unlink(path), 0);
	v = view_at(dir);
	f = verify(v);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_int_eq(f.code, WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&f.text), "c5590281-e9fa-4fbf-ad6d-94130b43a6a8|"));
	ck_assert_ptr_nonnull(strstr(weir_buf_cstr(&f.text), "missing"));
	weir_buf_fini(&f.text);
	weir_view_close(v);
}

/* ---- temporary directories ---- */

static unsigned temporary(const char *dir)
{
	unsigned n = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "weir-rocksdb-", 13) == 0;
	if (d)
		closedir(d);
	return n;
}

WEIR_TEST(temporary_directories_go_and_those_of_the_dead_too)
{
	struct timeval old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct seen all = { 0 };
	char tmp[1100], path[1200];
	struct weir_view *v;
	int fd;

	snprintf(tmp, sizeof(tmp), "%s/tmp", weir_test_dir());
	mkdir(tmp, 0777);
	setenv("TMPDIR", tmp, 1);
	for (int i = 0; i < 2; i++) { /* one that a killed process left, one that is in use */
		snprintf(path, sizeof(path), "%s/weir-rocksdb-%s", tmp, i ? "inuse0" : "killed");
		mkdir(path, 0700);
		strcat(path, "/weir.lock");
		write_file(path, "", 0);
	}
	fd = open(path, O_RDWR);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/weir-rocksdb-%s", tmp, i ? "inuse0" : "killed");
		utimes(path, old);
	}
	v = golden_view("2.1.1/native-rocksdb");
	ck_assert_uint_eq(temporary(tmp), 2); /* opening a view assembles nothing */
	ck_ok(weir_view_scan(v, &scan, see, &all, &err));
	weir_view_close(v);
	ck_assert_uint_eq(temporary(tmp), 1);
	snprintf(path, sizeof(path), "%s/weir-rocksdb-inuse0", tmp);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fd);
	snprintf(tmp, sizeof(tmp), "%s/nowhere", weir_test_dir());
	setenv("TMPDIR", tmp, 1);
	v = golden_view("2.1.1/native-rocksdb");
	ck_assert_int_eq(weir_view_scan(v, &scan, see, &all, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "TMPDIR"));
	ck_assert_ptr_nonnull(strstr(err.path, "nowhere"));
	weir_view_close(v);
	forget(&all);
}

/* ---- threads ---- */

struct reader {
	struct weir_view *view;
	unsigned n;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 3; i++) {
		struct weir_scan scan = WEIR_SCAN_ALL;
		struct seen all = { 0 };

		ck_assert_int_eq(weir_view_scan(r->view, &scan, see, &all, NULL), 0);
		r->n = all.n;
		forget(&all);
	}
	return NULL;
}

WEIR_TEST(many_threads_scan_one_view)
{
	struct weir_view *v = golden_view("2.1.1/native-rocksdb");
	struct reader readers[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		readers[i] = (struct reader){ .view = v };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(readers[i].n, readers[0].n);
	}
	ck_assert_uint_gt(readers[0].n, 8000);
	weir_view_close(v);
}

WEIR_TEST(a_folder_that_is_no_database)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir__rocksdb *db;

	ck_assert_int_eq(weir__rocksdb_open(weir_test_dir(), -1, &db, &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "RocksDB: "));
}
