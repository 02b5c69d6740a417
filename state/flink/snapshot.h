/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serializer snapshots: how a Flink checkpoint names the type of a state. docs/formats/serializers.md.
 * SNAP = class name, version, body; PROXY = i32 2, SNAP. No length is stored: an unknown class cannot be stepped over, except
 * inside frames; see weir_serializer_snapshot_read.
 */
#ifndef WEIR_STATE_FLINK_SNAPSHOT_H
#define WEIR_STATE_FLINK_SNAPSHOT_H

#include <weir/type.h>

/* Append SNAP of t. A type that was read from a snapshot and not changed writes those bytes again. */
int weir_serializer_snapshot_write(const struct weir_type *t, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
int weir_serializer_snapshot_write_proxy(const struct weir_type *t, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;
/*
 * Read SNAP into a prepared type in the arena (text is copied: the source may go). Classes weir does not know become OPAQUE
 * with .java = the snapshot class. The end of an unknown body is found by looking for what may follow: `after` (may be NULL)
 * answers whether the bytes at the cursor are a plausible continuation; it is tried at every later offset up to 1 MiB.
 * Without a plausible end: WEIR_ENOTYPE.
 */
typedef bool weir_serializer_snapshot_after_fn(struct weir_src at, void *arg);
int weir_serializer_snapshot_read(struct weir_src *src, struct weir_arena *mem, weir_serializer_snapshot_after_fn *after, void *arg, struct weir_type **out, struct weir_error *err) WEIR_CHECK;
int weir_serializer_snapshot_read_proxy(struct weir_src *src, struct weir_arena *mem, weir_serializer_snapshot_after_fn *after, void *arg, struct weir_type **out,
			     struct weir_error *err) WEIR_CHECK;

/* Tell the serializers in t which release wrote the checkpoint, by the version of its metadata (0: not known): Kryo's bytes differ between Flink 1.x and
 * 2.x, and nothing else tells them apart. Before the type is shared. */
void weir_serializer_written_by(struct weir_type *t, int32_t metadata_version);
/* Describe the classes of a job as Java declares them (docs/formats/serializers.md, "Kryo"): Kryo values of them are then read. For the process; before
 * any checkpoint is opened. */
int weir_kryo_describe(const char *text, size_t len, struct weir_error *err) WEIR_CHECK;
/*
 * Serializers with their configurations, as Flink 1.4 to 1.6 wrote them in place of PROXY (docs/formats/serializers.md, "Before 1.8"): exactly
 * `want` of them. Their types are known by what either tells; OPAQUE where neither does. Read only: not every one can be written again.
 */
int weir_serializer_snapshot_read_list(struct weir_src *src, struct weir_arena *mem, uint32_t want, struct weir_type **out, struct weir_error *err) WEIR_CHECK;

#endif
