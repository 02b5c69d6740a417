// SPDX-License-Identifier: Apache-2.0
/* One watermark that fires very many windows or timers: what they emit must not pile up in front of a slower operator. That barriers wait meanwhile: tests/sim. */
#include "tests/lib/weirtest.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/job.h"

#define ROW(F) F(int64, k) F(timestamp, t)
#define COUNT(F) F(int64, n)
#define WIDE(F) F(int64, k) F(int64, start) F(int64, n) F(int64, a) F(int64, b) F(int64, c) F(int64, d) F(int64, e)
WEIR_RECORD(row, ROW)
WEIR_RECORD(count, COUNT)
WEIR_RECORD(wide, WIDE)

#define MANY 2000000
#define MIB (1024 * 1024.0)

/* What the consumer saw. */
static _Atomic int64_t rows_made, rows_seen, most_held, keys_sum, starts_sum;
static _Atomic int64_t first_bytes, most_bytes;

static int64_t resident_bytes(void)
{
	char text[100] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	long long size = 0, resident = 0;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%lld %lld", &size, &resident) != 2)
		ck_abort_msg("cannot read /proc/self/statm");
	close(fd);
	return resident * sysconf(_SC_PAGESIZE);
}

static int observe(struct weir_ctx *ctx, const void *in, bool *out_keep)
{
	const struct wide *w = in;
	int64_t n = atomic_fetch_add(&rows_seen, 1), held = atomic_load(&rows_made) - n;

	(void)ctx;
	if (held > atomic_load(&most_held))
		atomic_store(&most_held, held);
	atomic_fetch_add(&keys_sum, w->k);
	atomic_fetch_add(&starts_sum, w->start);
	if (n % 4096 == 0) {
		int64_t bytes = resident_bytes();

		if (!n)
			atomic_store(&first_bytes, bytes);
		if (bytes > atomic_load(&most_bytes))
			atomic_store(&most_bytes, bytes);
	}
	*out_keep = false;
	return 0;
}

/* ---- windows ---- */

static int64_t keys, step_ms;

static int spread(struct weir_ctx *ctx, const void *in, void *out)
{
	int64_t i = *(const int64_t *)in;

	(void)ctx;
	*(struct row *)out = (struct row){ .k = i % keys, .t = i * step_ms };
	return 0;
}

static int count_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	(void)ctx, (void)in;
	((struct count *)acc)->n++;
	return 0;
}

static int count_result(struct weir_ctx *ctx, const void *key, const struct weir_window *w, const void *acc, void *out)
{
	(void)ctx;
	atomic_fetch_add(&rows_made, 1);
	*(struct wide *)out = (struct wide){ .k = *(const int64_t *)key, .start = w->start_ms, .n = ((const struct count *)acc)->n };
	return 0;
}

static const struct weir_aggregate counting = { .acc = &count_type, .out = &wide_type, .add = count_add, .result = count_result };

/* ---- timers ---- */

static int arm(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	(void)self, (void)out;
	weir_event_timer(ctx, ((const struct row *)in)->t);
	return 0;
}

static int ring(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	struct wide w = { .k = *(const int64_t *)weir_key(ctx), .start = time, .n = 1 };

	(void)self;
	atomic_fetch_add(&rows_made, 1);
	weir_emit(out, &w);
	return 0;
}

static const struct weir_process alarm_clock = { .in = &row_type, .out = &wide_type, .element = arm, .timer = ring };

/* ---- the job ---- */

static struct weir_stream *windows(struct weir_keyed *k) { return weir_window(k, "many", weir_tumbling(10), &counting); }
static struct weir_stream *timers(struct weir_keyed *k) { return weir_process(k, "many", &alarm_clock); }

/* n rows, then the end: its watermark fires everything. The observer is another task. */
static void run(int64_t n, struct weir_stream *(*many)(struct weir_keyed *k))
{
	struct weir_env *env = weir_env_new(0, NULL);
	struct weir_host *host = weir_host_threads_new(2);
	struct weir_job_config config = weir_job_config_default();
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_plan *plan;
	struct weir_job *job = NULL;
	struct weir_stream *s;
	char text[1200];
	int code;

	s = weir_map(weir_sequence_source(env, "numbers", 0, n - 1), "spread", spread, &row_type);
	s = weir_assign_timestamps(s, "t", weir_bounded_out_of_orderness(WEIR_DAYS(10000)));
	s = weir_filter(weir_rebalance(many(weir_key_by(s, "k"))), "observe", observe);
	weir_discard(s, "nothing");
	snprintf(config.job_id, sizeof(config.job_id), "0123456789abcdef0123456789abcdef");
	code = weir_plan_make(env, 1, 0, &plan, &err);
	if (!code)
		code = weir_job_new(plan, &config, host, 1, &job, &err);
	if (!code)
		code = weir_job_start(job, &err);
	if (!code) {
		(void)weir_job_wait(job, -1);
		code = weir_job_result(job, &err);
	}
	ck_assert_msg(code == 0, "%s", weir_error_text(&err, text, sizeof(text)));
	weir_job_free(job);
	weir_host_threads_free(host);
	weir_env_free(env);
}

/* All rows came, and holding them back took little: 2 M rows are 137 MiB. */
static void check(int64_t n, double most_mib)
{
	double grown = (double)(atomic_load(&most_bytes) - atomic_load(&first_bytes)) / MIB;

	ck_assert_int_eq(atomic_load(&rows_seen), n);
	ck_assert_msg(atomic_load(&most_held) <= 32 * 1024, "%lld rows were on their way", (long long)atomic_load(&most_held)); /* a channel holds 16 batches of 1024 rows */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what was freed */
	ck_assert_msg(grown < most_mib, "%.1f MiB more than at the first row", grown);
#else
	(void)grown, (void)most_mib;
#endif
}

/* The output of one watermark was held whole in front of the next operator. */
WEIR_TEST(two_million_windows_of_one_end_fire_in_bounded_memory)
{
	keys = MANY;
	step_ms = 0;
	run(MANY, windows);
	check(MANY, 24);
	ck_assert_int_eq(atomic_load(&keys_sum), (int64_t)MANY * (MANY - 1) / 2);
	ck_assert_int_eq(atomic_load(&starts_sum), 0);
}

WEIR_TEST(two_million_windows_of_a_few_keys_fire_in_bounded_memory)
{
	keys = 10;
	step_ms = 1;
	run(MANY, windows);
	check(MANY, 24);
	ck_assert_int_eq(atomic_load(&keys_sum), (int64_t)MANY / 10 * 45);
	ck_assert_int_eq(atomic_load(&starts_sum), (int64_t)(MANY / 10) * (MANY / 10 - 1) / 2 * 100);
}

WEIR_TEST(two_million_timers_fire_in_bounded_memory)
{
	keys = 1000;
	step_ms = 1;
	run(MANY, timers);
	check(MANY, 24);
	ck_assert_int_eq(atomic_load(&starts_sum), (int64_t)MANY * (MANY - 1) / 2);
}
