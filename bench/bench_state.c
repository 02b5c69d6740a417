// SPDX-License-Identifier: Apache-2.0
/*
 * The hashmap backend against hand-written loops on the same data: keyed count (presized, prefetching table of 16-byte slots), growth,
 * checkpoints in both layouts under random updates against writing and fsyncing the same bytes, and restoring them against reading the same
 * bytes. Ratios of thread CPU time, medians of ABBA pairs; of checkpoints and restores: wall time.
 *     bench_state [--quick] [--only count|growth|checkpoint] [DIR]      DIR: where checkpoints are written (default /tmp)
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/rng.h"
#include "state/backend/backend.h"
#include "state/ckpt/store.h"

#include <weir/fs.h>

#define BATCH 1024u
#define AHEAD 16u
#define GROUPS 128u

static void must(int code, const struct weir_error *err)
{
	char text[1200];

	if (!code)
		return;
	fprintf(stderr, "bench_state: %s\n", weir_error_text(err, text, sizeof(text)));
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}
static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* ---- the limit: one loop, one presized table ---- */

struct hand { uint64_t *slots; uint64_t mask; size_t bytes; }; /* key + 1, count */

static void hand_make(struct hand *h, uint64_t nkeys)
{
	uint64_t cap = 1024;

	while (cap * 6 / 10 < nkeys)
		cap *= 2;
	h->bytes = cap * 16;
	h->mask = cap - 1;
	h->slots = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(h->slots, h->bytes, MADV_HUGEPAGE);
	memset(h->slots, 0, h->bytes);
}

static void hand_count(struct hand *h, const int64_t *keys, uint32_t n)
{
	uint64_t hashes[BATCH];

	for (uint32_t i = 0; i < n; i++)
		hashes[i] = weir_hash_u64((uint64_t)keys[i]);
	for (uint32_t i = 0; i < AHEAD && i < n; i++)
		__builtin_prefetch(&h->slots[(hashes[i] & h->mask) * 2], 1);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t want = (uint64_t)keys[i] + 1, at = hashes[i] & h->mask;

		if (i + AHEAD < n)
			__builtin_prefetch(&h->slots[(hashes[i + AHEAD] & h->mask) * 2], 1);
		while (h->slots[at * 2] != want && h->slots[at * 2])
			at = (at + 1) & h->mask;
		h->slots[at * 2] = want;
		h->slots[at * 2 + 1]++;
	}
}

/* ---- the engine ---- */

struct engine {
	struct weir_backend *b;
	struct weir_state *count;
	uint64_t hashes[BATCH];
	uint16_t groups[BATCH];
	void *slots[BATCH];
	uint8_t created[BATCH];
};

static const struct weir_state_desc count_state = { .name = "count", .kind = WEIR_STATE_VALUE, .value = &weir_int64 };

static void engine_open(struct engine *e)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_backend_config c = { .key = &weir_int64, .max_parallelism = GROUPS, .ngroups = GROUPS };

	must(weir_backend_open_hashmap(&c, &e->b, &err), &err);
	must(weir_backend_state(e->b, &count_state, &e->count, &err), &err);
}

/* What key_by does once per row, upstream of every keyed operator. */
static void engine_hash(struct engine *e, const int64_t *keys, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		e->hashes[i] = weir_hash_u64((uint64_t)keys[i]);
	for (uint32_t i = 0; i < n; i++)
		e->groups[i] = (uint16_t)weir_key_group(weir_java_hash_i64(keys[i]), GROUPS);
}

static void engine_count(struct engine *e, const int64_t *keys, uint32_t n)
{
	struct weir_error err = WEIR_ERROR_INIT;

	must(weir_state_resolve(e->count, n, keys, e->hashes, e->groups, NULL, 0, e->slots, e->created, &err), &err);
	for (uint32_t i = 0; i < n; i++)
		++*(int64_t *)e->slots[i];
}

/* ---- keyed count ---- */

static double time_hand(struct hand *h, const int64_t *keys, uint64_t n)
{
	double t = seconds(CLOCK_THREAD_CPUTIME_ID);

	for (uint64_t i = 0; i < n; i += BATCH)
		hand_count(h, keys + i, BATCH);
	return (seconds(CLOCK_THREAD_CPUTIME_ID) - t) / (double)n * 1e9;
}

/* *out_hash: the part that is the exchange's (hashes and key groups). */
static double time_engine(struct engine *e, const int64_t *keys, uint64_t n, double *out_hash)
{
	double t, total = 0, hash = 0;

	for (uint64_t i = 0; i < n; i += BATCH * 64) { /* 64 batches at a time, so that reading the clock costs nothing */
		static uint64_t hashes[64][BATCH];
		static uint16_t groups[64][BATCH];
		uint64_t batches = (n - i) / BATCH < 64 ? (n - i) / BATCH : 64;

		t = seconds(CLOCK_THREAD_CPUTIME_ID);
		for (uint64_t k = 0; k < batches; k++) {
			engine_hash(e, keys + i + k * BATCH, BATCH);
			memcpy(hashes[k], e->hashes, sizeof(e->hashes));
			memcpy(groups[k], e->groups, sizeof(e->groups));
		}
		hash += seconds(CLOCK_THREAD_CPUTIME_ID) - t;
		t = seconds(CLOCK_THREAD_CPUTIME_ID);
		for (uint64_t k = 0; k < batches; k++) {
			memcpy(e->hashes, hashes[k], sizeof(e->hashes));
			memcpy(e->groups, groups[k], sizeof(e->groups));
			engine_count(e, keys + i + k * BATCH, BATCH);
		}
		total += seconds(CLOCK_THREAD_CPUTIME_ID) - t;
	}
	*out_hash = hash / (double)n * 1e9;
	return total / (double)n * 1e9;
}

static void keyed_count(uint64_t nkeys, uint64_t rows, uint32_t pairs)
{
	int64_t *keys = malloc(rows * sizeof(*keys));
	double ratios[64], with_hash[64], hand_ns[64], engine_ns[64], hash, sum = 0;
	struct weir_rng rng = { 1 };
	struct engine e;
	struct hand h;

	engine_open(&e);
	hand_make(&h, nkeys);
	for (uint64_t i = 0; i < rows; i++)
		keys[i] = (int64_t)weir_rng_below(&rng, nkeys);
	for (uint64_t i = 0; i + BATCH <= nkeys; i += BATCH) { /* every key once, in both */
		int64_t all[BATCH];

		for (uint32_t k = 0; k < BATCH; k++)
			all[k] = (int64_t)(i + k);
		hand_count(&h, all, BATCH);
		engine_hash(&e, all, BATCH);
		engine_count(&e, all, BATCH);
	}
	for (uint32_t p = 0; p < pairs; p++) {
		double a, b;

		if (p % 2) {
			b = time_engine(&e, keys, rows, &hash);
			a = time_hand(&h, keys, rows);
		} else {
			a = time_hand(&h, keys, rows);
			b = time_engine(&e, keys, rows, &hash);
		}
		ratios[p] = b / a;
		with_hash[p] = (b + hash) / a;
		hand_ns[p] = a;
		engine_ns[p] = b;
		sum += hash;
	}
	printf("keyed count, %9llu keys: hand %5.1f ns/row, engine %5.1f ns/row (+ %.1f hash and key group), ratio %.2f (with hash %.2f), target 2\n",
	       (unsigned long long)nkeys, median(hand_ns, pairs), median(engine_ns, pairs), sum / pairs, median(ratios, pairs), median(with_hash, pairs));
	printf("  memory: %.1f bytes a key\n", (double)weir_backend_bytes(e.b) / (double)weir_state_count(e.count));
	weir_backend_close(e.b);
	munmap(h.slots, h.bytes);
	free(keys);
}

/* ---- growth ---- */

/* Every batch does the same work in every run, so the least time of the runs is its own; what is more came from the machine. */
static void growth(uint64_t nkeys)
{
	enum { RUNS = 5 };
	uint64_t nbatches = nkeys / BATCH, distinct = 0;
	double *least = malloc(nbatches * sizeof(*least)), total = 0, raw = 0;
	struct engine e;
	int64_t keys[BATCH];

	for (int run = 0; run < RUNS; run++) {
		struct weir_rng rng = { 5 };

		engine_open(&e);
		for (uint64_t i = 0; i < nbatches; i++) {
			double cpu;

			for (uint32_t k = 0; k < BATCH; k++)
				keys[k] = (int64_t)weir_rng_below(&rng, nkeys * 4);
			engine_hash(&e, keys, BATCH);
			cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
			engine_count(&e, keys, BATCH);
			cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
			raw = cpu > raw ? cpu : raw;
			least[i] = !run || cpu < least[i] ? cpu : least[i];
		}
		distinct = weir_state_count(e.count);
		weir_backend_close(e.b);
	}
	for (uint64_t i = 0; i < nbatches; i++)
		total += least[i];
	qsort(least, nbatches, sizeof(*least), by_value);
	printf("growth to %llu keys from nothing: %.1f ns/row; longest batch of %u rows %.2f ms CPU, 99.9 %% below %.2f ms, target 1 (least of %d runs; longest seen %.2f)\n",
	       (unsigned long long)distinct, total / (double)(nbatches * BATCH) * 1e9, BATCH, least[nbatches - 1] * 1e3,
	       least[nbatches - 1 - nbatches / 1000] * 1e3, RUNS, raw * 1e3);
	free(least);
}

/* ---- checkpoint and restore ---- */

struct checkpoint {
	struct weir_store_target target;
	enum weir_keyed_format format;
	struct weir_snapshot *snapshot;
	struct weir_arena mem;
	struct weir_keyed_handle handle;
	int64_t offsets[GROUPS];
	double duration, cpu;
	uint64_t size;
	_Atomic bool done;
};

/* As a task's checkpoint thread does it: into a state file, until that is on the disk. */
static void *write_checkpoint(void *arg)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_rng rng = weir_rng_system();
	struct checkpoint *c = arg;
	struct weir_state_out *out;
	double t = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);

	must(weir_state_out_open(&c->target, &rng, &out, &err), &err);
	must(weir_snapshot_write(c->snapshot, c->format, weir_state_out_put, out, c->offsets, &c->size, &err), &err);
	must(weir_state_out_close(out, &c->mem, &c->handle.stream, &err), &err);
	c->duration = seconds(CLOCK_MONOTONIC) - t;
	c->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	c->done = true;
	return NULL;
}

/* The limit: the same bytes from memory. */
static double write_bytes(const char *path, uint64_t size)
{
	size_t piece = 1 << 20;
	char *buf = malloc(piece);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	double t;

	memset(buf, 7, piece);
	t = seconds(CLOCK_MONOTONIC);
	for (uint64_t at = 0; at < size; at += piece)
		if (write(fd, buf, size - at < piece ? size - at : piece) < 0)
			break;
	fsync(fd);
	t = seconds(CLOCK_MONOTONIC) - t;
	close(fd);
	unlink(path);
	free(buf);
	return t;
}

static void one_batch(struct engine *e, struct weir_rng *rng, uint64_t nkeys)
{
	int64_t keys[256];

	for (uint32_t k = 0; k < 256; k++)
		keys[k] = (int64_t)weir_rng_below(rng, nkeys);
	engine_hash(e, keys, 256);
	engine_count(e, keys, 256);
}

#define PAUSES (1u << 20)
struct pauses { double wall, cpu, busy; uint64_t batches; float all[PAUSES]; /* CPU time of each */ };

static void update(struct engine *e, struct weir_rng *rng, uint64_t nkeys, struct pauses *p)
{
	double t = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);

	one_batch(e, rng, nkeys);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu, t = seconds(CLOCK_MONOTONIC) - t;
	p->wall = t > p->wall ? t : p->wall;
	p->cpu = cpu > p->cpu ? cpu : p->cpu;
	p->busy += cpu;
	p->all[p->batches++ % PAUSES] = (float)cpu;
}

static int by_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double above_all_but(struct pauses *p, double part)
{
	size_t n = p->batches < PAUSES ? p->batches : PAUSES;

	qsort(p->all, n, sizeof(*p->all), by_float);
	return (double)p->all[n - 1 - (size_t)((double)n * part)];
}

/* The checkpoint's bytes into tables again, against reading them. Both from the page cache. */
static void restore(const struct checkpoint *c, const char *file)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt ckpt = { .fs = weir_fs_local, .dir = c->target.dir };
	struct weir_backend_config config = { .key = &weir_int64, .max_parallelism = GROUPS, .ngroups = GROUPS };
	size_t piece = 1 << 20;
	char *buf = malloc(piece);
	int fd = open(file, O_RDONLY);
	double read_s, t, cpu;
	struct engine e;

	while (read(fd, buf, piece) > 0) /* once before it counts */
		;
	lseek(fd, 0, SEEK_SET);
	t = seconds(CLOCK_MONOTONIC);
	while (read(fd, buf, piece) > 0)
		;
	read_s = seconds(CLOCK_MONOTONIC) - t;
	close(fd);
	free(buf);
	must(weir_backend_open_hashmap(&config, &e.b, &err), &err);
	t = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	must(weir_backend_restore(e.b, &ckpt, &c->handle, &err), &err);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu, t = seconds(CLOCK_MONOTONIC) - t;
	must(weir_backend_state(e.b, &count_state, &e.count, &err), &err);
	printf("  restore of it (%llu keys): %.2f s (%.2f s CPU, %.0f ns a key), reading the same bytes %.2f s, ratio %.1f\n", (unsigned long long)weir_state_count(e.count), t,
	       cpu, cpu / (double)weir_state_count(e.count) * 1e9, read_s, t / read_s);
	weir_backend_close(e.b);
}

/* One checkpoint of e while it is updated. */
static void run_checkpoint(struct engine *e, struct weir_rng *rng, uint64_t nkeys, struct checkpoint *c, double *begin, struct pauses *p)
{
	struct weir_error err = WEIR_ERROR_INIT;
	pthread_t thread;

	c->done = false;
	c->handle = (struct weir_keyed_handle){ .kind = c->format == WEIR_FORMAT_HEAP ? WEIR_KEYED_GROUPS : WEIR_KEYED_SAVEPOINT,
						.groups = { .first = 0, .count = GROUPS, .offsets = c->offsets } };
	*begin = seconds(CLOCK_MONOTONIC);
	must(weir_backend_snapshot(e->b, &c->snapshot, &err), &err);
	*begin = seconds(CLOCK_MONOTONIC) - *begin;
	if (pthread_create(&thread, NULL, write_checkpoint, c))
		exit(1);
	while (!c->done)
		update(e, rng, nkeys, p);
	pthread_join(thread, NULL);
	weir_snapshot_end(c->snapshot);
}

static void checkpoint(struct engine *e, uint64_t nkeys, enum weir_keyed_format format, char *dir)
{
	enum { RUNS = 3 };
	struct checkpoint c = { .target = { .fs = weir_fs_local, .dir = dir }, .format = format };
	double begin = 0, duration[RUNS], cpu[RUNS], limit[RUNS], ratio[RUNS];
	struct weir_rng rng = { 9 };
	static struct pauses before, during;
	char path[4200], file[4200] = "";

	memset(&before, 0, sizeof(before));
	memset(&during, 0, sizeof(during));
	snprintf(path, sizeof(path), "%s/limit", dir);
	for (uint32_t i = 0; i < 4000; i++)
		update(e, &rng, nkeys, &before);
	for (uint32_t run = 0; run < RUNS; run++) {
		double b;

		if (*file)
			unlink(file);
		run_checkpoint(e, &rng, nkeys, &c, &b, &during);
		snprintf(file, sizeof(file), "%s/%.*s", dir, (int)c.handle.stream.name.len, (const char *)c.handle.stream.name.ptr);
		begin = b > begin ? b : begin;
		duration[run] = c.duration;
		cpu[run] = c.cpu;
		limit[run] = write_bytes(path, c.size);
		ratio[run] = c.duration / limit[run];
	}
	printf("%s of %.0f MiB of state (%llu keys, %.0f MiB written): begin %.3f ms; longest batch of 256 updates %.2f ms CPU, target 5, "
	       "99.9 %% below %.2f (before: %.2f); %.2f ms wall (before: %.2f)\n",
	       format == WEIR_FORMAT_HEAP ? "checkpoint" : "canonical savepoint", (double)weir_backend_bytes(e->b) / 1048576, (unsigned long long)nkeys,
	       (double)c.size / 1048576, begin * 1e3, during.cpu * 1e3, above_all_but(&during, 0.001) * 1e3, before.cpu * 1e3,
	       during.wall * 1e3, before.wall * 1e3);
	printf("  duration %.2f s (%.2f s CPU, %.1f ns a key), write + fsync of the same bytes %.2f s, ratio %.2f, target 2 (medians of %d); %.0f ns an update meanwhile\n",
	       median(duration, RUNS), median(cpu, RUNS), median(cpu, RUNS) / (double)nkeys * 1e9, median(limit, RUNS), median(ratio, RUNS), RUNS,
	       during.busy / (double)during.batches / 256 * 1e9);
	restore(&c, file);
	unlink(file);
	weir_arena_fini(&c.mem);
}

static void checkpoints(uint64_t state_bytes, const char *parent)
{
	uint64_t nkeys = 0;
	struct engine e;
	char dir[4096];

	snprintf(dir, sizeof(dir), "%s/weir-bench-XXXXXX", parent);
	if (!mkdtemp(dir)) {
		fprintf(stderr, "bench_state: cannot make a folder in %s\n", parent);
		exit(1);
	}
	engine_open(&e);
	for (; weir_backend_bytes(e.b) < state_bytes; nkeys += BATCH) {
		int64_t keys[BATCH];

		for (uint32_t k = 0; k < BATCH; k++)
			keys[k] = (int64_t)(nkeys + k);
		engine_hash(&e, keys, BATCH);
		engine_count(&e, keys, BATCH);
	}
	checkpoint(&e, nkeys, WEIR_FORMAT_HEAP, dir);
	checkpoint(&e, nkeys, WEIR_FORMAT_FULL, dir);
	weir_backend_close(e.b);
	rmdir(dir);
}

static bool wants(const char *only, const char *part) { return !only || strcmp(only, part) == 0; }

int main(int argc, char **argv)
{
	const char *dir = "/tmp", *only = NULL;
	bool quick = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			quick = true;
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			only = argv[++i];
		else
			dir = argv[i];
	}
	if (wants(only, "count")) {
		keyed_count(10240, quick ? BATCH * 512 : BATCH * 4096, 15);
		keyed_count(1024 * 1000, quick ? BATCH * 512 : BATCH * 4096, 15);
		if (!quick)
			keyed_count(BATCH * 9766ull, BATCH * 8192, 15);
	}
	if (wants(only, "growth"))
		growth(quick ? 1000000 : 10000000);
	if (wants(only, "checkpoint"))
		checkpoints(quick ? 64ull << 20 : 1ull << 30, dir);
	return 0;
}
