// SPDX-License-Identifier: Apache-2.0
/* A scan does not keep what it has read: resident memory was as large as the files. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <unistd.h>

#include "state/ckpt/view.h"
#include "state/flink/keyed.h"

enum { ENTRIES = 48 << 10, GROUPS = 4, VALUE = 1000 }; /* 48 MiB */

static int put_file(void *arg, const void *p, size_t n, struct weir_error *err)
{
	return fwrite(p, 1, n, arg) == n ? 0 : weir_error_set(err, WEIR_EIO, "cannot write");
}

static void write_checkpoint(const char *dir)
{
	static const uint8_t ns[1], value[VALUE] = { 0, 0, 3, 0xe4 }; /* 996 bytes */
	struct weir_keyed_state_meta meta = { .name = "blob", .kind = WEIR_STATE_VALUE, .ns = &weir_void, .stored = &weir_bytes };
	struct weir_error err = WEIR_ERROR_INIT;
	int64_t offsets[GROUPS];
	struct weir_subtask_state sub = { .managed_keyed = { .kind = WEIR_KEYED_GROUPS, .groups = { 0, GROUPS, offsets }, .stream = { .kind = WEIR_HANDLE_RELATIVE, .name = { (const uint8_t *)"state", 5 } } } };
	struct weir_operator_state op = { .id = weir_operator_id_of_uid("blobs"), .parallelism = 1, .max_parallelism = GROUPS, .nsubtasks = 1, .subtasks = &sub };
	struct weir_ckpt ckpt = { .id = 1, .noperators = 1, .operators = &op };
	struct weir_keyed_writer *w;
	struct weir_buf out = { 0 };
	char path[4200];
	uint64_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/state", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_ok(weir_keyed_writer_new(WEIR_FORMAT_HEAP, &weir_int32, 1, &meta, GROUPS, 0, GROUPS, put_file, f, &w, &err));
	for (int32_t g = 0; g < GROUPS; g++) {
		ck_ok(weir_keyed_writer_group(w, g, &err));
		ck_ok(weir_keyed_writer_state(w, 0, ENTRIES / GROUPS, &err));
		for (uint32_t i = 0; i < ENTRIES / GROUPS; i++) {
			uint32_t key = __builtin_bswap32(i);

			ck_ok(weir_keyed_writer_entry(w, (struct weir_slice){ (const uint8_t *)&key, 4 }, (struct weir_slice){ ns, 1 }, (struct weir_slice){ NULL, 0 },
						      (struct weir_slice){ value, VALUE }, 0, &err));
		}
	}
	ck_ok(weir_keyed_writer_finish(w, offsets, &size, &err));
	weir_keyed_writer_free(w);
	ck_assert_int_eq(fclose(f), 0);
	sub.managed_keyed.stream.size = (int64_t)size;
	ck_ok(weir_ckpt_encode(&ckpt, WEIR_META_DEFAULT, &out, &err));
	snprintf(path, sizeof(path), "%s/_metadata", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(out.data, 1, out.len, f), out.len);
	ck_assert_int_eq(fclose(f), 0);
	weir_buf_fini(&out);
}

static size_t resident_mb(void)
{
	unsigned long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE) >> 20;
}

struct seen { size_t most; uint32_t n; uint64_t sum; };

static int see(void *arg, const struct weir_entry *e)
{
	struct seen *s = arg;

	for (size_t i = 0; i < e->value.len; i++)
		s->sum += e->value.ptr[i];
	if (s->n++ % 1024 == 0) {
		size_t mb = resident_mb();

		s->most = mb > s->most ? mb : s->most;
	}
	return 0;
}

WEIR_TEST(a_scan_gives_back_the_memory_of_what_it_has_read)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct seen first = { 0 }, again = { 0 };
	const char *dir = weir_test_dir();
	struct weir_ckpt *c;
	struct weir_view *v;
	size_t before;

	write_checkpoint(dir);
	ck_ok(weir_ckpt_open(dir, &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	before = resident_mb();
	ck_ok(weir_view_scan(v, &scan, see, &first, &err));
	ck_assert_uint_eq(first.n, ENTRIES);
	ck_assert_uint_eq(first.sum, (uint64_t)ENTRIES * (3 + 0xe4));
	ck_assert_uint_lt(first.most, before + 20);
	ck_ok(weir_view_scan(v, &scan, see, &again, &err)); /* it can be read again */
	ck_assert_uint_eq(again.n, first.n);
	ck_assert_uint_eq(again.sum, first.sum);
	weir_view_close(v);
}
