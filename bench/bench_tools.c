// SPDX-License-Identifier: Apache-2.0
/*
 * The tools on state of about 100 bytes an entry, in every layout: verify and export against reading the same bytes and their XXH3, against snappy alone, against a plain iterator
 * of RocksDB; ls of many subtasks; get against one Get; diff against exporting; and the memory of each verb. The verbs run in this process, as library calls, except where memory or
 * the whole command is what is measured: those are runs of weir. CPU time of all threads.
 *     bench_tools WEIR [--quick] [--only WORD] [DIR]      WORD: of a row's name; DIR: where the state is written (default /tmp)
 */
#include <fcntl.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "bench/measure.h"
#include "bench/tools_corpus.h"
#include "state/ckpt/view.h"
#include "statetool/diff.h"
#include "statetool/export.h"
#include "statetool/show.h"
#include "statetool/verify.h"

struct tools {
	struct corpus corpus;
	const char *weir, *only, *layout;
	char key[24];
	uint32_t pairs;
	uint64_t seen; /* bytes or entries of the last run: nothing is optimized away, and runs that did nothing are found */
};

static double failed(const char *what, const struct weir_error *err)
{
	char text[1200];

	fprintf(stderr, "bench_tools: %s: %s\n", what, err ? weir_error_text(err, text, sizeof(text)) : "failed");
	return -1;
}

static void path_of(const struct tools *t, const char *suffix, char out[300])
{
	snprintf(out, 300, "%.200s/%s%s", t->corpus.dir, t->layout, suffix);
}

/* ---- the limits ---- */

static double read_hash(void *arg)
{
	enum { PIECE = 1 << 20 };
	struct tools *t = arg;
	static uint8_t piece[PIECE];
	XXH3_state_t *hash = XXH3_createState();
	double at = measure_process_s();
	char path[300];
	ssize_t n;
	int fd;

	path_of(t, "/state", path);
	fd = open(path, O_RDONLY);
	t->seen = 0;
	XXH3_64bits_reset(hash);
	while (fd >= 0 && (n = read(fd, piece, PIECE)) > 0) {
		XXH3_64bits_update(hash, piece, (size_t)n);
		t->seen += (uint64_t)n;
	}
	t->seen += XXH3_64bits_digest(hash) == 1;
	at = measure_process_s() - at;
	close(fd);
	XXH3_freeState(hash);
	return t->seen ? at : failed(path, NULL);
}

/* Every compressed chunk of the file, found by their headers; checksums are not looked at. */
static double only_snappy(void *arg)
{
	struct tools *t = arg;
	double at = measure_process_s();
	struct weir_fs_map *map;
	struct weir_slice all;
	static char out[1 << 17];
	char path[300];

	path_of(t, "/state", path);
	if (weir_fs_map(weir_fs_local, path, &map, &all, NULL))
		return failed(path, NULL);
	t->seen = 0;
	const uint8_t *p = memmem(all.ptr, all.len, "\xff\x06\x00\x00sNaPpY", 10), *end = all.ptr + all.len;

	while (p && p + 4 <= end) {
		size_t len = (size_t)p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16, got = sizeof(out);

		if ((*p != 0 && *p != 1 && *p != 0xff) || (size_t)(end - p) < len + 4) { /* what stands between groups */
			p = memmem(p, (size_t)(end - p), "\xff\x06\x00\x00sNaPpY", 10);
			continue;
		}
		if (*p == 0 && snappy_uncompress((const char *)p + 8, len - 4, out, &got) == SNAPPY_OK)
			t->seen += got;
		p += len + 4;
	}
	weir_fs_unmap(map);
	return t->seen > t->corpus.entries * 50 ? measure_process_s() - at : failed("snappy", NULL);
}

static double only_iterate(void *arg)
{
	struct tools *t = arg;
	double at = measure_process_s();

	return corpus_iterate(&t->corpus, &t->seen) == t->corpus.entries ? measure_process_s() - at : failed("iterating", NULL);
}

static double only_get(void *arg)
{
	struct tools *t = arg;
	double at = measure_process_s();

	return corpus_get(&t->corpus, strtoll(t->key, NULL, 10)) ? measure_process_s() - at : failed("Get", NULL);
}

/* ---- the verbs ---- */

static int count_bytes(void *arg, const void *p, size_t n, struct weir_error *err)
{
	(void)p, (void)err;
	((struct tools *)arg)->seen += n;
	return 0;
}

static double run_verify(void *arg)
{
	struct tools *t = arg;
	struct weir_sink sink = { .put = count_bytes, .arg = t };
	struct weir_verify_result result = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	double at = measure_process_s();
	char path[300];

	path_of(t, "", path);
	if (weir_state_verify(path, false, &sink, &result, &err) || weir_sink_close(&sink, &err))
		return failed(path, &err);
	free(result.complete);
	return result.problems || result.unread ? failed(path, NULL) : measure_process_s() - at;
}

static struct weir_view *open_view(const struct tools *t, const char *suffix)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c;
	struct weir_view *v;
	char path[300];

	path_of(t, suffix, path);
	if (weir_ckpt_open(path, &c, &err) || weir_view_open(c, &v, &err)) {
		failed(path, &err);
		exit(1);
	}
	return v;
}

static double export_one(struct tools *t, const char *suffix)
{
	struct weir_export_options o = { .format = WEIR_EXPORT_NDJSON, .state = CORPUS_STATE };
	struct weir_sink sink = { .put = count_bytes, .arg = t };
	struct weir_export_result result = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	double at = measure_process_s();
	struct weir_view *v = open_view(t, suffix);

	if (weir_state_export(v, &o, &sink, &result, &err) || weir_sink_close(&sink, &err))
		return failed("export", &err);
	weir_view_close(v);
	return result.rows == t->corpus.entries ? measure_process_s() - at : failed("export", NULL);
}

static double run_export(void *arg) { return export_one(arg, ""); }

static double export_both(void *arg)
{
	double a = export_one(arg, ""), b = export_one(arg, "-changed");

	return a < 0 || b < 0 ? -1 : a + b;
}

static double run_diff(void *arg)
{
	struct tools *t = arg;
	struct weir_diff_options o = { .limit = 100 };
	struct weir_sink sink = { .put = count_bytes, .arg = t };
	struct weir_diff_result result = { 0 };
	struct weir_error err = WEIR_ERROR_INIT;
	double at = measure_process_s();
	struct weir_view *a = open_view(t, ""), *b = open_view(t, "-changed");

	if (weir_state_diff(a, b, &o, &sink, &result, &err) || weir_sink_close(&sink, &err))
		return failed("diff", &err);
	weir_view_close(a);
	weir_view_close(b);
	return result.changed == (t->corpus.entries + CORPUS_CHANGED - 1) / CORPUS_CHANGED ? measure_process_s() - at : failed("diff", NULL);
}

static double run_get(void *arg)
{
	struct tools *t = arg;
	struct weir_get_options o = { .state = CORPUS_STATE, .key = t->key };
	struct weir_sink sink = { .put = count_bytes, .arg = t };
	struct weir_error err = WEIR_ERROR_INIT;
	double at = measure_process_s();
	struct weir_view *v = open_view(t, "");

	t->seen = 0;
	if (weir_state_get_key(v, &o, &sink, &err) || weir_sink_close(&sink, &err))
		return failed("get", &err);
	weir_view_close(v);
	return t->seen ? measure_process_s() - at : -1;
}

/* ---- whole commands ---- */

/* `weir state ARGS`, its output thrown away. CPU seconds, or -1. *out_mb counts what this process holds, too, where that is more. */
static double run_weir(const struct tools *t, const char *const *args, double *out_mb)
{
	struct rusage u;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open("/dev/null", O_WRONLY);

		dup2(fd, 1);
		dup2(fd, 2);
		execv(t->weir, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return -1;
	*out_mb = (double)u.ru_maxrss / 1024;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void measure_ls(struct tools *t)
{
	char path[300];
	const char *args[] = { t->weir, "state", "ls", path, NULL };
	double cpu[11], mb;

	t->layout = "wide";
	path_of(t, "", path);
	for (uint32_t i = 0; i < 11; i++)
		cpu[i] = run_weir(t, args, &mb) * 1e3;
	if (cpu[0] >= 0)
		measure_print_value("ls of 10,000 subtasks (CPU)", measure_median(cpu, 11), "ms", 50);
}

static void measure_memory(struct tools *t, const char *layout)
{
	char path[300], changed[300], name[60];
	const char *weir = t->weir;
	const char *verbs[][8] = {
		{ weir, "state", "ls", path, NULL },
		{ weir, "state", "verify", path, NULL },
		{ weir, "state", "export", "--to", "ndjson", path, NULL },
		{ weir, "state", "du", path, NULL },
		{ weir, "state", "get", path, CORPUS_STATE, t->key, NULL },
		{ weir, "state", "diff", path, changed, NULL },
	};

	t->layout = layout;
	path_of(t, "", path);
	path_of(t, "-changed", changed);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		double mb;

		if ((i == 5 && access(changed, F_OK)) || run_weir(t, verbs[i], &mb) < 0)
			continue;
		snprintf(name, sizeof(name), "memory of %s, %s", verbs[i][2], layout);
		measure_print_value(name, mb, "MB", strcmp(layout, "rocksdb") == 0 ? 72 : 64); /* and RocksDB's cache of 8 */
	}
}

/* The kernel counts the memory of the process that forks as the child's: so a small one does it, this program started again. */
static void measure_memory_apart(struct tools *t, bool rocksdb)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/proc/self/exe", "bench_tools", t->weir, "--memory", t->corpus.dir, t->key, rocksdb ? "4" : "3", NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int memory_main(char **argv)
{
	struct tools t = { .weir = argv[1] };

	snprintf(t.corpus.dir, sizeof(t.corpus.dir), "%s", argv[3]);
	snprintf(t.key, sizeof(t.key), "%s", argv[4]);
	for (int i = 0; i < atoi(argv[5]); i++)
		measure_memory(&t, corpus_layouts[i]);
	return 0;
}

/* ---- the table ---- */

static void row(struct tools *t, const char *layout, const char *verb, const char *against, measure_fn *limit, measure_fn *engine, double rows, double target)
{
	struct measure_result r;
	char name[80];

	snprintf(name, sizeof(name), "%s, %s / %s", verb, layout, against);
	t->layout = layout;
	if (t->only && !strstr(name, t->only))
		return;
	if (measure_pairs(limit, engine, t, t->pairs, &r))
		measure_print(name, &r, rows, target);
}

static void table(struct tools *t, bool rocksdb)
{
	double n = (double)t->corpus.entries;
	uint32_t pairs = t->pairs;

	row(t, "canonical", "verify", "read+xxh3", read_hash, run_verify, n, 2);
	row(t, "hashmap", "verify", "read+xxh3", read_hash, run_verify, n, 2);
	row(t, "canonical", "export", "read+xxh3", read_hash, run_export, n, 4);
	row(t, "hashmap", "export", "read+xxh3", read_hash, run_export, n, 4);
	row(t, "snappy", "verify", "snappy", only_snappy, run_verify, n, 1 / 0.7);
	if (rocksdb) {
		row(t, "rocksdb", "verify", "iterator", only_iterate, run_verify, n, 1.2);
		row(t, "rocksdb", "export", "iterator", only_iterate, run_export, n, 1.2);
		t->pairs = 15;
		row(t, "rocksdb", "get", "open+Get", only_get, run_get, 0, 4);
		t->pairs = pairs;
		row(t, "rocksdb", "diff", "2 exports", export_both, run_diff, n, 0.1);
	}
	row(t, "canonical", "diff", "2 exports", export_both, run_diff, n, 0.1);
	if (t->only && !strstr("ls memory", t->only))
		return;
	measure_ls(t);
	measure_memory_apart(t, rocksdb);
}

static void remove_tree(const char *dir)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		fprintf(stderr, "bench_tools: %s is left\n", dir);
}

int main(int argc, char **argv)
{
	struct tools t = { .pairs = 5 };
	const char *parent = "/tmp";
	bool rocksdb, ok;
	char dir[200];

	if (argc == 6 && strcmp(argv[2], "--memory") == 0)
		return memory_main(argv);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			t.only = argv[++i];
		else if (argv[i][0] != '-' && !t.weir)
			t.weir = argv[i];
		else if (argv[i][0] != '-')
			parent = argv[i];
	}
	if (!t.weir) {
		fprintf(stderr, "bench_tools WEIR [--quick] [--only WORD] [DIR]\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%.180s/weir-tools-XXXXXX", parent);
	if (!mkdtemp(dir))
		return perror(dir), 1;
	ok = corpus_init(&t.corpus, dir, measure_quick(argc, argv) ? 1000000 : 10000000);
	snprintf(t.key, sizeof(t.key), "%llu", (unsigned long long)t.corpus.entries / 3);
	for (int i = 0; i < CORPUS_ROCKSDB && ok; i++)
		ok = corpus_write(&t.corpus, (enum corpus_layout)i, false);
	ok = ok && corpus_write(&t.corpus, CORPUS_CANONICAL, true) && corpus_write_wide(&t.corpus, 10000) && corpus_write_rocksdb(&t.corpus, &rocksdb);
	if (ok)
		table(&t, rocksdb);
	corpus_fini(&t.corpus);
	remove_tree(dir);
	return !ok;
}
