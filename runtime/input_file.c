// SPDX-License-Identifier: Apache-2.0
/*
 * Input windows. One buffer holds the unread bytes; fill() moves them to its front and reads behind them. It grows only when a single row does
 * not fit, up to WEIR_INPUT_MAX_ROW.
 *
 * Invariants: `base` is the offset of buf[0]; WEIR_TEXT_SLACK bytes behind window.end belong to the buffer; window.limit is set exactly when the
 * limit lies within the bytes at hand.
 * Threading: one thread. Standard input is never waited for; files are read in place (a local read is short).
 * What is wrong with a file's content is WEIR_EPARSE; a file that became shorter is WEIR_EIO.
 */
#include "runtime/input_file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define WINDOW ((size_t)256 << 10)
#define PACKED ((size_t)64 << 10)

struct weir_input {
	struct weir_row_cursor window;
	char *buf;
	size_t cap;
	uint64_t base, limit;
	char *path;
	struct weir_fs_in *file;   /* NULL: standard input */
	uint64_t read_at;          /* next byte of the file */
	/* gzip */
	bool gzip, member_done, packed_end;
	z_stream z;
	uint8_t *packed;
};

bool weir_input_is_gzip(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

struct weir_row_cursor *weir_input_window(struct weir_input *in) { return &in->window; }
uint64_t weir_input_offset_of(const struct weir_input *in, const char *p) { return in->base + (uint64_t)(p - in->buf); }
uint64_t weir_input_offset(const struct weir_input *in) { return weir_input_offset_of(in, in->window.p); }
const char *weir_input_path(const struct weir_input *in) { return in->path; }

static int open_file(struct weir_input *in, const char *uri, struct weir_error *err)
{
	struct weir_fs *fs;
	int rc = weir_fs_resolve(uri, &fs, &in->path, err);

	if (!rc)
		rc = weir_fs_open(fs, in->path, &in->file, err);
	if (rc)
		return rc;
	in->gzip = weir_input_is_gzip(in->path);
	if (!in->gzip)
		return 0;
	in->packed = malloc(PACKED);
	if (!in->packed || inflateInit2(&in->z, 15 + 16) != Z_OK) {
		free(in->packed);
		in->packed = NULL;
		return weir_error_at(err, WEIR_ENOMEM, in->path, WEIR_NO_OFFSET, "out of memory to unpack the file");
	}
	return 0;
}

int weir_input_open(const char *uri, struct weir_input **out, struct weir_error *err)
{
	struct weir_input *in = calloc(1, sizeof(*in));
	int rc = 0;

	if (!in)
		return weir_error_at(err, WEIR_ENOMEM, uri, WEIR_NO_OFFSET, "out of memory to open an input");
	in->limit = UINT64_MAX;
	in->cap = WINDOW;
	in->buf = calloc(1, in->cap + WEIR_TEXT_SLACK);
	in->window.p = in->window.end = in->buf;
	if (!in->buf)
		rc = weir_error_at(err, WEIR_ENOMEM, uri, WEIR_NO_OFFSET, "out of memory to open an input");
	else if (strcmp(uri, WEIR_INPUT_STDIN) == 0)
		in->path = strdup("standard input");
	else
		rc = open_file(in, uri, err);
	if (!rc && !in->path)
		rc = weir_error_set(err, WEIR_ENOMEM, "out of memory to open an input");
	if (rc) {
		weir_input_close(in);
		return rc;
	}
	*out = in;
	return 0;
}

void weir_input_close(struct weir_input *in)
{
	if (!in)
		return;
	if (in->packed)
		inflateEnd(&in->z);
	free(in->packed);
	weir_fs_in_close(in->file);
	free(in->path);
	free(in->buf);
	free(in);
}

static void set_limit(struct weir_input *in)
{
	uint64_t here = weir_input_offset_of(in, in->window.end);

	if (in->limit > here)
		in->window.limit = NULL;
	else
		in->window.limit = in->limit <= in->base ? in->buf : in->buf + (in->limit - in->base);
}

void weir_input_limit(struct weir_input *in, uint64_t end)
{
	in->limit = end;
	set_limit(in);
}

/* ---- reading ---- */

static int read_stdin(char *to, size_t room, size_t *out_n, bool *out_waiting, struct weir_error *err)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, 0) == 0) {
		*out_waiting = true;
		return 0;
	}
	n = read(STDIN_FILENO, to, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		*out_waiting = true;
		return 0;
	}
	if (n < 0)
		return weir_error_sys(err, errno, "standard input", "read it");
	*out_n = (size_t)n;
	return 0;
}

static int damaged(struct weir_input *in, const char *what, struct weir_error *err)
{
	return weir_error_at(err, WEIR_EPARSE, in->path, in->read_at - in->z.avail_in, "%s", what);
}

static int refill_packed(struct weir_input *in, struct weir_error *err)
{
	size_t n = 0;
	int rc = weir_fs_read_at(in->file, in->packed, PACKED, in->read_at, &n, err);

	in->read_at += n;
	in->z.next_in = in->packed;
	in->z.avail_in = (uInt)n;
	in->packed_end = n < PACKED;
	return rc;
}

static bool only_zeros(const struct weir_input *in)
{
	for (uInt i = 0; i < in->z.avail_in; i++)
		if (in->z.next_in[i])
			return false;
	return true;
}

/* Up to room unpacked bytes; 0 at the end of the last member. */
static int read_gzip(struct weir_input *in, char *to, size_t room, size_t *out_n, struct weir_error *err)
{
	in->z.next_out = (Bytef *)to;
	in->z.avail_out = (uInt)room;
	while (in->z.avail_out == (uInt)room) {
		int rc, z;

		if (in->z.avail_in == 0 && !in->packed_end) {
			rc = refill_packed(in, err);
			if (rc)
				return rc;
		}
		if (in->member_done) {
			if (in->z.avail_in == 0 ? in->packed_end : in->packed_end && only_zeros(in)) /* tapes are padded */
				break;
			if (in->z.avail_in == 0)
				continue;
			if (inflateReset(&in->z) != Z_OK)
				return damaged(in, "the compressed data cannot be unpacked", err);
			in->member_done = false;
		}
		if (in->z.avail_in == 0)
			return damaged(in, "the compressed data ends too early: the .gz file is cut off", err);
		z = inflate(&in->z, Z_NO_FLUSH);
		if (z == Z_STREAM_END)
			in->member_done = true;
		else if (z == Z_MEM_ERROR)
			return weir_error_at(err, WEIR_ENOMEM, in->path, WEIR_NO_OFFSET, "out of memory to unpack the file");
		else if (z != Z_OK && z != Z_BUF_ERROR)
			return damaged(in, in->z.total_out ? "the compressed data is damaged" : "this is not gzip data, though the name ends in .gz", err);
	}
	*out_n = room - in->z.avail_out;
	return 0;
}

static int read_some(struct weir_input *in, char *to, size_t room, size_t *out_n, bool *out_waiting, struct weir_error *err)
{
	int rc;

	*out_n = 0;
	if (!in->file)
		return read_stdin(to, room, out_n, out_waiting, err);
	if (in->gzip)
		return read_gzip(in, to, room, out_n, err);
	rc = weir_fs_read_at(in->file, to, room, in->read_at, out_n, err);
	in->read_at += *out_n;
	return rc;
}

static int grow(struct weir_input *in, size_t len, struct weir_error *err)
{
	char *buf = realloc(in->buf, in->cap * 2 + WEIR_TEXT_SLACK);

	if (!buf)
		return weir_error_at(err, WEIR_ENOMEM, in->path, weir_input_offset(in), "out of memory for a row longer than %zu bytes", in->cap);
	memset(buf + in->cap * 2, 0, WEIR_TEXT_SLACK);
	in->buf = buf;
	in->cap *= 2;
	in->window.p = buf;
	in->window.end = buf + len;
	return 0;
}

int weir_input_fill(struct weir_input *in, bool *out_waiting, struct weir_error *err)
{
	struct weir_row_cursor *w = &in->window;
	size_t len = (size_t)(w->end - w->p), n;
	int rc = 0;

	*out_waiting = false;
	if (w->last)
		return 0;
	if (w->p > in->buf) {
		in->base += (uint64_t)(w->p - in->buf);
		memmove(in->buf, w->p, len);
		w->p = in->buf;
		w->end = in->buf + len;
		w->full = false;
	}
	if (len == in->cap) {
		if (in->cap >= WEIR_INPUT_MAX_ROW) {
			w->full = true;
			set_limit(in);
			return 0;
		}
		rc = grow(in, len, err);
	}
	if (!rc)
		rc = read_some(in, in->buf + len, in->cap - len, &n, out_waiting, err);
	if (rc)
		return rc;
	w->end = in->buf + len + n;
	w->last = n == 0 && !*out_waiting;
	set_limit(in);
	return 0;
}

static int too_short(struct weir_input *in, uint64_t size, uint64_t offset, struct weir_error *err)
{
	return weir_error_at(err, WEIR_EIO, in->path, WEIR_NO_OFFSET,
			     "the file ends at byte %llu, but it was read up to byte %llu before: it has been cut or replaced. Restore it, or start without the old state",
			     (unsigned long long)size, (unsigned long long)offset);
}

int weir_input_seek(struct weir_input *in, uint64_t offset, struct weir_error *err)
{
	struct weir_row_cursor *w = &in->window;
	uint64_t size;
	bool waiting;
	int rc;

	if (!in->file)
		return weir_error_set(err, WEIR_EUNSUPPORTED, "standard input cannot be read again from byte %llu; use a file to resume a job", (unsigned long long)offset);
	if (!in->gzip) {
		rc = weir_fs_size(in->file, &size, err);
		if (rc)
			return rc;
		if (size < offset)
			return too_short(in, size, offset, err);
		in->base = in->read_at = offset;
		w->p = w->end = in->buf;
		w->last = w->full = false;
		set_limit(in);
		return 0;
	}
	while (weir_input_offset_of(in, w->end) < offset) {
		w->p = w->end;
		rc = weir_input_fill(in, &waiting, err);
		if (rc)
			return rc;
		if (w->last)
			return too_short(in, weir_input_offset(in), offset, err);
	}
	w->p = in->buf + (offset - in->base);
	return 0;
}

int weir_input_count_lines(const char *uri, uint64_t before, uint64_t *out, struct weir_error *err)
{
	struct weir_input *in;
	uint64_t lines = 0;
	bool waiting;
	int rc = weir_input_open(uri, &in, err);

	if (rc)
		return rc;
	while (!rc && weir_input_offset_of(in, in->window.end) < before && !in->window.last) {
		const char *p, *end;

		in->window.p = in->window.end;
		rc = weir_input_fill(in, &waiting, err);
		if (rc)
			break;
		end = weir_input_offset_of(in, in->window.end) <= before ? in->window.end : in->buf + (before - in->base);
		for (p = in->buf; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
			lines++;
	}
	weir_input_close(in);
	if (!rc)
		*out = lines;
	return rc;
}
