/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the contract suite share: small steps that say what they expected. */
#ifndef WEIR_FS_CONTRACT_PRIV_H
#define WEIR_FS_CONTRACT_PRIV_H

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fs-abstraction/contract.h"

#define NAMED_MAX 4096

/* "dir/name" in a buffer of its own, for the length of the enclosing block. */
struct named { char path[NAMED_MAX]; };
static inline struct named weir__named(const char *dir, const char *name)
{
	struct named n;

	snprintf(n.path, sizeof(n.path), "%s/%s", dir, name);
	return n;
}
#define IN(dir, name) (weir__named(dir, name).path)

/* Both return from the check. BREAK is for promises that turned out false. */
#define TRY(call)                   \
	do {                        \
		int try_rc = (call); \
		if (try_rc)         \
			return try_rc; \
	} while (0)
#define BREAK(...) return weir_error_set(err, WEIR_EFAILED, __VA_ARGS__)
#define WANT(cond, ...)                     \
	do {                                \
		if (!(cond))                \
			BREAK(__VA_ARGS__); \
	} while (0)

/* A call that must fail with this code. */
int weir__want_code(int got, int want, const char *what, struct weir_error *err) WEIR_CHECK;
#define WANT_CODE(call, code, what) TRY(weir__want_code((call), (code), (what), err))

/* A create, open, map or lock that must fail with this code; what it opened all the same is closed. */
int weir__want_no_create(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, int code, const char *what, struct weir_error *err) WEIR_CHECK;
int weir__want_no_open(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err) WEIR_CHECK;
int weir__want_no_map(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err) WEIR_CHECK;
int weir__want_no_lock(struct weir_fs *fs, const char *path, int code, const char *what, struct weir_error *err) WEIR_CHECK;

int weir__put_file(struct weir_fs *fs, const char *path, enum weir_fs_write_mode mode, const void *p, size_t len, struct weir_error *err) WEIR_CHECK;
int weir__put_text(struct weir_fs *fs, const char *path, const char *text, struct weir_error *err) WEIR_CHECK; /* NO_OVERWRITE */
/* The file has exactly this content, by open and read_at. */
int weir__want_file(struct weir_fs *fs, const char *path, const void *p, size_t len, struct weir_error *err) WEIR_CHECK;
int weir__want_text(struct weir_fs *fs, const char *path, const char *text, struct weir_error *err) WEIR_CHECK;
int weir__want_absent(struct weir_fs *fs, const char *path, struct weir_error *err) WEIR_CHECK;
/* So many entries; fails also on a name that comes twice. */
int weir__want_entries(struct weir_fs *fs, const char *dir, size_t n, struct weir_error *err) WEIR_CHECK;
/* Run fn in a child process; its result and message come back. WEIR_EBUG when it died. */
int weir__in_child(int (*fn)(void *arg, struct weir_error *err), void *arg, struct weir_error *err) WEIR_CHECK;

/* The parts of the table, ended by a row without an id. */
extern const struct weir_fs_check weir__fs_checks_files[], weir__fs_checks_names[], weir__fs_checks_writer[];

#endif
