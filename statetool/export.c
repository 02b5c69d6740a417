// SPDX-License-Identifier: Apache-2.0
/*
 * Export: which states, and the formats that are streams. Entries are written as the scan delivers them. Damage ends the export: what is whole is exported, or
 * nothing. The tar archive has for each state a folder with type.json and one file for each entry, named by number, that holds what get --json prints.
 */
#include "statetool/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "statetool/describe.h"
#include "statetool/text.h"

const char *const weir_export_formats[] = { "ndjson", "csv", "sqlite", "tar", NULL };

struct exporting {
	struct weir_view *v;
	const struct weir_export_options *o;
	struct weir_sink *sink;
	const struct weir__export_ops *ops;
	void *x;                       /* of ops */
	struct weir_export_result result;
	struct weir_error *err;
	/* the streams */
	struct weir_columns *columns;
	struct weir_arena mem;
	struct weir_buf head, text;
	uint64_t number;               /* TAR: of the entry in its state */
};

/* ---- NDJSON ---- */
static int ndjson_begin(void *arg, const struct weir_state_info *s, struct weir_error *err)
{
	struct exporting *x = arg;
	char hex[33] = "", uid[512];

	(void)err;
	weir_buf_clear(&x->head);
	if (s->op) {
		weir_operator_id_hex(&s->op->id, hex);
		weir_buf_printf(&x->head, "\"op\":\"%s\",", hex);
		if (weir_operator_uid(s->op, &x->o->uids, uid, sizeof(uid))) {
			weir_buf_text(&x->head, "\"uid\":");
			weir_json_text(&x->head, uid);
			weir_buf_u8(&x->head, ',');
		}
	}
	weir_buf_text(&x->head, "\"state\":");
	weir_json_text(&x->head, s->name ? s->name : "");
	weir_buf_printf(&x->head, ",\"kind\":\"%s\"", weir_state_kind_name(s->kind));
	return 0;
}

static int ndjson_entry(void *arg, const struct weir_entry *e, struct weir_error *err)
{
	struct exporting *x = arg;

	(void)err;
	weir_text_entry(e, weir_buf_cstr(&x->head), &x->sink->buf);
	weir_buf_u8(&x->sink->buf, '\n');
	x->result.rows++;
	return 0;
}

static int nothing_to_end(void *arg, struct weir_error *err)
{
	(void)arg, (void)err;
	return 0;
}

static const struct weir__export_ops ndjson_ops = { ndjson_begin, ndjson_entry, nothing_to_end };

/* ---- CSV: RFC 4180, with line feeds; null is empty, empty text is "" ---- */
static void csv_text(struct weir_slice s, struct weir_buf *b)
{
	bool quote = s.len == 0;

	for (size_t i = 0; i < s.len && !quote; i++)
		quote = s.ptr[i] == '"' || s.ptr[i] == ',' || s.ptr[i] == '\n' || s.ptr[i] == '\r';
	if (!quote) {
		weir_buf_put_slice(b, s);
		return;
	}
	weir_buf_u8(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			weir_buf_u8(b, '"');
		weir_buf_u8(b, s.ptr[i]);
	}
	weir_buf_u8(b, '"');
}

static int csv_row(void *arg, const struct weir_json *const *cells)
{
	struct exporting *x = arg;
	struct weir_buf *b = &x->sink->buf;

	for (uint32_t i = 0; i < weir_columns_count(x->columns); i++) {
		const struct weir_json *j = cells[i], *hex = weir_column(x->columns, i)->kind == WEIR_COLUMN_BLOB ? weir_json_member(j, "hex") : NULL;

		if (i)
			weir_buf_u8(b, ',');
		if (hex)
			j = hex;
		if (j->kind == WEIR_JSON_STRING) {
			csv_text(j->text, b);
		} else if (j->kind != WEIR_JSON_NULL) {
			weir_buf_clear(&x->text);
			weir_json_put(j, &x->text);
			csv_text(weir_buf_slice(&x->text), b);
		}
	}
	weir_buf_u8(b, '\n');
	x->result.rows++;
	return 0;
}

static int csv_begin(void *arg, const struct weir_state_info *s, struct weir_error *err)
{
	struct exporting *x = arg;
	int rc = weir_columns_of(s, &x->mem, &x->columns, err);

	for (uint32_t i = 0; rc == 0 && i < weir_columns_count(x->columns); i++) {
		const char *name = weir_column(x->columns, i)->name;

		if (i)
			weir_buf_u8(&x->sink->buf, ',');
		csv_text((struct weir_slice){ (const uint8_t *)name, strlen(name) }, &x->sink->buf);
	}
	weir_buf_u8(&x->sink->buf, '\n');
	return rc;
}

static int csv_entry(void *arg, const struct weir_entry *e, struct weir_error *err)
{
	struct exporting *x = arg;

	return weir_columns_rows(x->columns, e, csv_row, x, err);
}

static int csv_end(void *arg, struct weir_error *err)
{
	struct exporting *x = arg;

	(void)err;
	weir_columns_fini(x->columns);
	x->columns = NULL;
	return 0;
}

static const struct weir__export_ops csv_ops = { csv_begin, csv_entry, csv_end };

/* ---- tar: ustar, names of at most 255 bytes ---- */
static void tar_name(const struct exporting *x, const struct weir_state_info *s, const char *file, char out[256])
{
	char label[512], *p;
	int n = snprintf(out, 256, "%.100s/%.100s/", s->op ? weir_operator_label(s->op, &x->o->uids, label, sizeof(label)) : "master", s->name && s->name[0] ? s->name : weir_state_kind_name(s->kind));

	for (p = out; *p; p++) /* two folders, whatever the names hold */
		if ((*p == '/' && p != out + n - 1 && p != strchr(out, '/')) || (uint8_t)*p < 0x20 || *p == 0x7f)
			*p = '_';
	snprintf(out + n, 256 - (size_t)n, "%s", file);
}

static void tar_file(struct weir_buf *b, const char *name, struct weir_slice content)
{
	char header[512] = { 0 };
	size_t len = strlen(name), cut = 0;
	unsigned sum = 0;

	if (len > 100) /* prefix / name */
		for (cut = len - 100; cut < len && name[cut] != '/'; cut++)
			;
	memcpy(header, name + (cut ? cut + 1 : 0), len - (cut ? cut + 1 : 0));
	memcpy(header + 345, name, cut < 155 ? cut : 155);
	memcpy(header + 100, "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	if (content.len < (size_t)1 << 33) {
		snprintf(header + 124, 12, "%011llo", (unsigned long long)content.len);
	} else { /* base 256 */
		header[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			header[135 - i] = (char)(content.len >> 8 * i);
	}
	memcpy(header + 136, "00000000000", 12);
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	for (int i = 0; i < 512; i++)
		sum += (uint8_t)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	weir_buf_put(b, header, sizeof(header));
	weir_buf_put_slice(b, content);
	memset(header, 0, sizeof(header));
	weir_buf_put(b, header, (size_t)-content.len & 511);
}

static int tar_begin(void *arg, const struct weir_state_info *s, struct weir_error *err)
{
	struct exporting *x = arg;
	char name[256];

	(void)err;
	x->number = 0;
	weir_buf_clear(&x->text);
	weir_describe_state(s, &x->text);
	tar_name(x, s, "type.json", name);
	tar_file(&x->sink->buf, name, weir_buf_slice(&x->text));
	return 0;
}

static int tar_entry(void *arg, const struct weir_entry *e, struct weir_error *err)
{
	struct exporting *x = arg;
	char name[256], file[40];

	(void)err;
	snprintf(file, sizeof(file), "%09llu.json", (unsigned long long)x->number++);
	weir_buf_clear(&x->text);
	weir_text_entry(e, NULL, &x->text);
	weir_buf_u8(&x->text, '\n');
	tar_name(x, e->state, file, name);
	tar_file(&x->sink->buf, name, weir_buf_slice(&x->text));
	x->result.rows++;
	return 0;
}

static const struct weir__export_ops tar_ops = { tar_begin, tar_entry, nothing_to_end };

/* ---- all of them ---- */
static int take_entry(void *arg, const struct weir_entry *e)
{
	struct exporting *x = arg;
	int rc;

	if (e->undecodable && e->state->op && weir_state_is_keyed(e->state->kind) && weir_operator_unreadable(e->state->op))
		return weir_error_set(x->err, WEIR_EUNSUPPORTED, "the keyed state is stored as %s, which this version does not read", weir_operator_unreadable(e->state->op));
	x->result.entries++;
	rc = x->ops->entry(x->x, e, x->err);
	return rc ? rc : weir_sink_step(x->sink);
}

static int take_state(void *arg, const struct weir_state_info *s)
{
	struct exporting *x = arg;
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc = x->ops->begin(x->x, s, x->err), ended;

	if (rc)
		return rc;
	scan.state = s;
	rc = weir_view_scan(x->v, &scan, take_entry, x, x->err);
	ended = x->ops->end(x->x, rc ? NULL : x->err);
	x->result.states++;
	return rc ? rc : ended;
}

static int count_state(void *arg, const struct weir_state_info *s)
{
	(void)s;
	++*(uint32_t *)arg;
	return 0;
}

static int choose(struct exporting *x, struct weir__sqlite **db)
{
	uint32_t n = 0;
	int rc = 0;

	x->x = x;
	switch (x->o->format) {
	case WEIR_EXPORT_NDJSON: x->ops = &ndjson_ops; break;
	case WEIR_EXPORT_TAR: x->ops = &tar_ops; break;
	case WEIR_EXPORT_CSV:
		x->ops = &csv_ops;
		rc = weir_pick_states(x->v, x->o->op, x->o->state, count_state, &n, x->err);
		if (rc == 0 && n > 1)
			rc = weir_error_set(x->err, WEIR_EINVALID, "CSV holds one table, and %u states are meant: name one as OP/STATE, or export to sqlite", n);
		break;
	case WEIR_EXPORT_SQLITE:
		x->ops = &weir__sqlite_ops;
		rc = weir__sqlite_open(x->o->file, &x->o->uids, db, x->err);
		x->x = *db;
		break;
	}
	return rc;
}

int weir_state_export(struct weir_view *v, const struct weir_export_options *o, struct weir_sink *sink, struct weir_export_result *out, struct weir_error *err)
{
	struct exporting x = { .v = v, .o = o, .sink = sink, .err = err };
	struct weir__sqlite *db = NULL;
	static const char zeros[1024];
	int rc = choose(&x, &db);

	if (rc == 0)
		rc = weir_pick_states(v, o->op, o->state, take_state, &x, err);
	if (db)
		rc = weir__sqlite_close(db, rc, &x.result.rows, err);
	if (rc == 0 && o->format == WEIR_EXPORT_TAR)
		weir_buf_put(&sink->buf, zeros, sizeof(zeros));
	weir_columns_fini(x.columns);
	weir_arena_fini(&x.mem);
	weir_buf_fini(&x.head);
	weir_buf_fini(&x.text);
	if (rc == 0)
		*out = x.result;
	return rc;
}
