// SPDX-License-Identifier: Apache-2.0
/* Random models, written at every version that can hold them and read back field by field. A failure names the seed. */
#include "ckpt_test.h"

#include "base/rng.h"
#include "state/flink/properties.h"

#define SEEDS 400

struct gen {
	struct weir_rng rng;
	struct weir_arena *mem;
	int32_t version;
	enum weir_meta_profile profile;
};

static uint32_t below(struct gen *g, uint32_t n) { return (uint32_t)weir_rng_below(&g->rng, n); }
static int64_t number(struct gen *g) { return (int64_t)(weir_rng_next(&g->rng) >> (1 + below(g, 60))); }

static void *array(struct gen *g, uint32_t n, size_t size)
{
	void *p = weir_arena_zero(g->mem, n * size + 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

static struct weir_slice text(struct gen *g)
{
	static const char *const texts[] = { "", "a", "state", "file:/tmp/weir/chk-1/0123", "\xc3\xa4\xed\xa0\xbd\xed\xb8\x80", "x y\tz", "\xc0\x80" };

	return test_text(texts[below(g, 7)]);
}

static int64_t *offsets(struct gen *g, uint32_t n)
{
	int64_t *p = array(g, n, 8);

	for (uint32_t i = 0; i < n; i++)
		p[i] = number(g) - 1;
	return p;
}

static struct weir_key_group_offsets range(struct gen *g, bool with_offsets)
{
	struct weir_key_group_offsets r = { .first = (int32_t)below(g, 1000), .count = below(g, 9) };

	if (with_offsets)
		r.offsets = offsets(g, r.count);
	return r;
}

static struct weir_stream_handle stream(struct gen *g, int depth)
{
	struct weir_stream_handle h = { 0 };

	switch (below(g, g->version >= 4 ? 7 : g->version == 3 ? 5 : 3)) {
	case 0:
		break;
	case 1:
		h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .name = text(g), .data = text(g) };
		h.size = (int64_t)h.data.len;
		break;
	case 2:
		h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_FILE, .name = text(g), .size = number(g) - 1 };
		break;
	case 3:
		h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_RELATIVE, .name = text(g), .size = number(g) };
		break;
	case 4:
		if (depth > 2)
			break;
		h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_KEY_GROUPS, .groups = range(g, true), .inner = array(g, 1, sizeof(h)) };
		*h.inner = stream(g, depth + 1);
		break;
	case 5:
		h = (struct weir_stream_handle){ .kind = WEIR_HANDLE_SEGMENT, .name = text(g), .size = number(g) / 4, .start = number(g) / 4, .scope = (int32_t)below(g, 2),
						 .logical_id = text(g) };
		break;
	default:
		h.kind = WEIR_HANDLE_EMPTY_SEGMENT;
	}
	return h;
}

static struct weir_named_handle *named(struct gen *g, uint32_t *out_n)
{
	struct weir_named_handle *p = array(g, 3, sizeof(*p));

	*out_n = below(g, 4);
	for (uint32_t i = 0; i < *out_n; i++)
		p[i] = (struct weir_named_handle){ text(g), stream(g, 1) };
	return p;
}

static struct weir_keyed_handle keyed(struct gen *g, int depth);

static struct weir_keyed_handle increment(struct gen *g)
{
	struct weir_keyed_handle h = { .kind = below(g, 2) ? WEIR_KEYED_CHANGES_INLINE : g->version > 3 ? WEIR_KEYED_CHANGES_FILES : WEIR_KEYED_CHANGES_FILES_OLD };

	h.groups = range(g, false);
	if (g->profile != WEIR_META_1_14)
		h.id = text(g);
	if (h.kind == WEIR_KEYED_CHANGES_INLINE) {
		h.from_seq = number(g);
		h.to_seq = number(g);
		h.nchanges = below(g, 4);
		h.changes = array(g, h.nchanges, sizeof(*h.changes));
		for (uint32_t i = 0; i < h.nchanges; i++)
			h.changes[i] = (struct weir_change){ (int32_t)below(g, 10) - 1, text(g) };
		return h;
	}
	h.nfiles = below(g, 4);
	h.files = array(g, h.nfiles, sizeof(*h.files));
	for (uint32_t i = 0; i < h.nfiles; i++)
		h.files[i] = (struct weir_change_file){ number(g), stream(g, 1) };
	h.size = number(g);
	h.checkpointed_size = g->profile == WEIR_META_1_14 ? -1 : number(g);
	if (h.kind == WEIR_KEYED_CHANGES_FILES)
		h.storage_id = text(g);
	return h;
}

static struct weir_keyed_handle changelog(struct gen *g, int depth)
{
	struct weir_keyed_handle h = { .kind = g->version > 3 ? WEIR_KEYED_CHANGELOG : WEIR_KEYED_CHANGELOG_OLD, .groups = range(g, false), .checkpointed_size = -1 };

	h.nmaterialized = below(g, 3);
	h.nincrements = below(g, 3);
	h.materialized = array(g, h.nmaterialized, sizeof(h));
	h.increments = array(g, h.nincrements, sizeof(h));
	for (uint32_t i = 0; i < h.nmaterialized; i++)
		h.materialized[i] = keyed(g, depth + 1);
	for (uint32_t i = 0; i < h.nincrements; i++)
		h.increments[i] = increment(g);
	if (g->profile == WEIR_META_1_14)
		return h;
	h.checkpointed_size = number(g);
	h.materialization_id = number(g);
	h.checkpoint_id = h.kind == WEIR_KEYED_CHANGELOG ? number(g) : h.materialization_id;
	h.id = text(g);
	return h;
}

static struct weir_keyed_handle keyed(struct gen *g, int depth)
{
	struct weir_keyed_handle h = { 0 };
	uint32_t pick = below(g, g->version == 2 ? 3 : depth ? 6 : 8);

	switch (pick) {
	case 0:
		return h;
	case 1:
	case 3:
	case 4:
		h.kind = pick == 1 ? WEIR_KEYED_GROUPS_OLD : pick == 3 ? WEIR_KEYED_SAVEPOINT : WEIR_KEYED_GROUPS;
		h.groups = range(g, true);
		h.stream = stream(g, 1);
		if (pick == 4)
			h.id = text(g);
		return h;
	case 2:
	case 5:
		h.kind = pick == 2 ? WEIR_KEYED_INCREMENTAL_OLD : WEIR_KEYED_INCREMENTAL;
		h.checkpoint_id = number(g);
		h.backend_id = text(g);
		h.groups = range(g, false);
		h.checkpointed_size = pick == 2 ? -1 : number(g);
		h.stream = stream(g, 1);
		h.shared = named(g, &h.nshared);
		h.private_ = named(g, &h.nprivate);
		if (pick == 5)
			h.id = text(g);
		return h;
	default:
		return changelog(g, depth);
	}
}

static struct weir_operator_handle operator_handle(struct gen *g)
{
	struct weir_operator_handle h = { .present = below(g, 2) };

	if (!h.present)
		return h;
	h.merged = g->version >= 4 && below(g, 3) == 0;
	h.nlists = below(g, 4);
	h.lists = array(g, h.nlists, sizeof(*h.lists));
	for (uint32_t i = 0; i < h.nlists; i++) {
		h.lists[i] = (struct weir_operator_list){ text(g), (enum weir_distribution)below(g, 3), below(g, 5), NULL };
		h.lists[i].offsets = offsets(g, h.lists[i].count);
	}
	h.stream = stream(g, 0);
	if (!h.merged)
		return h;
	h.task_owned_dir = text(g);
	h.shared_dir = text(g);
	h.empty = below(g, 2);
	if (h.stream.kind != WEIR_HANDLE_SEGMENT)
		h.stream = (struct weir_stream_handle){ .kind = WEIR_HANDLE_EMPTY_SEGMENT };
	return h;
}

static struct weir_channel_handle *channels(struct gen *g, bool output, uint32_t *out_n)
{
	struct weir_channel_handle *p = array(g, 3, sizeof(*p));

	*out_n = g->version == 2 ? 0 : below(g, 4);
	for (uint32_t i = 0; i < *out_n; i++) {
		p[i] = (struct weir_channel_handle){ .output = output, .merged = g->version == 6 && below(g, 2), .size = number(g), .stream = stream(g, 0) };
		p[i].subtask = g->profile == WEIR_META_1_11 ? -1 : (int32_t)below(g, 9);
		if (p[i].merged) {
			p[i].packed = test_text("");
			p[i].packed = (struct weir_slice){ (const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0", 24 };
			continue;
		}
		p[i].a = (int32_t)below(g, 5);
		p[i].b = (int32_t)below(g, 5);
		p[i].noffsets = below(g, 4);
		p[i].offsets = offsets(g, p[i].noffsets);
	}
	return p;
}

static struct weir_operator_state operator_state(struct gen *g)
{
	struct weir_operator_state op = { .max_parallelism = 1 + below(g, 32768) };

	for (int i = 0; i < 16; i++)
		op.id.bytes[i] = (uint8_t)below(g, 256);
	op.parallelism = below(g, op.max_parallelism + 1);
	if (g->version >= 5) {
		op.name = text(g);
		op.uid = text(g);
	}
	if (g->version > 2 && below(g, 5) == 0) {
		op.fully_finished = true;
		return op;
	}
	if (g->version > 2 && below(g, 2))
		op.coordinator = (struct weir_stream_handle){ .kind = WEIR_HANDLE_INLINE, .name = test_text("c"), .data = test_text("bytes"), .size = 5 };
	op.nsubtasks = below(g, 5);
	op.subtasks = array(g, op.nsubtasks, sizeof(*op.subtasks));
	for (uint32_t i = 0; i < op.nsubtasks; i++) {
		struct weir_subtask_state *t = &op.subtasks[i];

		t->index = i * 3;
		t->finished = g->version > 2 && below(g, 6) == 0;
		if (t->finished)
			continue;
		t->managed_operator = operator_handle(g);
		t->raw_operator = operator_handle(g);
		t->managed_keyed = keyed(g, 0);
		t->raw_keyed = keyed(g, 0);
		t->inputs = channels(g, false, &t->ninputs);
		t->outputs = channels(g, true, &t->noutputs);
	}
	return op;
}

static struct weir_ckpt *checkpoint(struct gen *g)
{
	struct weir_ckpt *c = array(g, 1, sizeof(*c));

	c->id = number(g);
	c->profile = g->profile;
	c->version = g->profile == WEIR_META_SINCE_1_12 ? 0 : 3;
	c->nmasters = below(g, 3);
	c->masters = array(g, c->nmasters, sizeof(*c->masters));
	for (uint32_t i = 0; i < c->nmasters; i++)
		c->masters[i] = (struct weir_master_state){ (int32_t)below(g, 9), text(g), text(g) };
	c->noperators = below(g, 5);
	c->operators = array(g, c->noperators, sizeof(*c->operators));
	for (uint32_t i = 0; i < c->noperators; i++)
		c->operators[i] = operator_state(g);
	if (g->version >= 4)
		c->properties = weir_properties_of((enum weir_snapshot_kind)below(g, 6), below(g, 2), below(g, 2));
	if (c->properties.kind < WEIR_SNAPSHOT_SAVEPOINT)
		c->properties.native = false;
	return c;
}

/* ---- a model as text: every field ---- */

static void d_text(struct weir_buf *b, struct weir_slice s)
{
	weir_buf_printf(b, " %zu:", s.len);
	weir_buf_put_slice(b, s);
}

static void d_offsets(struct weir_buf *b, uint32_t n, const int64_t *p)
{
	weir_buf_printf(b, " [%u", n);
	for (uint32_t i = 0; p && i < n; i++)
		weir_buf_printf(b, " %lld", (long long)p[i]);
	weir_buf_text(b, "]");
}

static void d_stream(struct weir_buf *b, const struct weir_stream_handle *h)
{
	weir_buf_printf(b, " stream(%d %lld %lld %d", (int)h->kind, (long long)h->size, (long long)h->start, h->scope);
	d_text(b, h->name);
	d_text(b, h->data);
	d_text(b, h->logical_id);
	weir_buf_printf(b, " %d", h->groups.first);
	d_offsets(b, h->groups.count, h->groups.offsets);
	if (h->inner)
		d_stream(b, h->inner);
	weir_buf_text(b, ")");
}

static void d_named(struct weir_buf *b, uint32_t n, const struct weir_named_handle *p)
{
	weir_buf_printf(b, " named %u", n);
	for (uint32_t i = 0; i < n; i++) {
		d_text(b, p[i].name);
		d_stream(b, &p[i].handle);
	}
}

static void d_keyed(struct weir_buf *b, const struct weir_keyed_handle *h)
{
	weir_buf_printf(b, "\n  keyed %d %lld %lld %lld %lld %lld %lld", (int)h->kind, (long long)h->checkpoint_id, (long long)h->checkpointed_size,
			(long long)h->materialization_id, (long long)h->from_seq, (long long)h->to_seq, (long long)h->size);
	weir_buf_printf(b, " %d", h->groups.first);
	d_offsets(b, h->groups.count, h->groups.offsets);
	d_text(b, h->id);
	d_text(b, h->backend_id);
	d_text(b, h->storage_id);
	d_stream(b, &h->stream);
	d_named(b, h->nshared, h->shared);
	d_named(b, h->nprivate, h->private_);
	for (uint32_t i = 0; i < h->nchanges; i++) {
		weir_buf_printf(b, " change %d", h->changes[i].key_group);
		d_text(b, h->changes[i].bytes);
	}
	for (uint32_t i = 0; i < h->nfiles; i++) {
		weir_buf_printf(b, " file %lld", (long long)h->files[i].offset);
		d_stream(b, &h->files[i].handle);
	}
	weir_buf_printf(b, " %u+%u", h->nmaterialized, h->nincrements);
	for (uint32_t i = 0; i < h->nmaterialized; i++)
		d_keyed(b, &h->materialized[i]);
	for (uint32_t i = 0; i < h->nincrements; i++)
		d_keyed(b, &h->increments[i]);
}

static void d_operator_handle(struct weir_buf *b, const struct weir_operator_handle *h)
{
	weir_buf_printf(b, "\n  operator %d %d %d", h->present, h->merged, h->empty);
	d_text(b, h->task_owned_dir);
	d_text(b, h->shared_dir);
	for (uint32_t i = 0; i < h->nlists; i++) {
		weir_buf_printf(b, " list %d", (int)h->lists[i].mode);
		d_text(b, h->lists[i].name);
		d_offsets(b, h->lists[i].count, h->lists[i].offsets);
	}
	d_stream(b, &h->stream);
}

static void d_channels(struct weir_buf *b, uint32_t n, const struct weir_channel_handle *p)
{
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_printf(b, "\n  channel %d %d %d %d %d %lld", p[i].output, p[i].merged, p[i].subtask, p[i].a, p[i].b, (long long)p[i].size);
		d_offsets(b, p[i].noffsets, p[i].offsets);
		d_text(b, p[i].packed);
		d_stream(b, &p[i].stream);
	}
}

static struct weir_buf dump(const struct weir_ckpt *c)
{
	struct weir_buf b = { 0 };
	const struct weir_snapshot_properties *p = &c->properties;

	weir_buf_printf(&b, "%lld %d%d%d%d%d%d%d%d%d", (long long)c->id, (int)p->kind, p->native, p->discard_cancelled, p->discard_failed, p->discard_finished,
			p->discard_subsumed, p->discard_suspended, p->forced, p->unclaimed);
	for (uint32_t i = 0; i < c->nmasters; i++) {
		weir_buf_printf(&b, " master %d", c->masters[i].version);
		d_text(&b, c->masters[i].name);
		d_text(&b, c->masters[i].payload);
	}
	for (uint32_t i = 0; i < c->noperators; i++) {
		const struct weir_operator_state *op = &c->operators[i];

		weir_buf_text(&b, "\noperator ");
		weir_buf_hex(&b, (struct weir_slice){ op->id.bytes, 16 });
		weir_buf_printf(&b, " %u %u %d %u", op->parallelism, op->max_parallelism, op->fully_finished, op->chain_extra);
		d_text(&b, op->name);
		d_text(&b, op->uid);
		d_stream(&b, &op->coordinator);
		for (uint32_t k = 0; k < op->nsubtasks; k++) {
			const struct weir_subtask_state *t = &op->subtasks[k];

			weir_buf_printf(&b, "\n subtask %u %d %lld", t->index, t->finished, (long long)t->duration_inverted);
			d_operator_handle(&b, &t->managed_operator);
			d_operator_handle(&b, &t->raw_operator);
			d_keyed(&b, &t->managed_keyed);
			d_keyed(&b, &t->raw_keyed);
			d_channels(&b, t->ninputs, t->inputs);
			d_channels(&b, t->noutputs, t->outputs);
		}
	}
	return b;
}

static bool has_old_parts(const struct weir_buf *bytes, enum weir_meta_profile profile, struct weir_arena *mem)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;

	/* a model without the part that differs reads alike under every profile */
	return weir_ckpt_decode(weir_buf_slice(bytes), "m", mem, &c, &err) == 0 && c->profile == profile;
}

static void one(uint64_t seed, int32_t version, enum weir_meta_profile profile)
{
	struct weir_arena mem = { 0 };
	struct gen g = { { seed }, &mem, version, profile };
	struct weir_ckpt *c = checkpoint(&g), *back = NULL;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf bytes = { 0 }, again = { 0 }, before, after;
	char what[80];

	snprintf(what, sizeof(what), "seed %llu, V%d, profile %d", (unsigned long long)seed, version, (int)profile);
	ck_assert_msg(weir_ckpt_encode(c, version, &bytes, &err) == 0, "%s: %s", what, err.msg);
	ck_assert_msg(weir_ckpt_decode(weir_buf_slice(&bytes), what, &mem, &back, &err) == 0, "%s: %s", what, err.msg);
	if (profile != WEIR_META_SINCE_1_12 && !has_old_parts(&bytes, profile, &mem))
		goto out;
	ck_assert_int_eq(back->version, version);
	before = dump(c);
	after = dump(back);
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&before), weir_buf_slice(&after)), "%s:\n%s\nbecame\n%s", what, weir_buf_cstr(&before), weir_buf_cstr(&after));
	ck_assert_msg(weir_ckpt_encode(back, version, &again, &err) == 0, "%s: %s", what, err.msg);
	ck_assert_msg(weir_slice_eq(weir_buf_slice(&bytes), weir_buf_slice(&again)), "%s: not the same bytes", what);
	weir_buf_fini(&before);
	weir_buf_fini(&after);
out:
	weir_buf_fini(&again);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
}

WEIR_TEST(random_models_of_every_version)
{
	for (int32_t version = WEIR_META_OLDEST; version <= WEIR_META_NEWEST; version++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			one(seed, version, WEIR_META_SINCE_1_12);
}

WEIR_TEST(random_models_of_the_older_layouts_of_v3)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		one(seed, 3, WEIR_META_1_14);
		one(seed, 3, WEIR_META_1_11);
	}
}

WEIR_TEST(what_no_version_can_hold)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf out = { 0 };
	char *long_name = malloc(70000);
	struct weir_operator_state op = { .parallelism = 3, .max_parallelism = 2 };
	struct weir_ckpt c = { .noperators = 1, .operators = &op };

	ck_assert_ptr_nonnull(long_name);
	memset(long_name, 'x', 70000);
	weir_buf_text(&out, "kept");
	ck_assert_int_eq(weir_ckpt_encode(&c, 7, &out, &err), WEIR_EVERSION);
	ck_assert_str_eq(err.msg, "metadata version 7 cannot be written: 2 to 6 can");
	weir_error_clear(&err);
	ck_assert_int_eq(weir_ckpt_encode(&c, 4, &out, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "operator 1 of 1 (00000000000000000000000000000000): parallelism 3 of at most 2"));
	weir_error_clear(&err);
	op.parallelism = 2;
	op.name = (struct weir_slice){ (const uint8_t *)long_name, 70000 };
	ck_assert_int_eq(weir_ckpt_encode(&c, 6, &out, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "longer than 65535 bytes"));
	weir_error_clear(&err);
	ck_assert_uint_eq(out.len, 4);
	ck_ok(weir_ckpt_encode(&c, 4, &out, &err)); /* V4 has no names */
	weir_buf_fini(&out);
	free(long_name);
}
