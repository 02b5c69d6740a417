// SPDX-License-Identifier: Apache-2.0
/*
 * Open files: rendered segment after segment (one in memory at a time), or as stored. Each has a lock of its own, so one handle may be read by several
 * threads.
 */
#include "fusefs/tree_priv.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(struct weir_error *err) { return weir_error_set(err, WEIR_ENOMEM, "out of memory for the mount"); }

struct weir_file {
	struct weir_tree *t;
	struct weir_inode n;
	pthread_mutex_t lock;
	/* rendered */
	uint64_t segments, segment, start; /* the segment in text and where it begins; segment == segments: none */
	struct weir_buf text;
	/* as stored */
	struct weir_fs_in *in;
	uint64_t base, limit; /* the window of it */
};

/* The handle of a node that is read from its file, or NULL. */
static const struct weir_stream_handle *file_handle(const struct weir__place *p, struct weir_inode n)
{
	const struct weir_stream_handle *h = n.rank < p->snap->nhandles ? p->snap->handles[n.rank].handle : NULL;

	return n.kind != NODE_HANDLE || !h || h->kind == WEIR_HANDLE_INLINE ? NULL : h;
}

static int raw_path(struct weir_tree *t, struct weir_inode n, struct weir_fs **fs, char **path, struct weir_error *err)
{
	struct weir__place p;
	const struct weir_raw_file *f;
	struct weir_fs_stat st;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	if (n.kind == NODE_HANDLE)
		return file_handle(&p, n) ? weir_ckpt_locate(p.ckpt, file_handle(&p, n), fs, path, err) : WEIR_ENOTFOUND;
	if (n.rank >= p.snap->nfiles)
		return WEIR_ENOTFOUND;
	f = &p.snap->files[n.rank];
	if (f->handle)
		return weir_ckpt_locate(p.ckpt, f->handle, fs, path, err);
	rc = weir_fs_stat(p.ckpt->fs, p.ckpt->path, &st, err); /* its name is everybody's: another checkpoint may have it now */
	if (rc == 0 && (st.mtime_ms != p.snap->mtime_ms || st.size != p.snap->size))
		rc = weir_error_at(err, WEIR_EIO, p.ckpt->path, WEIR_NO_OFFSET, "this file was replaced since it was mounted; the checkpoint that it belonged to is gone");
	*fs = p.ckpt->fs;
	*path = rc ? NULL : strdup(p.ckpt->path);
	return rc ? rc : *path ? 0 : no_memory(err);
}

/* The window of a file that a node is: all of it, but of a handle its own part. */
static int window(struct weir_tree *t, struct weir_inode n, uint64_t file_size, uint64_t *base, uint64_t *size, struct weir_error *err)
{
	const struct weir_stream_handle *h;
	struct weir__place p;
	int rc = weir__place_of(t, n, &p, err);

	*base = 0;
	*size = file_size;
	if (rc || !(h = file_handle(&p, n)))
		return rc;
	if (h->kind == WEIR_HANDLE_SEGMENT && h->start >= 0 && (uint64_t)h->start <= file_size) {
		*base = (uint64_t)h->start;
		*size -= *base;
	}
	if (h->size >= 0 && (uint64_t)h->size < *size && !h->longer)
		*size = (uint64_t)h->size;
	return 0;
}

int weir__raw_size(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_fs *fs;
	struct weir_fs_stat st;
	char *path = NULL;
	uint64_t base;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	if (n.kind == NODE_HANDLE && n.rank < p.snap->nhandles && !file_handle(&p, n)) {
		*out = p.snap->handles[n.rank].handle->data.len;
		return 0;
	}
	rc = raw_path(t, n, &fs, &path, err);
	if (rc == 0)
		rc = weir_fs_stat(fs, path, &st, err);
	free(path);
	if (rc == 0)
		rc = window(t, n, st.size, &base, out, err);
	return rc == WEIR_ENOTFOUND ? WEIR_ECORRUPT : rc;
}

int weir_tree_open(struct weir_tree *t, uint64_t ino, struct weir_file **out, struct weir_error *err)
{
	struct weir_file *f;
	struct weir_inode n = weir__node(t, ino);
	struct weir__place p;
	bool stored = n.kind == NODE_RAW_FILE;
	int rc = 0;

	if (weir_tree_shape(ino) != WEIR_SHAPE_FILE)
		return weir_error_set(err, WEIR_EINVALID, "not a file");
	f = calloc(1, sizeof(*f));
	if (!f)
		return no_memory(err);
	f->t = t;
	f->n = n;
	pthread_mutex_init(&f->lock, NULL);
	if (n.kind == NODE_HANDLE) {
		rc = weir__place_of(t, n, &p, err);
		stored = rc == 0 && file_handle(&p, n);
	}
	if (rc == 0 && stored) {
		struct weir_fs *fs;
		char *path = NULL;
		uint64_t size = 0;

		rc = raw_path(t, n, &fs, &path, err);
		if (rc == 0)
			rc = weir_fs_open(fs, path, &f->in, err);
		if (rc == 0)
			rc = weir_fs_size(f->in, &size, err);
		if (rc == 0)
			rc = window(t, n, size, &f->base, &f->limit, err);
		free(path);
	} else if (rc == 0) {
		rc = weir__segments(t, n, &f->segments, err);
		f->segment = f->segments;
	}
	if (rc)
		weir_tree_close(f);
	else
		*out = f;
	return rc;
}

void weir_tree_close(struct weir_file *f)
{
	if (!f)
		return;
	weir_fs_in_close(f->in);
	weir_buf_fini(&f->text);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static int load_segment(struct weir_file *f, uint64_t i, uint64_t start, struct weir_error *err)
{
	int rc;

	weir_buf_clear(&f->text);
	f->segment = f->segments;
	rc = weir__render(f->t, f->n, i, &f->text, err);
	if (rc == 0 && weir_buf_error(&f->text))
		rc = no_memory(err);
	if (rc)
		return rc;
	f->segment = i;
	f->start = start;
	weir__segment_learn(f->t, f->n, i, f->text.len);
	return 0;
}

/* Copy from segment i, which begins at start, on. */
static int copy_from(struct weir_file *f, uint64_t i, uint64_t start, uint8_t *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	size_t n = 0;

	for (; i < f->segments && n < len; i++) {
		int64_t known = i == f->segment ? (int64_t)f->text.len : weir__segment_length(f->t, f->n, i);
		size_t piece;

		if (known >= 0 && start + (uint64_t)known <= offset + n) {
			start += (uint64_t)known;
			continue;
		}
		if (i != f->segment) {
			int rc = load_segment(f, i, start, err);

			if (rc)
				return rc; /* never a short read in place of an error */
			known = (int64_t)f->text.len;
			if (start + (uint64_t)known <= offset + n) {
				start += (uint64_t)known;
				continue;
			}
		}
		piece = (size_t)(start + (uint64_t)known - offset - n);
		if (piece > len - n)
			piece = len - n;
		memcpy(buf + n, f->text.data + (offset + n - start), piece);
		n += piece;
		start += (uint64_t)known;
	}
	*out_n = n;
	return 0;
}

int weir_tree_read(struct weir_file *f, void *buf, size_t len, uint64_t offset, size_t *out_n, struct weir_error *err)
{
	int rc;

	if (f->in) {
		if (offset > f->limit)
			offset = f->limit;
		return weir_fs_read_at(f->in, buf, len < f->limit - offset ? len : f->limit - offset, f->base + offset, out_n, err);
	}
	pthread_mutex_lock(&f->lock);
	if (f->segment < f->segments && offset >= f->start)
		rc = copy_from(f, f->segment, f->start, buf, len, offset, out_n, err);
	else
		rc = copy_from(f, 0, 0, buf, len, offset, out_n, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}
