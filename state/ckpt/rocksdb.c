/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librocksdb behind dlopen.
 *
 * 1. The library is loaded once, by the first open, and stays. The functions used have had the same form since RocksDB 6.
 * 2. Every column family has Flink's merge operator: StringAppendTESTOperator with the delimiter ','. Existing value and operands are joined by one
 *    comma each; an empty existing value counts; partial merges are declined.
 * 3. Blocks, indexes and filters live in one small cache: memory does not grow with the state.
 * 4. Checksums are always verified. The OPTIONS file is not loaded: it names paths and classes of the machine that wrote it.
 *
 * Fails when the library is missing, on damage and out of memory. RocksDB's own allocations cannot be checked.
 */
#include "state/ckpt/rocksdb.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CACHE_BYTES = 8 * 1024 * 1024, FATAL_LEVEL = 4 };

typedef char *merge_fn(void *state, const char *key, size_t key_len, const char *existing, size_t existing_len, const char *const *operands,
		       const size_t *operand_lens, int n, unsigned char *success, size_t *out_len);
typedef char *partial_merge_fn(void *state, const char *key, size_t key_len, const char *const *operands, const size_t *operand_lens, int n,
			       unsigned char *success, size_t *out_len);

/* X(result, name without rocksdb_, parameters) */
#define FUNCTIONS(X)                                                                                                                            \
	X(void *, options_create, (void))                                                                                                       \
	X(void, options_destroy, (void *))                                                                                                      \
	X(void, options_set_merge_operator, (void *, void *))                                                                                   \
	X(void, options_set_info_log_level, (void *, int))                                                                                      \
	X(void, options_set_max_open_files, (void *, int))                                                                                      \
	X(void, options_set_max_file_opening_threads, (void *, int))                                                                            \
	X(void, options_set_skip_stats_update_on_db_open, (void *, unsigned char))                                                              \
	X(void, options_set_block_based_table_factory, (void *, void *))                                                                        \
	X(void *, block_based_options_create, (void))                                                                                           \
	X(void, block_based_options_destroy, (void *))                                                                                          \
	X(void, block_based_options_set_block_cache, (void *, void *))                                                                          \
	X(void, block_based_options_set_cache_index_and_filter_blocks, (void *, unsigned char))                                                 \
	X(void *, cache_create_lru, (size_t))                                                                                                   \
	X(void, cache_destroy, (void *))                                                                                                        \
	X(void *, mergeoperator_create, (void *, void (*)(void *), merge_fn *, partial_merge_fn *, void (*)(void *, const char *, size_t), const char *(*)(void *))) \
	X(char **, list_column_families, (const void *, const char *, size_t *, char **))                                                       \
	X(void, list_column_families_destroy, (char **, size_t))                                                                                \
	X(void *, open_for_read_only_column_families, (const void *, const char *, int, const char *const *, const void *const *, void **, unsigned char, char **)) \
	X(void, close, (void *))                                                                                                                \
	X(void, column_family_handle_destroy, (void *))                                                                                         \
	X(void *, readoptions_create, (void))                                                                                                   \
	X(void, readoptions_destroy, (void *))                                                                                                  \
	X(void, readoptions_set_verify_checksums, (void *, unsigned char))                                                                      \
	X(void, readoptions_set_fill_cache, (void *, unsigned char))                                                                            \
	X(void *, create_iterator_cf, (void *, const void *, void *))                                                                           \
	X(void, iter_destroy, (void *))                                                                                                         \
	X(unsigned char, iter_valid, (const void *))                                                                                            \
	X(void, iter_seek, (void *, const char *, size_t))                                                                                      \
	X(void, iter_next, (void *))                                                                                                            \
	X(const char *, iter_key, (const void *, size_t *))                                                                                     \
	X(const char *, iter_value, (const void *, size_t *))                                                                                   \
	X(void, iter_get_error, (const void *, char **))                                                                                        \
	X(void, free, (void *))

static struct {
#define X(result, name, parameters) result(*name) parameters;
	FUNCTIONS(X)
#undef X
	struct weir_error failure;
} api;

/* Debian 12, then other releases; the last has no version and comes with the development package. */
static const char *const libraries[] = { "librocksdb.so.7.8", "librocksdb.so.8", "librocksdb.so.9", "librocksdb.so.9.10", "librocksdb.so.10",
					 "librocksdb.so.7", "librocksdb.so.6", "librocksdb.so" };

static void load(void)
{
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
	if (!lib) {
		weir_error_set(&api.failure, WEIR_EUNSUPPORTED, "this state is RocksDB files, and librocksdb is not installed (Debian: apt-get install librocksdb7.8)");
		return;
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		at = dlsym(lib, symbols[i].name);
		memcpy(symbols[i].slot, &at, sizeof(at));
		if (!at) {
			weir_error_set(&api.failure, WEIR_EUNSUPPORTED, "this state is RocksDB files, and the librocksdb installed here has no %s: weir needs version 6 or later",
				       symbols[i].name);
			dlclose(lib);
			return;
		}
	}
}

static int need_library(struct weir_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return api.failure.code ? weir_error_set(err, api.failure.code, "%s", api.failure.msg) : 0;
}

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory to read RocksDB files");
}

/* RocksDB's text becomes the error, which then owns it no more. */
static int said(char *text, struct weir_error *err)
{
	bool missing = strstr(text, "No such file") || strstr(text, "while stat a file");
	int code = weir_error_set(err, strncmp(text, "IO error", 8) == 0 && !missing ? WEIR_EIO : WEIR_ECORRUPT, "RocksDB: %.600s", text);

	api.free(text);
	return code;
}

/* ---- the merge operator ---- */

static char *merge(void *state, const char *key, size_t key_len, const char *existing, size_t existing_len, const char *const *operands, const size_t *lens,
		   int n, unsigned char *success, size_t *out_len)
{
	size_t len = existing ? existing_len : 0, at = 0;
	char *out;

	(void)state, (void)key, (void)key_len;
	for (int i = 0; i < n; i++)
		len += lens[i] + 1;
	out = malloc(len + 1);
	*success = out != NULL;
	*out_len = 0;
	if (!out)
		return NULL;
	if (existing) {
		memcpy(out, existing, existing_len);
		at = existing_len;
	}
	for (int i = 0; i < n; i++) {
		if (i || existing)
			out[at++] = ',';
		memcpy(out + at, operands[i], lens[i]);
		at += lens[i];
	}
	*out_len = at;
	return out;
}

static char *merge_partial(void *state, const char *key, size_t key_len, const char *const *operands, const size_t *lens, int n, unsigned char *success,
			   size_t *out_len)
{
	(void)state, (void)key, (void)key_len, (void)operands, (void)lens, (void)n;
	*success = 0;
	*out_len = 0;
	return NULL;
}

static const char *merge_name(void *state)
{
	(void)state;
	return "StringAppendTESTOperator";
}

static void merge_free(void *state)
{
	(void)state;
}

/* ---- opening ---- */

struct weir__rocksdb {
	void *db, *options, *table, *cache, *read;
	char **names;
	void **families;
	size_t n;
};

struct weir__rocksdb_iter {
	void *it;
};

static int make_options(struct weir__rocksdb *db, int max_open_files, struct weir_error *err)
{
	db->options = api.options_create();
	db->table = api.block_based_options_create();
	db->cache = api.cache_create_lru(CACHE_BYTES);
	db->read = api.readoptions_create();
	if (!db->options || !db->table || !db->cache || !db->read)
		return no_memory(err);
	api.block_based_options_set_block_cache(db->table, db->cache);
	api.block_based_options_set_cache_index_and_filter_blocks(db->table, 1);
	api.options_set_block_based_table_factory(db->options, db->table);
	api.options_set_merge_operator(db->options, api.mergeoperator_create(NULL, merge_free, merge, merge_partial, NULL, merge_name));
	api.options_set_info_log_level(db->options, FATAL_LEVEL);
	api.options_set_max_open_files(db->options, max_open_files);
	api.options_set_max_file_opening_threads(db->options, 1);
	api.options_set_skip_stats_update_on_db_open(db->options, 1);
	api.readoptions_set_verify_checksums(db->read, 1);
	api.readoptions_set_fill_cache(db->read, 0);
	return 0;
}

static int open_families(struct weir__rocksdb *db, const char *dir, struct weir_error *err)
{
	const void **options;
	char *text = NULL;

	db->names = api.list_column_families(db->options, dir, &db->n, &text);
	if (text)
		return said(text, err);
	options = calloc(db->n + 1, sizeof(*options));
	db->families = calloc(db->n + 1, sizeof(*db->families));
	if (!options || !db->families) {
		free(options);
		return no_memory(err);
	}
	for (size_t i = 0; i < db->n; i++)
		options[i] = db->options;
	db->db = api.open_for_read_only_column_families(db->options, dir, (int)db->n, (const char *const *)db->names, options, db->families, 0, &text);
	free(options);
	return text ? said(text, err) : 0;
}

int weir__rocksdb_open(const char *dir, int max_open_files, struct weir__rocksdb **out, struct weir_error *err)
{
	int code = need_library(err);
	struct weir__rocksdb *db = code ? NULL : calloc(1, sizeof(*db));

	if (code)
		return code;
	code = db ? make_options(db, max_open_files, err) : no_memory(err);
	if (code == 0)
		code = open_families(db, dir, err);
	if (code) {
		weir__rocksdb_close(db);
		return code;
	}
	*out = db;
	return 0;
}

void weir__rocksdb_close(struct weir__rocksdb *db)
{
	if (!db)
		return;
	for (size_t i = 0; db->db && i < db->n; i++)
		api.column_family_handle_destroy(db->families[i]);
	if (db->db)
		api.close(db->db);
	if (db->names)
		api.list_column_families_destroy(db->names, db->n);
	if (db->read)
		api.readoptions_destroy(db->read);
	if (db->options)
		api.options_destroy(db->options);
	if (db->table)
		api.block_based_options_destroy(db->table);
	if (db->cache)
		api.cache_destroy(db->cache);
	free(db->families);
	free(db);
}

int weir__rocksdb_family(const struct weir__rocksdb *db, const char *name)
{
	for (size_t i = 0; i < db->n; i++)
		if (strcmp(db->names[i], name) == 0)
			return (int)i;
	return -1;
}

/* ---- iterating ---- */

int weir__rocksdb_iter_new(struct weir__rocksdb *db, int family, struct weir__rocksdb_iter **out, struct weir_error *err)
{
	struct weir__rocksdb_iter *it = calloc(1, sizeof(*it));

	if (it)
		it->it = api.create_iterator_cf(db->db, db->read, db->families[family]);
	if (!it || !it->it) {
		free(it);
		return no_memory(err);
	}
	*out = it;
	return 0;
}

void weir__rocksdb_iter_free(struct weir__rocksdb_iter *it)
{
	if (it)
		api.iter_destroy(it->it);
	free(it);
}

void weir__rocksdb_seek(struct weir__rocksdb_iter *it, struct weir_slice key)
{
	api.iter_seek(it->it, (const char *)key.ptr, key.len);
}

bool weir__rocksdb_entry(const struct weir__rocksdb_iter *it, struct weir_slice *out_key, struct weir_slice *out_value)
{
	if (!api.iter_valid(it->it))
		return false;
	out_key->ptr = (const uint8_t *)api.iter_key(it->it, &out_key->len);
	out_value->ptr = (const uint8_t *)api.iter_value(it->it, &out_value->len);
	return true;
}

void weir__rocksdb_next(struct weir__rocksdb_iter *it)
{
	api.iter_next(it->it);
}

int weir__rocksdb_iter_error(const struct weir__rocksdb_iter *it, struct weir_error *err)
{
	char *text = NULL;

	api.iter_get_error(it->it, &text);
	return text ? said(text, err) : 0;
}
