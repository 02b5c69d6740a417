// SPDX-License-Identifier: Apache-2.0
/*
 * Building the logical graph: the calls of weir/flow.h. Nothing fails in the middle: the first error sticks to the environment, later calls hand out a
 * stream that leads nowhere, and weir_plan_make() reports the error.
 * One thread. Memory from the environment's arena; when it runs out, `broken` (made first) is handed out.
 */
#include "runtime/graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/op_config.h"

static struct weir_field line_fields[] = { { "text", &weir_string, 0 } };
struct weir_type weir_line_type = { .kind = WEIR_TUPLE, .size = sizeof(struct weir_line), .align = _Alignof(struct weir_line), .name = "line",
				    .fields = line_fields, .nfields = 1, .null_offset = WEIR_NO_NULLS };

const char *weir_exchange_name(enum weir_exchange e)
{
	static const char *const names[] = { "FORWARD", "HASH", "REBALANCE", "BROADCAST" };

	return names[e];
}

/* ---- environment ---- */

struct weir_env *weir_env_new(int argc, char **argv)
{
	struct weir_env *env = calloc(1, sizeof(*env));

	if (!env)
		return NULL;
	env->err.offset = WEIR_NO_OFFSET;
	env->argc = argc;
	env->argv = argv;
	env->broken = weir_arena_zero(&env->arena, sizeof(*env->broken));
	env->arg_used = weir_arena_zero(&env->arena, (size_t)argc + 1);
	if (!env->broken || !env->arg_used) {
		weir_env_free(env);
		return NULL;
	}
	env->broken->env = env;
	env->broken->type = &weir_line_type;
	return env;
}

void weir_env_free(struct weir_env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->nodes.len; i++)
		weir_vec_fini(&env->nodes.items[i]->sides);
	weir_vec_fini(&env->nodes);
	weir_arena_fini(&env->arena);
	free(env);
}

void weir_env_fail(struct weir_env *env, int code, const char *uid, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (uid)
		weir_error_set(&env->err, code, "operator '%s': %s", uid, text);
	else
		weir_error_set(&env->err, code, "%s", text);
}

void weir_env_error(struct weir_env *env, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	weir_env_fail(env, WEIR_EINVALID, NULL, "%s", text);
}

void weir_job_name(struct weir_env *env, const char *name)
{
	env->job_name = weir_arena_text(&env->arena, name, strlen(name));
}

/* ---- arguments ---- */

static const char *find_arg(struct weir_env *env, const char *name)
{
	size_t n = strlen(name);
	const char *found = NULL;

	for (int i = 0; i < env->argc; i++) {
		const char *a = env->argv[i];

		if (a[0] != '-')
			continue;
		a += a[1] == '-' ? 2 : 1;
		if (strncmp(a, name, n) != 0 || (a[n] != 0 && a[n] != '='))
			continue;
		env->arg_used[i] = true;
		if (a[n] == '=') {
			found = a + n + 1;
		} else if (i + 1 < env->argc) {
			found = env->argv[++i];
			env->arg_used[i] = true;
		}
	}
	return found;
}

const char *weir_arg(struct weir_env *env, const char *name)
{
	const char *v = find_arg(env, name);

	if (!v)
		weir_env_fail(env, WEIR_EINVALID, NULL, "the job needs the argument --%s VALUE (after --)", name);
	return v ? v : "";
}

const char *weir_arg_or(struct weir_env *env, const char *name, const char *otherwise)
{
	const char *v = find_arg(env, name);

	return v ? v : otherwise;
}

int64_t weir_arg_int(struct weir_env *env, const char *name, int64_t otherwise)
{
	const char *v = find_arg(env, name);
	char *end;
	long long n;

	if (!v)
		return otherwise;
	n = strtoll(v, &end, 10);
	if (*end || end == v)
		weir_env_fail(env, WEIR_EINVALID, NULL, "argument --%s: '%s' is not a whole number", name, v);
	return n;
}

/* ---- nodes ---- */

static bool prepared(struct weir_env *env, const char *uid, struct weir_type *t)
{
	struct weir_error err = WEIR_ERROR_INIT;

	if (!t) {
		weir_env_fail(env, WEIR_EINVALID, uid, "no type was given");
		return false;
	}
	if (weir_type_prepare(t, &err) == 0)
		return true;
	weir_env_fail(env, err.code, uid, "%s", err.msg);
	return false;
}

static bool uid_fits(struct weir_env *env, const char *uid)
{
	if (!uid || !*uid) {
		weir_env_fail(env, WEIR_EINVALID, NULL, "operator %zu has no uid: give each operator a name of its own, its state is found by it",
			      env->nodes.len + 1);
		return false;
	}
	for (size_t i = 0; i < env->nodes.len; i++) {
		if (strcmp(env->nodes.items[i]->uid, uid) == 0) {
			weir_env_fail(env, WEIR_EINVALID, uid, "the uid is used twice; state is found by uid, so each must be unique");
			return false;
		}
	}
	return true;
}

static struct weir_stream *new_stream(struct weir_env *env, struct weir_node *node, struct weir_type *type, uint32_t nedges)
{
	struct weir_stream *s = weir_arena_zero(&env->arena, sizeof(*s));

	if (s)
		s->edges = weir_arena_zero(&env->arena, nedges * sizeof(*s->edges) + 1);
	if (!s || !s->edges) {
		weir_env_fail(env, WEIR_ENOMEM, NULL, "out of memory while the job's graph was built");
		return env->broken;
	}
	s->env = env;
	s->node = node;
	s->type = type;
	s->nedges = nedges;
	return s;
}

/* The one way a node is made. config is copied. in == NULL: a source. */
static struct weir_stream *add_node(struct weir_env *env, const char *uid, const struct weir_op_ops *ops, struct weir_stream *in,
				    const struct weir_key_spec *key, struct weir_type *out, const void *config, size_t config_size)
{
	struct weir_node *n, **slot;
	struct weir_stream *s;

	if (env->err.code || !uid_fits(env, uid) || (out && !prepared(env, uid, out)))
		return env->broken;
	n = weir_arena_zero(&env->arena, sizeof(*n));
	slot = n ? weir_vec_push(&env->nodes) : NULL;
	if (!slot) {
		weir_env_fail(env, WEIR_ENOMEM, uid, "out of memory");
		return env->broken;
	}
	*slot = n;
	n->id = (uint32_t)env->nodes.len;
	n->uid = weir_arena_text(&env->arena, uid, strlen(uid));
	n->config = weir_arena_copy(&env->arena, config, config_size);
	n->op_id = weir_operator_id_of_uid(uid);
	n->ops = ops;
	n->key = key;
	n->in = in ? in->type : NULL;
	n->out = out;
	if (in) {
		n->nedges = in->nedges;
		n->edges = weir_arena_copy(&env->arena, in->edges, in->nedges * sizeof(*in->edges));
	}
	for (uint32_t i = 0; key && n->edges && i < n->nedges; i++) {
		n->edges[i].exchange = WEIR_BY_KEY;
		n->edges[i].key = key;
	}
	s = new_stream(env, n, out, 1);
	if (!n->uid || (config_size && !n->config) || (in && !n->edges)) {
		weir_env_fail(env, WEIR_ENOMEM, uid, "out of memory");
		return env->broken;
	}
	if (s->edges)
		s->edges[0] = (struct weir_edge){ .from = n, .exchange = WEIR_FORWARD };
	return s;
}

/* ---- sources ---- */

static struct weir_stream *add_source(struct weir_env *env, const char *uid, const struct weir_op_ops *ops, const char *path, int64_t from, int64_t to,
				      struct weir_source_opts opts)
{
	struct weir_source_config c = { .opts = opts, .from = from, .to = to };
	struct weir_stream *s;

	if (path)
		c.path = weir_arena_text(&env->arena, path, strlen(path));
	if (opts.on_error)
		c.opts.on_error = weir_arena_text(&env->arena, opts.on_error, strlen(opts.on_error));
	if (opts.rows_per_second < 0)
		weir_env_fail(env, WEIR_EINVALID, uid, "rows_per_second is negative");
	s = add_node(env, uid, ops, NULL, NULL, opts.type, &c, sizeof(c));
	if (s != env->broken)
		s->node->parallelism = opts.parallelism;
	return s;
}

static bool is_record(const struct weir_type *t)
{
	return t->kind == WEIR_TUPLE || t->kind == WEIR_ROW || t->kind == WEIR_POJO;
}

static struct weir_stream *add_row_source(struct weir_env *env, const char *uid, const struct weir_op_ops *ops, const char *path, struct weir_source_opts o)
{
	if (!o.type || !is_record(o.type))
		weir_env_fail(env, WEIR_EINVALID, uid, "the type of the rows must be a record (WEIR_RECORD)");
	return add_source(env, uid, ops, path, 0, 0, o);
}

struct weir_stream *weir__text_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts o)
{
	o.type = &weir_line_type;
	return add_source(env, uid, &weir_op_text_source, path, 0, 0, o);
}

struct weir_stream *weir__csv_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts o)
{
	return add_row_source(env, uid, &weir_op_csv_source, path, o);
}

struct weir_stream *weir__json_source(struct weir_env *env, const char *uid, const char *path, struct weir_source_opts o)
{
	return add_row_source(env, uid, &weir_op_json_source, path, o);
}

struct weir_stream *weir__sequence_source(struct weir_env *env, const char *uid, int64_t from, int64_t to, struct weir_source_opts o)
{
	o.type = &weir_int64;
	return add_source(env, uid, &weir_op_sequence_source, NULL, from, to, o);
}

/* ---- fields ---- */

/* Index of a field, or -1 after a build error that lists the fields there are. */
static int field_of(struct weir_env *env, const char *uid, const struct weir_type *t, const char *name)
{
	char have[300] = "";
	int i = is_record(t) ? weir_type_field(t, name) : -1;
	size_t n = 0;

	if (i >= 0)
		return i;
	for (uint32_t k = 0; is_record(t) && k < t->nfields && n < sizeof(have); k++)
		n += (size_t)snprintf(have + n, sizeof(have) - n, "%s%s", k ? ", " : "", t->fields[k].name ? t->fields[k].name : "?");
	if (is_record(t))
		weir_env_fail(env, WEIR_EINVALID, uid, "there is no field '%s' in %s; it has: %s", name, t->name ? t->name : "the row", have);
	else
		weir_env_fail(env, WEIR_EINVALID, uid, "there is no field '%s': the rows are not records", name);
	return -1;
}

struct weir_stream *weir_assign_timestamps(struct weir_stream *s, const char *field, struct weir_watermark_strategy w)
{
	struct weir_env *env = s->env;
	struct weir_timestamps_config c = { .strategy = w };
	char uid[300];
	int f;

	if (env->err.code)
		return s;
	snprintf(uid, sizeof(uid), "%s-timestamps", s->node ? s->node->uid : "union");
	f = field_of(env, s->node ? s->node->uid : NULL, s->type, field);
	if (f < 0)
		return env->broken;
	if (s->type->fields[f].type->kind != WEIR_TIMESTAMP && s->type->fields[f].type->kind != WEIR_INT64) {
		weir_env_fail(env, WEIR_EINVALID, s->node ? s->node->uid : NULL, "event time needs a timestamp or int64 field, '%s' is neither", field);
		return env->broken;
	}
	if (s->node && !s->node->nedges && s->node->ops->poll && s->nedges == 1 && s->edges[0].exchange == WEIR_FORWARD && is_record(s->type)) {
		struct weir_source_config *source = (struct weir_source_config *)(uintptr_t)s->node->config;

		if (!source->timed) { /* the source knows its splits: watermarks by position in each */
			source->timed = true;
			source->time_field = (uint32_t)f;
			source->strategy = w;
			return s;
		}
	}
	c.field = (uint32_t)f;
	return add_node(env, uid, &weir_op_timestamps, s, NULL, s->type, &c, sizeof(c));
}

/* ---- functions ---- */

static struct weir_stream *add_function(struct weir_stream *s, const char *uid, const struct weir_op_ops *ops, struct weir_type *out, const void *fn,
					struct weir_function_config c)
{
	if (!fn)
		weir_env_fail(s->env, WEIR_EINVALID, uid, "no function was given");
	if (!s->type && !s->env->err.code)
		weir_env_fail(s->env, WEIR_EINVALID, uid, "its input is a sink, which has no output");
	c.in = s->type;
	c.out = out;
	return add_node(s->env, uid, ops, s, NULL, out, &c, sizeof(c));
}

struct weir_stream *weir_flat_map(struct weir_stream *s, const char *uid, weir_flat_map_fn *fn, struct weir_type *out)
{
	return add_function(s, uid, &weir_op_flat_map, out, &fn, (struct weir_function_config){ .fn.flat_map = fn });
}

struct weir_stream *weir_map(struct weir_stream *s, const char *uid, weir_map_fn *fn, struct weir_type *out)
{
	return add_function(s, uid, &weir_op_map, out, &fn, (struct weir_function_config){ .fn.map = fn });
}

struct weir_stream *weir_filter(struct weir_stream *s, const char *uid, weir_filter_fn *fn)
{
	return add_function(s, uid, &weir_op_filter, s->type, &fn, (struct weir_function_config){ .fn.filter = fn });
}

struct weir_stream *weir_batch_filter(struct weir_stream *s, const char *uid, weir_batch_filter_fn *fn)
{
	return add_function(s, uid, &weir_op_batch_filter, s->type, &fn, (struct weir_function_config){ .fn.batch_filter = fn });
}

struct weir_stream *weir_batch_map(struct weir_stream *s, const char *uid, weir_batch_map_fn *fn, struct weir_type *out)
{
	return add_function(s, uid, &weir_op_batch_map, out, &fn, (struct weir_function_config){ .fn.batch_map = fn });
}

/* ---- redistribution ---- */

static const struct weir_key_spec *key_spec(struct weir_stream *s, const char *const *names)
{
	struct weir_env *env = s->env;
	struct weir_key_spec *k = weir_arena_zero(&env->arena, sizeof(*k));
	struct weir_type *types[25];
	uint32_t n = 0, *fields;
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf text = { 0 };

	while (names[n])
		n++;
	fields = weir_arena_zero(&env->arena, (n + 1) * sizeof(*fields));
	if (!k || !fields || n == 0 || n > 25) {
		weir_env_fail(env, WEIR_EINVALID, NULL, "key_by takes 1 to 25 field names");
		return NULL;
	}
	k->fields = fields;
	for (uint32_t i = 0; i < n; i++) {
		int f = names[i][0] ? field_of(env, s->node ? s->node->uid : NULL, s->type, names[i]) : 0;

		if (f < 0)
			return NULL;
		fields[i] = (uint32_t)f;
		types[i] = names[i][0] ? s->type->fields[f].type : s->type;
		weir_buf_printf(&text, "%s%s", i ? ", " : "", names[i]);
	}
	k->text = weir_arena_text(&env->arena, weir_buf_cstr(&text), text.len);
	weir_buf_fini(&text);
	k->nfields = n == 1 && !names[0][0] ? 0 : n;
	k->type = n == 1 ? types[0] : weir_type_tuple(&env->arena, n, types, &err);
	if (!k->type) {
		weir_env_fail(env, err.code, NULL, "key_by(%s): %s", k->text, err.msg);
		return NULL;
	}
	return k;
}

struct weir_keyed *weir__key_by(struct weir_stream *s, const char *const *names)
{
	struct weir_env *env = s->env;
	struct weir_keyed *k = weir_arena_zero(&env->arena, sizeof(*k));
	struct weir_error err = WEIR_ERROR_INIT;
	int32_t hash;
	char *probe;
	static struct weir_keyed none;

	if (!k) {
		weir_env_fail(env, WEIR_ENOMEM, NULL, "out of memory");
		none.stream = env->broken;
		return &none;
	}
	k->stream = s;
	if (env->err.code || !(k->key = key_spec(s, names))) {
		k->stream = env->broken;
		return k;
	}
	/* a key whose Java hash is the user's own cannot be placed: find out now, on a zeroed value */
	probe = weir_arena_zero(&env->arena, k->key->type->size + 1);
	if (probe && weir_type_java_hash(k->key->type, probe, &hash, &err) == WEIR_EUNSUPPORTED)
		weir_env_fail(env, WEIR_EINVALID, s->node ? s->node->uid : NULL, "key_by(%s): %s; use a field, or several (they become a tuple)",
			      k->key->text, err.msg);
	return k;
}

static struct weir_stream *with_exchange(struct weir_stream *s, enum weir_exchange e)
{
	struct weir_stream *to;

	if (s->env->err.code)
		return s;
	to = new_stream(s->env, NULL, s->type, s->nedges);
	for (uint32_t i = 0; to != s->env->broken && i < s->nedges; i++) {
		to->edges[i] = s->edges[i];
		to->edges[i].exchange = e;
	}
	return to;
}

struct weir_stream *weir_rebalance(struct weir_stream *s) { return with_exchange(s, WEIR_REBALANCE); }
struct weir_stream *weir_broadcast(struct weir_stream *s) { return with_exchange(s, WEIR_BROADCAST_ALL); }

struct weir_stream *weir__union(struct weir_stream *const *streams)
{
	struct weir_env *env = streams[0]->env;
	struct weir_stream *to;
	uint32_t n = 0;

	for (uint32_t i = 0; streams[i]; i++) {
		if (!env->err.code && !weir_type_equal(streams[i]->type, streams[0]->type)) {
			char a[160], b[160];

			weir_env_fail(env, WEIR_EINVALID, NULL, "union of streams of different types: %s and %s", weir_type_text(streams[0]->type, a, sizeof(a)),
				      weir_type_text(streams[i]->type, b, sizeof(b)));
		}
		n += streams[i]->nedges;
	}
	if (env->err.code)
		return env->broken;
	to = new_stream(env, NULL, streams[0]->type, n);
	n = 0;
	for (uint32_t i = 0; to != env->broken && streams[i]; i++)
		for (uint32_t k = 0; k < streams[i]->nedges; k++)
			to->edges[n++] = streams[i]->edges[k];
	return to;
}

struct weir_stream *weir_parallelism(struct weir_stream *s, uint32_t parallelism)
{
	if (!s->env->err.code && (!s->node || parallelism == 0))
		weir_env_fail(s->env, WEIR_EINVALID, NULL, "weir_parallelism wants the stream of an operator and a number of 1 or more");
	else if (s->node)
		s->node->parallelism = parallelism;
	return s;
}

struct weir_stream *weir_disable_chaining(struct weir_stream *s)
{
	if (s->node)
		s->node->no_chain = true;
	return s;
}

/* ---- keyed operators ---- */

static struct weir_stream *add_keyed(struct weir_keyed *k, const char *uid, const struct weir_op_ops *ops, struct weir_type *out, const void *config,
				     size_t size)
{
	return add_node(k->stream->env, uid, ops, k->stream, k->key, out, config, size);
}

static struct weir_stream *add_reduce(struct weir_keyed *k, const char *uid, enum weir_reduce_kind kind, const char *field, weir_reduce_fn *fn)
{
	struct weir_env *env = k->stream->env;
	struct weir_reduce_config c = { .kind = kind, .type = k->stream->type, .fn = fn };
	int f = 0;

	if (env->err.code)
		return env->broken;
	if (field) {
		f = field_of(env, uid, c.type, field);
		if (f < 0)
			return env->broken;
		if (c.type->fields[f].type->kind < WEIR_INT8 || c.type->fields[f].type->kind > WEIR_DOUBLE) {
			weir_env_fail(env, WEIR_EINVALID, uid, "field '%s' is not a number", field);
			return env->broken;
		}
	} else if (!fn) {
		weir_env_fail(env, WEIR_EINVALID, uid, "no function was given");
	}
	c.field = (uint32_t)f;
	return add_keyed(k, uid, &weir_op_reduce, c.type, &c, sizeof(c));
}

struct weir_stream *weir_sum(struct weir_keyed *k, const char *uid, const char *field) { return add_reduce(k, uid, WEIR_REDUCE_SUM, field, NULL); }
struct weir_stream *weir_min(struct weir_keyed *k, const char *uid, const char *field) { return add_reduce(k, uid, WEIR_REDUCE_MIN, field, NULL); }
struct weir_stream *weir_max(struct weir_keyed *k, const char *uid, const char *field) { return add_reduce(k, uid, WEIR_REDUCE_MAX, field, NULL); }
struct weir_stream *weir_reduce(struct weir_keyed *k, const char *uid, weir_reduce_fn *fn) { return add_reduce(k, uid, WEIR_REDUCE_FN, NULL, fn); }

static bool process_fits(struct weir_env *env, const char *uid, const struct weir_process *p, struct weir_type *in)
{
	char a[160], b[160];

	if (env->err.code)
		return false;
	if (!p || !p->element || !p->in || !p->out) {
		weir_env_fail(env, WEIR_EINVALID, uid, "a process function needs .in, .out and .element");
		return false;
	}
	if (!prepared(env, uid, p->in))
		return false;
	if (!weir_type_equal(p->in, in)) {
		weir_env_fail(env, WEIR_EINVALID, uid, "the function takes %s, the stream carries %s", weir_type_text(p->in, a, sizeof(a)),
			      weir_type_text(in, b, sizeof(b)));
		return false;
	}
	return true;
}

struct weir_stream *weir_process(struct weir_keyed *k, const char *uid, const struct weir_process *p)
{
	struct weir_process_config c = { .process = p, .in = k->stream->type };

	if (!process_fits(k->stream->env, uid, p, k->stream->type))
		return k->stream->env->broken;
	return add_keyed(k, uid, &weir_op_process, p->out, &c, sizeof(c));
}

struct weir_stream *weir_process_stream(struct weir_stream *s, const char *uid, const struct weir_process *p)
{
	struct weir_process_config c = { .process = p, .in = s->type };

	if (!process_fits(s->env, uid, p, s->type))
		return s->env->broken;
	if (p->timer)
		weir_env_fail(s->env, WEIR_EINVALID, uid, "timers need a keyed stream: put weir_key_by before it");
	return add_node(s->env, uid, &weir_op_process_stream, s, NULL, p->out, &c, sizeof(c));
}

struct weir_window_assigner weir_tumbling(int64_t size_ms)
{
	return (struct weir_window_assigner){ .size_ms = size_ms, .slide_ms = size_ms };
}

struct weir_window_assigner weir_sliding(int64_t size_ms, int64_t slide_ms)
{
	return (struct weir_window_assigner){ .size_ms = size_ms, .slide_ms = slide_ms };
}

struct weir_stream *weir__window(struct weir_keyed *k, const char *uid, struct weir_window_assigner w, struct weir_window_opts opts)
{
	struct weir_env *env = k->stream->env;
	struct weir_window_config c = { .assigner = w, .opts = opts, .in = k->stream->type };
	const struct weir_aggregate *a = opts.aggregate;
	struct weir_stream *s;

	if (env->err.code)
		return env->broken;
	if (!a || !a->acc || !a->out || !a->result || (!a->add && !a->add_batch)) {
		weir_env_fail(env, WEIR_EINVALID, uid, "a window needs an aggregate with .acc, .out, .add and .result");
		return env->broken;
	}
	if (w.size_ms <= 0 || w.slide_ms <= 0 || opts.allowed_lateness_ms < 0) {
		weir_env_fail(env, WEIR_EINVALID, uid, "window size and slide must be more than 0 ms, and allowed lateness not negative");
		return env->broken;
	}
	if (!prepared(env, uid, a->acc))
		return env->broken;
	if (!a->add && (w.slide_ms != w.size_ms || opts.allowed_lateness_ms > 0 || !(a->acc->flags & WEIR_TYPE_FLAT))) {
		weir_env_fail(env, WEIR_EINVALID, uid, "sliding windows, allowed lateness and accumulators with text go row by row: the aggregate needs .add");
		return env->broken;
	}
	if (opts.late)
		c.opts.late = weir_arena_text(&env->arena, opts.late, strlen(opts.late));
	s = add_keyed(k, uid, &weir_op_window, a->out, &c, sizeof(c));
	if (s != env->broken && opts.parallelism)
		s->node->parallelism = opts.parallelism;
	return s;
}

/* ---- side outputs ---- */

struct weir_stream *weir_side_output_of(struct weir_stream *s, const char *tag, struct weir_type *type)
{
	struct weir_env *env = s->env;
	struct weir_side *side;
	struct weir_stream *to;

	if (env->err.code)
		return env->broken;
	if (!s->node) {
		weir_env_fail(env, WEIR_EINVALID, NULL, "side output '%s': the stream is not that of one operator", tag);
		return env->broken;
	}
	if (!prepared(env, s->node->uid, type))
		return env->broken;
	for (size_t i = 0; i < s->node->sides.len; i++)
		if (strcmp(s->node->sides.items[i].tag, tag) == 0 && !weir_type_equal(s->node->sides.items[i].type, type))
			weir_env_fail(env, WEIR_EINVALID, s->node->uid, "side output '%s' has two types", tag);
	side = weir_vec_push(&s->node->sides);
	to = new_stream(env, NULL, type, 1);
	if (!side || to == env->broken) {
		weir_env_fail(env, WEIR_ENOMEM, s->node->uid, "out of memory");
		return env->broken;
	}
	*side = (struct weir_side){ weir_arena_text(&env->arena, tag, strlen(tag)), type };
	to->edges[0] = (struct weir_edge){ .from = s->node, .tag = side->tag, .exchange = WEIR_FORWARD };
	return to;
}

struct weir_stream *weir_side_output(struct weir_stream *s, const char *tag)
{
	if (!s->env->err.code && s->node && s->node->ops == &weir_op_window) {
		const struct weir_window_config *c = s->node->config;

		if (!c->opts.late || strcmp(c->opts.late, tag) != 0)
			weir_env_fail(s->env, WEIR_EINVALID, s->node->uid, "there is no side output '%s'; give the window .late = \"%s\"", tag, tag);
	}
	return weir_side_output_of(s, tag, s->node && s->node->in ? s->node->in : s->type);
}

/* ---- sinks ---- */

static void add_sink(struct weir_stream *s, const char *uid, const struct weir_op_ops *ops, enum weir_row_format format, struct weir_sink_opts opts)
{
	struct weir_sink_config c = { .format = format, .opts = opts, .type = s->type };
	struct weir_stream *made;

	if (opts.path)
		c.opts.path = weir_arena_text(&s->env->arena, opts.path, strlen(opts.path));
	if (ops == &weir_op_file_sink && !s->env->err.code && (!opts.path || !*opts.path))
		weir_env_fail(s->env, WEIR_EINVALID, uid, "no folder was given for the result files");
	if (ops == &weir_op_file_sink && format == WEIR_ROWS_CSV && !s->env->err.code && !is_record(s->type))
		weir_env_fail(s->env, WEIR_EINVALID, uid, "CSV rows must be records");
	made = add_node(s->env, uid, ops, s, NULL, NULL, &c, sizeof(c));
	if (made != s->env->broken && opts.parallelism)
		made->node->parallelism = opts.parallelism;
}

void weir__csv_sink(struct weir_stream *s, const char *uid, struct weir_sink_opts o) { add_sink(s, uid, &weir_op_file_sink, WEIR_ROWS_CSV, o); }
void weir__json_sink(struct weir_stream *s, const char *uid, struct weir_sink_opts o) { add_sink(s, uid, &weir_op_file_sink, WEIR_ROWS_JSON, o); }
void weir_print(struct weir_stream *s, const char *uid) { add_sink(s, uid, &weir_op_print, WEIR_ROWS_JSON, (struct weir_sink_opts){ 0 }); }
void weir_discard(struct weir_stream *s, const char *uid) { add_sink(s, uid, &weir_op_discard, WEIR_ROWS_JSON, (struct weir_sink_opts){ 0 }); }
