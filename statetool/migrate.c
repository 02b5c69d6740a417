// SPDX-License-Identifier: Apache-2.0
/*
 * weir state migrate.
 *
 * 1. IN is never written to. OUT is a new directory; _metadata comes last (savepoint_out.c).
 * 2. Only streams that hold the state are rewritten, in the layout they have: FULL stays FULL, HEAP stays HEAP, compressed stays
 *    compressed, inline stays inline. Every other stream is copied as bytes; absolute references become relative ones.
 * 3. A stream that cannot be taken apart entirely is refused, never passed on half understood.
 * The opened checkpoint's own model is changed on the way: its handles come to mean the copies. One thread.
 */
#include "statetool/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "statetool/pick.h"
#include "statetool/savepoint_out.h"

struct migration {
	const struct weir_migrate_options *o;
	struct weir_ckpt *c;
	struct weir_savepoint_out *out; /* NULL in a dry run */
	struct weir_operator_id op;     /* whose state changes */
	enum weir_state_kind kind;
	bool change;
	uint64_t entries, rewritten, copied;
	char before[400], after[400];
};

int32_t weir_meta_version_of_flink(const char *release)
{
	static const struct {
		const char *release;
		int32_t version;
	} rows[] = { { "1.10", 2 }, { "1.11", 3 }, { "1.12", 3 }, { "1.13", 3 }, { "1.14", 3 }, { "1.15", 3 }, { "1.16", 4 }, { "1.17", 4 },
		     { "1.18", 4 }, { "1.19", 4 }, { "1.20", 4 }, { "2.0", 5 }, { "2.1", 6 }, { "2.2", 6 }, { "2.3", 6 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].release, release) == 0)
			return rows[i].version;
	return 0;
}

/* ---- rewriting one keyed stream ---- */
struct rewrite {
	struct migration *m;
	enum weir_keyed_format format;
	const struct weir_keyed_meta *meta;
	uint32_t target;            /* state index, or UINT32_MAX: not in this stream */
	struct weir_schema *schema;
	struct weir_keyed_writer *w;
	uint32_t state;             /* begun in the writer */
	struct weir_buf buf;
	struct weir_error *err;
};

static int begin_state(void *arg, uint32_t state, uint32_t count)
{
	struct rewrite *r = arg;

	r->state = state;
	return weir_keyed_writer_state(r->w, state, count, r->err);
}

static int put_entry(void *arg, uint32_t state, const struct weir_entry *e)
{
	struct rewrite *r = arg;
	struct weir_slice value = e->value;
	int rc = 0;

	if (e->undecodable)
		return weir_error_set(r->err, WEIR_ENOTYPE, "state '%s', key group %d: %s; the stream it shares cannot be rewritten", r->meta->states[state].name, e->key_group,
				      e->undecodable);
	if (r->state != state)
		rc = begin_state(r, state, 0);
	if (rc == 0 && state == r->target) {
		weir_buf_clear(&r->buf);
		rc = r->format == WEIR_FORMAT_FULL ? weir_schema_convert_canonical(r->schema, value, &r->buf, r->err)
						   : weir_schema_convert(r->schema, value, &r->buf, r->err);
		if (rc) {
			weir_error_wrap(r->err, "state '%s', key group %d", r->meta->states[state].name, e->key_group);
			return rc;
		}
		value = weir_buf_slice(&r->buf);
		r->m->entries++;
	}
	return rc ? rc : weir_keyed_writer_entry(r->w, e->key, e->ns, e->user_key, value, e->timestamp, r->err);
}

static int64_t end_of_group(const struct weir_key_group_offsets *g, uint32_t i, size_t stream)
{
	int64_t end = (int64_t)stream;

	for (uint32_t k = 0; k < g->count; k++)
		if (g->offsets[k] > g->offsets[i] && g->offsets[k] < end)
			end = g->offsets[k];
	return end;
}

static int rewrite_groups(struct rewrite *r, const struct weir_keyed_handle *k, uint32_t max_parallelism, struct weir_slice stream, const char *path, struct weir_error *err)
{
	struct weir_keyed_walk walk = { .state = begin_state, .entry = put_entry, .arg = r };
	int rc = 0;

	for (uint32_t i = 0; i < k->groups.count && rc == 0; i++) {
		int32_t group = k->groups.first + (int32_t)i;
		int64_t offset = k->groups.offsets[i];

		if (r->format == WEIR_FORMAT_FULL && offset == 0)
			continue;
		rc = weir_keyed_writer_group(r->w, group, err);
		r->state = UINT32_MAX;
		if (rc == 0)
			rc = weir_keyed_read_group_stored(r->format, stream, path, r->meta, group, offset, end_of_group(&k->groups, i, stream.len), max_parallelism, &walk, err);
	}
	return rc;
}

static int discard(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)arg, (void)p, (void)n, (void)err;
	return 0;
}

/* Find the state, make the new serializer, and the states to write. */
static int plan(struct rewrite *r, struct weir_arena *mem, struct weir_keyed_state_meta **out_states, struct weir_error *err)
{
	const struct weir_migrate_options *o = r->m->o;
	int rc;

	*out_states = weir_arena_copy(mem, r->meta->states, r->meta->nstates * sizeof(**out_states));
	if (r->meta->nstates && !*out_states)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	for (r->target = 0; r->target < r->meta->nstates; r->target++)
		if (r->meta->states[r->target].kind == r->m->kind && strcmp(r->meta->states[r->target].name, o->state) == 0)
			break;
	if (r->target == r->meta->nstates)
		return 0;
	rc = weir_schema_new(r->meta->states[r->target].stored, r->m->kind, o->changes, o->nchanges, o->order, mem, &r->schema, err);
	if (rc) {
		weir_error_wrap(err, "state '%s'", o->state);
		return rc;
	}
	(*out_states)[r->target].stored = weir_schema_stored(r->schema);
	weir_type_text(weir_schema_before(r->schema), r->m->before, sizeof(r->m->before));
	weir_type_text(weir_schema_after(r->schema), r->m->after, sizeof(r->m->after));
	return 0;
}

static size_t head_of_stream(const struct weir_key_group_offsets *g, size_t stream)
{
	int64_t least = (int64_t)stream;

	for (uint32_t i = 0; i < g->count; i++)
		if (g->offsets[i] > 0 && g->offsets[i] < least)
			least = g->offsets[i];
	return (size_t)least;
}

static int write_stream(struct rewrite *r, struct weir_keyed_handle *k, const struct weir_operator_state *op, const struct weir_keyed_state_meta *states, struct weir_slice stream,
			const char *path, struct weir_error *err)
{
	struct migration *m = r->m;
	int64_t *offsets = weir_arena_zero(m->c->arena, (k->groups.count + 1) * sizeof(*offsets));
	uint64_t size;
	int rc;

	if (!offsets)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	rc = m->out ? weir_savepoint_out_open(m->out, m->c, &k->stream, err) : 0;
	if (rc == 0)
		rc = weir_keyed_writer_new(r->format, r->meta->key, r->meta->nstates, states, op->max_parallelism, k->groups.first, k->groups.count,
					   m->out ? weir_savepoint_out_put : discard, m->out, &r->w, err);
	if (rc == 0 && r->meta->compressed)
		weir_keyed_writer_compress(r->w);
	if (rc == 0)
		rc = rewrite_groups(r, k, op->max_parallelism, stream, path, err);
	if (rc == 0)
		rc = weir_keyed_writer_finish(r->w, offsets, &size, err);
	if (rc == 0 && m->out)
		rc = weir_savepoint_out_end(m->out, m->c, &k->stream, err);
	if (rc == 0) {
		if (m->out)
			k->groups.offsets = offsets;
		m->rewritten++;
	}
	weir_keyed_writer_free(r->w);
	return rc;
}

/* One keyed handle of the operator. *done: it was rewritten; else it is to be copied. */
static int rewrite_keyed(struct migration *m, const struct weir_operator_state *op, struct weir_keyed_handle *k, bool *done, struct weir_error *err)
{
	struct rewrite r = { .m = m, .err = err };
	struct weir_keyed_meta *meta = NULL;
	struct weir_keyed_state_meta *states;
	struct weir_arena mem = { 0 };
	struct weir_fs_map *map = NULL;
	struct weir_slice stream, head;
	char *path = NULL;
	int rc = weir_ckpt_bytes(m->c, &k->stream, &map, &stream, &path, err);

	*done = false;
	if (rc)
		return rc;
	head = (struct weir_slice){ stream.ptr, head_of_stream(&k->groups, stream.len) };
	rc = weir_keyed_read_meta(head, path, &mem, &meta, err);
	if (rc)
		goto out;
	r.meta = meta;
	r.format = weir_keyed_detect(k->kind, stream, meta, &k->groups, op->max_parallelism);
	rc = plan(&r, &mem, &states, err);
	if (rc == 0 && r.target < meta->nstates) {
		*done = true;
		rc = write_stream(&r, k, op, states, stream, path, err);
	}
out:
	weir_buf_fini(&r.buf);
	weir_fs_unmap(map);
	free(path);
	weir_arena_fini(&mem);
	return rc;
}

/* ---- everything else is copied ---- */
static int copy_stream(struct migration *m, struct weir_stream_handle *h, struct weir_error *err)
{
	if (h->kind == WEIR_HANDLE_NONE || h->kind == WEIR_HANDLE_EMPTY_SEGMENT)
		return 0;
	m->copied++;
	return m->out ? weir_savepoint_out_copy(m->out, m->c, h, err) : 0;
}

static int copy_keyed(struct migration *m, struct weir_keyed_handle *k, struct weir_error *err)
{
	int rc = copy_stream(m, &k->stream, err);

	for (uint32_t i = 0; i < k->nshared && rc == 0; i++)
		rc = copy_stream(m, &k->shared[i].handle, err);
	for (uint32_t i = 0; i < k->nprivate && rc == 0; i++)
		rc = copy_stream(m, &k->private_[i].handle, err);
	for (uint32_t i = 0; i < k->nfiles && rc == 0; i++)
		rc = copy_stream(m, &k->files[i].handle, err);
	for (uint32_t i = 0; i < k->nmaterialized && rc == 0; i++)
		rc = copy_keyed(m, &k->materialized[i], err);
	for (uint32_t i = 0; i < k->nincrements && rc == 0; i++)
		rc = copy_keyed(m, &k->increments[i], err);
	return rc;
}

static int copy_operator_handle(struct migration *m, struct weir_operator_handle *h, struct weir_error *err)
{
	int rc = h->present ? copy_stream(m, &h->stream, err) : 0;

	if (rc == 0 && h->present && h->merged && m->out) { /* the segment has become a file */
		h->merged = h->empty;
	}
	return rc;
}

static int migrate_subtask(struct migration *m, const struct weir_operator_state *op, struct weir_subtask_state *s, struct weir_error *err)
{
	bool done = false;
	int rc = 0;

	if (m->change && memcmp(&op->id, &m->op, sizeof(op->id)) == 0 && s->managed_keyed.kind != WEIR_KEYED_NONE)
		rc = rewrite_keyed(m, op, &s->managed_keyed, &done, err);
	if (rc == 0 && !done)
		rc = copy_keyed(m, &s->managed_keyed, err);
	if (rc == 0)
		rc = copy_keyed(m, &s->raw_keyed, err);
	if (rc == 0)
		rc = copy_operator_handle(m, &s->managed_operator, err);
	if (rc == 0)
		rc = copy_operator_handle(m, &s->raw_operator, err);
	for (uint32_t i = 0; i < s->ninputs && rc == 0; i++)
		rc = copy_stream(m, &s->inputs[i].stream, err);
	for (uint32_t i = 0; i < s->noutputs && rc == 0; i++)
		rc = copy_stream(m, &s->outputs[i].stream, err);
	return rc;
}

static int migrate_all(struct migration *m, struct weir_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < m->c->noperators && rc == 0; i++) {
		struct weir_operator_state *op = &m->c->operators[i];
		char label[512];

		rc = copy_stream(m, &op->coordinator, err);
		for (uint32_t k = 0; k < op->nsubtasks && rc == 0; k++)
			rc = migrate_subtask(m, op, &op->subtasks[k], err);
		if (rc)
			weir_error_wrap(err, "operator %s", weir_operator_label(op, NULL, label, sizeof(label)));
	}
	return rc;
}

static void report(const struct migration *m, int32_t version, const char *dir, struct weir_buf *b)
{
	const struct weir_migrate_options *o = m->o;
	const char *would = o->dry_run ? "would be " : "";

	if (o->json) {
		weir_buf_printf(b, "{\"dryRun\":%s", o->dry_run ? "true" : "false");
		if (dir) {
			weir_buf_text(b, ",\"path\":");
			weir_json_text(b, dir);
		}
		if (m->change) {
			weir_buf_text(b, ",\"state\":");
			weir_json_text(b, o->state);
			weir_buf_text(b, ",\"before\":");
			weir_json_text(b, m->before);
			weir_buf_text(b, ",\"after\":");
			weir_json_text(b, m->after);
		}
		weir_buf_printf(b, ",\"entries\":%llu,\"streamsRewritten\":%llu,\"streamsCopied\":%llu,\"metadataVersion\":%d}\n", (unsigned long long)m->entries,
				(unsigned long long)m->rewritten, (unsigned long long)m->copied, version);
		return;
	}
	if (m->change)
		weir_buf_printf(b, "state %s: %llu entries %srewritten\n  before %s\n  after  %s\n", o->state, (unsigned long long)m->entries, would, m->before, m->after);
	weir_buf_printf(b, "%llu stream%s %srewritten, %llu copied, metadata version %d\n", (unsigned long long)m->rewritten, m->rewritten == 1 ? "" : "s", would,
			(unsigned long long)m->copied, version);
	if (dir)
		weir_buf_printf(b, "%s\n", dir);
}

/* Which operator and kind of state; leaves the view closed again. The view owns a checkpoint of its own. */
static int choose(struct migration *m, struct weir_error *err)
{
	const struct weir_migrate_options *o = m->o;
	const struct weir_operator_state *op = NULL;
	const struct weir_state_info *s;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;
	char label[512];
	int rc = weir_ckpt_open(o->in, &c, err);

	if (rc)
		return rc;
	rc = weir_view_open(c, &v, err);
	if (rc)
		weir_ckpt_close(c);
	if (rc == 0 && o->op)
		rc = weir_pick_operator(c, o->op, &op, err);
	if (rc == 0)
		rc = weir_pick_state(v, op, o->state, &s, err);
	if (rc == 0 && (s->kind == WEIR_STATE_TIMER || weir_operator_not_streams(s->op)))
		rc = weir_error_at(err, WEIR_EUNSUPPORTED, c->path, WEIR_NO_OFFSET, "state '%s' of operator %s: %s cannot be migrated by this version", o->state,
				   weir_operator_label(s->op, NULL, label, sizeof(label)), s->kind == WEIR_STATE_TIMER ? "timers" : weir_operator_not_streams(s->op));
	if (rc == 0) {
		m->op = s->op->id;
		m->kind = s->kind;
	}
	weir_view_close(v);
	return rc;
}

int weir_state_migrate(const struct weir_migrate_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct migration m = { .o = o, .change = o->state != NULL };
	int32_t version = o->meta_version;
	char *dir = NULL;
	int rc = 0;

	if (m.change && !o->nchanges && !o->order)
		return weir_error_set(err, WEIR_EINVALID, "nothing to change: give --add, --drop or --order");
	if (!m.change && (o->nchanges || o->order))
		return weir_error_set(err, WEIR_EINVALID, "which state? give --state");
	if (m.change)
		rc = choose(&m, err);
	if (rc == 0)
		rc = weir_ckpt_open(o->in, &m.c, err);
	if (rc)
		return rc;
	if (!version)
		version = m.c->version < WEIR_META_OLDEST ? WEIR_META_OLDEST : m.c->version;
	if (!o->dry_run)
		rc = weir_savepoint_out_begin(o->out, &m.out, err);
	if (rc == 0)
		rc = migrate_all(&m, err);
	if (rc == 0 && m.out)
		dir = strdup(weir_savepoint_out_dir(m.out));
	if (m.out && rc == 0)
		rc = weir_savepoint_out_complete(m.out, m.c, version, err);
	else
		weir_savepoint_out_abort(m.out);
	if (rc == 0) {
		report(&m, version, dir, &sink->buf);
		rc = weir_sink_step(sink);
	}
	free(dir);
	weir_ckpt_close(m.c);
	return rc;
}
