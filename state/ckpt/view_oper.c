/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are operator state: managed (lists, unions, broadcast maps) and raw (partitions of the user's own bytes).
 * Threads and failures as view.c says.
 */
#include "state/ckpt/view_priv.h"

#include <stdlib.h>

#include "base/order.h"

struct step {
	struct weir__scan_ctx *x;
	uint32_t state;
};

static int oper_entry(void *arg, const struct weir_entry *e)
{
	struct step *s = arg;

	return weir__scan_entry(s->x, s->state, e);
}

int weir__oper_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	for (uint32_t i = 0; i < part->ninfos; i++) {
		struct step s = { .x = x, .state = i };
		int code;

		if (!weir__scan_wants(x, i))
			continue;
		code = weir_oper_read(part->bytes, part->path, part->oper, part->header, i, oper_entry, &s, err);
		if (code)
			code = weir__scan_damage(x, -1, code, err);
		if (code)
			return code;
	}
	return 0;
}

/* Every offset of the handle, ascending. malloc'ed. */
static int64_t *sorted_offsets(const struct weir_operator_handle *h, size_t *out_n)
{
	int64_t *all;
	size_t n = 0, k = 0;

	for (uint32_t i = 0; i < h->nlists; i++)
		n += h->lists[i].count;
	all = malloc((n + 1) * sizeof(*all));
	for (uint32_t i = 0; all && i < h->nlists; i++)
		for (uint32_t j = 0; j < h->lists[i].count; j++)
			all[k++] = h->lists[i].offsets[j];
	if (all)
		qsort(all, n, sizeof(*all), weir_order_i64);
	*out_n = n;
	return all;
}

/* The smallest offset above this one, or the size of the stream. */
static int64_t end_of(const int64_t *all, size_t n, int64_t offset, size_t size)
{
	size_t next = weir_above_i64(all, n, offset);

	return next < n && (uint64_t)all[next] < size ? all[next] : (int64_t)size;
}

static int raw_partition(struct weir__scan_ctx *x, struct weir__part *part, uint32_t i, uint32_t k, int64_t to, struct weir_error *err)
{
	int64_t from = part->oper->lists[i].offsets[k];
	struct weir_entry e = { .key_group = -1, .index = (int32_t)k };
	int code;

	if (from < 0 || (uint64_t)from > part->bytes.len) {
		code = weir_error_at(err, WEIR_ECORRUPT, part->path, WEIR_NO_OFFSET, "raw operator state, partition %u: its offset %lld lies outside of the "
				     "%zu bytes of the stream", k, (long long)from, part->bytes.len);
		return weir__scan_damage(x, -1, code, err);
	}
	e.value = (struct weir_slice){ part->bytes.ptr ? part->bytes.ptr + from : (const uint8_t *)"", (size_t)(to - from) };
	return weir__scan_entry(x, i, &e);
}

int weir__raw_oper_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	size_t n;
	int64_t *all = sorted_offsets(part->oper, &n);
	int code = all ? 0 : weir_error_set(err, WEIR_ENOMEM, "no memory for the offsets of raw operator state");

	for (uint32_t i = 0; i < part->ninfos && code == 0; i++) {
		const struct weir_operator_list *list = &part->oper->lists[i];

		for (uint32_t k = 0; k < list->count && weir__scan_wants(x, i) && code == 0; k++)
			code = raw_partition(x, part, i, k, end_of(all, n, list->offsets[k], part->bytes.len), err);
	}
	free(all);
	return code;
}
