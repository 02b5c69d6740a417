// SPDX-License-Identifier: Apache-2.0
/*
 * The source and sink of memory_job.h. The source is the task's thread; results are read after the job has ended. One job at a time.
 */
#include "bench/memory_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "runtime/job.h"

/* ---- source ---- */

static int rows_poll(struct weir_op *op, int64_t now_ms, enum weir_poll *out, int64_t *out_wake_ms, struct weir_error *err)
{
	struct memory_rows *r = (struct memory_rows *)(uintptr_t)op->config;
	bool warm = r->given < r->nwarm;
	int64_t max = r->max_ms;
	struct weir_batch *b;
	int code;

	(void)now_ms, (void)out_wake_ms;
	*out = WEIR_POLL_MORE;
	if (r->given == r->nwarm + r->count) {
		*out = WEIR_POLL_END;
		return 0;
	}
	if (r->given == r->nwarm) {
		r->cpu_start = measure_process_s();
		r->wall_start = measure_wall_s();
	}
	b = warm ? r->warm[r->given] : r->batches[(r->given - r->nwarm) % r->nbatches];
	r->given++;
	code = weir_op_emit(op, b, NULL, err);
	if (code || !r->timed)
		return code;
	for (uint32_t i = 0; i < b->rows; i++)
		max = b->times[i] > max ? b->times[i] : max;
	r->max_ms = max;
	return weir_op_emit_watermark(op, r->max_ms - r->out_of_orderness_ms - 1, err);
}

static void rows_stop(struct weir_op *op)
{
	struct memory_rows *r = (struct memory_rows *)(uintptr_t)op->config;

	r->given = r->nwarm + r->count;
}

static const struct weir_op_ops rows_source = { .name = "Memory", .size = sizeof(struct weir_op), .poll = rows_poll, .stop = rows_stop };

struct weir_stream *memory_source(struct weir_env *env, struct memory_rows *rows)
{
	struct weir_stream *s = weir__csv_source(env, "memory", "memory", (struct weir_source_opts){ .type = rows->type });

	if (s->node) {
		s->node->ops = &rows_source;
		s->node->config = rows;
	}
	rows->given = 0;
	rows->max_ms = INT64_MIN / 2;
	rows->rows_out = rows->sum_out = 0;
	return s;
}

/* ---- sink ---- */

static int rows_take(struct weir_op *op, struct weir_batch *in, const struct weir_select *rows, struct weir_error *err)
{
	struct memory_rows *r = (struct memory_rows *)(uintptr_t)op->config;
	const uint64_t *col = in->cols[r->sum_column];
	uint64_t sum = 0;

	(void)err;
	if (rows && rows->rows)
		for (uint32_t i = 0; i < rows->n; i++)
			sum += col[rows->rows[i]];
	else
		for (uint32_t i = 0; i < in->rows; i++)
			sum += col[i];
	r->sum_out += sum;
	r->rows_out += rows && rows->rows ? rows->n : in->rows;
	return 0;
}

static int rows_finish(struct weir_op *op, struct weir_error *err)
{
	struct memory_rows *r = (struct memory_rows *)(uintptr_t)op->config;

	(void)err;
	r->cpu_s = measure_process_s() - r->cpu_start;
	r->wall_s = measure_wall_s() - r->wall_start;
	return 0;
}

static const struct weir_op_ops rows_sink = { .name = "MemorySink", .size = sizeof(struct weir_op), .batch = rows_take, .finish = rows_finish };

void memory_sink(struct weir_stream *s, struct memory_rows *rows)
{
	weir_discard(s, "memory-sink");
	for (size_t i = 0; i < s->env->nodes.len; i++)
		if (strcmp(s->env->nodes.items[i]->uid, "memory-sink") == 0) {
			s->env->nodes.items[i]->ops = &rows_sink;
			s->env->nodes.items[i]->config = rows;
		}
}

/* ---- batches ---- */

struct weir_batch **memory_batches(struct weir_type *type, bool timed, uint32_t n)
{
	struct weir_batch **b = calloc(n + 1, sizeof(*b));
	struct weir_error err = WEIR_ERROR_INIT;

	if (!b || weir_type_prepare(type, &err))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		b[i] = weir_batch_new(type, timed);
		if (!b[i])
			return NULL;
		b[i]->rows = WEIR_BATCH_ROWS;
	}
	return b;
}

void memory_batches_free(struct weir_batch **b, uint32_t n)
{
	for (uint32_t i = 0; b && i < n; i++)
		weir_batch_unref(b[i]);
	free(b);
}

/* ---- the job ---- */

static int run(struct memory_rows *rows, struct weir_env *env, struct weir_host *host, struct weir_error *err)
{
	struct weir_job_config config = weir_job_config_default();
	struct weir_plan *plan;
	struct weir_job *job = NULL;
	int code = weir_plan_make(env, 1, 0, &plan, err);

	(void)rows;
	memset(config.job_id, '0', 32);
	if (!code)
		code = weir_job_new(plan, &config, host, 1, &job, err);
	if (!code)
		code = weir_job_start(job, err);
	if (!code) {
		(void)weir_job_wait(job, -1);
		code = weir_job_result(job, err);
	}
	weir_job_free(job);
	return code;
}

bool memory_job_run(struct memory_rows *rows, void (*build)(struct weir_env *env, struct memory_rows *rows, void *arg), void *arg)
{
	struct weir_env *env = weir_env_new(0, NULL);
	struct weir_host *host = weir_host_threads_new(1);
	struct weir_error err = WEIR_ERROR_INIT;
	char text[1200];
	int code = WEIR_ENOMEM;

	if (env && host) {
		build(env, rows, arg);
		code = run(rows, env, host, &err);
	}
	weir_host_threads_free(host);
	weir_env_free(env);
	if (code)
		fprintf(stderr, "bench: the job failed: %s\n", weir_error_text(&err, text, sizeof(text)));
	return code == 0;
}
