// SPDX-License-Identifier: Apache-2.0
/*
 * A SQLite database: a table for each state, and weir_states, which says what each table is. The only file that knows SQLite, which is loaded when it is first
 * needed; the few functions of its interface that are used are declared here, so that building needs nothing of it (the interface has not changed since 2004).
 *
 * One transaction without a journal: a file that was not finished is worthless, and its maker removes it. SQLite's cache is bounded. One thread.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "statetool/export.h"

enum { OK = 0, FULL = 13, DONE = 101, OPEN_READWRITE = 2, OPEN_CREATE = 4 };

struct sqlite3;
struct sqlite3_stmt;
static struct {
	int (*open_v2)(const char *, struct sqlite3 **, int, const char *);
	int (*close_v2)(struct sqlite3 *);
	int (*exec)(struct sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
	int (*prepare_v2)(struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **);
	int (*step)(struct sqlite3_stmt *);
	int (*reset)(struct sqlite3_stmt *);
	int (*finalize)(struct sqlite3_stmt *);
	int (*bind_null)(struct sqlite3_stmt *, int);
	int (*bind_int64)(struct sqlite3_stmt *, int, long long);
	int (*bind_double)(struct sqlite3_stmt *, int, double);
	int (*bind_text)(struct sqlite3_stmt *, int, const char *, int, void (*)(void *));
	int (*bind_blob)(struct sqlite3_stmt *, int, const void *, int, void (*)(void *));
	const char *(*errmsg)(struct sqlite3 *);
} api;

static int load(struct weir_error *err)
{
	static const struct {
		const char *name;
		void *slot;
	} functions[] = {
		{ "sqlite3_open_v2", &api.open_v2 }, { "sqlite3_close_v2", &api.close_v2 }, { "sqlite3_exec", &api.exec }, { "sqlite3_prepare_v2", &api.prepare_v2 },
		{ "sqlite3_step", &api.step }, { "sqlite3_reset", &api.reset }, { "sqlite3_finalize", &api.finalize }, { "sqlite3_bind_null", &api.bind_null },
		{ "sqlite3_bind_int64", &api.bind_int64 }, { "sqlite3_bind_double", &api.bind_double }, { "sqlite3_bind_text", &api.bind_text },
		{ "sqlite3_bind_blob", &api.bind_blob }, { "sqlite3_errmsg", &api.errmsg },
	};
	void *lib = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL); /* stays for the life of the process */

	if (!lib)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "export to sqlite needs libsqlite3.so.0, which is not installed (Debian: apt-get install libsqlite3-0)");
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *f = dlsym(lib, functions[i].name);

		if (!f)
			return weir_error_set(err, WEIR_EUNSUPPORTED, "libsqlite3.so.0 has no %s: it is no usable SQLite", functions[i].name);
		memcpy(functions[i].slot, &f, sizeof(f));
	}
	return 0;
}

struct weir__sqlite {
	struct sqlite3 *db;
	struct sqlite3_stmt *insert;
	const char *file;
	const struct weir_uids *uids;
	struct weir_columns *columns;
	struct weir_arena mem;
	struct weir_buf text;
	WEIR_VEC(char *) tables;          /* names taken */
	const struct weir_state_info *state;
	uint64_t rows, state_rows;
	struct weir_error *err;
};

static int db_error(struct weir__sqlite *x, int code, struct weir_error *err)
{
	return weir_error_at(err, code == FULL ? WEIR_ENOSPC : WEIR_EIO, x->file, WEIR_NO_OFFSET, "SQLite: %s", x->db ? api.errmsg(x->db) : "cannot open the database");
}

static int run(struct weir__sqlite *x, const char *sql, struct weir_error *err)
{
	int code = api.exec(x->db, sql, NULL, NULL, NULL);

	return code == OK ? 0 : db_error(x, code, err);
}

static void put_name(struct weir_buf *b, const char *name)
{
	weir_buf_u8(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			weir_buf_u8(b, '"');
		weir_buf_u8(b, (uint8_t)*name);
	}
	weir_buf_u8(b, '"');
}

int weir__sqlite_open(const char *file, const struct weir_uids *uids, struct weir__sqlite **out, struct weir_error *err)
{
	struct weir__sqlite *x;
	int rc = load(err), code;

	if (rc)
		return rc;
	x = calloc(1, sizeof(*x));
	if (!x)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	x->file = file;
	x->uids = uids;
	code = api.open_v2(file, &x->db, OPEN_READWRITE | OPEN_CREATE, NULL);
	rc = code == OK ? run(x, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000; PRAGMA locking_mode=EXCLUSIVE; BEGIN; "
				 "CREATE TABLE weir_states(table_name TEXT, op TEXT, uid TEXT, name TEXT, state TEXT, kind TEXT, key_type TEXT, namespace_type TEXT, map_key_type TEXT, "
				 "value_type TEXT, rows INTEGER)", err) :
			  db_error(x, code, err);
	if (rc) {
		api.close_v2(x->db);
		free(x);
		return rc;
	}
	*out = x;
	return 0;
}

static bool table_taken(const struct weir__sqlite *x, const char *name)
{
	for (size_t i = 0; i < x->tables.len; i++)
		if (strcasecmp(x->tables.items[i], name) == 0)
			return true;
	return strcasecmp(name, "weir_states") == 0 || strncasecmp(name, "sqlite_", 7) == 0;
}

/* The state's name; with the operator's where another state has it. */
static const char *table_name(struct weir__sqlite *x, const struct weir_state_info *s)
{
	char name[700], label[512];
	char *copy;
	const char *state = s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind);

	if (!weir_vec_reserve(&x->tables, x->tables.len + 1))
		return NULL;
	snprintf(name, sizeof(name), "%.150s", state);
	if (table_taken(x, name))
		snprintf(name, sizeof(name), "%.400s_%.150s", s->op ? weir_operator_label(s->op, x->uids, label, sizeof(label)) : "master", state);
	for (int i = 2; table_taken(x, name); i++)
		snprintf(name, sizeof(name), "%.150s_%d", state, i);
	copy = weir_arena_text(&x->mem, name, strlen(name));
	if (copy)
		x->tables.items[x->tables.len++] = copy;
	return copy;
}

static int create_table(struct weir__sqlite *x, const char *table, struct weir_error *err)
{
	static const char *const types[] = { "INTEGER", "REAL", "TEXT", "BLOB", "" };
	uint32_t n = weir_columns_count(x->columns);
	int rc, code;

	weir_buf_clear(&x->text);
	weir_buf_text(&x->text, "CREATE TABLE ");
	put_name(&x->text, table);
	for (uint32_t i = 0; i < n; i++) {
		weir_buf_u8(&x->text, i ? ',' : '(');
		put_name(&x->text, weir_column(x->columns, i)->name);
		weir_buf_printf(&x->text, " %s", types[weir_column(x->columns, i)->kind]);
	}
	weir_buf_u8(&x->text, ')');
	rc = run(x, weir_buf_cstr(&x->text), err);
	if (rc)
		return rc;
	weir_buf_clear(&x->text);
	weir_buf_text(&x->text, "INSERT INTO ");
	put_name(&x->text, table);
	for (uint32_t i = 0; i < n; i++)
		weir_buf_text(&x->text, i ? ",?" : " VALUES(?");
	weir_buf_u8(&x->text, ')');
	code = api.prepare_v2(x->db, weir_buf_cstr(&x->text), -1, &x->insert, NULL);
	return code == OK ? 0 : db_error(x, code, err);
}

static int begin(void *arg, const struct weir_state_info *s, struct weir_error *err)
{
	struct weir__sqlite *x = arg;
	const char *table = table_name(x, s);
	int rc = table ? weir_columns_of(s, &x->mem, &x->columns, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");

	x->state = s;
	x->state_rows = 0;
	return rc ? rc : create_table(x, table, err);
}

static int bind_text(struct weir__sqlite *x, int at, struct weir_slice s)
{
	return s.len > INT32_MAX ? FULL : api.bind_text(x->insert, at, s.ptr ? (const char *)s.ptr : "", (int)s.len, (void (*)(void *))-1); /* copied */
}

static int bind_hex(struct weir__sqlite *x, int at, struct weir_slice hex)
{
	weir_buf_clear(&x->text);
	for (size_t i = 0; i + 1 < hex.len; i += 2)
		weir_buf_u8(&x->text, (uint8_t)(weir_hex_digit((char)hex.ptr[i]) << 4 | weir_hex_digit((char)hex.ptr[i + 1])));
	return api.bind_blob(x->insert, at, x->text.data ? x->text.data : (const uint8_t *)"", (int)x->text.len, (void (*)(void *))-1);
}

static int bind_cell(struct weir__sqlite *x, int at, const struct weir_json *j, enum weir_column_kind kind)
{
	const struct weir_json *hex = kind == WEIR_COLUMN_BLOB ? weir_json_member(j, "hex") : NULL;

	if (hex && hex->kind == WEIR_JSON_STRING)
		return bind_hex(x, at, hex->text);
	switch (j->kind) {
	case WEIR_JSON_NULL: return api.bind_null(x->insert, at);
	case WEIR_JSON_BOOL: return api.bind_int64(x->insert, at, j->u.b);
	case WEIR_JSON_INT: return api.bind_int64(x->insert, at, j->u.i);
	case WEIR_JSON_FLOAT:
		if (kind != WEIR_COLUMN_REAL && j->text.len > 17) /* more digits than a double has */
			return bind_text(x, at, j->text);
		return api.bind_double(x->insert, at, j->u.f);
	case WEIR_JSON_STRING: return bind_text(x, at, j->text);
	default: break;
	}
	weir_buf_clear(&x->text);
	weir_json_put(j, &x->text);
	return weir_buf_error(&x->text) ? FULL : bind_text(x, at, weir_buf_slice(&x->text));
}

static int put_row(void *arg, const struct weir_json *const *cells)
{
	struct weir__sqlite *x = arg;
	int code = OK;

	for (uint32_t i = 0; code == OK && i < weir_columns_count(x->columns); i++)
		code = bind_cell(x, (int)i + 1, cells[i], weir_column(x->columns, i)->kind);
	if (code == OK && (code = api.step(x->insert)) == DONE)
		code = api.reset(x->insert);
	x->rows++;
	x->state_rows++;
	return code == OK ? 0 : db_error(x, code, x->err);
}

static int entry(void *arg, const struct weir_entry *e, struct weir_error *err)
{
	struct weir__sqlite *x = arg;

	x->err = err;
	return weir_columns_rows(x->columns, e, put_row, x, err);
}

static void bind_type(struct weir__sqlite *x, int at, const struct weir_type *t)
{
	char text[1024];

	if (t)
		bind_text(x, at, (struct weir_slice){ (const uint8_t *)weir_type_text(t, text, sizeof(text)), strlen(text) });
}

static void bind_words(struct weir__sqlite *x, int at, const char *text)
{
	if (text)
		bind_text(x, at, (struct weir_slice){ (const uint8_t *)text, strlen(text) });
}

static int end(void *arg, struct weir_error *err)
{
	struct weir__sqlite *x = arg;
	const struct weir_state_info *s = x->state;
	char hex[33], uid[512], name[512];
	int code;

	api.finalize(x->insert);
	x->insert = NULL;
	weir_columns_fini(x->columns);
	x->columns = NULL;
	code = api.prepare_v2(x->db, "INSERT INTO weir_states VALUES(?,?,?,?,?,?,?,?,?,?,?)", -1, &x->insert, NULL);
	if (code != OK)
		return db_error(x, code, err);
	bind_words(x, 1, x->tables.items[x->tables.len - 1]);
	if (s->op) {
		weir_operator_id_hex(&s->op->id, hex);
		bind_words(x, 2, hex);
		bind_words(x, 3, weir_operator_uid(s->op, x->uids, uid, sizeof(uid)));
		bind_words(x, 4, s->op->name.len ? weir_slice_text(s->op->name, name, sizeof(name)) : NULL);
	}
	bind_words(x, 5, s->name ? s->name : "");
	bind_words(x, 6, weir_state_kind_name(s->kind));
	bind_type(x, 7, s->key);
	bind_type(x, 8, s->ns);
	bind_type(x, 9, s->user_key);
	bind_type(x, 10, s->value);
	api.bind_int64(x->insert, 11, (long long)x->state_rows);
	code = api.step(x->insert);
	api.finalize(x->insert);
	x->insert = NULL;
	return code == DONE ? 0 : db_error(x, code, err);
}

const struct weir__export_ops weir__sqlite_ops = { begin, entry, end };

int weir__sqlite_close(struct weir__sqlite *x, int rc, uint64_t *rows, struct weir_error *err)
{
	if (x->insert)
		api.finalize(x->insert);
	if (rc == 0)
		rc = run(x, "COMMIT", err);
	*rows = x->rows;
	api.close_v2(x->db);
	weir_columns_fini(x->columns);
	weir_arena_fini(&x->mem);
	weir_buf_fini(&x->text);
	weir_vec_fini(&x->tables);
	free(x);
	return rc;
}
