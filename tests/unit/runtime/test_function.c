// SPDX-License-Identifier: Apache-2.0
/* Row functions in a chain, over more rows than a block and a batch hold: what goes in, what comes out, in order; text that the function uses again. */
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs-abstraction/fs_layers.h"
#include "runtime/job_priv.h"

#define NAMED(F) F(int64, n) F(string, name) F(int8, digit) F(string, tail)
#define SHORT(F) F(string, tail) F(int64, n)
WEIR_RECORD(named, NAMED)
WEIR_RECORD(shorter, SHORT)

#define NUMBERS 5000

/* The text lies in the same place for each row. */
static int name_it(struct weir_ctx *ctx, const void *in, void *out)
{
	static _Thread_local char name[64], tail[64];
	int64_t n = *(const int64_t *)in;
	struct named *to = out;

	(void)ctx;
	to->n = n;
	to->digit = (int8_t)(n % 10);
	to->name = weir_str_view(name, (uint32_t)snprintf(name, sizeof(name), "number %lld of many", (long long)n));
	to->tail = weir_str_view(tail, (uint32_t)snprintf(tail, sizeof(tail), "%lld%s", (long long)n, n % 3 ? "" : " and a tail that is long"));
	return 0;
}

static int not_three(struct weir_ctx *ctx, const void *in, bool *keep)
{
	(void)ctx;
	*keep = ((const struct named *)in)->digit != 3;
	return 0;
}

static int not_seven(struct weir_ctx *ctx, const void *in, bool *keep)
{
	(void)ctx;
	*keep = ((const struct named *)in)->digit != 7;
	return 0;
}

static int shorten(struct weir_ctx *ctx, const void *in, void *out)
{
	const struct named *from = in;
	char want[64];

	snprintf(want, sizeof(want), "number %lld of many", (long long)from->n);
	if (from->name.len != strlen(want) || memcmp(weir_str_data(&from->name), want, from->name.len) != 0)
		return weir_fail(ctx, "row %lld is called '%.*s'", (long long)from->n, (int)from->name.len, weir_str_data(&from->name));
	*(struct shorter *)out = (struct shorter){ .tail = from->tail, .n = from->n };
	return 0;
}

static int twice(struct weir_ctx *ctx, const void *in, struct weir_out *out)
{
	(void)ctx;
	weir_emit(out, in);
	if (((const struct shorter *)in)->n % 100 == 0)
		weir_emit(out, in);
	return 0;
}

static int read_output(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct weir_buf *all = arg;
	struct weir_fs *fs = NULL;
	struct weir_fs_map *map;
	struct weir_slice s;
	char path[300], *p;

	(void)st;
	snprintf(path, sizeof(path), "memory://function/out/%s", name);
	ck_assert_int_eq(weir_fs_resolve(path, &fs, &p, NULL), 0);
	ck_assert_int_eq(weir_fs_map(fs, p, &map, &s, NULL), 0);
	free(p);
	weir_buf_put_slice(all, s);
	weir_fs_unmap(map);
	return 0;
}

static void run(struct weir_env *env)
{
	struct weir_job_config config = weir_job_config_default();
	struct weir_host *host = weir_host_threads_new(2);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_plan *plan;
	struct weir_job *job;
	char text[1200];

	snprintf(config.job_id, sizeof(config.job_id), "0123456789abcdef0123456789abcdef");
	config.dir = "memory://function/ckpt";
	config.savepoint_dir = "memory://function/sp";
	ck_ok(weir_plan_make(env, 1, 0, &plan, &err));
	ck_ok(weir_job_new(plan, &config, host, 1, &job, &err));
	ck_ok(weir_job_start(job, &err));
	ck_assert(weir_job_wait(job, 20000));
	ck_assert_msg(weir_job_result(job, &err) == 0, "%s", weir_error_text(&err, text, sizeof(text)));
	weir_job_free(job);
	weir_host_threads_free(host);
}

WEIR_TEST(row_functions_see_each_row_once_and_in_order)
{
	struct weir_fs *fs = weir_fs_memory_new("function");
	struct weir_env *env = weir_env_new(0, NULL);
	struct weir_stream *s = weir_map(weir_sequence_source(env, "numbers", 0, NUMBERS - 1), "named", name_it, &named_type);
	struct weir_buf want = { 0 }, have = { 0 };

	s = weir_filter(weir_filter(s, "not-three", not_three), "not-seven", not_seven); /* the second one gets a row list */
	s = weir_flat_map(weir_map(s, "shorter", shorten, &shorter_type), "twice", twice, &shorter_type);
	weir_csv_sink(s, "sink", "memory://function/out");
	run(env);
	for (int n = 0; n < NUMBERS; n++)
		for (int i = 0; n % 10 != 3 && n % 10 != 7 && i < 1 + (n % 100 == 0); i++)
			weir_buf_printf(&want, "%d%s,%d\n", n, n % 3 ? "" : " and a tail that is long", n);
	ck_assert_int_eq(weir_fs_list(fs, "/out", read_output, &have, NULL), 0);
	ck_assert_uint_eq(have.len, want.len);
	ck_assert_mem_eq(have.data, want.data, want.len);
	weir_buf_fini(&want);
	weir_buf_fini(&have);
	weir_env_free(env);
	weir_fs_memory_free(fs);
}
