/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a view that are changelogs (handle tags 8 and 14). What is materialized is older than the state; without applying the
 * changes it would show wrong values, so nothing of it is delivered: such a part fails to open, which every scan that concerns it reports.
 */
#include "state/ckpt/view_priv.h"

int weir__changelog_open(struct weir_view *v, struct weir__part *part, struct weir_error *err)
{
	(void)v;
	(void)part;
	return weir_error_set(err, WEIR_EUNSUPPORTED, "changelog state is not read by this version. "
			      "Take a savepoint of the job (flink savepoint -type canonical) and open that");
}

int weir__changelog_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err)
{
	(void)x;
	(void)part;
	(void)err;
	return 0; /* never opened */
}
