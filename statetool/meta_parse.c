// SPDX-License-Identifier: Apache-2.0
/*
 * JSON of a checkpoint's metadata -> the model. The first failure is sticky: after it every read gives nothing, and the message has the path of the
 * member ("operators[2].subtasks[0].managedKeyed.tag"). Members that are not known are refused, so that a slip of the pen is not lost in silence.
 * Pure; everything made lies in the arena.
 */
#include "statetool/meta.h"

#include <stdio.h>

#include "base/text.h"

struct reader {
	struct weir_arena *mem;
	struct weir_error *err;
	int rc;
	char path[256];
	size_t len;
};

struct object {
	const struct weir_json *j;
	uint64_t seen; /* members that were asked for */
};

static void fail(struct reader *r, const char *what, const char *name)
{
	if (!r->rc)
		r->rc = weir_error_set(r->err, WEIR_EINVALID, "metadata JSON: %s%s%s: %s", r->path[0] == '.' ? r->path + 1 : r->path, r->path[0] && name[0] ? "." : "", name, what);
}

static size_t enter(struct reader *r, const char *name, int64_t index)
{
	size_t mark = r->len;
	int n = index < 0 ? snprintf(r->path + r->len, sizeof(r->path) - r->len, ".%s", name) :
			    snprintf(r->path + r->len, sizeof(r->path) - r->len, "[%lld]", (long long)index);

	if (n > 0 && r->len + (size_t)n < sizeof(r->path))
		r->len += (size_t)n;
	return mark;
}

static void leave(struct reader *r, size_t mark)
{
	r->len = mark;
	r->path[mark] = 0;
}

static struct object open_object(struct reader *r, const struct weir_json *j)
{
	if (j && j->kind != WEIR_JSON_OBJECT)
		fail(r, "an object is wanted here", "");
	else if (j && j->n > 64)
		fail(r, "too many members", "");
	return (struct object){ r->rc ? NULL : j, 0 };
}

static void close_object(struct reader *r, const struct object *o)
{
	for (uint32_t i = 0; !r->rc && o->j && i < o->j->n; i++)
		if (!(o->seen >> i & 1))
			fail(r, "is not a member of metadata JSON (see docs/state-json.md), or is there twice", (const char *)o->j->u.members[i].name.ptr);
}

static const struct weir_json *get(struct object *o, const char *name)
{
	for (uint32_t i = 0; o->j && i < o->j->n; i++)
		if (weir_slice_is(o->j->u.members[i].name, name)) {
			o->seen |= (uint64_t)1 << i;
			return &o->j->u.members[i].value;
		}
	return NULL;
}

static int64_t whole(struct reader *r, struct object *o, const char *name, int64_t min, int64_t max, int64_t otherwise)
{
	const struct weir_json *j = get(o, name);

	if (!j || r->rc)
		return otherwise;
	if (j->kind != WEIR_JSON_INT || j->u.i < min || j->u.i > max)
		fail(r, "a whole number in its range is wanted", name);
	return r->rc ? otherwise : j->u.i;
}

static int64_t need_whole(struct reader *r, struct object *o, const char *name, int64_t min, int64_t max)
{
	if (!r->rc && !get(o, name))
		fail(r, "is missing", name);
	return whole(r, o, name, min, max, 0);
}

static bool flag(struct reader *r, struct object *o, const char *name)
{
	const struct weir_json *j = get(o, name);

	if (j && j->kind != WEIR_JSON_BOOL)
		fail(r, "true or false is wanted", name);
	return j && !r->rc && j->u.b;
}

static int choice(struct reader *r, struct object *o, const char *name, const char *const *names, int otherwise)
{
	const struct weir_json *j = get(o, name);

	if (!j)
		return otherwise;
	for (int i = 0; j->kind == WEIR_JSON_STRING && names[i]; i++)
		if (weir_slice_is(j->text, names[i]))
			return i;
	fail(r, "is not one of the names that are known", name);
	return otherwise;
}

static void *space(struct reader *r, uint32_t n, size_t size)
{
	void *p = r->rc || !n ? NULL : weir_arena_zero(r->mem, n * size);

	if (n && !p && !r->rc)
		r->rc = weir_error_set(r->err, WEIR_ENOMEM, "not enough memory for the metadata");
	return p;
}

static struct weir_slice hex_bytes(struct reader *r, const struct weir_json *j, const char *name)
{
	struct object o = open_object(r, j);
	const struct weir_json *hex = get(&o, "hex");
	uint8_t *p;

	if (!r->rc && (!hex || hex->kind != WEIR_JSON_STRING || hex->text.len % 2))
		fail(r, "{\"hex\":\"...\"} with an even number of digits is wanted", name);
	close_object(r, &o);
	p = r->rc ? NULL : space(r, (uint32_t)(hex->text.len / 2) + 1, 1);
	for (size_t i = 0; p && i < hex->text.len; i += 2) {
		int a = weir_hex_digit((char)hex->text.ptr[i]), b = weir_hex_digit((char)hex->text.ptr[i + 1]);

		if (a < 0 || b < 0) {
			fail(r, "is not hexadecimal", name);
			return (struct weir_slice){ 0 };
		}
		p[i / 2] = (uint8_t)(a << 4 | b);
	}
	return (struct weir_slice){ p, p ? hex->text.len / 2 : 0 };
}

static struct weir_slice bytes(struct reader *r, struct object *o, const char *name)
{
	const struct weir_json *j = get(o, name);

	return j && !r->rc ? hex_bytes(r, j, name) : (struct weir_slice){ 0 };
}

/* A string as modified UTF-8, or bytes as they are. */
static struct weir_slice name_value(struct reader *r, const struct weir_json *j, const char *name)
{
	struct weir_buf utf = { 0 };
	struct weir_slice out = { 0 };
	void *p;

	if (!j || r->rc)
		return out;
	if (j->kind != WEIR_JSON_STRING)
		return hex_bytes(r, j, name);
	weir_buf_utf_n(&utf, (const char *)j->text.ptr, j->text.len);
	if (weir_buf_error(&utf))
		fail(r, "is too long, or memory is short", name);
	p = r->rc ? NULL : space(r, (uint32_t)utf.len, 1);
	if (p) {
		memcpy(p, utf.data + 2, utf.len - 2);
		out = (struct weir_slice){ p, utf.len - 2 };
	}
	weir_buf_fini(&utf);
	return out;
}

static struct weir_slice text(struct reader *r, struct object *o, const char *name) { return name_value(r, get(o, name), name); }

static const struct weir_json *array(struct reader *r, struct object *o, const char *name, uint32_t *out_n)
{
	const struct weir_json *j = get(o, name);

	if (j && j->kind != WEIR_JSON_ARRAY)
		fail(r, "a list is wanted", name);
	*out_n = j && !r->rc ? j->n : 0;
	return r->rc ? NULL : j;
}

static int64_t *numbers(struct reader *r, struct object *o, const char *name, uint32_t *out_n)
{
	uint32_t n;
	const struct weir_json *j = array(r, o, name, &n);
	int64_t *v = space(r, n, sizeof(*v));

	for (uint32_t i = 0; v && i < n; i++) {
		if (j->u.items[i].kind != WEIR_JSON_INT)
			fail(r, "a list of whole numbers is wanted", name);
		else
			v[i] = j->u.items[i].u.i;
	}
	*out_n = r->rc ? 0 : n;
	return v;
}

static void read_groups(struct reader *r, struct object *o, struct weir_key_group_offsets *out)
{
	uint32_t n, noffsets;
	int64_t *range = numbers(r, o, "keyGroups", &n);

	if (!r->rc && (n != 2 || range[0] < INT32_MIN || range[0] > INT32_MAX || range[1] < range[0] - 1 || range[1] - range[0] >= INT32_MAX))
		fail(r, "the first and the last key group are wanted", "keyGroups");
	if (r->rc)
		return;
	out->first = (int32_t)range[0];
	out->count = (uint32_t)(range[1] - range[0] + 1);
	out->offsets = numbers(r, o, "offsets", &noffsets);
	if (!r->rc && out->offsets && noffsets != out->count)
		fail(r, "one offset for each key group is wanted", "offsets");
}

static void read_stream(struct reader *r, const struct weir_json *j, unsigned depth, struct weir_stream_handle *out)
{
	struct object o = open_object(r, j);
	const struct weir_json *inner;

	out->kind = (enum weir_handle_kind)choice(r, &o, "kind", weir__meta_handle_kinds, 0);
	out->name = text(r, &o, "name");
	out->data = bytes(r, &o, "data");
	out->size = out->kind == WEIR_HANDLE_INLINE ? (int64_t)out->data.len : whole(r, &o, "size", INT64_MIN, INT64_MAX, 0);
	out->start = whole(r, &o, "start", INT64_MIN, INT64_MAX, 0);
	out->scope = (int32_t)whole(r, &o, "scope", 0, 1, 0);
	out->logical_id = text(r, &o, "logicalId");
	if (!r->rc && out->kind == WEIR_HANDLE_INLINE && !get(&o, "data"))
		fail(r, get(&o, "xxh3") ? "the bytes are left out in this JSON: make it with `weir state meta`" : "is missing", "data");
	if (out->kind == WEIR_HANDLE_KEY_GROUPS) {
		read_groups(r, &o, &out->groups);
		inner = get(&o, "inner");
		if (!r->rc && (!inner || depth > 4))
			fail(r, "is missing, or too deep", "inner");
		out->inner = space(r, 1, sizeof(*out->inner));
		if (out->inner)
			read_stream(r, inner, depth + 1, out->inner);
	}
	close_object(r, &o);
}

static void stream(struct reader *r, struct object *o, const char *name, struct weir_stream_handle *out)
{
	const struct weir_json *j = get(o, name);
	size_t mark = enter(r, name, -1);

	if (j && !r->rc)
		read_stream(r, j, 0, out);
	leave(r, mark);
}

static struct weir_named_handle *named(struct reader *r, struct object *o, const char *name, uint32_t *out_n)
{
	const struct weir_json *j = array(r, o, name, out_n);
	struct weir_named_handle *h = space(r, *out_n, sizeof(*h));
	size_t mark = enter(r, name, -1);

	for (uint32_t i = 0; h && !r->rc && i < *out_n; i++) {
		size_t at = enter(r, "", i);
		struct object item = open_object(r, &j->u.items[i]);

		h[i].name = text(r, &item, "name");
		stream(r, &item, "handle", &h[i].handle);
		close_object(r, &item);
		leave(r, at);
	}
	leave(r, mark);
	return h;
}

static void read_keyed(struct reader *r, const struct weir_json *j, unsigned depth, struct weir_keyed_handle *out);

static struct weir_keyed_handle *keyed_list(struct reader *r, struct object *o, const char *name, unsigned depth, uint32_t *out_n)
{
	const struct weir_json *j = array(r, o, name, out_n);
	struct weir_keyed_handle *k = space(r, *out_n, sizeof(*k));
	size_t mark = enter(r, name, -1);

	for (uint32_t i = 0; k && !r->rc && i < *out_n; i++) {
		size_t at = enter(r, "", i);

		read_keyed(r, &j->u.items[i], depth + 1, &k[i]);
		leave(r, at);
	}
	leave(r, mark);
	return k;
}

static void read_changes(struct reader *r, struct object *o, struct weir_keyed_handle *k)
{
	const struct weir_json *j = array(r, o, "changes", &k->nchanges);

	k->changes = space(r, k->nchanges, sizeof(*k->changes));
	for (uint32_t i = 0; !r->rc && i < k->nchanges; i++) {
		struct object item = open_object(r, &j->u.items[i]);

		k->changes[i].key_group = (int32_t)need_whole(r, &item, "keyGroup", INT32_MIN, INT32_MAX);
		k->changes[i].bytes = bytes(r, &item, "data");
		close_object(r, &item);
	}
	j = array(r, o, "files", &k->nfiles);
	k->files = space(r, k->nfiles, sizeof(*k->files));
	for (uint32_t i = 0; !r->rc && i < k->nfiles; i++) {
		struct object item = open_object(r, &j->u.items[i]);

		k->files[i].offset = need_whole(r, &item, "offset", INT64_MIN, INT64_MAX);
		stream(r, &item, "handle", &k->files[i].handle);
		close_object(r, &item);
	}
}

static void read_keyed(struct reader *r, const struct weir_json *j, unsigned depth, struct weir_keyed_handle *out)
{
	struct object o = open_object(r, j);
	int64_t tag = need_whole(r, &o, "tag", 1, WEIR_KEYED_CHANGELOG);

	if (!r->rc && (tag < 3 || tag == 4 || tag == 6 || depth > 4))
		fail(r, "is not a kind of keyed state, or is too deep", "tag");
	out->kind = (enum weir_keyed_kind)tag;
	read_groups(r, &o, &out->groups);
	out->id = text(r, &o, "id");
	out->checkpoint_id = whole(r, &o, "checkpointId", INT64_MIN, INT64_MAX, 0);
	out->backend_id = text(r, &o, "backend");
	out->checkpointed_size = whole(r, &o, "checkpointedSize", INT64_MIN, INT64_MAX, 0);
	stream(r, &o, "stream", &out->stream);
	out->shared = named(r, &o, "shared", &out->nshared);
	out->private_ = named(r, &o, "private", &out->nprivate);
	out->materialized = keyed_list(r, &o, "materialized", depth, &out->nmaterialized);
	out->increments = keyed_list(r, &o, "increments", depth, &out->nincrements);
	out->materialization_id = whole(r, &o, "materializationId", INT64_MIN, INT64_MAX, 0);
	out->from_seq = whole(r, &o, "fromSequence", INT64_MIN, INT64_MAX, 0);
	out->to_seq = whole(r, &o, "toSequence", INT64_MIN, INT64_MAX, 0);
	read_changes(r, &o, out);
	out->size = whole(r, &o, "size", INT64_MIN, INT64_MAX, 0);
	out->storage_id = text(r, &o, "storageId");
	close_object(r, &o);
}

static void keyed(struct reader *r, struct object *o, const char *name, struct weir_keyed_handle *out)
{
	const struct weir_json *j = get(o, name);
	size_t mark = enter(r, name, -1);

	if (j && !r->rc)
		read_keyed(r, j, 0, out);
	leave(r, mark);
}

static void oper(struct reader *r, struct object *o, const char *name, struct weir_operator_handle *out)
{
	const struct weir_json *j = get(o, name), *list;
	size_t mark = enter(r, name, -1);

	if (j && !r->rc) {
		struct object h = open_object(r, j);

		out->present = true;
		list = array(r, &h, "lists", &out->nlists);
		out->lists = space(r, out->nlists, sizeof(*out->lists));
		for (uint32_t i = 0; !r->rc && i < out->nlists; i++) {
			struct object item = open_object(r, &list->u.items[i]);

			out->lists[i].name = text(r, &item, "name");
			out->lists[i].mode = (enum weir_distribution)choice(r, &item, "mode", weir__meta_list_modes, 0);
			out->lists[i].offsets = numbers(r, &item, "offsets", &out->lists[i].count);
			close_object(r, &item);
		}
		out->merged = flag(r, &h, "merged");
		out->empty = flag(r, &h, "empty");
		out->task_owned_dir = text(r, &h, "taskOwnedDirectory");
		out->shared_dir = text(r, &h, "sharedDirectory");
		stream(r, &h, "stream", &out->stream);
		close_object(r, &h);
	}
	leave(r, mark);
}

static struct weir_channel_handle *channels(struct reader *r, struct object *o, const char *name, bool output, uint32_t *out_n)
{
	const struct weir_json *j = array(r, o, name, out_n);
	struct weir_channel_handle *c = space(r, *out_n, sizeof(*c));
	size_t mark = enter(r, name, -1);

	for (uint32_t i = 0; c && !r->rc && i < *out_n; i++) {
		size_t at = enter(r, "", i);
		struct object item = open_object(r, &j->u.items[i]);

		c[i].output = output;
		c[i].merged = flag(r, &item, "merged");
		c[i].subtask = (int32_t)need_whole(r, &item, "subtask", INT32_MIN, INT32_MAX);
		c[i].a = (int32_t)need_whole(r, &item, "a", INT32_MIN, INT32_MAX);
		c[i].b = (int32_t)need_whole(r, &item, "b", INT32_MIN, INT32_MAX);
		c[i].offsets = numbers(r, &item, "offsets", &c[i].noffsets);
		c[i].packed = bytes(r, &item, "packed");
		c[i].size = need_whole(r, &item, "size", INT64_MIN, INT64_MAX);
		stream(r, &item, "stream", &c[i].stream);
		close_object(r, &item);
		leave(r, at);
	}
	leave(r, mark);
	return c;
}

static void read_subtask(struct reader *r, const struct weir_json *j, struct weir_subtask_state *out)
{
	struct object o = open_object(r, j);

	out->index = (uint32_t)need_whole(r, &o, "index", 0, UINT32_MAX);
	out->finished = flag(r, &o, "finished");
	out->duration_inverted = whole(r, &o, "durationInverted", INT64_MIN, INT64_MAX, 0);
	keyed(r, &o, "managedKeyed", &out->managed_keyed);
	keyed(r, &o, "rawKeyed", &out->raw_keyed);
	oper(r, &o, "managedOperator", &out->managed_operator);
	oper(r, &o, "rawOperator", &out->raw_operator);
	out->inputs = channels(r, &o, "inputChannels", false, &out->ninputs);
	out->outputs = channels(r, &o, "resultSubpartitions", true, &out->noutputs);
	close_object(r, &o);
}

static void read_operator(struct reader *r, const struct weir_json *j, struct weir_operator_state *out)
{
	struct object o = open_object(r, j);
	const struct weir_json *id = get(&o, "id"), *list;
	size_t mark;

	if (!r->rc && (!id || id->kind != WEIR_JSON_STRING || !weir_operator_id_parse((const char *)id->text.ptr, &out->id)))
		fail(r, "32 hexadecimal digits are wanted", "id");
	out->uid = text(r, &o, "uid");
	out->name = text(r, &o, "name");
	out->parallelism = (uint32_t)need_whole(r, &o, "parallelism", 0, UINT32_MAX);
	out->max_parallelism = (uint32_t)need_whole(r, &o, "maxParallelism", 0, UINT32_MAX);
	out->chain_extra = (uint32_t)whole(r, &o, "chainExtra", 0, UINT32_MAX, 0);
	out->fully_finished = flag(r, &o, "fullyFinished");
	stream(r, &o, "coordinator", &out->coordinator);
	list = array(r, &o, "subtasks", &out->nsubtasks);
	out->subtasks = space(r, out->nsubtasks, sizeof(*out->subtasks));
	mark = enter(r, "subtasks", -1);
	for (uint32_t i = 0; !r->rc && i < out->nsubtasks; i++) {
		size_t at = enter(r, "", i);

		read_subtask(r, &list->u.items[i], &out->subtasks[i]);
		leave(r, at);
	}
	leave(r, mark);
	close_object(r, &o);
}

static void read_properties(struct reader *r, const struct weir_json *j, struct weir_snapshot_properties *out)
{
	size_t mark = enter(r, "properties", -1);
	struct object o = open_object(r, j);

	out->kind = (enum weir_snapshot_kind)choice(r, &o, "kind", weir__meta_snapshot_kinds, 0);
	out->native = flag(r, &o, "native");
	out->discard_cancelled = flag(r, &o, "discardCancelled");
	out->discard_failed = flag(r, &o, "discardFailed");
	out->discard_finished = flag(r, &o, "discardFinished");
	out->discard_subsumed = flag(r, &o, "discardSubsumed");
	out->discard_suspended = flag(r, &o, "discardSuspended");
	out->forced = flag(r, &o, "forced");
	out->unclaimed = flag(r, &o, "unclaimed");
	out->raw = bytes(r, &o, "raw");
	close_object(r, &o);
	leave(r, mark);
}

static void read_masters(struct reader *r, struct object *o, struct weir_ckpt *c)
{
	const struct weir_json *j = array(r, o, "masters", &c->nmasters);
	size_t mark = enter(r, "masters", -1);

	c->masters = space(r, c->nmasters, sizeof(*c->masters));
	for (uint32_t i = 0; !r->rc && i < c->nmasters; i++) {
		size_t at = enter(r, "", i);
		struct object item = open_object(r, &j->u.items[i]);

		c->masters[i].name = text(r, &item, "name");
		c->masters[i].version = (int32_t)need_whole(r, &item, "version", INT32_MIN, INT32_MAX);
		c->masters[i].payload = bytes(r, &item, "payload");
		close_object(r, &item);
		leave(r, at);
	}
	leave(r, mark);
}

int weir_meta_parse(struct weir_slice json, struct weir_arena *mem, struct weir_ckpt **out, struct weir_error *err)
{
	struct reader r = { .mem = mem, .err = err };
	const struct weir_json *root = NULL, *list;
	struct weir_ckpt *c;
	struct object o;

	r.rc = weir_json_parse(json, mem, &root, err);
	c = space(&r, 1, sizeof(*c));
	o = open_object(&r, root);
	if (r.rc)
		return r.rc;
	c->arena = mem;
	c->version = (int32_t)need_whole(&r, &o, "version", WEIR_META_OLDEST, WEIR_META_NEWEST);
	c->profile = (enum weir_meta_profile)choice(&r, &o, "profile", weir__meta_profiles, 0);
	c->id = need_whole(&r, &o, "checkpointId", INT64_MIN, INT64_MAX);
	read_masters(&r, &o, c);
	list = array(&r, &o, "operators", &c->noperators);
	c->operators = space(&r, c->noperators, sizeof(*c->operators));
	enter(&r, "operators", -1);
	for (uint32_t i = 0; !r.rc && i < c->noperators; i++) {
		size_t at = enter(&r, "", i);

		read_operator(&r, &list->u.items[i], &c->operators[i]);
		leave(&r, at);
	}
	leave(&r, 0);
	if (get(&o, "properties"))
		read_properties(&r, get(&o, "properties"), &c->properties);
	close_object(&r, &o);
	if (r.rc == 0)
		*out = c;
	return r.rc;
}
