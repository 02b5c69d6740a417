/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CheckpointProperties: the Java-serialized object that ends _metadata from V4 on. docs/formats/metadata.md, "The tail".
 */
#ifndef WEIR_STATE_FLINK_PROPERTIES_H
#define WEIR_STATE_FLINK_PROPERTIES_H

#include "base/buf.h"
#include "base/src.h"
#include <weir/ckpt.h>

/* Read the rest of s as one Java object stream. Null, and objects of a shape that is not known, give WEIR_SNAPSHOT_UNKNOWN; raw is always
 * kept. A stream that ends early or is followed by more fails s. */
void weir_properties_read(struct weir_src *s, struct weir_snapshot_properties *out);
/* raw when there is one, else built from the fields; UNKNOWN without raw is the null object. */
void weir_properties_write(const struct weir_snapshot_properties *p, struct weir_buf *out);
/* What Flink would write: a checkpoint that is retained on cancellation or not, a savepoint. `forced`: without unaligned checkpoints. */
struct weir_snapshot_properties weir_properties_of(enum weir_snapshot_kind kind, bool native, bool retained);

#endif
