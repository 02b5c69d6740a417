// SPDX-License-Identifier: Apache-2.0
/* Rows of operators: by id, by uid where one is known, by name where one is stored. Slots above WEIR_SLOTS_MAX have no inode. */
#include "fusefs/tree_rows.h"

#include "fusefs/name.h"

static uint32_t slots(const struct weir__place *p) { return p->ckpt->noperators < WEIR_SLOTS_MAX ? p->ckpt->noperators : WEIR_SLOTS_MAX; }

int weir__operator_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			   struct weir_error *err)
{
	struct weir__place p;
	char hex[33];
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	*out_n = slots(&p);
	if (i >= *out_n)
		return 0;
	weir_operator_id_hex(&p.ckpt->operators[i].id, hex);
	weir_buf_text(name, hex);
	out->slot = (uint32_t)i;
	return 1;
}

/* What an operator is called, or NULL. */
typedef const char *text_fn(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size);

static const char *uid_text(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size)
{
	return weir_operator_uid(op, &t->uids, buf, size);
}

static const char *name_text(struct weir_tree *t, const struct weir_operator_state *op, char *buf, size_t size)
{
	(void)t;
	return op->name.len ? weir_slice_text(op->name, buf, size) : NULL;
}

static int named(struct weir_tree *t, struct weir_inode dir, text_fn *text, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		 struct weir_error *err)
{
	char buf[1024], other[1024];
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; k < slots(&p); k++) {
		uint32_t same = 1;

		if (!text(t, &p.ckpt->operators[k], buf, sizeof(buf)) || seen++ != i)
			continue;
		out->slot = k;
		weir__put_name(buf, name);
		for (uint32_t j = 0; j < k; j++)
			same += text(t, &p.ckpt->operators[j], other, sizeof(other)) && strcmp(buf, other) == 0;
		if (same > 1)
			weir_buf_printf(name, "~%u", same);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__uid_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		      struct weir_error *err)
{
	return named(t, dir, uid_text, i, out, name, out_n, err);
}

int weir__name_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	return named(t, dir, name_text, i, out, name, out_n, err);
}

/* Any name at all: its hash is the operator's id, if there is such an operator. */
int weir__uid_find(struct weir_tree *t, struct weir_inode dir, const char *name, struct weir_inode *out, struct weir_error *err)
{
	struct weir__place p;
	struct weir_buf uid = { 0 };
	struct weir_operator_id id;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	rc = WEIR_ENOTFOUND;
	if (weir_name_decode(name, strlen(name), &uid)) {
		id = weir_operator_id_of_uid(weir_buf_cstr(&uid));
		for (uint32_t i = 0; i < slots(&p) && rc; i++)
			if (memcmp(&p.ckpt->operators[i].id, &id, sizeof(id)) == 0) {
				out->slot = i;
				rc = 0;
			}
	}
	weir_buf_fini(&uid);
	return rc;
}

int weir__uid_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	struct weir__place p;
	char buf[1024];
	int rc = weir__place_of(t, dir, &p, err);

	return rc ? rc : uid_text(t, p.op, buf, sizeof(buf)) != NULL;
}

int weir__name_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	return rc ? rc : p.op->name.len > 0;
}

int weir__coordinator_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err)
{
	struct weir__place p;
	int rc = weir__place_of(t, dir, &p, err);

	return rc ? rc : p.op->coordinator.kind == WEIR_HANDLE_INLINE;
}
