// SPDX-License-Identifier: Apache-2.0
// The fast path: a function over columns keeps the flights that left late.
//     weir run examples/late_only.c -- --input examples/data/flights-20k.csv --output out/
#include "flight.h"

static int late_only(struct weir_ctx *ctx, const struct weir_batch *in, struct weir_select *out)
{
	const int32_t *delay = weir_column(in, departure, delay);

	(void)ctx;
	for (uint32_t i = 0; i < in->rows; i++)
		weir_select_if(out, i, delay[i] >= 15); /* branch-free */
	return 0;
}

int weir_main(struct weir_env *env, int argc, char **argv)
{
	struct weir_stream *flights = weir_csv_source(env, "flights", weir_arg(env, "input"), &departure_type);

	(void)argc, (void)argv;
	weir_csv_sink(weir_batch_filter(flights, "late-only", late_only), "late", weir_arg(env, "output"));
	return 0;
}
