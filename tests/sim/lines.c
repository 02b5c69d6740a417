// SPDX-License-Identifier: Apache-2.0
/* Lines of results, as a multiset: expected ones, committed ones, and how they differ. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static void push(struct sim_lines *l, const char *text, size_t n)
{
	char *copy = weir_arena_text(&l->arena, text, n);
	const char **slot = copy ? weir_vec_push(&l->v) : NULL;

	if (!slot)
		abort();
	*slot = copy;
}

void sim_lines_add(struct sim_lines *l, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	push(l, text, (size_t)n);
}

void sim_lines_add_text(struct sim_lines *l, const char *sink, const char *p, size_t n)
{
	sim_lines_add(l, "%s: %.*s", sink, (int)n, p);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

void sim_lines_sort(struct sim_lines *l)
{
	if (l->v.len)
		qsort(l->v.items, l->v.len, sizeof(l->v.items[0]), by_text);
}

void sim_lines_fini(struct sim_lines *l)
{
	weir_vec_fini(&l->v);
	weir_arena_fini(&l->arena);
}

bool sim_lines_compare(const struct sim_lines *want, const struct sim_lines *got, bool more_ok, bool fewer_ok, char *why, size_t why_size)
{
	size_t i = 0, k = 0, missing = 0, extra = 0, n = 0;

	why[0] = 0;
	while (i < want->v.len || k < got->v.len) {
		int c = i == want->v.len ? 1 : k == got->v.len ? -1 : strcmp(want->v.items[i], got->v.items[k]);
		const char *text = c < 0 ? want->v.items[i] : c > 0 ? got->v.items[k] : NULL;

		if (c > 0 && more_ok && k && strcmp(got->v.items[k], got->v.items[k - 1]) == 0)
			text = NULL; /* once more */
		if (c < 0 && fewer_ok)
			text = NULL;
		if (text) {
			c < 0 ? missing++ : extra++;
			if (missing + extra <= 8 && n < why_size)
				n += (size_t)snprintf(why + n, why_size - n, "\n  %s: %s", c < 0 ? "missing" : "too many", text);
		}
		i += c <= 0;
		k += c >= 0;
	}
	if (missing + extra > 0 && n < why_size)
		snprintf(why + n, why_size - n, "\n  %zu missing, %zu too many; %zu expected, %zu committed", missing, extra, want->v.len, got->v.len);
	return missing + extra == 0;
}

/* ---- what is committed ---- */

struct reading {
	struct sim_lines *lines;
	struct sim_fs *fs;
	const char *sink;
	uint32_t hidden;
};

static int read_file(void *arg, const char *name, const struct weir_fs_stat *st)
{
	struct reading *r = arg;
	struct weir_fs_map *map;
	struct weir_slice bytes;
	char path[400];
	size_t at = 0;

	if (name[0] == '.') {
		r->hidden++;
		return 0;
	}
	if (st->type != WEIR_FS_FILE)
		return 0;
	snprintf(path, sizeof(path), "/out/%s/%s", r->sink, name);
	if (weir_fs_map(r->fs->memory, path, &map, &bytes, NULL) != 0)
		return 0;
	while (at < bytes.len) {
		const uint8_t *nl = memchr(bytes.ptr + at, '\n', bytes.len - at);
		size_t n = (nl ? (size_t)(nl - bytes.ptr) : bytes.len) - at;

		if (nl)
			sim_lines_add_text(r->lines, r->sink, (const char *)bytes.ptr + at, n);
		else
			sim_lines_add(r->lines, "%s: a line that is cut off: %.*s", r->sink, (int)n, (const char *)bytes.ptr + at);
		at += n + 1;
	}
	weir_fs_unmap(map);
	return 0;
}

void sim_lines_read(struct sim_lines *l, struct sim_fs *fs, uint32_t *out_hidden)
{
	*out_hidden = 0;
	for (const char *const *s = sim_graph_sinks(); *s; s++) {
		struct reading r = { l, fs, *s, 0 };
		char path[100];
		int rc;

		snprintf(path, sizeof(path), "/out/%s", *s);
		rc = weir_fs_list(fs->memory, path, read_file, &r, NULL);
		(void)rc; /* not there: nothing committed */
		*out_hidden += r.hidden;
	}
}
