// SPDX-License-Identifier: Apache-2.0
/* weir version: what this binary is and which Flink formats it speaks. */
#include <stdio.h>

#include <weir/ckpt.h>
#include <weir/weir.h>

#include "cli/command.h"

static int version_run(const struct weir_args *args, struct weir_error *err)
{
	(void)err;
	if (args->json)
		printf("{\"version\":\"%s\",\"metadata\":{\"oldest\":%d,\"default\":%d,\"newest\":%d}}\n", WEIR_VERSION, WEIR_META_OLDEST, WEIR_META_DEFAULT,
		       WEIR_META_NEWEST);
	else
		printf("weir %s\nFlink metadata versions written: %d to %d, by default %d\n", WEIR_VERSION, WEIR_META_OLDEST, WEIR_META_NEWEST, WEIR_META_DEFAULT);
	return 0;
}

const struct weir_command weir_cmd_version = {
	.name = "version",
	.words = "",
	.summary = "show the version and the formats it writes",
	.run = version_run,
};
