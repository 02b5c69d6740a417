// SPDX-License-Identifier: Apache-2.0
/* _metadata: real files and conformance vectors, byte for byte; conversion between versions; damage. */
#include "ckpt_test.h"

#include "base/hash.h"
#include "base/rng.h"
#include "vectors.h"

/* Decode, encode at the same version, compare. */
static void check_identity(struct weir_slice bytes, const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf out = { 0 };
	struct weir_ckpt *c;

	ck_ok(weir_ckpt_decode(bytes, path, &mem, &c, &err));
	ck_ok(weir_ckpt_encode(c, c->version, &out, &err));
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&out), bytes), "%s: %zu bytes became %zu", path, bytes.len, out.len);
	weir_buf_fini(&out);
	weir_arena_fini(&mem);
}

WEIR_TEST(every_fixture_is_written_as_it_was_read)
{
	size_t n;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	ck_assert_uint_ge(n, 100);
	for (size_t i = 0; i < n; i++) {
		struct weir_slice bytes = test_read_file(paths[i]);

		check_identity(bytes, paths[i]);
		test_free(bytes);
	}
	test_free_fixtures(paths, n);
}

static struct weir_ckpt *decode_hex(const char *hex, struct weir_buf *bytes, struct weir_arena *mem)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;

	*bytes = test_hex(hex);
	ck_ok(weir_ckpt_decode(weir_buf_slice(bytes), "vector", mem, &c, &err));
	check_identity(weir_buf_slice(bytes), "vector");
	return c;
}

WEIR_TEST(example_v6_and_the_same_as_v3)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf six, three, out = { 0 };
	struct weir_ckpt *c = decode_hex(vector_example_v6, &six, &mem), *old = decode_hex(vector_example_v3, &three, &mem);
	const struct weir_operator_state *op = &c->operators[0];
	const struct weir_subtask_state *t = &op->subtasks[0];
	struct weir_operator_id id = weir_operator_id_of_uid("my-uid");

	ck_assert_int_eq(c->version, 6);
	ck_assert_int_eq(c->id, 5);
	ck_assert_uint_eq(c->noperators, 1);
	ck_assert_uint_eq(c->nmasters, 0);
	ck_assert(test_is(op->name, "m") && test_is(op->uid, "my-uid"));
	ck_assert_mem_eq(op->id.bytes, id.bytes, 16);
	ck_assert_ptr_eq(weir_ckpt_operator(c, &id), op);
	ck_assert_uint_eq(op->parallelism, 1);
	ck_assert_uint_eq(op->max_parallelism, 2);
	ck_assert_int_eq(op->coordinator.kind, WEIR_HANDLE_NONE);
	ck_assert_uint_eq(op->nsubtasks, 1);
	ck_assert(t->managed_operator.present && !t->raw_operator.present && !t->finished);
	ck_assert_uint_eq(t->managed_operator.nlists, 1);
	ck_assert(test_is(t->managed_operator.lists[0].name, "list"));
	ck_assert_int_eq(t->managed_operator.lists[0].offsets[1], 0x29);
	ck_assert(test_is(t->managed_operator.stream.data, "abc"));
	ck_assert_int_eq(t->managed_keyed.kind, WEIR_KEYED_SAVEPOINT);
	ck_assert_int_eq(t->managed_keyed.groups.offsets[1], 140);
	ck_assert(test_is(t->managed_keyed.stream.name, "kg"));
	ck_assert_int_eq(t->managed_keyed.stream.size, 180);
	ck_assert_int_eq(c->properties.kind, WEIR_SNAPSHOT_UNKNOWN);
	ck_ok(weir_ckpt_encode(c, 3, &out, &err));
	ck_assert(weir_slice_eq(weir_buf_slice(&out), weir_buf_slice(&three)));
	ck_assert_int_eq(old->version, 3);
	weir_buf_fini(&out);
	weir_buf_fini(&six);
	weir_buf_fini(&three);
	weir_arena_fini(&mem);
}

WEIR_TEST(vector_a_every_current_tag)
{
	struct weir_arena mem = { 0 };
	struct weir_buf bytes;
	struct weir_ckpt *c = decode_hex(vector_a, &bytes, &mem);
	const struct weir_operator_state *op = c->operators;
	const struct weir_keyed_handle *k;
	const struct weir_channel_handle *in;

	ck_assert_int_eq(c->id, 42);
	ck_assert_uint_eq(c->nmasters, 1);
	ck_assert_int_eq(c->masters[0].version, 3);
	ck_assert(test_is(c->masters[0].name, "hook-\xc3\xa4") && test_is(c->masters[0].payload, "\x09\x08\x07"));
	ck_assert_uint_eq(c->noperators, 4);
	ck_assert(test_is(op[0].name, "my op") && test_is(op[0].uid, "uid-1"));
	ck_assert(test_is(op[0].coordinator.name, "coord"));
	ck_assert_uint_eq(op[0].coordinator.data.len, 3);
	ck_assert_uint_eq(op[0].subtasks[0].managed_operator.nlists, 3);
	ck_assert_int_eq(op[0].subtasks[0].managed_operator.lists[1].mode, WEIR_UNION);
	ck_assert_int_eq(op[0].subtasks[0].managed_operator.lists[2].mode, WEIR_BROADCAST);
	ck_assert_int_eq(op[0].subtasks[0].raw_operator.stream.kind, WEIR_HANDLE_FILE);
	ck_assert(test_is(op[0].subtasks[0].raw_operator.stream.name, "hdfs://nn:8020/x/y"));
	ck_assert_int_eq(op[0].subtasks[0].raw_operator.stream.size, 99);
	ck_assert_int_eq(op[0].subtasks[0].raw_keyed.kind, WEIR_KEYED_GROUPS);
	ck_assert(test_is(op[0].subtasks[0].raw_keyed.id, "kgid"));
	k = &op[0].subtasks[1].managed_keyed;
	ck_assert_int_eq(k->kind, WEIR_KEYED_INCREMENTAL);
	ck_assert_int_eq(k->checkpoint_id, 7);
	ck_assert_int_eq(k->checkpointed_size, 4321);
	ck_assert_uint_eq(k->groups.count, 64);
	ck_assert(test_is(k->shared[0].name, "000008.sst") && test_is(k->shared[0].handle.name, "file:/ckpt/j/shared/aaaa"));
	ck_assert(test_is(k->private_[0].name, "MANIFEST-000004"));
	ck_assert(op[0].subtasks[2].finished);
	ck_assert_uint_eq(op[0].subtasks[2].index, 2);
	ck_assert(op[1].subtasks[0].managed_operator.merged);
	ck_assert_int_eq(op[1].subtasks[0].managed_operator.stream.start, 4096);
	ck_assert(test_is(op[1].subtasks[0].managed_operator.stream.logical_id, "lf-1"));
	ck_assert(op[1].subtasks[1].managed_operator.empty);
	ck_assert_int_eq(op[1].subtasks[1].managed_operator.stream.kind, WEIR_HANDLE_EMPTY_SEGMENT);
	k = &op[1].subtasks[2].managed_keyed;
	ck_assert_int_eq(k->kind, WEIR_KEYED_CHANGELOG);
	ck_assert_int_eq(k->checkpointed_size, 888);
	ck_assert_uint_eq(k->nmaterialized, 1);
	ck_assert_uint_eq(k->nincrements, 2);
	ck_assert_int_eq(k->increments[0].changes[0].key_group, -1);
	ck_assert_int_eq(k->increments[0].to_seq, 2);
	ck_assert_int_eq(k->increments[1].files[0].offset, 40);
	ck_assert_int_eq(k->increments[1].checkpointed_size, 450);
	ck_assert(test_is(k->increments[1].storage_id, "filesystem"));
	ck_assert_int_eq(k->materialization_id, 3);
	ck_assert_int_eq(k->checkpoint_id, 9);
	ck_assert(test_is(k->id, "clh"));
	ck_assert(op[2].fully_finished);
	ck_assert_uint_eq(op[2].max_parallelism, 256);
	in = &op[3].subtasks[0].inputs[0];
	ck_assert(in->merged && !in->output);
	ck_assert_int_eq(in->subtask, 1);
	ck_assert_int_eq(in->size, 5);
	ck_assert_uint_eq(in->packed.len, 0x44);
	ck_assert(op[3].subtasks[0].outputs[0].output);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

WEIR_TEST(vector_b_changelog_of_1_14)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf bytes, out = { 0 };
	struct weir_ckpt *c = decode_hex(vector_b, &bytes, &mem);
	const struct weir_keyed_handle *k = &c->operators[0].subtasks[1].managed_keyed;

	ck_assert_int_eq(c->profile, WEIR_META_1_14);
	ck_assert_int_eq(c->operators[0].subtasks[0].managed_keyed.kind, WEIR_KEYED_INCREMENTAL_OLD);
	ck_assert_int_eq(k->kind, WEIR_KEYED_CHANGELOG_OLD);
	ck_assert_int_eq(k->checkpointed_size, -1);
	ck_assert_uint_eq(k->nincrements, 2);
	ck_assert_int_eq(k->increments[0].kind, WEIR_KEYED_CHANGES_INLINE);
	ck_assert_int_eq(k->increments[1].kind, WEIR_KEYED_CHANGES_FILES_OLD);
	ck_assert_int_eq(k->increments[1].files[0].offset, 4);
	ck_assert_int_eq(k->increments[1].size, 50);
	ck_assert(c->operators[0].subtasks[2].finished);
	ck_assert_int_eq(weir_ckpt_encode(c, 4, &out, &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "subtask 1: a changelog handle of Flink 1.14"));
	ck_assert_uint_eq(out.len, 0);
	weir_buf_fini(&out);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

WEIR_TEST(vector_c_channels_of_1_11)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf bytes, out = { 0 };
	struct weir_ckpt *c = decode_hex(vector_c, &bytes, &mem), *six;
	const struct weir_channel_handle *in = &c->operators[0].subtasks[0].inputs[0], *to = &c->operators[0].subtasks[0].outputs[0];

	ck_assert_int_eq(c->profile, WEIR_META_1_11);
	ck_assert_int_eq(in->subtask, -1);
	ck_assert_int_eq(in->a, 3);
	ck_assert_int_eq(in->b, 4);
	ck_assert_int_eq(in->size, 9);
	ck_assert_uint_eq(to->noffsets, 2);
	ck_assert_int_eq(to->offsets[1], 12);
	ck_ok(weir_ckpt_encode(c, 6, &out, &err)); /* the newer layout wants the subtask: its own */
	ck_ok(weir_ckpt_decode(weir_buf_slice(&out), "six", &mem, &six, &err));
	in = &six->operators[0].subtasks[0].inputs[0];
	ck_assert_int_eq(in->subtask, 0);
	ck_assert_int_eq(in->b, 4);
	weir_buf_fini(&out);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

/* ---- conversion ---- */

static struct weir_ckpt *convert(const struct weir_ckpt *c, int32_t version, struct weir_buf *out, struct weir_arena *mem)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *r = NULL;

	*out = (struct weir_buf){ 0 };
	ck_ok(weir_ckpt_encode(c, version, out, &err));
	ck_ok(weir_ckpt_decode(weir_buf_slice(out), "converted", mem, &r, &err));
	ck_assert_int_eq(r->version, version);
	ck_assert_uint_eq(r->noperators, c->noperators);
	return r;
}

struct seen {
	uint64_t hash, n;
	bool names;
};

static int add_handle(void *arg, const struct weir_operator_state *op, const struct weir_subtask_state *sub, const struct weir_stream_handle *h)
{
	struct seen *s = arg;

	(void)sub;
	s->n++;
	s->hash = weir_xxh3_seed(op->id.bytes, 16, s->hash);
	s->hash = weir_xxh3_seed(h->name.ptr, s->names ? h->name.len : 0, s->hash ^ (uint64_t)h->size);
	s->hash = weir_xxh3_seed(h->data.ptr, h->data.len, s->hash);
	return 0;
}

static struct seen handles_of(const struct weir_ckpt *c, bool names)
{
	struct seen s = { .names = names };

	ck_assert_int_eq(weir_ckpt_each_handle(c, add_handle, &s), 0);
	return s;
}

WEIR_TEST(fixtures_convert_to_every_version_or_say_why_not)
{
	static const char *const reasons[] = { "a finished subtask", "a finished operator", "in-flight data", "a changelog handle", "the state of an operator coordinator",
					       "a segment of a merged file", "operator state in merged files", "relative file" };
	size_t n, converted = 0, refused = 0;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	for (size_t i = 0; i < n; i++) {
		struct weir_slice bytes = test_read_file(paths[i]);
		struct weir_arena mem = { 0 };
		struct weir_error err = WEIR_ERROR_INIT;
		struct weir_ckpt *c;
		struct seen before;

		ck_ok(weir_ckpt_decode(bytes, paths[i], &mem, &c, &err));
		before = handles_of(c, true);
		for (int32_t version = WEIR_META_OLDEST; version <= WEIR_META_NEWEST; version++) {
			struct weir_buf out = { 0 };
			struct weir_ckpt *r;
			bool known = false;
			struct seen after;

			weir_error_clear(&err);
			if (weir_ckpt_encode(c, version, &out, &err)) {
				for (size_t k = 0; k < sizeof(reasons) / sizeof(reasons[0]); k++)
					known |= strstr(err.msg, reasons[k]) != NULL;
				ck_assert_msg(known && strstr(err.msg, "operator ") && strstr(err.msg, "cannot be written for Flink "), "%s to V%d: %s", paths[i], version, err.msg);
				ck_assert_int_lt(version, 4); /* upwards everything goes */
				refused++;
				weir_buf_fini(&out);
				continue;
			}
			ck_ok(weir_ckpt_decode(weir_buf_slice(&out), paths[i], &mem, &r, &err));
			after = handles_of(r, true);
			if (!(c->version == 6 && strstr(paths[i], "unaligned"))) /* unpacked: more handles */
				ck_assert_msg(before.n == after.n && before.hash == after.hash, "%s to V%d", paths[i], version);
			check_identity(weir_buf_slice(&out), paths[i]);
			weir_buf_fini(&out);
			converted++;
		}
		weir_arena_fini(&mem);
		test_free(bytes);
	}
	ck_assert_uint_gt(converted, 4 * refused);
	ck_assert_uint_gt(refused, 0);
	test_free_fixtures(paths, n);
}

WEIR_TEST(to_v2_rewrites_tags_and_makes_references_absolute)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf bytes, out = { 0 };
	struct weir_ckpt *c = decode_hex(vector_example_v6, &bytes, &mem), *two;
	char dir[] = "/data/savepoint-1";

	ck_assert_int_eq(weir_ckpt_encode(c, 2, &out, &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "operator 1 of 1 (my-uid), subtask 0: the relative file kg"));
	ck_assert_ptr_nonnull(strstr(err.msg, "Flink 1.3 to 1.10 (metadata version 2)"));
	c->fs = weir_fs_local;
	c->dir = dir;
	weir_buf_fini(&out);
	two = convert(c, 2, &out, &mem);
	ck_assert_int_eq(two->operators[0].subtasks[0].managed_keyed.kind, WEIR_KEYED_GROUPS_OLD);
	ck_assert(test_is(two->operators[0].subtasks[0].managed_keyed.stream.name, "file:/data/savepoint-1/kg"));
	ck_assert_int_eq(two->operators[0].subtasks[0].managed_keyed.stream.size, 180);
	ck_assert_uint_eq(two->operators[0].name.len, 0);
	weir_buf_fini(&out);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

WEIR_TEST(vector_a_downwards)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_arena mem = { 0 };
	struct weir_buf bytes, out, three;
	struct weir_ckpt *c = decode_hex(vector_a, &bytes, &mem), *r;
	const struct weir_channel_handle *in;
	const struct weir_keyed_handle *k;

	r = convert(c, 5, &out, &mem); /* merged channels are unpacked */
	ck_assert_uint_eq(r->operators[3].subtasks[0].ninputs, 2);
	in = &r->operators[3].subtasks[0].inputs[1];
	ck_assert(!in->merged && test_is(in->stream.name, "chan"));
	ck_assert_int_eq(in->a, 1);
	ck_assert_int_eq(in->b, 3);
	ck_assert_int_eq(in->subtask, 1);
	ck_assert_int_eq(in->size, 2);
	ck_assert_int_eq(in->offsets[0], 12);
	weir_buf_fini(&out);
	out = (struct weir_buf){ 0 };
	ck_assert_int_eq(weir_ckpt_encode(c, 3, &out, &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "operator 2 of 4"));
	ck_assert_ptr_nonnull(strstr(err.msg, "merged files"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_ckpt_encode(c, 2, &out, &err), WEIR_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "operator coordinator"));
	weir_buf_fini(&out);
	memset(&c->operators[1].subtasks[0].managed_operator, 0, sizeof(struct weir_operator_handle));
	memset(&c->operators[1].subtasks[1].managed_operator, 0, sizeof(struct weir_operator_handle));
	r = convert(c, 3, &three, &mem);
	k = &r->operators[1].subtasks[2].managed_keyed;
	ck_assert_int_eq(k->kind, WEIR_KEYED_CHANGELOG_OLD);
	ck_assert_int_eq(k->increments[1].kind, WEIR_KEYED_CHANGES_FILES_OLD);
	ck_assert_int_eq(k->materialization_id, 3);
	weir_buf_fini(&out);
	r = convert(r, 6, &out, &mem); /* and up again */
	k = &r->operators[1].subtasks[2].managed_keyed;
	ck_assert_int_eq(k->kind, WEIR_KEYED_CHANGELOG);
	ck_assert(test_is(k->increments[1].storage_id, "filesystem"));
	ck_assert(test_is(k->id, "clh"));
	weir_buf_fini(&out);
	weir_buf_fini(&three);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

/* ---- damage ---- */

static int decode_damaged(struct weir_slice bytes, struct weir_error *err)
{
	struct weir_arena mem = { 0 };
	struct weir_ckpt *c;
	int code;

	weir_error_clear(err);
	code = weir_ckpt_decode(bytes, "d/_metadata", &mem, &c, err);
	if (!code)
		handles_of(c, true); /* touches every slice */
	weir_arena_fini(&mem);
	return code;
}

static void expect(const char *hex, size_t at, unsigned value, size_t len, int code, uint64_t offset, const char *message)
{
	struct weir_buf b = test_hex(hex);
	struct weir_error err = WEIR_ERROR_INIT;
	/* a copy of exact size, so that a sanitizer sees any read past it */
	uint8_t *exact = malloc(len ? len : b.len);
	size_t n = len ? len : b.len;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, b.data, n);
	if (at < n)
		exact[at] = (uint8_t)value;
	ck_assert_int_eq(decode_damaged((struct weir_slice){ exact, n }, &err), code);
	ck_assert_str_eq(err.path, "d/_metadata");
	ck_assert_uint_eq(err.offset, offset);
	ck_assert_msg(strstr(err.msg, message) != NULL, "\"%s\" is not in \"%s\"", message, err.msg);
	free(exact);
	weir_buf_fini(&b);
}

WEIR_TEST(messages_name_operator_and_byte)
{
	const char *v = vector_example_v6;

	expect(v, 0, 0x50, 0, WEIR_ECORRUPT, 0, "not a Flink metadata file: it begins with 5060672d");
	expect(v, 7, 1, 0, WEIR_EVERSION, 4, "metadata version 1 (Flink 1.2) is not read");
	expect(v, 7, 7, 0, WEIR_EVERSION, 4, "metadata version 7 is not supported: 2 to 6");
	expect(v, 999, 0, 3, WEIR_ETRUNCATED, 0, "only 3 bytes");
	expect(v, 0x68, 21, 0, WEIR_ECORRUPT, 0x68, "operator 1 of 1, subtask 0: handle tag 21 is not known to Flink 1.10-2.3");
	expect(v, 0x77, 4, 0, WEIR_ECORRUPT, 0x77, "operator 1 of 1, subtask 0: handle tag 4 cannot stand for keyed state");
	expect(v, 0x48, 7, 0, WEIR_ECORRUPT, 0x48, "handle tag 7 cannot stand for operator state");
	expect(v, 0x90, 5, 0, WEIR_ECORRUPT, 0x90, "handle tag 5 cannot stand for a stream");
	expect(v, 0x53, 3, 0, WEIR_ECORRUPT, 0x53, "distribution mode 3");
	expect(v, 0x47, 2, 0, WEIR_ECORRUPT, 0x44, "the flag for managed operator state is 2");
	expect(v, 0x3c, 0x80, 0, WEIR_ECORRUPT, 0x3c, "operator 1 of 1: -2147483647 subtask entries");
	expect(v, 0x3c, 0x40, 0, WEIR_ECORRUPT, 0x3c, "the count is larger than the data");
	expect(v, 0x36, 3, 0, WEIR_ECORRUPT, 0x33, "parallelism 3 of at most 2");
	expect(v, 0x08, 0x80, 0, WEIR_ECORRUPT, 0x08, "is negative");
	expect(v, 0x7e, 0xff, 0, WEIR_ECORRUPT, 0x78, "key groups from 0 on");
	expect(v, 999, 0, 0x80, WEIR_ETRUNCATED, 0x80, "operator 1 of 1, subtask 0: ");
	expect(v, 0xa6, 0xad, 0, WEIR_ECORRUPT, 0xaa, "the checkpoint properties are no Java object stream");
	expect("4960672d000000030000000000000001000000000000000000", 999, 0, 0, WEIR_ECORRUPT, 24, "bytes follow the end of the metadata");
}

WEIR_TEST(nested_handles_end_somewhere)
{
	struct weir_buf b = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;

	weir_buf_u32(&b, 0x4960672d);
	weir_buf_u32(&b, 3);
	weir_buf_u64(&b, 1);
	weir_buf_u32(&b, 0);
	weir_buf_u32(&b, 1);
	weir_buf_u64(&b, 1);
	weir_buf_u64(&b, 2);
	weir_buf_u32(&b, 1);
	weir_buf_u32(&b, 1);
	for (int i = 0; i < 100000; i++) { /* key groups in key groups in ... */
		weir_buf_u8(&b, 3);
		weir_buf_u64(&b, 1);
		weir_buf_u64(&b, 0);
	}
	ck_assert_int_eq(decode_damaged(weir_buf_slice(&b), &err), WEIR_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "nested more than 8 deep"));
	weir_buf_fini(&b);
}

/* Ten fixtures that differ, small enough to damage everywhere. */
static size_t pick(char **paths, size_t n, struct weir_slice out[10])
{
	static const char *const wanted[10] = { "flink1.8-savepoint", "special/1.10.3/rocksdb/b4", "flink1.14-savepoint", "flink1.16-rocksdb-savepoint-native",
						"special/1.20.1/changelog-rocksdb-mat", "special/1.20.1/unaligned", "table-state", "special/2.1.1/unaligned",
						"special/2.1.1/file-merging/", "special/2.1.1/changelog-hashmap/" };
	size_t found = 0;

	for (int w = 0; w < 10; w++)
		for (size_t i = 0; i < n; i++)
			if (strstr(paths[i], wanted[w])) {
				struct weir_slice s = test_read_file(paths[i]);

				if (s.len > 40000) {
					test_free(s);
					continue;
				}
				out[found++] = s;
				break;
			}
	return found;
}

WEIR_TEST(truncated_fixtures_are_refused)
{
	struct weir_slice files[10];
	struct weir_error err;
	size_t n, k;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	k = pick(paths, n, files);
	ck_assert_uint_ge(k, 8);
	for (size_t i = 0; i < k; i++) {
		for (size_t len = 0; len < files[i].len; len += len < 3000 || files[i].len - len < 1000 ? 1 : 7) {
			uint8_t *exact = malloc(len + 1);

			ck_assert_ptr_nonnull(exact);
			memcpy(exact, files[i].ptr, len);
			ck_assert_msg(decode_damaged((struct weir_slice){ exact, len }, &err) != 0, "file %zu cut to %zu bytes is accepted", i, len);
			ck_assert_str_eq(err.path, "d/_metadata");
			ck_assert(err.offset <= len);
			ck_assert(err.msg[0]);
			free(exact);
		}
		test_free(files[i]);
	}
	test_free_fixtures(paths, n);
}

WEIR_TEST(flipped_bits_never_crash_and_stay_the_same_when_accepted)
{
	struct weir_slice files[10];
	struct weir_rng rng = { 7 };
	struct weir_error err;
	size_t n, k, accepted = 0, refused = 0;
	char **paths = test_fixtures(&n);

	if (!paths)
		weir_test_skip("no shared fixtures");
	k = pick(paths, n, files);
	for (size_t i = 0; i < k; i++) {
		uint8_t *copy = malloc(files[i].len);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, files[i].ptr, files[i].len);
		for (size_t at = 0; at < files[i].len; at++) {
			struct weir_slice s = { copy, files[i].len };

			copy[at] ^= (uint8_t)(1u << weir_rng_below(&rng, 8));
			if (decode_damaged(s, &err)) {
				refused++;
				ck_assert(err.offset <= s.len && err.msg[0] && strcmp(err.path, "d/_metadata") == 0);
			} else {
				accepted++; /* a name, an offset, state bytes */
				if (at % 16 == 0)
					check_identity(s, "flipped");
			}
			copy[at] = files[i].ptr[at];
		}
		free(copy);
		test_free(files[i]);
	}
	ck_assert_uint_gt(refused, 1000);
	ck_assert_uint_gt(accepted, 1000);
	test_free_fixtures(paths, n);
}
