// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of states that are shown in another order than by key: timers by the hour they fire in (by-time/HOUR/MS_KEY.json), windows by window
 * (by-window/START_END/KEY.json), operator and broadcast state by subtask (subtasks/00000/000000.json or KEY.json). All stand on the index of the whole
 * state; a name is computed from the entry, and the way back searches the bucket. Names that carry a hash ("~") are compared one after the other.
 */
#include "fusefs/tree_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "fusefs/name.h"
#include "statetool/text.h"

void weir__time_name(int64_t ms, bool hour, struct weir_buf *out)
{
	int64_t rest = ms % 86400000, days = ms / 86400000 - (rest < 0), year;
	int month, day;

	rest += rest < 0 ? 86400000 : 0;
	weir_date_of_days(days, &year, &month, &day);
	weir_buf_printf(out, "%04lld-%02d-%02dT%02d", (long long)year, month, day, (int)(rest / 3600000));
	if (!hour)
		weir_buf_printf(out, "-%02d-%02d.%03dZ", (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
}

static int get_whole(struct weir_tree *t, struct weir_inode n, const struct weir_index **out, struct weir__place *p, struct weir_error *err)
{
	int rc = weir__place_of(t, n, p, err);

	return rc ? rc : weir_index_get(t->cache, n.snapshot, p->view, n.slot, WEIR_GROUP_WHOLE, out, err);
}

static bool is_list(const struct weir_state_info *s) { return s->kind == WEIR_STATE_OPERATOR_LIST || s->kind == WEIR_STATE_OPERATOR_UNION; }

static void bucket_name(const struct weir_state_info *s, const struct weir_entry *e, struct weir_buf *out)
{
	if (weir_state_is_timer(s->kind))
		weir__time_name(e->timestamp, true, out);
	else if (weir_state_is_keyed(s->kind))
		(void)weir_text_plain(s->ns, e->ns, out, NULL);
	else
		weir_buf_printf(out, "%05d", (int)e->subtask);
}

/* Without suffix. at: its place in the bucket. */
static void entry_name(const struct weir_state_info *s, const struct weir_entry *e, uint32_t at, struct weir_buf *out)
{
	struct weir_slice id = e->key, second = e->ns;
	size_t from = out->len;
	bool ambiguous;
	uint8_t hash[16];

	if (is_list(s) || (s->kind == WEIR_STATE_BROADCAST ? !e->user_key.ptr : !e->key.ptr)) {
		weir_buf_printf(out, is_list(s) ? "%06u" : "~undecodable-%u", at);
		return;
	}
	if (weir_state_is_timer(s->kind))
		weir_buf_printf(out, "%lld_", (long long)e->timestamp);
	if (s->kind == WEIR_STATE_BROADCAST)
		id = e->user_key, second = (struct weir_slice){ 0 };
	ambiguous = weir__put_coded(s->kind == WEIR_STATE_BROADCAST ? s->user_key : s->key, id, out);
	if (weir_state_is_timer(s->kind) && s->ns && s->ns->kind != WEIR_VOID && e->ns.ptr) {
		weir_buf_u8(out, '@');
		ambiguous |= weir__put_coded(s->ns, e->ns, out);
	}
	weir_leaf_hash(id, second, hash);
	weir_name_shorten(out, from, WEIR_NAME_MAX - 5, hash, ambiguous);
}

int weir__buckets_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	return rc ? rc : weir_state_has_buckets(p.state);
}

int weir__bucket_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			 struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	int rc = get_whole(t, dir, &x, &p, err);

	if (rc)
		return rc;
	*out_n = x->nbuckets;
	if (i < x->nbuckets) {
		bucket_name(p.state, &x->entries[x->leaves[x->buckets[i]].first], name);
		out->rank = (uint32_t)i;
		rc = 1;
	}
	weir_index_put(t->cache, x);
	return rc;
}

int weir__bucket_leaf_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			      struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	int rc = get_whole(t, dir, &x, &p, err);
	uint32_t first;

	if (rc)
		return rc;
	if (dir.rank >= x->nbuckets) {
		weir_index_put(t->cache, x);
		return WEIR_ENOTFOUND;
	}
	first = x->buckets[dir.rank];
	*out_n = x->buckets[dir.rank + 1] - first;
	if (i < *out_n) {
		entry_name(p.state, &x->entries[x->leaves[first + i].first], (uint32_t)i, name);
		weir_buf_text(name, ".json");
		out->rank = first + (uint32_t)i;
		rc = 1;
	}
	weir_index_put(t->cache, x);
	return rc;
}

/* ---- names back to entries ---- */
static int slices(struct weir_slice a, struct weir_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* What a name says about where its entry is. */
struct wanted {
	bool timer;
	int64_t timestamp;
	struct weir_buf key; /* else */
};

static int compare(const struct weir_entry *e, const struct weir_state_info *s, const struct wanted *w)
{
	struct weir_slice key = s->kind == WEIR_STATE_BROADCAST ? e->user_key : e->key;

	if (w->timer)
		return (e->timestamp > w->timestamp) - (e->timestamp < w->timestamp);
	return key.ptr ? slices(key, weir_buf_slice(&w->key)) : 1;
}

/* [*lo, *hi) of the bucket's leaves that can have the name. */
static void narrow(const struct weir_index *x, const struct weir_state_info *s, const char *base, uint32_t *lo, uint32_t *hi)
{
	struct wanted w = { .timer = weir_state_is_timer(s->kind) };
	const struct weir_type *type = s->kind == WEIR_STATE_BROADCAST ? s->user_key : s->key;
	struct weir_buf text = { 0 };
	bool known = false;

	if (w.timer) {
		w.timestamp = strtoll(base, NULL, 10);
		known = true;
	} else if (is_list(s)) {
		uint64_t at = strtoull(base, NULL, 10);

		*lo = *hi - *lo > at ? *lo + (uint32_t)at : *hi;
		*hi = *lo < *hi ? *lo + 1 : *hi;
	} else if (!strchr(base, '~') && weir_name_decode(base, strlen(base), &text)) {
		known = weir_text_parse(type, (const char *)text.data, text.len, false, &w.key, NULL) == 0;
	}
	if (known) {
		uint32_t from = *lo, to = *hi;

		while (from < to) {
			uint32_t mid = from + (to - from) / 2;

			if (compare(&x->entries[x->leaves[mid].first], s, &w) < 0)
				from = mid + 1;
			else
				to = mid;
		}
		*lo = from;
		while (to < *hi && compare(&x->entries[x->leaves[to].first], s, &w) == 0)
			to++;
		*hi = to;
	}
	weir_buf_fini(&text);
	weir_buf_fini(&w.key);
}

int weir__bucket_leaf_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	const struct weir_index *x;
	struct weir__place p;
	struct weir_buf buf = { 0 };
	size_t len = strlen(name);
	uint32_t first, lo, hi;
	char base[256];
	int rc;

	if (len <= 5 || len >= sizeof(base) || strcmp(name + len - 5, ".json") != 0)
		return WEIR_ENOTFOUND;
	rc = get_whole(t, dir, &x, &p, err);
	if (rc)
		return rc;
	memcpy(base, name, len - 5);
	base[len - 5] = 0;
	rc = WEIR_ENOTFOUND;
	if (dir.rank < x->nbuckets) {
		first = lo = x->buckets[dir.rank];
		hi = x->buckets[dir.rank + 1];
		narrow(x, p.state, base, &lo, &hi);
		for (uint32_t i = lo; i < hi && rc; i++) {
			weir_buf_clear(&buf);
			entry_name(p.state, &x->entries[x->leaves[i].first], i - first, &buf);
			if (strcmp(weir_buf_cstr(&buf), base) == 0) {
				out->rank = i;
				rc = 0;
			}
		}
	}
	weir_buf_fini(&buf);
	weir_index_put(t->cache, x);
	return rc;
}
