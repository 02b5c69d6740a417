// SPDX-License-Identifier: Apache-2.0
/*
 * weir state show and get. Entries are rendered as the scan delivers them; nothing is gathered, so memory does not grow with the state.
 * What was printed before damage stays; the damage is the result.
 */
#include "statetool/show.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "statetool/text.h"

enum { STOP = 1 }; /* scan result: enough */

struct showing {
	const struct weir_show_options *o;
	struct weir_sink *sink;
	const struct weir_state_info *state; /* whose head is in `head` */
	struct weir_buf head;
	uint32_t nstates;
	int64_t left;
	uint64_t found;
	uint32_t bound;             /* states that the expression makes sense for */
	struct weir_error unbound;  /* why it makes none for the first other one */
	bool more;
	struct weir_error *err;
	const struct weir_operator_state *unread; /* met an operator whose layout is not read */
};

static bool unread(const struct weir_entry *e)
{
	return e->undecodable && e->state->op && weir_state_is_keyed(e->state->kind) && weir_operator_unreadable(e->state->op);
}

static int tell_unread(const struct weir_view *v, const struct weir_operator_state *op, struct weir_error *err)
{
	char label[512];

	return weir_error_at(err, WEIR_EUNSUPPORTED, weir_view_ckpt(v)->path, WEIR_NO_OFFSET,
			     "the keyed state of operator %s is stored as %s, which this version does not read; a canonical savepoint of the job can be read",
			     weir_operator_label(op, NULL, label, sizeof(label)), weir_operator_unreadable(op));
}

static void plain_column(const struct weir_type *t, struct weir_slice bytes, struct weir_buf *b)
{
	if (!bytes.ptr || (t && t->kind == WEIR_VOID))
		return;
	weir_text_column(t, bytes, b);
	weir_buf_u8(b, '\t');
}

static void text_line(const struct weir_entry *e, const char *head, bool with_key, struct weir_buf *b)
{
	const struct weir_state_info *s = e->state;
	size_t from;

	weir_buf_text(b, head);
	if (e->index >= 0)
		weir_buf_printf(b, "%d\t%d\t", e->subtask, e->index);
	if (with_key)
		plain_column(s->key, e->key, b);
	plain_column(s->ns, e->ns, b);
	plain_column(s->user_key, e->user_key, b);
	if (weir_state_is_timer(s->kind))
		weir_buf_printf(b, "%lld", (long long)e->timestamp);
	else {
		from = b->len;
		weir_text_value(e, b);
		weir_text_safe(b, from);
	}
	if (e->undecodable)
		weir_buf_printf(b, "\tundecodable: %s", e->undecodable);
	weir_buf_u8(b, '\n');
}

static void make_head(struct showing *x, const struct weir_state_info *s)
{
	char label[512], hex[33] = "";

	x->state = s;
	weir_buf_clear(&x->head);
	if (s->op)
		weir_operator_id_hex(&s->op->id, hex);
	if (!x->o->json) {
		if (x->nstates > 1)
			weir_buf_printf(&x->head, "%s/%s\t", s->op ? weir_operator_uid(s->op, &x->o->uids, label, sizeof(label)) ? label : hex : "master",
					s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind));
		return;
	}
	weir_buf_printf(&x->head, "\"op\":\"%s\",\"state\":", hex);
	weir_json_text(&x->head, s->name ? s->name : "");
	weir_buf_printf(&x->head, ",\"kind\":\"%s\",", weir_state_kind_name(s->kind));
	x->head.len--; /* the comma comes with the next member */
}

static int show_entry(void *arg, const struct weir_entry *e)
{
	struct showing *x = arg;

	if (unread(e)) {
		x->unread = e->state->op;
		return 0;
	}
	if (x->o->where) {
		bool hit = false;
		int rc = weir_expr_eval(x->o->where, e, &hit, x->err);

		if (rc || !hit)
			return rc ? rc : weir_sink_step(x->sink);
	}
	if (x->left == 0) {
		x->more = true;
		return STOP;
	}
	x->left -= x->left > 0;
	x->found++;
	if (x->o->count)
		return weir_sink_step(x->sink);
	if (x->state != e->state)
		make_head(x, e->state);
	if (x->o->json) {
		weir_text_entry(e, weir_buf_cstr(&x->head), &x->sink->buf);
		weir_buf_u8(&x->sink->buf, '\n');
	} else {
		text_line(e, weir_buf_cstr(&x->head), true, &x->sink->buf);
	}
	return weir_sink_step(x->sink);
}

static int count_state(void *arg, const struct weir_state_info *s)
{
	(void)s;
	++*(uint32_t *)arg;
	return 0;
}

struct scanning {
	struct weir_view *v;
	struct showing *x;
	struct weir_error *err;
};

static int scan_state(void *arg, const struct weir_state_info *s)
{
	struct scanning *g = arg;
	struct weir_scan scan = WEIR_SCAN_ALL;

	scan.state = s;
	scan.key_group = g->x->o->key_group;
	scan.subtask = g->x->o->subtask;
	if (g->x->o->where && weir_expr_bind(g->x->o->where, s, &g->x->unbound))
		return 0;
	g->x->bound++;
	return weir_view_scan(g->v, &scan, show_entry, g->x, g->err);
}

int weir_state_show(struct weir_view *v, const struct weir_show_options *o, struct weir_sink *sink, bool *out_more, struct weir_error *err)
{
	struct showing x = { .o = o, .sink = sink, .left = o->limit, .unbound = WEIR_ERROR_INIT, .err = err };
	struct scanning g = { v, &x, err };
	int rc = weir_pick_states(v, o->op, o->state, count_state, &x.nstates, err);

	if (rc == 0)
		rc = weir_pick_states(v, o->op, o->state, scan_state, &g, err);
	if (rc == STOP)
		rc = 0;
	else if (rc == 0 && x.nstates && !x.bound) {
		rc = x.unbound.code;
		if (err)
			*err = x.unbound;
	} else if (rc == 0 && x.unread)
		rc = tell_unread(v, x.unread, err);
	if (rc == 0 && o->count)
		weir_buf_printf(&sink->buf, o->json ? "{\"entries\":%llu}\n" : "%llu\n", (unsigned long long)x.found);
	if (out_more)
		*out_more = x.more;
	weir_buf_fini(&x.head);
	return rc;
}

struct getting {
	const struct weir_get_options *o;
	struct weir_sink *sink;
	const struct weir_state_info *state;
	struct weir_slice ns, map_key;
	struct weir_buf head;
	uint64_t found;
	bool unread;
};

/* What a key (or namespace, or user key) of a state looks like, for the message about one that does not fit. */
struct example {
	const char *part;
	struct weir_buf text;
};

static int take_example(void *arg, const struct weir_entry *e)
{
	struct example *x = arg;
	const struct weir_state_info *s = e->state;

	if (e->undecodable)
		return 0;
	if (strcmp(x->part, "key") == 0)
		weir_text_column(s->key, e->key, &x->text);
	else if (strcmp(x->part, "namespace") == 0)
		weir_text_column(s->ns, e->ns, &x->text);
	else
		weir_text_column(s->user_key, e->user_key, &x->text);
	return STOP;
}

static int parse_part(struct weir_view *v, const struct weir_state_info *s, const char *part, const struct weir_type *t, const char *text, bool as_json, struct weir_buf *out,
		      struct weir_error *err)
{
	int rc = weir_text_parse(t, text, strlen(text), as_json, out, err);
	struct example x = { .part = part };
	struct weir_scan scan = WEIR_SCAN_ALL;
	size_t used = err ? strlen(err->msg) : 0;

	if (rc != WEIR_EINVALID || !err)
		return rc;
	scan.state = s;
	if (weir_view_scan(v, &scan, take_example, &x, NULL) == STOP && x.text.len)
		snprintf(err->msg + used, sizeof(err->msg) - used, "; a %s of this state is %.200s", part, weir_buf_cstr(&x.text));
	weir_buf_fini(&x.text);
	return rc;
}

static int get_entry(void *arg, const struct weir_entry *e)
{
	struct getting *g = arg;

	if (unread(e)) {
		g->unread = true;
		return 0;
	}
	if ((g->ns.ptr && !weir_slice_eq(g->ns, e->ns)) || (g->map_key.ptr && !weir_slice_eq(g->map_key, e->user_key)))
		return 0;
	g->found++;
	if (g->o->json) {
		weir_text_entry(e, weir_buf_cstr(&g->head), &g->sink->buf);
		weir_buf_u8(&g->sink->buf, '\n');
	} else {
		text_line(e, "", false, &g->sink->buf);
	}
	return weir_sink_step(g->sink);
}

static int get_key(struct weir_view *v, struct getting *g, bool as_json, struct weir_error *err)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	struct weir_buf key = { 0 };
	int rc = parse_part(v, g->state, "key", g->state->key, g->o->key, as_json, &key, err);

	if (rc == 0) {
		scan.state = g->state;
		scan.key = (struct weir_slice){ key.data ? key.data : (const uint8_t *)"", key.len };
		rc = weir_view_scan(v, &scan, get_entry, g, err);
	}
	weir_buf_fini(&key);
	return rc;
}

int weir_state_get_key(struct weir_view *v, const struct weir_get_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct getting g = { .o = o, .sink = sink };
	struct weir_buf ns = { 0 }, map_key = { 0 };
	char hex[33] = "", label[512];
	int rc = weir_pick_state(v, o->op, o->state, &g.state, err);

	if (rc)
		return rc;
	if (o->ns) {
		rc = parse_part(v, g.state, "namespace", g.state->ns, o->ns, true, &ns, err);
		if (rc)
			goto out;
		g.ns = (struct weir_slice){ ns.data ? ns.data : (const uint8_t *)"", ns.len };
	}
	if (o->map_key) {
		rc = g.state->user_key ? parse_part(v, g.state, "map key", g.state->user_key, o->map_key, false, &map_key, err) :
					 weir_error_set(err, WEIR_EINVALID, "state '%s' is no map (%s): its entries have no map keys", o->state, weir_state_kind_name(g.state->kind));
		if (rc)
			goto out;
		g.map_key = (struct weir_slice){ map_key.data ? map_key.data : (const uint8_t *)"", map_key.len };
	}
	weir_operator_id_hex(&g.state->op->id, hex);
	weir_buf_printf(&g.head, "\"op\":\"%s\",\"state\":", hex);
	weir_json_text(&g.head, o->state);
	rc = get_key(v, &g, false, err);
	if (rc == 0 && !g.found && o->key[0] == '"') /* not the plain text: then JSON */
		rc = get_key(v, &g, true, err);
	if (rc == 0 && !g.found && g.unread)
		rc = tell_unread(v, g.state->op, err);
	else if (rc == 0 && !g.found)
		rc = weir_error_at(err, WEIR_ENOTFOUND, weir_view_ckpt(v)->path, WEIR_NO_OFFSET, "state '%s' of operator %s has no key %s%s%s%s%s", o->state,
				   weir_operator_label(g.state->op, &o->uids, label, sizeof(label)), o->key, o->ns ? " in namespace " : "", o->ns ? o->ns : "",
				   o->map_key ? " with map key " : "", o->map_key ? o->map_key : "");
out:
	weir_buf_fini(&ns);
	weir_buf_fini(&map_key);
	weir_buf_fini(&g.head);
	return rc;
}
