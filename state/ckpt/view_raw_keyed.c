/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are raw keyed state: the bytes of each key group, and the timers in them where they are timers.
 *
 * 1. The first description is the raw state itself; a timer service adds two (event time, processing time), named as their managed queues without "_timer_state/".
 * 2. Key groups repeat their services byte for byte, so a scan knows them all. A group whose timers cannot be read still shows its bytes.
 */
#include "state/ckpt/view_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "state/flink/timers_raw.h"

void weir__raw_keyed_close(struct weir__part *part)
{
	struct weir_raw_services *s = part->held;

	if (s)
		weir_vec_fini(&s->items);
	free(s);
	part->held = NULL;
}

static bool blob_of(const struct weir__part *part, uint32_t i, struct weir_slice *out)
{
	int64_t from = part->keyed->groups.offsets[i], to = part->ends[i];

	if (from < 0 || (uint64_t)from > part->bytes.len || to < from || (uint64_t)to > part->bytes.len)
		return false;
	*out = (struct weir_slice){ part->bytes.ptr + from, (size_t)(to - from) };
	return true;
}

int weir__raw_keyed_open(struct weir_view *v, struct weir__part *part, struct weir_raw_services **out, struct weir_error *err)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	struct weir_raw_services *s = calloc(1, sizeof(*s));
	struct weir_slice blob;
	int code;

	if (!s)
		return weir_error_set(err, WEIR_ENOMEM, "no memory for raw keyed state");
	part->held = *out = s;
	part->stream = &part->keyed->stream;
	code = weir__part_load(v, part, err);
	if (code == 0)
		code = weir__groups_ends(v, part, err);
	for (uint32_t i = 0; i < g->count && code == 0; i++)
		if (blob_of(part, i, &blob) && weir_raw_timers_are(blob) &&
		    weir_raw_timers_read(blob, part->path, 0, s, &v->mem, NULL, NULL, NULL) == WEIR_ENOMEM) /* other errors are told by the scan */
			code = weir_error_set(err, WEIR_ENOMEM, "no memory for raw timers");
	return code;
}

struct timers {
	struct weir__scan_ctx *x;
	int32_t key_group;
	int stopped;
};

static int timer(void *arg, uint32_t service, bool event, int64_t timestamp, struct weir_slice key, struct weir_slice ns)
{
	struct timers *t = arg;
	struct weir_entry e = { .key_group = t->key_group, .index = -1, .key = key, .ns = ns, .timestamp = timestamp };

	t->stopped = weir__scan_entry(t->x, 1 + 2 * service + (event ? 0 : 1), &e);
	return t->stopped;
}

static int scan_group(struct weir__scan_ctx *x, struct weir__part *part, uint32_t i, struct weir_error *err)
{
	struct weir_entry e = { .key_group = part->keyed->groups.first + (int32_t)i, .index = -1 };
	struct timers t = { .x = x, .key_group = e.key_group };
	int64_t from = part->keyed->groups.offsets[i];
	bool timers;
	int code;

	if (!blob_of(part, i, &e.value)) {
		code = weir_error_at(err, WEIR_ECORRUPT, part->path, (uint64_t)from, "raw keyed state of key group %d does not lie in the %zu bytes of its stream", e.key_group,
				     part->bytes.len);
		return weir__scan_damage(x, e.key_group, code, err);
	}
	timers = weir_raw_timers_are(e.value);
	if (timers && weir_raw_timers_read(e.value, NULL, 0, part->held, NULL, NULL, NULL, NULL) == WEIR_ENOTYPE) {
		e.undecodable = "the timers in it cannot be told apart: a serializer in them is not known to weir";
		timers = false;
	}
	code = weir__scan_entry(x, 0, &e);
	if (code || !timers)
		return code;
	code = weir_raw_timers_read(e.value, part->path, (uint64_t)from, part->held, NULL, timer, &t, err);
	return code && !t.stopped ? weir__scan_damage(x, e.key_group, code, err) : code;
}

int weir__raw_keyed_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	const struct weir_key_group_offsets *g = &part->keyed->groups;
	int code = 0;

	for (uint32_t i = 0; i < g->count && code == 0; i++)
		if (g->offsets[i] >= 0 && (x->scan->key_group < 0 || x->scan->key_group == g->first + (int32_t)i))
			code = scan_group(x, part, i, err);
	return code;
}
