/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. Every fallible function returns int: 0, or a negative WEIR_E* code, and fills a caller-owned
 * struct weir_error when one is given (NULL is allowed everywhere). One table says what each code means to
 * people, to FUSE (errno), to the shell (exit status) and to the runtime (disposition).
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stdarg.h>
#include <stdint.h>

/* What the runtime does about an error. */
enum weir_disposition {
	WEIR_RETRY,   /* the same call may succeed later */
	WEIR_FAIL,    /* fail the task; the restart strategy decides */
	WEIR_DAMAGED, /* stored data is damaged: try an older checkpoint */
	WEIR_USER,    /* the request is wrong: do not restart */
	WEIR_BUG,     /* programmer error in weir or in a job */
};

/* X(name, errno, exit status, disposition, text) */
#define WEIR_ERRORS(X)                                                                  \
	X(NOMEM, ENOMEM, 1, FAIL, "out of memory")                                      \
	X(IO, EIO, 1, FAIL, "input/output error")                                       \
	X(NOSPC, ENOSPC, 1, FAIL, "no space left on device")                            \
	X(INVALID, EINVAL, 2, USER, "invalid argument")                                 \
	X(NOTFOUND, ENOENT, 3, USER, "not found")                                       \
	X(EXISTS, EEXIST, 4, USER, "already exists")                                    \
	X(BUSY, EBUSY, 4, USER, "in use")                                               \
	X(TIMEOUT, ETIMEDOUT, 5, RETRY, "timed out")                                    \
	X(INCOMPATIBLE, EINVAL, 6, USER, "state does not fit")                          \
	X(VERSION, EIO, 6, USER, "format version is not supported")                     \
	X(NOTYPE, EIO, 6, USER, "no serializer is known for this type")                 \
	X(CORRUPT, EIO, 7, DAMAGED, "stored data is damaged")                           \
	X(TRUNCATED, EIO, 7, DAMAGED, "stored data ends too early")                     \
	X(PERM, EACCES, 8, USER, "permission denied")                                   \
	X(UNSUPPORTED, ENOTSUP, 2, USER, "not supported")                               \
	X(AGAIN, EAGAIN, 1, RETRY, "try again")                                         \
	X(PARSE, EINVAL, 1, USER, "malformed input")                                    \
	X(FAILED, EIO, 10, FAIL, "job failed")                                          \
	X(CANCELED, ECANCELED, 11, USER, "job was canceled")                            \
	X(BUG, EIO, 70, BUG, "internal error")

enum weir_code {
	WEIR_OK = 0,
#define X(name, sys, status, disposition, text) WEIR__N_##name,
	WEIR__ERRORS_START = 0,
	WEIR_ERRORS(X)
#undef X
	WEIR__ERRORS_END,
#define X(name, sys, status, disposition, text) WEIR_E##name = -WEIR__N_##name,
	WEIR_ERRORS(X)
#undef X
};

#define WEIR_NO_OFFSET UINT64_MAX

struct weir_error {
	int code;        /* 0 or WEIR_E* */
	int sys;         /* errno behind it, or 0 */
	uint64_t offset; /* byte offset in path, or WEIR_NO_OFFSET */
	char path[256];  /* file concerned, or "" */
	char msg[768];   /* what happened, and what to do */
};

#define WEIR_ERROR_INIT { 0, 0, WEIR_NO_OFFSET, "", "" }
#define WEIR_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fill *err (the first error wins: an err that already has a code is left alone) and return code. */
int weir_error_set(struct weir_error *err, int code, const char *fmt, ...) WEIR_PRINTF(3, 4);
/* The same with the file and byte that are to blame. path may be NULL. */
int weir_error_at(struct weir_error *err, int code, const char *path, uint64_t offset, const char *fmt, ...) WEIR_PRINTF(5, 6);
/* From errno: picks the code (ENOSPC, ENOENT, EACCES ... else IO) and appends the system's text. `what` is a verb phrase. */
int weir_error_sys(struct weir_error *err, int sys, const char *path, const char *what);
/* Put context in front of the message: "context: message". Returns err->code (WEIR_EBUG when err is NULL). */
int weir_error_wrap(struct weir_error *err, const char *fmt, ...) WEIR_PRINTF(2, 3);
void weir_error_clear(struct weir_error *err);

const char *weir_code_name(int code);             /* "CORRUPT" */
const char *weir_code_text(int code);             /* "stored data is damaged" */
int weir_code_errno(int code);                    /* positive errno */
int weir_code_exit(int code);                     /* exit status; 0 for WEIR_OK */
enum weir_disposition weir_code_disposition(int code);
/* One line for people: "path: byte 0x1c40: message (text)". Returns buf. */
const char *weir_error_text(const struct weir_error *err, char *buf, int size);

#endif
