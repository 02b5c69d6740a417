// SPDX-License-Identifier: Apache-2.0
/*
 * What a scenario's job must commit, by direct computation: no code of the runtime, nothing shared with graph.c but the scenario. Event time is brute
 * force: a list of rows and watermarks in the order of the data, then each operator over that list.
 *
 * Watermarks: behind a source they stand after each every_rows rows of a split (bad rows count), at the split's greatest time - bound - 1, when that is
 * more than before; splits are read one after another. Elsewhere they stand after each every_rows rows that pass. At the end comes the greatest.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- timed: the stream ---- */

struct item {
	const struct sim_row *row; /* NULL: a watermark */
	int64_t watermark;
};
struct stream {
	struct item items[2 * SIM_ROWS_MAX + 2];
	uint32_t n;
};

static int32_t scaled(const struct sim_row *r) { return r->v * 3; }

static void put_row(const struct sim_scenario *s, struct stream *to, const struct sim_row *r)
{
	if (!s->filter || scaled(r) % 5 != 0)
		to->items[to->n++] = (struct item){ .row = r };
}

static void put_watermark(struct stream *to, int64_t *last, int64_t w)
{
	if (w <= *last)
		return;
	*last = w;
	to->items[to->n++] = (struct item){ .watermark = w };
}

static uint64_t split_of(const struct sim_scenario *s, const struct sim_row *r)
{
	return (uint64_t)r->file << 32 | (s->split_bytes ? r->offset / s->split_bytes : 0);
}

static void make_stream(const struct sim_scenario *s, uint32_t nrows, struct stream *to)
{
	int64_t last = INT64_MIN, max = INT64_MIN;
	uint32_t count = 0;

	to->n = 0;
	for (uint32_t i = 0; i < nrows; i++) {
		const struct sim_row *r = &s->rows[i];

		if (s->direct_times && i && split_of(s, r) != split_of(s, r - 1)) {
			max = INT64_MIN;
			count = 0;
		}
		if (!r->bad) {
			max = r->t > max ? r->t : max;
			put_row(s, to, r);
		} else if (!s->direct_times) {
			continue;
		}
		if (++count % s->every_rows == 0 && max != INT64_MIN)
			put_watermark(to, &last, max - s->bound_ms - 1);
	}
	put_watermark(to, &last, INT64_MAX);
}

/* ---- timed: windows ---- */

struct pane {
	uint32_t key;
	int64_t start, n, sum;
	int32_t max;
};
struct panes {
	struct pane items[SIM_ROWS_MAX * 5];
	uint32_t n;
};

static int64_t floor_to(int64_t t, int64_t step) { return t - ((t % step) + step) % step; }
static int64_t last_ms(const struct sim_scenario *s, const struct pane *p) { return p->start + s->size_ms - 1; }

static void result(const struct sim_scenario *s, const struct pane *p, struct sim_lines *out)
{
	sim_lines_add(out, "win: %s,%lld,%lld,%lld,%d,%s", sim_key(p->key), (long long)p->start, (long long)p->n, (long long)p->sum, p->max,
		      s->text_acc ? sim_key(p->key) : "-");
}

static struct pane *pane_of(struct panes *all, uint32_t key, int64_t start)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (all->items[i].key == key && all->items[i].start == start)
			return &all->items[i];
	all->items[all->n] = (struct pane){ .key = key, .start = start };
	return &all->items[all->n++];
}

static void window_row(const struct sim_scenario *s, struct panes *all, const struct sim_row *r, int64_t watermark, struct sim_lines *out)
{
	bool counted = false;

	for (int64_t start = floor_to(r->t, s->slide_ms); start > r->t - s->size_ms; start -= s->slide_ms) {
		struct pane *p;

		if (start + s->size_ms - 1 + s->lateness_ms <= watermark)
			continue;
		counted = true;
		p = pane_of(all, r->key, start);
		p->max = p->n == 0 || scaled(r) > p->max ? scaled(r) : p->max;
		p->n++;
		p->sum += scaled(r);
		if (last_ms(s, p) <= watermark)
			result(s, p, out);
	}
	if (!counted && s->late_sink && r->t + s->lateness_ms <= watermark)
		sim_lines_add(out, "late: {\"t\":%lld,\"k\":\"%s\",\"v\":%d}", (long long)r->t, sim_key(r->key), scaled(r));
}

static void window_watermark(const struct sim_scenario *s, struct panes *all, int64_t before, int64_t w, struct sim_lines *out)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < all->n; i++) {
		struct pane *p = &all->items[i];

		if (last_ms(s, p) > before && last_ms(s, p) <= w)
			result(s, p, out);
		if (last_ms(s, p) + s->lateness_ms > w)
			all->items[kept++] = *p;
	}
	all->n = kept;
}

static void windows(const struct sim_scenario *s, const struct stream *in, struct sim_lines *out)
{
	struct panes *all = calloc(1, sizeof(*all));
	int64_t watermark = INT64_MIN;

	if (!all)
		abort();
	for (uint32_t i = 0; i < in->n; i++) {
		if (in->items[i].row) {
			window_row(s, all, in->items[i].row, watermark, out);
		} else {
			window_watermark(s, all, watermark, in->items[i].watermark, out);
			watermark = in->items[i].watermark;
		}
	}
	free(all);
}

/* ---- timed: the process function, key by key ---- */

struct watched {
	int64_t n, sum, listed, due;
	int64_t digits[3];
};

static void alarm_of(struct watched *w, uint32_t key, struct sim_lines *out)
{
	int top = -1;

	for (int d = 0; d < 3; d++)
		if (w->digits[d] > 0 && (top < 0 || w->digits[d] > w->digits[top]))
			top = d;
	sim_lines_add(out, "alerts: {\"k\":\"%s\",\"until\":%lld,\"n\":%lld,\"sum\":%lld,\"listed\":%lld,\"top\":%d}", sim_key(key), (long long)w->due, (long long)w->n,
		      (long long)w->sum, (long long)w->listed, top);
	*w = (struct watched){ 0 };
}

static void watcher(const struct sim_scenario *s, const struct stream *in, struct sim_lines *out)
{
	struct watched all[SIM_KEYS_MAX] = { 0 };

	for (uint32_t i = 0; i < in->n; i++) {
		const struct sim_row *r = in->items[i].row;
		int32_t v;

		if (!r) {
			for (uint32_t k = 0; k < s->nkeys; k++)
				if (all[k].n && all[k].due <= in->items[i].watermark)
					alarm_of(&all[k], k, out);
			continue;
		}
		v = scaled(r);
		if (s->process_side && v % 2)
			sim_lines_add(out, "odd: %lld,%s,%d", (long long)r->t, sim_key(r->key), v);
		if (v < s->threshold)
			continue;
		if (all[r->key].n++ == 0)
			all[r->key].due = r->t + s->timer_ms;
		all[r->key].sum += v;
		all[r->key].listed = (int64_t)((uint64_t)all[r->key].listed * 31 + (uint64_t)(int64_t)v);
		all[r->key].digits[(v / 3 % 3 + 3) % 3]++;
	}
}

static void timed(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out)
{
	struct stream in;

	make_stream(s, nrows, &in);
	windows(s, &in, out);
	watcher(s, &in, out);
	for (uint32_t i = 0; i < s->finishers; i++)
		sim_lines_add(out, "alerts: {\"k\":\"end\",\"until\":%u,\"n\":0,\"sum\":0,\"listed\":0,\"top\":0}", i);
}

/* ---- the others ---- */

static void one_word(char seen[][32], int64_t *count, uint32_t *n, const char *word, struct sim_lines *out)
{
	uint32_t i = 0;

	if (!*word)
		return;
	while (i < *n && strcmp(seen[i], word) != 0)
		i++;
	if (i == *n)
		snprintf(seen[(*n)++], 32, "%s", word);
	sim_lines_add(out, "words: {\"word\":\"%s\",\"count\":%lld}", word, (long long)++count[i]);
}

static void words(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out)
{
	char seen[SIM_KEYS_MAX + 8][32];
	int64_t count[SIM_KEYS_MAX + 8] = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < nrows; i++) {
		const struct sim_row *r = &s->rows[i];
		char middle[16];

		snprintf(middle, sizeof(middle), "w%d", r->v % 3);
		one_word(seen, count, &n, sim_key(r->key), out);
		one_word(seen, count, &n, middle, out);
		one_word(seen, count, &n, sim_key((r->key + 1) % s->nkeys), out);
	}
}

static void flow(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out)
{
	for (uint32_t i = 0; i < nrows * (s->with_union ? 2 : 1); i++) {
		const struct sim_row *r = &s->rows[i % nrows];

		if (r->bad)
			continue;
		for (uint32_t c = 0; c < s->copies; c++)
			sim_lines_add(out, "cast: {\"t\":%lld,\"k\":\"%s\",\"v\":%d}", (long long)r->t, sim_key(r->key), scaled(r));
		if (scaled(r) % 5 != 0 && scaled(r) >= s->threshold)
			sim_lines_add(out, "flow: %lld,%s,%d", (long long)r->t, sim_key(r->key), scaled(r));
	}
}

static void sequence(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out)
{
	int64_t acc[SIM_KEYS_MAX];
	bool has[SIM_KEYS_MAX] = { false };

	for (uint32_t i = 0; i < nrows; i++) {
		int64_t n = s->sequence_from + i, v = s->in_order ? n : 1;
		uint32_t k = (uint32_t)((n % s->nkeys + s->nkeys) % s->nkeys);

		acc[k] = !has[k] ? v : s->in_order ? (int64_t)((uint64_t)acc[k] * 7 + (uint64_t)v) : acc[k] + v;
		has[k] = true;
		sim_lines_add(out, "numbers: %s,%lld", sim_key(k), (long long)acc[k]);
	}
}

void sim_oracle(const struct sim_scenario *s, uint32_t nrows, struct sim_lines *out)
{
	static void (*const of[SIM_GRAPHS])(const struct sim_scenario *, uint32_t, struct sim_lines *) = { timed, words, flow, sequence };

	of[s->graph](s, nrows, out);
	sim_lines_sort(out);
}

/* ---- several subtasks with data ---- */

/* What is there of one window: rows expected, and found in its result or late. */
struct account {
	int64_t n, sum, got_n, got_sum, results;
};

static uint32_t splits_in(const struct sim_scenario *s, uint32_t file)
{
	return s->split_bytes && s->file_size[file] ? (uint32_t)((s->file_size[file] + s->split_bytes - 1) / s->split_bytes) : 1;
}

static uint32_t subtask_of(const struct sim_scenario *s, const struct sim_row *r)
{
	uint32_t number = s->split_bytes ? (uint32_t)(r->offset / s->split_bytes) : 0;

	for (uint32_t f = 0; f < r->file; f++)
		number += splits_in(s, f);
	return number % s->source_parallelism;
}

/* For each row: is it late by what its subtask had read before it? */
static void own_lateness(const struct sim_scenario *s, bool late[SIM_ROWS_MAX])
{
	for (uint32_t task = 0; task < s->source_parallelism; task++) {
		int64_t last = INT64_MIN, max = INT64_MIN;
		const struct sim_row *before = NULL;
		uint32_t count = 0;

		for (uint32_t i = 0; i < s->nrows; i++) {
			const struct sim_row *r = &s->rows[i];

			if (subtask_of(s, r) != task)
				continue;
			if (s->direct_times && before && split_of(s, r) != split_of(s, before)) {
				max = INT64_MIN;
				count = 0;
			}
			before = r;
			late[i] = floor_to(r->t, s->size_ms) + s->size_ms - 1 <= last;
			if (!r->bad)
				max = r->t > max ? r->t : max;
			else if (!s->direct_times)
				continue;
			if (++count % s->every_rows == 0 && max != INT64_MIN && max - s->bound_ms - 1 > last)
				last = max - s->bound_ms - 1;
		}
	}
}

static bool is_row(const struct sim_scenario *s, uint32_t i) { return !s->rows[i].bad && (!s->filter || scaled(&s->rows[i]) % 5 != 0); }

static struct account *account_of(const struct sim_scenario *s, struct account *all, const char *key, int64_t start)
{
	for (uint32_t i = 0; i < s->nrows; i++) /* the first row of a window stands for it */
		if (is_row(s, i) && strcmp(sim_key(s->rows[i].key), key) == 0 && floor_to(s->rows[i].t, s->size_ms) == start)
			return &all[i];
	return NULL;
}

/* A late row: which one it is; each once. */
static bool take_late(const struct sim_scenario *s, const char *key, int64_t t, int v, const bool *late, bool *taken)
{
	for (uint32_t i = 0; i < s->nrows; i++)
		if (is_row(s, i) && late[i] && !taken[i] && s->rows[i].t == t && scaled(&s->rows[i]) == v && strcmp(sim_key(s->rows[i].key), key) == 0)
			return taken[i] = true;
	return false;
}

static bool account_line(const struct sim_scenario *s, const char *line, const bool *late, bool *taken, struct account *all)
{
	long long t = 0, start = 0, n = 1, sum = 0;
	char key[64] = "";
	struct account *a;
	int v = 0, at = 0;

	if (sscanf(line, "late: {\"t\":%lld,\"k\":\"%n", &t, &at) == 1 && at) {
		size_t len = strcspn(line + at, "\"");

		snprintf(key, sizeof(key), "%.*s", (int)len, line + at);
		if (sscanf(line + at + len, "\",\"v\":%d", &v) != 1 || !take_late(s, key, t, v, late, taken))
			return false;
		start = floor_to(t, s->size_ms);
		sum = v;
	} else if (strncmp(line, "win: ", 5) == 0) {
		size_t len = strcspn(line + 5, ",");

		snprintf(key, sizeof(key), "%.*s", (int)len, line + 5);
		if (sscanf(line + 5 + len, ",%lld,%lld,%lld", &start, &n, &sum) != 3)
			return false;
	} else {
		return false;
	}
	a = account_of(s, all, key, start);
	if (!a)
		return false;
	a->got_n += n;
	a->got_sum += sum;
	a->results += line[0] == 'w';
	return true;
}

bool sim_loose_check(const struct sim_scenario *s, const struct sim_lines *got, bool finished, char *why, size_t why_size)
{
	struct account all[SIM_ROWS_MAX] = { 0 };
	bool late[SIM_ROWS_MAX] = { false }, taken[SIM_ROWS_MAX] = { false };

	own_lateness(s, late);
	for (uint32_t i = 0; i < s->nrows; i++) {
		struct account *a = is_row(s, i) ? account_of(s, all, sim_key(s->rows[i].key), floor_to(s->rows[i].t, s->size_ms)) : NULL;

		if (a) {
			a->n++;
			a->sum += scaled(&s->rows[i]);
		}
	}
	for (size_t i = 0; i < got->v.len; i++)
		if (!account_line(s, got->v.items[i], late, taken, all)) {
			snprintf(why, why_size, ": no such result, or not late by its own subtask, or too often: %s", got->v.items[i]);
			return false;
		}
	for (uint32_t i = 0; i < s->nrows; i++) {
		const struct account *a = &all[i];

		if (a->got_n > a->n || a->results > 1 || (finished && (a->got_n != a->n || a->got_sum != a->sum))) {
			snprintf(why, why_size, ": window of %s at %lld: %lld rows with sum %lld are there in %lld results, %lld with sum %lld were read", sim_key(s->rows[i].key),
				 (long long)floor_to(s->rows[i].t, s->size_ms), (long long)a->got_n, (long long)a->got_sum, (long long)a->results, (long long)a->n,
				 (long long)a->sum);
			return false;
		}
	}
	return true;
}
