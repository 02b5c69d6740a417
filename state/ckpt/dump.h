/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every entry of a checkpoint as one line of JSON, sorted, then a summary line: byte for byte what Apache Flink's own classes say, when asked
 * by the oracle of the test kit. Fields: op, uid, name, maxp, sub, kind, state, kg, then key, ns, uk, value as JSON and as *_hex (canonical
 * bytes). An entry that cannot be taken apart keeps its bytes and says why in "undecodable". Order: op, kind, state, sub, kg, key_hex, ns_hex, uk_hex,
 * timestamp, index. summary.sha256 is over all lines with their newlines.
 */
#ifndef WEIR_STATE_CKPT_DUMP_H
#define WEIR_STATE_CKPT_DUMP_H

#include "state/ckpt/view.h"
#include "state/flink/keyed.h"

struct weir_dump_result {
	uint64_t entries, undecodable;
	uint64_t damaged; /* of the undecodable: those whose bytes are wrong or missing; the others are not understood */
	char sha256[65];
};

/* Writes through put (weir_put_fn). Damage becomes undecodable lines. Memory: up to 24 MiB of index; a larger state is read twice and more, a key
 * group of a state at a time. A changelog counts with all its records. Fails when put fails and out of memory. */
int weir_dump(struct weir_view *v, weir_put_fn *put, void *arg, struct weir_dump_result *out, struct weir_error *err) WEIR_CHECK;

/* One entry as the dump's line, without newline; for tools that print single entries. Appends to out. */
int weir_dump_entry(const struct weir_view *v, const struct weir_entry *e, struct weir_buf *out, struct weir_error *err) WEIR_CHECK;

#endif
