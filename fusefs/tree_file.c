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
};

static int raw_path(struct weir_tree *t, struct weir_inode n, struct weir_fs **fs, char **path, struct weir_error *err)
{
	struct weir__place p;
	const struct weir_raw_file *f;
	int rc = weir__place_of(t, n, &p, err);

	if (rc)
		return rc;
	if (n.rank >= p.snap->nfiles)
		return WEIR_ENOTFOUND;
	f = &p.snap->files[n.rank];
	if (f->handle)
		return weir_ckpt_locate(p.ckpt, f->handle, fs, path, err);
	*fs = p.ckpt->fs;
	*path = strdup(p.ckpt->path);
	return *path ? 0 : no_memory(err);
}

int weir__raw_size(struct weir_tree *t, struct weir_inode n, uint64_t *out, struct weir_error *err)
{
	struct weir_fs *fs;
	struct weir_fs_stat st;
	char *path = NULL;
	int rc = raw_path(t, n, &fs, &path, err);

	if (rc == 0)
		rc = weir_fs_stat(fs, path, &st, err);
	free(path);
	if (rc == 0)
		*out = st.size;
	return rc == WEIR_ENOTFOUND ? WEIR_ECORRUPT : rc;
}

int weir_tree_open(struct weir_tree *t, uint64_t ino, struct weir_file **out, struct weir_error *err)
{
	struct weir_file *f;
	struct weir_inode n = weir__node(t, ino);
	int rc = 0;

	if (weir_tree_shape(ino) != WEIR_SHAPE_FILE)
		return weir_error_set(err, WEIR_EINVALID, "not a file");
	f = calloc(1, sizeof(*f));
	if (!f)
		return no_memory(err);
	f->t = t;
	f->n = n;
	pthread_mutex_init(&f->lock, NULL);
	if (n.kind == NODE_RAW_FILE) {
		struct weir_fs *fs;
		char *path = NULL;

		rc = raw_path(t, n, &fs, &path, err);
		if (rc == 0)
			rc = weir_fs_open(fs, path, &f->in, err);
		free(path);
	} else {
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

	if (f->in)
		return weir_fs_read_at(f->in, buf, len, offset, out_n, err);
	pthread_mutex_lock(&f->lock);
	if (f->segment < f->segments && offset >= f->start)
		rc = copy_from(f, f->segment, f->start, buf, len, offset, out_n, err);
	else
		rc = copy_from(f, 0, 0, buf, len, offset, out_n, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}
