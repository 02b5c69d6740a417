/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw timers: i32 marker f1cd859f, i32 version 2, i32 services; each: UTF name, snapshots of key and namespace serializer, then twice (event time, processing time)
 * i32 count and count x (key, namespace, i64 timestamp, plain).
 *
 * Pure. Fails on damage (path, offset), on other versions, on serializers that cannot be stepped over, and out of memory.
 */
#include "state/flink/timers_raw.h"

#include "base/src.h"
#include "state/flink/keyed_priv.h"
#include "state/flink/snapshot.h"

enum { VERSION = 2, MIN_SERVICE = 2 + 2 * 6 + 2 * 4 };
static const uint8_t marker[4] = { 0xf1, 0xcd, 0x85, 0x9f };

bool weir_raw_timers_are(struct weir_slice blob)
{
	return blob.len >= 12 && memcmp(blob.ptr, marker, sizeof(marker)) == 0;
}

static int no_memory(struct weir_error *err)
{
	return weir_error_set(err, WEIR_ENOMEM, "no memory for raw timers");
}

/* A service met before, by its bytes: steps over them. */
static uint32_t known(const struct weir_raw_services *services, struct weir_src *src)
{
	for (uint32_t i = 0; i < services->items.len; i++) {
		struct weir_slice head = services->items.items[i].head;

		if (weir_src_left(src) >= head.len && memcmp(src->p, head.ptr, head.len) == 0) {
			src->p += head.len;
			return i;
		}
	}
	return UINT32_MAX;
}

static int add_service(struct weir_src *src, struct weir_raw_services *services, struct weir_arena *mem, uint32_t *out, struct weir_error *err)
{
	const uint8_t *from = src->p;
	struct weir_slice name = weir_src_utf(src);
	struct weir_raw_service s = { 0 }, *slot;
	int code = src->code ? weir_src_error(src, err) : weir_serializer_snapshot_read(src, mem, NULL, NULL, &s.key, err);

	if (code == 0)
		code = weir_serializer_snapshot_read(src, mem, NULL, NULL, &s.ns, err);
	if (code)
		return code;
	s.name = weir__keyed_text(mem, name);
	s.head = (struct weir_slice){ weir_arena_copy(mem, from, (size_t)(src->p - from)), (size_t)(src->p - from) };
	slot = s.name && s.head.ptr ? weir_vec_push(&services->items) : NULL;
	if (!slot)
		return no_memory(err);
	*slot = s;
	*out = (uint32_t)services->items.len - 1;
	return 0;
}

static struct weir_slice take(const struct weir_type *t, struct weir_src *src)
{
	const uint8_t *from = src->p;

	if (weir_type_skip(t, src) != 0)
		return (struct weir_slice){ NULL, 0 };
	return (struct weir_slice){ from, (size_t)(src->p - from) };
}

static int read_timers(struct weir_src *src, const struct weir_raw_services *services, uint32_t service, weir_raw_timer_fn *fn, void *arg, struct weir_error *err)
{
	const struct weir_raw_service *s = &services->items.items[service];

	for (int event = 1; event >= 0; event--) {
		uint32_t n = weir_src_count(src, 9);

		if (n && (weir__keyed_is_opaque(s->key) || weir__keyed_is_opaque(s->ns)))
			return weir_error_at(err, WEIR_ENOTYPE, src->path, weir_src_offset(src), "the timers of service '%.100s' cannot be told apart: a serializer in them is not known to weir",
					     s->name);
		for (uint32_t i = 0; i < n; i++) {
			struct weir_slice key = take(s->key, src), ns = take(s->ns, src);
			int64_t timestamp = weir_src_i64(src);
			int code = src->code ? weir_src_error(src, err) : fn ? fn(arg, service, event == 1, timestamp, key, ns) : 0;

			if (code)
				return code;
		}
	}
	return weir_src_error(src, err);
}

int weir_raw_timers_read(struct weir_slice blob, const char *path, uint64_t origin, struct weir_raw_services *services, struct weir_arena *mem,
			 weir_raw_timer_fn *fn, void *arg, struct weir_error *err)
{
	struct weir_src src = weir_src_of(blob, path, origin);
	uint32_t n;
	int code = 0;

	weir_src_bytes(&src, sizeof(marker));
	if (weir_src_u32(&src) != VERSION && !src.code)
		return weir_error_at(err, WEIR_EVERSION, path, origin + 4, "raw timers of version %u, written by Flink 1.7 or older; weir reads version %d", weir_be32(blob.ptr + 4), VERSION);
	n = weir_src_count(&src, MIN_SERVICE);
	for (uint32_t i = 0; i < n && code == 0 && !src.code; i++) {
		uint32_t service = known(services, &src);

		if (service == UINT32_MAX && !mem)
			weir_src_fail(&src, WEIR_ENOTYPE, "the timers in it cannot be told apart: a serializer in them is not known to weir");
		else if (service == UINT32_MAX)
			code = add_service(&src, services, mem, &service, err);
		if (code == 0 && !src.code)
			code = read_timers(&src, services, service, fn, arg, err);
	}
	if (code)
		return code;
	weir_src_end(&src, "bytes are left behind raw timers");
	return weir_src_error(&src, err);
}
