// SPDX-License-Identifier: Apache-2.0
/* An external merge sort. The temporary file lies in TMPDIR and has no name, so that nothing is left whatever happens. */
#include "statetool/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 1 << 19, MERGE_BYTES = 16 << 20 };

static int order(const void *a, const void *b)
{
	const struct weir_record *x = a, *y = b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->key[0] != y->key[0])
		return x->key[0] < y->key[0] ? -1 : 1;
	if (x->key[1] != y->key[1])
		return x->key[1] < y->key[1] ? -1 : 1;
	if (x->side != y->side)
		return x->side < y->side ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

static int open_file(struct weir_sorter *s, struct weir_error *err)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];

	dir = dir && dir[0] ? dir : "/tmp";
	s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	snprintf(path, sizeof(path), "%s/weir-sort-XXXXXX", dir);
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0)
		return weir_error_sys(err, errno, dir, "make a temporary file");
	unlink(path);
	return 0;
}

static int spill(struct weir_sorter *s, struct weir_error *err)
{
	uint64_t at = s->runs.len ? s->runs.items[s->runs.len - 1] : 0, *slot;
	const char *p = (const char *)s->now.items;
	size_t left = s->now.len * sizeof(*s->now.items);
	off_t to = (off_t)(at * sizeof(*s->now.items));

	if (!s->runs.len) {
		int rc = open_file(s, err);

		if (rc)
			return rc;
	}
	slot = weir_vec_push(&s->runs);
	if (!slot)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	*slot = at + s->now.len;
	qsort(s->now.items, s->now.len, sizeof(*s->now.items), order);
	while (left) {
		ssize_t n = pwrite(s->fd, p, left, to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return weir_error_sys(err, n < 0 ? errno : EIO, "temporary file for sorting (TMPDIR)", "write");
		p += n;
		to += n;
		left -= (size_t)n;
	}
	s->now.len = 0;
	return 0;
}

int weir_sorter_add(struct weir_sorter *s, const struct weir_record *r, struct weir_error *err)
{
	struct weir_record *slot;

	if (s->now.len >= (s->limit ? s->limit : LIMIT)) {
		int rc = spill(s, err);

		if (rc)
			return rc;
	}
	slot = weir_vec_push(&s->now);
	if (!slot)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	*slot = *r;
	return 0;
}

/* ---- merging ---- */
struct run {
	struct weir_record *buffer;
	size_t n, at, cap;      /* in the buffer */
	uint64_t next, end;     /* in the file */
};

struct merge {
	struct weir_sorter *s;
	struct run *runs;
	struct run **heap;      /* smallest first */
	size_t nheap;
	struct weir_record *space;
	struct weir_error *err;
};

static int refill(struct merge *m, struct run *r)
{
	size_t want = r->end - r->next < r->cap ? (size_t)(r->end - r->next) : r->cap, got = 0;

	while (got < want * sizeof(*r->buffer)) {
		ssize_t n = pread(m->s->fd, (char *)r->buffer + got, want * sizeof(*r->buffer) - got, (off_t)(r->next * sizeof(*r->buffer) + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return weir_error_sys(m->err, n < 0 ? errno : EIO, "temporary file for sorting (TMPDIR)", "read");
		got += (size_t)n;
	}
	r->n = want;
	r->at = 0;
	r->next += want;
	return 0;
}

static void sift(struct merge *m, size_t i)
{
	struct run *r = m->heap[i];

	for (size_t child; (child = 2 * i + 1) < m->nheap; i = child) {
		if (child + 1 < m->nheap && order(&m->heap[child + 1]->buffer[m->heap[child + 1]->at], &m->heap[child]->buffer[m->heap[child]->at]) < 0)
			child++;
		if (order(&r->buffer[r->at], &m->heap[child]->buffer[m->heap[child]->at]) <= 0)
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = r;
}

static int start(struct merge *m)
{
	size_t n = m->s->runs.len, cap = MERGE_BYTES / sizeof(struct weir_record) / n;
	uint64_t from = 0;

	cap = cap < 16 ? 16 : cap;
	m->runs = calloc(n, sizeof(*m->runs));
	m->heap = calloc(n, sizeof(*m->heap));
	m->space = malloc(n * cap * sizeof(*m->space));
	if (!m->runs || !m->heap || !m->space)
		return weir_error_set(m->err, WEIR_ENOMEM, "out of memory for sorting");
	for (size_t i = 0; i < n; i++) {
		int rc;

		m->runs[i] = (struct run){ .buffer = m->space + i * cap, .cap = cap, .next = from, .end = m->s->runs.items[i] };
		from = m->s->runs.items[i];
		rc = refill(m, &m->runs[i]);
		if (rc)
			return rc;
		m->heap[m->nheap++] = &m->runs[i];
	}
	for (size_t i = n / 2 + 1; i-- > 0;)
		if (i < m->nheap)
			sift(m, i);
	return 0;
}

static int merge_runs(struct merge *m, weir_record_fn *fn, void *arg)
{
	int rc = start(m);

	while (rc == 0 && m->nheap) {
		struct run *r = m->heap[0];

		rc = fn(arg, &r->buffer[r->at++]);
		if (rc == 0 && r->at == r->n && r->next < r->end)
			rc = refill(m, r);
		if (r->at == r->n)
			m->heap[0] = m->heap[--m->nheap];
		if (m->nheap)
			sift(m, 0);
	}
	return rc;
}

int weir_sorter_merge(struct weir_sorter *s, weir_record_fn *fn, void *arg, struct weir_error *err)
{
	struct merge m = { .s = s, .err = err };
	int rc = 0;

	if (s->runs.len) {
		if (s->now.len)
			rc = spill(s, err);
		if (rc == 0)
			rc = merge_runs(&m, fn, arg);
		free(m.runs);
		free(m.heap);
		free(m.space);
		close(s->fd);
		s->runs.len = 0;
	} else if (s->now.len) {
		qsort(s->now.items, s->now.len, sizeof(*s->now.items), order);
		for (size_t i = 0; i < s->now.len && rc == 0; i++)
			rc = fn(arg, &s->now.items[i]);
	}
	s->now.len = 0;
	return rc;
}

void weir_sorter_fini(struct weir_sorter *s)
{
	if (s->runs.len)
		close(s->fd);
	weir_vec_fini(&s->runs);
	weir_vec_fini(&s->now);
}
