// SPDX-License-Identifier: Apache-2.0
/*
 * The part of the corpus that is RocksDB's, and what it costs to read it with librocksdb alone. The library is loaded by name, as weir itself does, so that the benchmarks build
 * without its headers. The database has the options of Flink's default; only the automatic compaction is off, so that the second checkpoint shares all files of the first. One thread.
 */
#include "bench/tools_corpus.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <weir/ckpt.h>

#include "base/buf.h"
#include "base/hash.h"

enum { MOST_FILES = 1000, CACHE_BYTES = 8 << 20 };

/* X(result, name without rocksdb_, parameters) */
#define FUNCTIONS(X)                                                                                                                                     \
	X(void *, options_create, (void))                                                                                                                \
	X(void, options_destroy, (void *))                                                                                                               \
	X(void, options_set_create_if_missing, (void *, unsigned char))                                                                                  \
	X(void, options_set_disable_auto_compactions, (void *, int))                                                                                     \
	X(void, options_set_block_based_table_factory, (void *, void *))                                                                                 \
	X(void *, block_based_options_create, (void))                                                                                                    \
	X(void, block_based_options_destroy, (void *))                                                                                                   \
	X(void, block_based_options_set_block_cache, (void *, void *))                                                                                   \
	X(void *, cache_create_lru, (size_t))                                                                                                            \
	X(void, cache_destroy, (void *))                                                                                                                 \
	X(void *, open, (const void *, const char *, char **))                                                                                           \
	X(void *, open_for_read_only_column_families, (const void *, const char *, int, const char *const *, const void *const *, void **, unsigned char, char **)) \
	X(void *, create_column_family, (void *, const void *, const char *, char **))                                                                   \
	X(void, column_family_handle_destroy, (void *))                                                                                                  \
	X(void, close, (void *))                                                                                                                         \
	X(void *, writeoptions_create, (void))                                                                                                           \
	X(void, writeoptions_destroy, (void *))                                                                                                          \
	X(void, writeoptions_disable_WAL, (void *, int))                                                                                                 \
	X(void, put_cf, (void *, const void *, void *, const char *, size_t, const char *, size_t, char **))                                             \
	X(void *, flushoptions_create, (void))                                                                                                           \
	X(void, flushoptions_destroy, (void *))                                                                                                          \
	X(void, flush_cf, (void *, const void *, void *, char **))                                                                                       \
	X(void, compact_range_cf, (void *, void *, const char *, size_t, const char *, size_t))                                                          \
	X(void *, checkpoint_object_create, (void *, char **))                                                                                           \
	X(void, checkpoint_create, (void *, const char *, uint64_t, char **))                                                                            \
	X(void, checkpoint_object_destroy, (void *))                                                                                                     \
	X(void *, readoptions_create, (void))                                                                                                            \
	X(void, readoptions_destroy, (void *))                                                                                                           \
	X(void, readoptions_set_fill_cache, (void *, unsigned char))                                                                                     \
	X(void *, create_iterator_cf, (void *, const void *, void *))                                                                                    \
	X(void, iter_destroy, (void *))                                                                                                                  \
	X(unsigned char, iter_valid, (const void *))                                                                                                     \
	X(void, iter_seek_to_first, (void *))                                                                                                            \
	X(void, iter_next, (void *))                                                                                                                     \
	X(const char *, iter_key, (const void *, size_t *))                                                                                              \
	X(const char *, iter_value, (const void *, size_t *))                                                                                            \
	X(char *, get_cf, (void *, const void *, void *, const char *, size_t, size_t *, char **))                                                       \
	X(void, free, (void *))

static struct {
#define X(result, name, parameters) result(*name) parameters;
	FUNCTIONS(X)
#undef X
} api;

static bool load(void)
{
	static const char *const libraries[] = { "librocksdb.so.7.8", "librocksdb.so.8", "librocksdb.so.9", "librocksdb.so.10", "librocksdb.so.7", "librocksdb.so.6", "librocksdb.so" };
	static const struct {
		const char *name;
		void *slot;
	} symbols[] = {
#define X(result, name, parameters) { "rocksdb_" #name, &api.name },
		FUNCTIONS(X)
#undef X
	};
	void *lib = NULL, *at;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && !lib; i++)
		lib = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; lib && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		at = dlsym(lib, symbols[i].name);
		memcpy(symbols[i].slot, &at, sizeof(at));
		if (!at)
			return false;
	}
	return lib != NULL;
}

static bool went_well(char *text)
{
	if (text)
		fprintf(stderr, "bench_tools: RocksDB: %s\n", text);
	return !text;
}

static void key_of(uint32_t group, int64_t key, uint8_t out[10])
{
	uint64_t big = __builtin_bswap64((uint64_t)key);

	out[0] = (uint8_t)group;
	memcpy(out + 1, &big, 8);
	out[9] = 0; /* the namespace */
}

/* ---- writing ---- */

struct making {
	void *db, *family, *write;
};

static bool put_all(const struct corpus *c, const struct making *m, bool changed)
{
	struct weir_buf value = { 0 };
	char *text = NULL;
	uint8_t key[10];

	for (uint32_t g = 0; g < CORPUS_GROUPS && !text; g++)
		for (uint64_t i = c->first[g]; i < c->first[g + 1] && !text; i++) {
			if (changed && (uint64_t)c->keys[i] % CORPUS_CHANGED)
				continue;
			weir_buf_clear(&value);
			corpus__value(c->keys[i], changed, &value);
			key_of(g, c->keys[i], key);
			api.put_cf(m->db, m->write, m->family, (const char *)key, sizeof(key), (const char *)value.data, value.len, &text);
		}
	weir_buf_fini(&value);
	return went_well(text);
}

static bool flush(const struct making *m, bool compact)
{
	void *options = api.flushoptions_create();
	char *text = NULL;

	api.flush_cf(m->db, options, m->family, &text);
	api.flushoptions_destroy(options);
	if (!text && compact)
		api.compact_range_cf(m->db, m->family, NULL, 0, NULL, 0);
	return went_well(text);
}

struct listed {
	char paths[MOST_FILES][600];
	struct weir_named_handle shared[MOST_FILES], private_[MOST_FILES];
	uint32_t nshared, nprivate;
};

/* The files of dir as handles; those that first_dir has, too, are named there. */
static bool list_files(const char *dir, const char *first_dir, struct listed *l)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;

	*l = (struct listed){ 0 };
	while (d && (e = readdir(d)) != NULL) {
		uint32_t n = l->nshared + l->nprivate;
		char *path = l->paths[n];
		bool table = strstr(e->d_name, ".sst") != NULL;
		struct weir_named_handle *h = table ? &l->shared[l->nshared] : &l->private_[l->nprivate];

		if (e->d_name[0] == '.' || n + 1 == MOST_FILES)
			continue;
		snprintf(path, sizeof(l->paths[n]), "%s/%s", table ? first_dir : dir, e->d_name);
		if (stat(path, &st)) {
			snprintf(path, sizeof(l->paths[n]), "%s/%s", dir, e->d_name);
			if (stat(path, &st))
				return perror(path), false;
		}
		if (strstr(e->d_name, ".log") && st.st_size == 0)
			continue;
		*h = (struct weir_named_handle){ { (const uint8_t *)strrchr(path, '/') + 1, strlen(e->d_name) },
						 { .kind = WEIR_HANDLE_FILE, .name = { (const uint8_t *)path, strlen(path) }, .size = st.st_size } };
		*(table ? &l->nshared : &l->nprivate) += 1;
	}
	if (d)
		closedir(d);
	return d != NULL;
}

static bool checkpoint(const struct corpus *c, const struct making *m, const char *name, int64_t id)
{
	static struct listed files;
	char dir[280], db[300], first[300], *text = NULL;
	void *object;

	snprintf(dir, sizeof(dir), "%s/%s", c->dir, name);
	snprintf(db, sizeof(db), "%s/db", dir);
	snprintf(first, sizeof(first), "%s/rocksdb/db", c->dir);
	if (mkdir(dir, 0700))
		return perror(dir), false;
	object = api.checkpoint_object_create(m->db, &text);
	if (!text)
		api.checkpoint_create(object, db, 0, &text);
	if (object)
		api.checkpoint_object_destroy(object);
	return went_well(text) && list_files(db, first, &files) && corpus__write_incremental(dir, files.nshared, files.shared, files.nprivate, files.private_, id);
}

static bool write_both(const struct corpus *c, const struct making *m)
{
	return put_all(c, m, false) && flush(m, true) && checkpoint(c, m, "rocksdb", 1) && put_all(c, m, true) && flush(m, false) && checkpoint(c, m, "rocksdb-changed", 2);
}

bool corpus_write_rocksdb(const struct corpus *c, bool *out_there)
{
	struct making m = { 0 };
	char path[300], *text = NULL;
	void *options;
	bool ok = false;

	*out_there = load();
	if (!*out_there)
		return true;
	snprintf(path, sizeof(path), "%s/live", c->dir);
	options = api.options_create();
	api.options_set_create_if_missing(options, 1);
	api.options_set_disable_auto_compactions(options, 1);
	m.write = api.writeoptions_create();
	api.writeoptions_disable_WAL(m.write, 1);
	m.db = api.open(options, path, &text);
	if (went_well(text)) {
		m.family = api.create_column_family(m.db, options, CORPUS_STATE, &text);
		ok = went_well(text) && write_both(c, &m);
		if (m.family)
			api.column_family_handle_destroy(m.family);
		api.close(m.db);
	}
	api.writeoptions_destroy(m.write);
	api.options_destroy(options);
	return ok;
}

/* ---- reading ---- */

struct reading {
	void *db, *families[2], *options, *table, *cache, *read;
};

static bool open_plain(const struct corpus *c, struct reading *r)
{
	const char *const names[] = { "default", CORPUS_STATE };
	char path[300], *text = NULL;

	snprintf(path, sizeof(path), "%s/rocksdb/db", c->dir);
	*r = (struct reading){ .options = api.options_create(), .table = api.block_based_options_create(), .cache = api.cache_create_lru(CACHE_BYTES), .read = api.readoptions_create() };
	api.block_based_options_set_block_cache(r->table, r->cache);
	api.options_set_block_based_table_factory(r->options, r->table);
	api.readoptions_set_fill_cache(r->read, 0);
	r->db = api.open_for_read_only_column_families(r->options, path, 2, names, (const void *const[]){ r->options, r->options }, r->families, 0, &text);
	return went_well(text);
}

static void close_plain(struct reading *r)
{
	if (r->db) {
		api.column_family_handle_destroy(r->families[0]);
		api.column_family_handle_destroy(r->families[1]);
		api.close(r->db);
	}
	api.readoptions_destroy(r->read);
	api.options_destroy(r->options);
	api.block_based_options_destroy(r->table);
	api.cache_destroy(r->cache);
}

uint64_t corpus_iterate(const struct corpus *c, uint64_t *out_sum)
{
	struct reading r;
	uint64_t n = 0, sum = 0;
	bool ok = open_plain(c, &r);
	void *it = ok ? api.create_iterator_cf(r.db, r.read, r.families[1]) : NULL;

	if (it) {
		for (api.iter_seek_to_first(it); api.iter_valid(it); api.iter_next(it), n++) {
			size_t klen, vlen;
			const char *key = api.iter_key(it, &klen), *value = api.iter_value(it, &vlen);

			sum += klen + vlen + (uint8_t)key[klen - 1] + (uint8_t)value[vlen - 1];
		}
		api.iter_destroy(it);
	}
	close_plain(&r);
	*out_sum = sum;
	return n;
}

uint64_t corpus_get(const struct corpus *c, int64_t key)
{
	struct reading r;
	uint8_t bytes[10];
	size_t len = 0;
	char *text = NULL, *value = NULL;

	key_of(weir_key_group(weir_java_hash_i64(key), CORPUS_GROUPS), key, bytes);
	if (open_plain(c, &r))
		value = api.get_cf(r.db, r.read, r.families[1], (const char *)bytes, sizeof(bytes), &len, &text);
	if (value)
		api.free(value);
	close_plain(&r);
	return value && went_well(text) ? len : 0;
}
