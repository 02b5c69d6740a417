/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a changelog, or (first byte odd) as raw keyed state with timers. A changelog is: u8 key group (0xff: METADATA), u16 size, record; again. It becomes the only keyed
 * state of a checkpoint, which is scanned as stored and as applied, and verified.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/src.h"
#include "state/ckpt/dump.h"
#include "state/flink/timers_raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_CHANGES = 2000 };

static int touch(void *arg, const struct weir_entry *e)
{
	uint64_t *sum = arg;
	struct weir_slice all[] = { e->key, e->ns, e->user_key, e->value };

	for (int k = 0; k < 4; k++)
		for (size_t i = 0; i < all[k].len; i++)
			*sum += all[k].ptr[i];
	return 0;
}

static void problem(void *arg, const struct weir_problem *p)
{
	*(uint64_t *)arg += strlen(p->text);
}

static int swallow(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)p, (void)err;
	*(uint64_t *)arg += n;
	return 0;
}

static int timer(void *arg, uint32_t service, bool event, int64_t timestamp, struct weir_slice key, struct weir_slice ns)
{
	struct weir_entry e = { .key = key, .ns = ns, .timestamp = timestamp };

	(void)service, (void)event;
	return touch(arg, &e);
}

static void raw_timers(struct weir_slice blob, uint64_t *sum)
{
	struct weir_raw_services services = { { 0 } };
	struct weir_arena mem = { 0 };
	int with, without;

	if (weir_raw_timers_are(blob)) {
		with = weir_raw_timers_read(blob, "fuzz", 0, &services, &mem, timer, sum, NULL);
		without = weir_raw_timers_read(blob, "fuzz", 0, &services, NULL, timer, sum, NULL);
		if (with == 0 && without != 0) /* a scan must read what opening has read */
			abort();
	}
	weir_vec_fini(&services.items);
	weir_arena_fini(&mem);
}

static void read_all(struct weir_view *v, uint64_t *sum)
{
	struct weir_scan scan = WEIR_SCAN_ALL;

	scan.problem = problem;
	scan.problem_arg = sum;
	(void)!weir_view_scan(v, &scan, touch, sum, NULL);
	(void)!weir_view_verify(v, problem, sum, NULL);
	(void)!weir_dump(v, swallow, sum, NULL, NULL);
}

static void changelog(struct weir_slice bytes, uint64_t *sum)
{
	struct weir_src src = weir_src_of(bytes, NULL, 0);
	struct weir_keyed_handle inc = { .kind = WEIR_KEYED_CHANGES_INLINE, .groups = { 0, 128, NULL }, .id = { (const uint8_t *)"i", 1 } };
	struct weir_operator_state op = { .parallelism = 1, .max_parallelism = 128, .nsubtasks = 1 };
	struct weir_subtask_state sub = { .managed_keyed = { .kind = WEIR_KEYED_CHANGELOG, .groups = { 0, 128, NULL }, .id = inc.id, .nincrements = 1, .increments = &inc } };
	struct weir_ckpt built = { .id = 1, .noperators = 1, .operators = &op }, *c = NULL;
	struct weir_buf file = { 0 };
	struct weir_arena *mem = calloc(1, sizeof(*mem));
	struct weir_view *v;

	inc.changes = calloc(MAX_CHANGES, sizeof(*inc.changes));
	while (inc.nchanges < MAX_CHANGES && weir_src_left(&src)) {
		uint8_t group = weir_src_u8(&src);
		struct weir_slice record = weir_src_bytes(&src, weir_src_u16(&src));

		if (!src.code)
			inc.changes[inc.nchanges++] = (struct weir_change){ group == 0xff ? -1 : group & 127, record };
	}
	op.subtasks = &sub;
	if (weir_ckpt_encode(&built, 4, &file, NULL) == 0 && weir_ckpt_decode(weir_buf_slice(&file), "fuzz", mem, &c, NULL) == 0 && weir_view_open(c, &v, NULL) == 0) {
		read_all(v, sum);
		weir_view_close(v); /* and the checkpoint with its arena */
	} else {
		weir_arena_fini(mem);
		free(mem);
	}
	weir_buf_fini(&file);
	free(inc.changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = 0;

	if (size < 2)
		return 0;
	if (data[0] & 1)
		raw_timers((struct weir_slice){ data + 1, size - 1 }, &sum);
	else
		changelog((struct weir_slice){ data + 1, size - 1 }, &sum);
	__asm__ volatile("" : : "r"(sum)); /* the sum is wanted */
	return 0;
}
