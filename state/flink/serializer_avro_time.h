/* SPDX-License-Identifier: Apache-2.0 */
/* Avro's logical times as the text of java.time, for records of generated classes. */
#ifndef WEIR_STATE_FLINK_SERIALIZER_AVRO_TIME_H
#define WEIR_STATE_FLINK_SERIALIZER_AVRO_TIME_H

#include "base/buf.h"
#include "state/flink/serializer_avro.h"

/* False: java.time has no such moment. */
bool weir__avro_time_text(struct weir_buf *out, enum weir__avro_logical logical, int64_t v);
bool weir__avro_time_parse(const char *text, size_t len, enum weir__avro_logical logical, int64_t *out);

#endif
