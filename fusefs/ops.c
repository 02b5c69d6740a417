// SPDX-License-Identifier: Apache-2.0
/*
 * The FUSE side: low-level operations, each a few lines around one call of the tree.
 *
 * 1. Inode numbers are the tree's; forget does nothing; generation is always 0.
 * 2. A directory cookie is the number of the next child plus two, so any reader may seek and several may share a handle.
 * 3. READDIRPLUS always. Directories of up to 4096 names give attributes with them, larger ones names only (node id 0): those
 *    make no inodes in the kernel.
 * 4. What cannot change is cached for ever; streams and what lies above the snapshots is not.
 * 5. A failure is never a short read. It is noted in .weir/errors.jsonl and becomes EIO (or ENOTSUP, ENOMEM).
 * Called by many threads; nothing here has state.
 */
#if __has_include(<fuse_lowlevel.h>)
#include "fusefs/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "fusefs/fault.h"

#define FOR_EVER 31536000.0
#define PLUS_MAX 4096u

static struct weir_tree *tree_of(fuse_req_t req) { return fuse_req_userdata(req); }

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void fail(fuse_req_t req, uint64_t ino, int rc, const struct weir_error *err)
{
	if (rc == WEIR_ENOTFOUND) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	weir_tree_note(tree_of(req), ino, err);
	fuse_reply_err(req, weir_code_errno(rc) ? weir_code_errno(rc) : EIO);
}

/* Was everything there that was read meanwhile? */
static int whole(uint64_t faults, struct weir_error *err)
{
	return weir_fault_mine() == faults ? 0 : weir_error_set(err, WEIR_EIO, "a file of the checkpoint was cut short while it was read");
}

static void fill(uint64_t ino, const struct weir_attr *a, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = a->shape == WEIR_SHAPE_DIR ? S_IFDIR | 0555 : a->shape == WEIR_SHAPE_LINK ? S_IFLNK | 0777 : S_IFREG | 0444;
	st->st_nlink = 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_size = (off_t)a->size;
	st->st_blksize = 4096;
	st->st_blocks = (blkcnt_t)((a->stored + 511) / 512);
	st->st_mtim.tv_sec = a->mtime_ms / 1000;
	st->st_mtim.tv_nsec = a->mtime_ms % 1000 * 1000000;
	st->st_atim = st->st_ctim = st->st_mtim;
}

static double timeout_of(const struct weir_attr *a) { return a->stream ? 0 : a->changing ? 1.0 : FOR_EVER; }

/* Does what the directory lists change by itself? */
static bool is_live(struct weir_tree *t, uint64_t ino)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_attr a;

	return weir_inode_unpack(ino).kind < NODE_SNAPSHOT && weir_tree_attr(t, ino, &a, &err) == 0 && a.changing;
}

static void fill_entry(uint64_t ino, const struct weir_attr *a, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = ino;
	fill(ino, a, &e->attr);
	e->attr_timeout = timeout_of(a);
	e->entry_timeout = a->changing && !a->stream ? 1.0 : FOR_EVER;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	if (conn->capable & FUSE_CAP_READDIRPLUS)
		conn->want |= FUSE_CAP_READDIRPLUS;
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->max_readahead = 1u << 20;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct weir_tree *t = tree_of(req);
	struct weir_error err = WEIR_ERROR_INIT;
	struct fuse_entry_param e = { 0 };
	struct weir_attr a;
	uint64_t ino = parent, faults = weir_fault_mine();
	int rc;

	weir_tree_refresh(t, now_ms());
	rc = weir_tree_lookup(t, parent, name, &ino, &err);
	rc = rc ? rc : whole(faults, &err);
	if (rc == WEIR_ENOTFOUND) { /* remembered by the kernel, too */
		e.entry_timeout = is_live(t, parent) ? 1.0 : FOR_EVER;
		fuse_reply_entry(req, &e);
		return;
	}
	if (rc == 0)
		rc = weir_tree_attr(t, ino, &a, &err);
	rc = rc ? rc : whole(faults, &err);
	if (rc) {
		fail(req, ino, rc, &err);
		return;
	}
	fill_entry(ino, &a, &e);
	fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino, (void)n;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count, (void)forgets;
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_attr a;
	struct stat st;
	uint64_t faults = weir_fault_mine();
	int rc = weir_tree_attr(tree_of(req), ino, &a, &err);

	(void)fi;
	rc = rc ? rc : whole(faults, &err);
	if (rc) {
		fail(req, ino, rc, &err);
		return;
	}
	fill(ino, &a, &st);
	fuse_reply_attr(req, &st, timeout_of(&a));
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	int rc;

	weir_tree_refresh(tree_of(req), now_ms());
	rc = weir_tree_link(tree_of(req), ino, &b, &err);
	if (rc)
		fail(req, ino, rc, &err);
	else
		fuse_reply_readlink(req, weir_buf_cstr(&b));
	weir_buf_fini(&b);
}

/* ---- files ---- */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_file *f = NULL;
	struct weir_attr a;
	int rc;

	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	weir_tree_refresh(tree_of(req), now_ms());
	rc = weir_tree_attr(tree_of(req), ino, &a, &err);
	if (rc == 0)
		rc = weir_tree_open(tree_of(req), ino, &f, &err);
	if (rc) {
		fail(req, ino, rc, &err);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)f;
	fi->direct_io = a.stream;
	fi->keep_cache = !a.changing;
	fi->noflush = 1;
	if (fuse_reply_open(req, fi) == -ENOENT) /* the caller was interrupted */
		weir_tree_close(f);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct weir_error err = WEIR_ERROR_INIT;
	uint64_t faults = weir_fault_mine();
	char *buf = malloc(size ? size : 1);
	size_t n = 0;
	int rc = buf ? weir_tree_read((struct weir_file *)(uintptr_t)fi->fh, buf, size, (uint64_t)off, &n, &err) : WEIR_ENOMEM;

	rc = rc ? rc : whole(faults, &err);
	if (rc)
		fail(req, ino, rc == WEIR_ENOTFOUND ? WEIR_EIO : rc, &err);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	weir_tree_close((struct weir_file *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/* ---- directories ---- */
static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool live = is_live(tree_of(req), ino);

	if (live)
		weir_tree_refresh(tree_of(req), now_ms());
	fi->cache_readdir = !live;
	fi->keep_cache = !live;
	fuse_reply_open(req, fi);
}

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
	bool plus, attrs;
};

/* False when it did not fit. */
static bool add(struct listing *l, const char *name, uint64_t ino, bool lookup, off_t next)
{
	struct fuse_entry_param e = { 0 };
	struct weir_attr a;
	struct weir_error err = WEIR_ERROR_INIT;
	enum weir_shape shape = weir_tree_shape(ino);
	size_t n;

	e.attr.st_ino = ino;
	e.attr.st_mode = shape == WEIR_SHAPE_DIR ? S_IFDIR : shape == WEIR_SHAPE_LINK ? S_IFLNK : S_IFREG;
	if (!l->plus) {
		n = fuse_add_direntry(l->req, l->buf + l->used, l->size - l->used, name, &e.attr, next);
	} else {
		/* one bad entry does not end the listing: it is listed by name, and looking at it tells what is wrong */
		if (lookup && l->attrs && weir_tree_attr(tree_of(l->req), ino, &a, &err) == 0)
			fill_entry(ino, &a, &e);
		n = fuse_add_direntry_plus(l->req, l->buf + l->used, l->size - l->used, name, &e, next);
	}
	if (n > l->size - l->used)
		return false;
	l->used += n;
	return true;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct weir_tree *t = tree_of(req);
	struct listing l = { .req = req, .buf = malloc(size), .size = size, .plus = plus };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf name = { 0 };
	uint64_t child, count = 0, faults = weir_fault_mine();
	int rc = l.buf ? weir_tree_count(t, ino, &count, &err) : WEIR_ENOMEM;

	l.attrs = count <= PLUS_MAX;
	for (bool fits = true; rc == 0 && fits; off++) {
		if (off < 2) {
			fits = add(&l, off ? ".." : ".", off ? 1 : ino, false, off + 1);
			continue;
		}
		rc = weir_tree_child(t, ino, (uint64_t)off - 2, &child, &name, &err);
		if (rc == 0)
			fits = add(&l, weir_buf_cstr(&name), child, true, off + 1);
	}
	if (rc == WEIR_ENOTFOUND)
		rc = 0;
	if (weir_fault_mine() != faults)
		l.used = 0;
	rc = rc ? rc : whole(faults, &err);
	if (rc && !l.used)
		fail(req, ino, rc, &err);
	else
		fuse_reply_buf(req, l.buf, l.used);
	weir_buf_fini(&name);
	free(l.buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

/* ---- the rest ---- */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255, .f_flag = ST_RDONLY };
	uint64_t bytes, files;

	(void)ino;
	weir_tree_totals(tree_of(req), &bytes, &files);
	st.f_blocks = (bytes + 4095) / 4096;
	st.f_files = files;
	fuse_reply_statfs(req, &st);
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	if (mask & W_OK)
		fuse_reply_err(req, EROFS);
	else
		fuse_reply_err(req, (mask & X_OK) && weir_tree_shape(ino) == WEIR_SHAPE_FILE ? EACCES : 0);
}

static void reply_xattr(fuse_req_t req, const struct weir_buf *b, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, b->len);
	else if (size < b->len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)b->data, b->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_buf b = { 0 };
	int rc = strncmp(name, "user.weir.", 10) == 0 ? weir_tree_xattr(tree_of(req), ino, name + 10, &b, &err) : WEIR_ENOTFOUND;

	if (rc == WEIR_ENOTFOUND)
		fuse_reply_err(req, ENODATA);
	else if (rc)
		fail(req, ino, rc, &err);
	else
		reply_xattr(req, &b, size);
	weir_buf_fini(&b);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct weir_buf b = { 0 };

	weir_tree_xattr_list(tree_of(req), ino, &b);
	reply_xattr(req, &b, size);
	weir_buf_fini(&b);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	(void)ino, (void)attr, (void)to_set, (void)fi;
	fuse_reply_err(req, EROFS);
}

const struct fuse_lowlevel_ops weir__fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.access = op_access,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
};
#else
typedef int weir__fuse_is_absent;
#endif
