/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only view of a checkpoint's content: its states with their types, and every entry as canonical bytes, whatever
 * layout stored them. statetool, fusefs, restore and migration all read through this.
 *
 * Thread-safety: a view may be read by many threads; each scan is one thread's.
 */
#ifndef WEIR_STATE_CKPT_VIEW_H
#define WEIR_STATE_CKPT_VIEW_H

#include "state/flink/entry.h"

struct weir_view;
/* Takes the checkpoint over: weir_view_close() closes it. Fails only when the metadata of states cannot be read at all; a single
 * unreadable handle becomes a problem (below) and its states are missing. */
int weir_view_open(struct weir_ckpt *c, struct weir_view **out, struct weir_error *err) WEIR_CHECK;
void weir_view_close(struct weir_view *v);
const struct weir_ckpt *weir_view_ckpt(const struct weir_view *v);

/* All states of all operators, each once (merged over subtasks), ordered by operator, kind name, name. */
uint32_t weir_view_nstates(const struct weir_view *v);
const struct weir_state_info *weir_view_state(const struct weir_view *v, uint32_t i);
/* By operator (NULL = any) and name; NULL when there is none. Ambiguous names give the first. */
const struct weir_state_info *weir_view_find(const struct weir_view *v, const struct weir_operator_id *op, const char *name);

/* A finding: something that is damaged, missing, or not read by this version. Text is valid during the call. */
struct weir_problem {
	const char *path;     /* file, or "" */
	uint64_t offset;      /* or WEIR_NO_OFFSET */
	const char *operator_; /* uid, name or id; "" for none */
	const char *state;    /* name, or "" */
	int code;
	const char *text;     /* names all of the above */
	const char *reason;   /* what is wrong, without where */
	const struct weir_operator_state *op; /* or NULL */
	int32_t subtask, key_group;           /* or -1 */
	const char *kind;     /* "keyed", "operator", "raw-keyed", "raw-operator", "coordinator", "files" ... */
	int64_t size;         /* of the handle, or -1 */
	uint64_t bytes;       /* from offset on, of an entry; 0: not known */
};
typedef void weir_problem_fn(void *arg, const struct weir_problem *p);

struct weir_scan {
	const struct weir_state_info *state; /* NULL = every state */
	int32_t subtask;                     /* -1 = every subtask */
	int32_t key_group;                   /* -1 = every key group */
	bool changes;                        /* changelogs as they are stored: what is materialized, then each change; else the state that they make together */
	struct weir_slice key;               /* ptr NULL = every key; else only this serialized key (and what cannot be taken apart but may hold it) */
	weir_problem_fn *problem;            /* NULL: damage ends the scan. Else it is told here, and the scan goes on with the next key group or handle */
	void *problem_arg;
};
#define WEIR_SCAN_ALL ((struct weir_scan){ .subtask = -1, .key_group = -1 })

/* Entries in stored order: masters, then operators, subtasks, key groups, as written. Damage stops the scan with the error (but see `problem`);
 * what came before is delivered. A layout that this version does not read is never passed over: an undecodable entry for each of its
 * states, or an error WEIR_EUNSUPPORTED. */
int weir_view_scan(struct weir_view *v, const struct weir_scan *scan, weir_entry_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

/* Is it damage? Else it is something that this version does not understand. */
bool weir_problem_is_damage(const struct weir_problem *p);

/* What verification found, one call per finding; a whole checkpoint gives none. What is not understood is a finding too (UNSUPPORTED, NOTYPE, VERSION), but no damage. Reads every byte: files present and of the recorded
 * size, metadata decodes, every entry decodes, key groups of keys with known hashes are right, ranges of subtasks are what they must be and do not overlap.
 * A subtask without keyed state is no finding: Flink writes none when no state was registered. Returns an error only when it could not go on. */
int weir_view_verify(struct weir_view *v, weir_problem_fn *fn, void *arg, struct weir_error *err) WEIR_CHECK;

/* The same for callers that want the entries, too: sound says that nothing was found wrong with this one. A non-zero result of entry stops and is returned. */
struct weir_check {
	weir_problem_fn *problem;
	int (*entry)(void *arg, const struct weir_entry *e, bool sound); /* or NULL */
	void *arg;
};
int weir_view_check(struct weir_view *v, const struct weir_check *check, struct weir_error *err) WEIR_CHECK;

/* One handle: managed_keyed, raw_keyed, managed_operator or raw_operator of a subtask of weir_view_ckpt(v). NULL: it holds nothing. */
struct weir__part;
struct weir__part *weir_view_part(const struct weir_view *v, const void *handle);
/* Only its entries, of keyed ones only those of one key group (-1: all). Ranges and files that nobody reads are not looked at. */
int weir_view_check_part(struct weir_view *v, struct weir__part *part, int32_t key_group, const struct weir_check *check, struct weir_error *err) WEIR_CHECK;
/* What was read of it, each NULL or empty where it is of another kind or could not be opened. */
struct weir_keyed_meta;
struct weir_oper_header;
const struct weir_keyed_meta *weir_view_part_keyed(const struct weir__part *part);
const struct weir_oper_header *weir_view_part_oper(const struct weir__part *part);
struct weir_slice weir_view_part_bytes(const struct weir__part *part);
/* The number of a state in either of them, or -1. */
int32_t weir_view_part_state(const struct weir__part *part, const struct weir_state_info *info);

#endif
