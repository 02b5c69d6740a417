// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of states: those of one operator, by what they are. Timers are states too, named _timer_state/event_SERVICE and
 * _timer_state/processing_SERVICE (in raw state without the slash and what is before it); they are shown as SERVICE/event and SERVICE/processing. Slots above WEIR_SLOTS_MAX have no inode.
 */
#include "fusefs/tree_rows.h"

#include <string.h>

typedef bool state_test(const struct weir_state_info *s);
static bool is_plain_keyed(const struct weir_state_info *s) { return s->kind < WEIR_STATE_TIMER; }
static bool is_timer(const struct weir_state_info *s) { return weir_state_is_timer(s->kind); }
static bool is_oper(const struct weir_state_info *s) { return s->kind == WEIR_STATE_OPERATOR_LIST || s->kind == WEIR_STATE_OPERATOR_UNION; }
static bool is_broadcast(const struct weir_state_info *s) { return s->kind == WEIR_STATE_BROADCAST; }
static bool is_raw_keyed(const struct weir_state_info *s) { return s->kind == WEIR_STATE_RAW_KEYED; }
static bool is_raw_oper(const struct weir_state_info *s) { return s->kind == WEIR_STATE_RAW_OPERATOR; }
static bool is_keyed(const struct weir_state_info *s) { return s->kind <= WEIR_STATE_TIMER; }

/* The next state of the place's operator that passes, from *slot on; NULL when there is none. */
static const struct weir_state_info *next(const struct weir__place *p, state_test *test, uint32_t *slot)
{
	for (; *slot < weir_view_nstates(p->view) && *slot < WEIR_SLOTS_MAX; ++*slot) {
		const struct weir_state_info *s = weir_view_state(p->view, *slot);

		if (s->op == p->op && test(s))
			return s;
	}
	return NULL;
}

static int any(struct weir_tree *t, struct weir_inode dir, state_test *test, struct weir_error *err)
{
	struct weir__place p;
	uint32_t slot = 0;
	int rc = weir__place_of(t, dir, &p, err);

	return rc ? rc : next(&p, test, &slot) != NULL;
}

int weir__keyed_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_keyed, err); }
int weir__timer_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_timer, err); }
int weir__oper_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_oper, err); }
int weir__raw_keyed_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_raw_keyed, err); }
int weir__raw_oper_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_raw_oper, err); }
int weir__broadcast_present(struct weir_tree *t, struct weir_inode dir, struct weir_error *err) { return any(t, dir, is_broadcast, err); }

static int states(struct weir_tree *t, struct weir_inode dir, state_test *test, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		  struct weir_error *err)
{
	const struct weir_state_info *s, *o;
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; (s = next(&p, test, &k)) != NULL; k++) {
		uint32_t same = 1;

		if (seen++ != i)
			continue;
		for (uint32_t j = 0; (o = next(&p, test, &j)) != s; j++) /* the same name with another type */
			same += strcmp(o->name, s->name) == 0;
		out->slot = k;
		weir__put_name(s->name && s->name[0] ? s->name : "state", name);
		if (same > 1)
			weir_buf_printf(name, "~%u", same);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__keyed_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			struct weir_error *err)
{
	return states(t, dir, is_plain_keyed, i, out, name, out_n, err);
}

int weir__oper_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		       struct weir_error *err)
{
	return states(t, dir, is_oper, i, out, name, out_n, err);
}

int weir__broadcast_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			    struct weir_error *err)
{
	return states(t, dir, is_broadcast, i, out, name, out_n, err);
}

int weir__raw_keyed_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			    struct weir_error *err)
{
	return states(t, dir, is_raw_keyed, i, out, name, out_n, err);
}

int weir__raw_oper_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			   struct weir_error *err)
{
	return states(t, dir, is_raw_oper, i, out, name, out_n, err);
}

/* ---- timers ---- */
static const char *timer_service(const struct weir_state_info *s, const char **out_domain)
{
	static const char head[] = "_timer_state/";
	bool managed = strncmp(s->name, head, sizeof(head) - 1) == 0;

	if (managed || s->kind == WEIR_STATE_RAW_TIMER) {
		const char *rest = s->name + (managed ? sizeof(head) - 1 : 0);

		if (strncmp(rest, "event_", 6) == 0) {
			*out_domain = "event";
			return rest + 6;
		}
		if (strncmp(rest, "processing_", 11) == 0) {
			*out_domain = "processing";
			return rest + 11;
		}
	}
	*out_domain = "queue";
	return s->name;
}

static bool first_of_service(const struct weir__place *p, uint32_t slot, const char *service)
{
	const struct weir_state_info *s;
	const char *domain;

	for (uint32_t k = 0; (s = next(p, is_timer, &k)) != NULL && k < slot; k++)
		if (strcmp(timer_service(s, &domain), service) == 0)
			return false;
	return true;
}

int weir__service_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			  struct weir_error *err)
{
	const struct weir_state_info *s;
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	for (uint32_t k = 0; (s = next(&p, is_timer, &k)) != NULL; k++) {
		const char *domain, *service = timer_service(s, &domain);

		if (!first_of_service(&p, k, service) || seen++ != i)
			continue;
		out->slot = k;
		weir__put_name(service, name);
		return 1;
	}
	*out_n = seen;
	return 0;
}

int weir__domain_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			 struct weir_error *err)
{
	const struct weir_state_info *s;
	const char *domain, *service;
	struct weir__place p;
	uint64_t seen = 0;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	service = timer_service(p.state, &domain);
	for (uint32_t k = 0; (s = next(&p, is_timer, &k)) != NULL; k++) {
		if (strcmp(timer_service(s, &domain), service) != 0 || seen++ != i)
			continue;
		out->slot = k;
		weir_buf_text(name, domain);
		return 1;
	}
	*out_n = seen;
	return 0;
}

/* ---- where a state is shown ---- */
int weir__state_path(struct weir_tree *t, struct weir_inode n, struct weir_buf *out, struct weir_error *err)
{
	static const struct {
		const char *dir;
		state_test *test;
	} places[] = { { "keyed/states", is_plain_keyed }, { "operator", is_oper }, { "broadcast", is_broadcast }, { "raw-keyed", is_raw_keyed }, { "raw-operator", is_raw_oper } };
	struct weir_inode dir = n, at = n;
	struct weir__place p;
	const char *domain = "";
	char hex[33];
	int rc;

	n.kind = NODE_STATE;
	rc = weir__place_of(t, n, &p, err);
	if (rc)
		return rc;
	if (!p.op)
		return WEIR_ENOTFOUND;
	weir_operator_id_hex(&p.op->id, hex);
	weir_buf_printf(out, "operators/%s/", hex);
	if (is_timer(p.state)) {
		weir_buf_text(out, "timers/");
		weir__put_name(timer_service(p.state, &domain), out);
		weir_buf_printf(out, "/%s", domain);
		return 0;
	}
	dir.kind = NODE_OPERATOR;
	dir.slot = (uint32_t)(p.op - p.ckpt->operators);
	for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
		uint64_t count = 0;

		if (!places[k].test(p.state))
			continue;
		weir_buf_printf(out, "%s/", places[k].dir);
		for (uint64_t i = 0;; i++) {
			size_t mark = out->len;

			rc = states(t, dir, places[k].test, i, &at, out, &count, err);
			if (rc <= 0)
				return rc ? rc : WEIR_ENOTFOUND;
			if (at.slot == n.slot)
				return 0;
			out->len = mark;
		}
	}
	return WEIR_ENOTFOUND;
}

/* ---- ranges/ and top/ ---- */
int weir__range_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
			struct weir_error *err)
{
	struct weir_facts *f;
	int rc = weir__facts(t, dir, &f, err);

	if (rc)
		return rc;
	*out_n = weir__ranges(f);
	if (i >= *out_n)
		return 0;
	out->rank = (uint32_t)i;
	weir_buf_printf(name, "%04u-of-%04u.jsonl", (unsigned)i, (unsigned)*out_n);
	return 1;
}

int weir__top_entries(struct weir_tree *t, struct weir_inode dir, uint64_t i, struct weir_inode *out, struct weir_buf *name, uint64_t *out_n,
		      struct weir_error *err)
{
	struct weir__place p;
	uint32_t second;
	int rc = weir__place_of(t, dir, &p, err);

	if (rc)
		return rc;
	second = p.state->kind == WEIR_STATE_LIST ? 1 : p.state->kind == WEIR_STATE_MAP ? 2 : 0;
	*out_n = second ? 2 : 1;
	if (i >= *out_n)
		return 0;
	out->rank = i ? second : 0;
	weir_buf_text(name, !i ? "by-bytes.tsv" : second == 1 ? "by-list-length.tsv" : "by-map-size.tsv");
	return 1;
}
