// SPDX-License-Identifier: Apache-2.0
/*
 * Bad rows. The side file is opened for appending, one write per row, so that subtasks may share it. It is a local file: appending is not in the contract
 * of file systems (FS-05), and the file is a log for people, not a result; its rows are there at least once.
 */
#include "runtime/source_bad.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir/fs.h>

#include "base/json.h"

#define SHOWN 80 /* bytes of the text that a message quotes */

int weir_bad_rows_open(struct weir_bad_rows *bad, const char *on_error, struct weir_error *err)
{
	struct weir_fs *fs;
	int rc;

	*bad = (struct weir_bad_rows){ .mode = WEIR_BAD_FAIL, .fd = -1 };
	if (!on_error || !*on_error || strcmp(on_error, "fail") == 0)
		return 0;
	if (strcmp(on_error, "skip") == 0) {
		bad->mode = WEIR_BAD_SKIP;
		return 0;
	}
	rc = weir_fs_resolve(on_error, &fs, &bad->path, err);
	if (rc)
		return rc;
	if (fs != weir_fs_local)
		return weir_error_at(err, WEIR_EUNSUPPORTED, on_error, WEIR_NO_OFFSET, "bad rows can only be kept in a local file; on_error is fail, skip, or such a file");
	bad->mode = WEIR_BAD_FILE;
	bad->fd = open(bad->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (bad->fd < 0)
		return weir_error_sys(err, errno, bad->path, "open the file for bad rows (on_error)");
	return 0;
}

/* Text of a row, cut, on one line. */
static const char *shown(const char *p, size_t n, char room[4 * SHOWN + 4])
{
	size_t at = 0, take = n > SHOWN ? SHOWN : n;

	while (take < n && take > SHOWN - 4 && ((unsigned char)p[take] & 0xc0) == 0x80) /* not inside a character */
		take--;
	for (size_t i = 0; i < take; i++) {
		static const char hex[] = "0123456789abcdef";
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x20 && c != 0x7f) {
			room[at++] = (char)c;
			continue;
		}
		memcpy(room + at, "\\x", 2);
		room[at + 2] = hex[c >> 4];
		room[at + 3] = hex[c & 15];
		at += 4;
	}
	if (take < n) {
		memcpy(room + at, "...", 3);
		at += 3;
	}
	room[at] = 0;
	return room;
}

int weir_bad_row_error(const struct weir_row_fault *f, const char *path, uint64_t offset, uint64_t line, struct weir_error *err)
{
	char column[160] = "", text[4 * SHOWN + 4];

	if (f->column && f->name)
		snprintf(column, sizeof(column), ", column %u (%s)", f->column, f->name);
	else if (f->column)
		snprintf(column, sizeof(column), ", column %u", f->column);
	if (!f->text)
		return weir_error_at(err, WEIR_EPARSE, path, offset, "line %llu%s: %s; the row is: %s", (unsigned long long)line, column, f->what,
				     shown(f->row, f->row_len, text));
	return weir_error_at(err, WEIR_EPARSE, path, offset, "line %llu%s: %s, found \"%s\"", (unsigned long long)line, column, f->what,
			     shown(f->text, f->text_len, text));
}

static void put_json_member(struct weir_buf *b, bool *first, const char *name, const char *p, size_t n)
{
	weir_json_key(b, first, name);
	weir_json_str(b, p, n);
}

int weir_bad_rows_put(struct weir_bad_rows *bad, const struct weir_row_fault *f, const char *path, uint64_t offset, uint64_t line, struct weir_error *err)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	bool first = true;
	int rc = 0;

	if (bad->mode != WEIR_BAD_FILE)
		return 0;
	(void)weir_bad_row_error(f, NULL, WEIR_NO_OFFSET, line, &why);
	weir_buf_u8(&b, '{');
	put_json_member(&b, &first, "file", path, strlen(path));
	weir_json_key(&b, &first, "line");
	weir_json_i64(&b, (int64_t)line);
	weir_json_key(&b, &first, "byte");
	weir_json_i64(&b, (int64_t)offset);
	put_json_member(&b, &first, "error", why.msg, strlen(why.msg));
	if (weir__utf8_valid_slow(f->row, f->row_len)) {
		put_json_member(&b, &first, "row", f->row, f->row_len);
	} else {
		weir_json_key(&b, &first, "row_base64");
		weir_buf_u8(&b, '"');
		weir__put_base64(&b, (const uint8_t *)f->row, f->row_len);
		weir_buf_u8(&b, '"');
	}
	weir_buf_put(&b, "}\n", 2);
	if (weir_buf_error(&b))
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory for a bad row");
	for (size_t at = 0; !rc && at < b.len;) {
		ssize_t n = write(bad->fd, b.data + at, b.len - at);

		if (n < 0 && errno != EINTR)
			rc = weir_error_sys(err, errno, bad->path, "append a bad row (on_error)");
		at += n > 0 ? (size_t)n : 0;
	}
	bad->dirty = true;
	weir_buf_fini(&b);
	return rc;
}

int weir_bad_rows_sync(struct weir_bad_rows *bad, struct weir_error *err)
{
	if (!bad->dirty)
		return 0;
	bad->dirty = false;
	return fdatasync(bad->fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : weir_error_sys(err, errno, bad->path, "sync the file of bad rows (on_error)");
}

void weir_bad_rows_close(struct weir_bad_rows *bad)
{
	if (bad->path && bad->fd >= 0)
		close(bad->fd);
	free(bad->path);
	bad->path = NULL;
}
