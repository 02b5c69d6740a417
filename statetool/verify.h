/* SPDX-License-Identifier: Apache-2.0 */
/* weir state verify: every problem of a checkpoint, and which one beside it is complete. */
#ifndef WEIR_STATETOOL_VERIFY_H
#define WEIR_STATETOOL_VERIFY_H

#include "state/ckpt/view.h"
#include "statetool/sink.h"

struct weir_verify_result {
	uint64_t problems; /* damage */
	uint64_t unread;   /* operators with state that is not understood and was not checked */
	uint64_t entries, notes;
	char *complete;   /* malloc'ed: newest other checkpoint beside it that is complete, or NULL */
};
struct weir_verify_options {
	bool json;
	bool leftovers; /* look for them in shared/ and taskowned/, too */
};
/* Open `uri`, read every byte, print one problem a line; then a line "not read: ..." for each state that is not understood, and notes about leftovers. Below a root, damaged checkpoints
 * that are newer than the one that is read are problems too. With json a last line sums up. A checkpoint that cannot even be opened is one problem when its data is damaged; a
 * path that leads nowhere is an error. Fills result; free(result->complete). */
int weir_state_verify(const char *uri, const struct weir_verify_options *o, struct weir_sink *sink, struct weir_verify_result *result, struct weir_error *err) WEIR_CHECK;

/* A finding as one line of JSON. */
void weir_problem_json(const struct weir_problem *p, struct weir_buf *out);

/* The newest chk-N beside this checkpoint directory, other than it, whose metadata decodes and whose files are all there. malloc'ed path, or NULL. */
char *weir_complete_beside(const char *dir);

#endif
