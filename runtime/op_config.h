/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder calls hand to the operators: one struct per operator, made in the environment's arena, immutable afterwards. */
#ifndef WEIR_RUNTIME_OP_CONFIG_H
#define WEIR_RUNTIME_OP_CONFIG_H

#include "runtime/op.h"

struct weir_function_config {
	struct weir_type *in, *out;
	union {
		weir_flat_map_fn *flat_map;
		weir_map_fn *map;
		weir_filter_fn *filter;
		weir_batch_filter_fn *batch_filter;
		weir_batch_map_fn *batch_map;
	} fn;
};

struct weir_timestamps_config {
	uint32_t field;
	struct weir_watermark_strategy strategy;
};

enum weir_reduce_kind { WEIR_REDUCE_SUM, WEIR_REDUCE_MIN, WEIR_REDUCE_MAX, WEIR_REDUCE_FN };
struct weir_reduce_config {
	enum weir_reduce_kind kind;
	struct weir_type *type;
	uint32_t field;
	weir_reduce_fn *fn;
};

struct weir_process_config {
	const struct weir_process *process;
	struct weir_type *in;
};

struct weir_window_config {
	struct weir_window_assigner assigner;
	struct weir_window_opts opts;
	struct weir_type *in;
};

#endif
