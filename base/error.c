// SPDX-License-Identifier: Apache-2.0
/*
 * The error table's strings and the functions that fill struct weir_error.
 * Invariant: the first error wins; context is only ever put in front. Nothing here allocates or prints.
 * Whatever a message is made of, it can be shown: control characters and bytes that are not UTF-8 are escaped here, once.
 */
#include <weir/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct row {
	const char *name, *text;
	int sys, status;
	enum weir_disposition disposition;
};

static const struct row rows[] = {
	{ "OK", "success", 0, 0, WEIR_USER },
#define X(name, sys, status, disposition, text) { #name, text, sys, status, WEIR_##disposition },
	WEIR_ERRORS(X)
#undef X
};

static const struct row *row_of(int code)
{
	if (code > 0 || -code >= (int)(sizeof(rows) / sizeof(rows[0])))
		code = WEIR_EBUG;
	return &rows[-code];
}

const char *weir_code_name(int code) { return row_of(code)->name; }
const char *weir_code_text(int code) { return row_of(code)->text; }
int weir_code_errno(int code) { return row_of(code)->sys; }
int weir_code_exit(int code) { return row_of(code)->status; }
enum weir_disposition weir_code_disposition(int code) { return row_of(code)->disposition; }

void weir_error_clear(struct weir_error *err)
{
	if (err)
		*err = (struct weir_error)WEIR_ERROR_INIT;
}

static int WEIR_PRINTF(6, 0) fill(struct weir_error *err, int code, int sys, const char *path, uint64_t offset, const char *fmt, va_list ap)
{
	if (err && err->code == 0) {
		err->code = code;
		err->sys = sys;
		err->offset = offset;
		snprintf(err->path, sizeof(err->path), "%s", path ? path : "");
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		weir_text_visible(err->path, sizeof(err->path), false); /* names come from files, and may be damaged */
		weir_text_visible(err->msg, sizeof(err->msg), true);
	}
	return code;
}

int weir_error_set(struct weir_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, 0, NULL, WEIR_NO_OFFSET, fmt, ap);
	va_end(ap);
	return code;
}

int weir_error_at(struct weir_error *err, int code, const char *path, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, 0, path, offset, fmt, ap);
	va_end(ap);
	return code;
}

static int code_of_errno(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT: return WEIR_ENOSPC;
	case ENOENT:
	case ENOTDIR: return WEIR_ENOTFOUND;
	case EEXIST:
	case ENOTEMPTY: return WEIR_EEXISTS;
	case EACCES:
	case EPERM:
	case EROFS: return WEIR_EPERM;
	case ENOMEM: return WEIR_ENOMEM;
	case EBUSY: return WEIR_EBUSY;
	case EINVAL:
	case EISDIR: return WEIR_EINVALID;
	default: return WEIR_EIO;
	}
}

static int WEIR_PRINTF(5, 6) set_sys(struct weir_error *err, int code, int sys, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, sys, path, WEIR_NO_OFFSET, fmt, ap);
	va_end(ap);
	return code;
}

int weir_error_sys(struct weir_error *err, int sys, const char *path, const char *what)
{
	char text[128];

	return set_sys(err, code_of_errno(sys), sys, path, "cannot %s: %s", what, strerror_r(sys, text, sizeof(text)));
}

int weir_error_wrap(struct weir_error *err, const char *fmt, ...)
{
	char head[512], tail[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return WEIR_EBUG;
	va_start(ap, fmt);
	vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	weir_text_visible(head, sizeof(head), true);
	memcpy(tail, err->msg, sizeof(tail));
	tail[sizeof(tail) - 1] = 0;
	int n = snprintf(err->msg, sizeof(err->msg), "%s: ", head);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, "%.*s", (int)(sizeof(err->msg) - (size_t)n - 1), tail);
	return err->code;
}

const char *weir_error_text(const struct weir_error *err, char *buf, int size)
{
	char at[32] = "";

	if (err->offset != WEIR_NO_OFFSET)
		snprintf(at, sizeof(at), "byte 0x%llx: ", (unsigned long long)err->offset);
	snprintf(buf, (size_t)size, "%s%s%s%s", err->path, err->path[0] ? ": " : "", at,
		 err->msg[0] ? err->msg : weir_code_text(err->code));
	return buf;
}
