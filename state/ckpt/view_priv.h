/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the view share. A view is a list of parts, one per handle; view_open.c makes them, each layout of keyed state has one row
 * in its table and a file of its own: view_groups.c (FULL, HEAP), view_rocksdb.c, view_changelog.c; view_raw_keyed.c and view_oper.c have the rest.
 */
#ifndef WEIR_STATE_CKPT_VIEW_PRIV_H
#define WEIR_STATE_CKPT_VIEW_PRIV_H

#include <pthread.h>

#include "base/arena.h"
#include "base/vec.h"
#include "state/ckpt/view.h"
#include "state/flink/keyed.h"
#include "state/flink/oper.h"

enum weir__part_class { WEIR__PART_MASTER, WEIR__PART_COORDINATOR, WEIR__PART_OPERATOR, WEIR__PART_RAW_OPERATOR, WEIR__PART_KEYED, WEIR__PART_RAW_KEYED };

struct weir__scan_ctx;
struct weir__part;

/* A keyed layout. open: read the metadata of the states into part->meta and what scan needs; an error makes the part a failed one. close (or NULL) frees
 * part->held. */
struct weir__layout {
	enum weir_keyed_kind kind;
	int (*open)(struct weir_view *v, struct weir__part *part, struct weir_error *err);
	int (*scan)(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
	void (*close)(struct weir__part *part);
};

struct weir__part {
	enum weir__part_class class_;
	const struct weir_operator_state *op;    /* NULL: master */
	int32_t subtask;                         /* -1: none */
	const struct weir_keyed_handle *keyed;
	const struct weir_operator_handle *oper;
	const struct weir_stream_handle *stream;
	const struct weir__layout *layout;       /* KEYED */
	struct weir_slice bytes;
	struct weir_fs_map *map;
	char *path;
	struct weir_keyed_meta *meta;            /* KEYED */
	enum weir_keyed_format format;
	int64_t *ends;                           /* KEYED, RAW_KEYED: of each key group */
	struct weir_oper_header *header;         /* OPERATOR */
	uint32_t ninfos;
	const struct weir_state_info **infos;    /* by state of meta or header, by list of a raw operator handle; else one */
	void *held;                              /* the layout's own */
	struct weir_error *failure;              /* it could not be opened; then it has no infos */
};

struct weir_view {
	struct weir_ckpt *ckpt;
	struct weir_arena mem;
	WEIR_VEC(struct weir__part) parts;
	WEIR_VEC(struct weir_state_info *) states; /* sorted when open */
	uint32_t op_states;                        /* while opening: first state of the current operator */
	WEIR_VEC(struct weir_slice) held;          /* bytes of the parts, by address */
	pthread_mutex_t lock;                      /* of what layouts open during scans: */
	WEIR_VEC(struct weir__part *) open;        /* parts with an open database */
};

/* One scan, what it looks for, where it stands. */
struct weir__scan_ctx {
	struct weir_view *view;
	const struct weir_scan *scan;
	weir_entry_fn *fn;
	void *arg;
	const struct weir__part *part;
	bool stopped;          /* fn said so: its value is the result */
	const uint8_t *done;   /* what the part has before it was given back (weir_fs_map_done) */
};

/* Hand an entry of state `index` of the part on, with state, subtask filled in, if the scan wants it. */
int weir__scan_entry(struct weir__scan_ctx *x, uint32_t index, const struct weir_entry *e);
static inline bool weir__scan_wants(const struct weir__scan_ctx *x, uint32_t index)
{
	return !x->scan->state || x->part->infos[index] == x->scan->state;
}
/* The key group a keyed part has to read for the scan: -1 all, -2 none. */
int32_t weir__wanted_group(const struct weir__scan_ctx *x, const struct weir__part *part);
/* Damage in the part, described by err (with path and offset): 0 when it was told to the scan's problem function (err is cleared), else its code. */
int weir__scan_damage(struct weir__scan_ctx *x, int32_t key_group, int code, struct weir_error *err);

/* weir_view_scan() of one part. */
int weir__scan_part(struct weir_view *v, struct weir__part *part, const struct weir_scan *scan, weir_entry_fn *fn, void *arg, struct weir_error *err);
int weir__view_open_parts(struct weir_view *v, struct weir_error *err);
/* The bytes of part->stream into bytes, map, path. */
int weir__part_load(struct weir_view *v, struct weir__part *part, struct weir_error *err);
/* A KEYED part whose `keyed` is set: its layout, metadata and infos. */
int weir__part_open_keyed(struct weir_view *v, struct weir__part *part, struct weir_error *err);
void weir__part_close(struct weir__part *part); /* frees what it holds, not the part */
int weir__groups_ends(struct weir_view *v, struct weir__part *part, struct weir_error *err);

int weir__groups_open(struct weir_view *v, struct weir__part *part, struct weir_error *err);
int weir__groups_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
int weir__rocksdb_part_open(struct weir_view *v, struct weir__part *part, struct weir_error *err);
int weir__rocksdb_part_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
void weir__rocksdb_part_close(struct weir__part *part);
int weir__changelog_open(struct weir_view *v, struct weir__part *part, struct weir_error *err);
int weir__changelog_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
void weir__changelog_close(struct weir__part *part);
int weir__oper_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
int weir__raw_oper_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);
struct weir_raw_services;
int weir__raw_keyed_open(struct weir_view *v, struct weir__part *part, struct weir_raw_services **out, struct weir_error *err);
void weir__raw_keyed_close(struct weir__part *part);
int weir__raw_keyed_scan(struct weir__scan_ctx *x, struct weir__part *part, struct weir_error *err);

/* Why a part or a piece of it is a problem, as the public struct. buf keeps its texts. */
struct weir__problem_text {
	char operator_[160], text[1200];
};
void weir__problem_fill(struct weir_problem *out, struct weir__problem_text *buf, const struct weir__part *part, const struct weir_error *err);
const char *weir__operator_text(const struct weir_operator_state *op, char *buf, size_t size);

/* Do these bytes live as long as the view (inside a mapping or the metadata), so that they need no copy? */
bool weir__view_holds(const struct weir_view *v, struct weir_slice s);

#endif
