// SPDX-License-Identifier: Apache-2.0
/*
 * Objects of Java's own classes that are one value: texts, numbers, dates and times, enums, Java-serialised ones. docs/formats/serializers.md, "Kryo".
 * Shown as Java's toString. Kryo 2 writes the private fields of java.time in the order of their names, Kryo 5 a form of its own. Pure.
 */
#include "state/flink/serializer_kryo.h"

#include "base/date.h"
#include "base/json.h"
#include "state/flink/java_object.h"
#include "state/flink/serializer_avro.h"
#include "state/flink/snapshot_priv.h"
#include "state/type/big_number.h"

#include <stdio.h>

static void damaged(struct weir__kryo_graph *g, const char *what) { weir_src_fail(g->src, WEIR_ECORRUPT, what); }

void weir__kryo_nothing(struct weir__kryo_graph *g, const struct weir__kryo_class *c) { weir_buf_text(g->out, c->arg); }

void weir__kryo_string(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir__kryo_put_text(g);
}

/* arg "5": a text in Kryo 5 alone. */
void weir__kryo_text_body(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	if (c->arg && !g->five)
		weir__kryo_unknown(g, c);
	else
		weir__kryo_put_text(g);
}

void weir__kryo_pattern(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir__kryo_put_text(g);
	if (g->five)
		weir__kryo_int(g); /* flags */
}

void weir__kryo_locale(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	struct weir_buf text = { 0 };
	bool empty = true;

	if (!g->five) {
		weir__kryo_java(g, c);
		return;
	}
	for (int i = 0; i < 3; i++) { /* language, country, variant */
		struct weir_buf part = { 0 };

		weir__kryo_text(g, &part);
		if (part.len) {
			weir_buf_text(&text, empty ? "" : "_");
			weir_buf_put_slice(&text, weir_buf_slice(&part));
			empty = false;
		}
		text.code = text.code ? text.code : part.code;
		weir_buf_fini(&part);
	}
	weir_json_str(g->out, weir_buf_cstr(&text), text.len);
	g->out->code = g->out->code ? g->out->code : text.code;
	weir_buf_fini(&text);
}

void weir__kryo_socket(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	size_t at = g->out->len;

	(void)c;
	weir__kryo_put_text(g);
	if (g->out->len > at && g->out->data[g->out->len - 1] == '"')
		g->out->len--;
	weir_buf_printf(g->out, "/<unresolved>:%u\"", weir__kryo_int(g));
}

void weir__kryo_class_object(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const struct weir__kryo_class *of = weir__kryo_take_class(g);
	bool primitive = false, asked;
	const char *name = of ? of->name : "null";

	(void)c;
	asked = !g->five || (of && of->flags & WEIR__KRYO_PLAIN);
	if (asked)
		primitive = weir_src_bool(g->src);
	if (primitive && strcmp(name, "java.lang.Integer") == 0)
		name = "int";
	else if (!primitive && of && strcmp(name, "int") == 0)
		name = "java.lang.Integer";
	weir_buf_printf(g->out, primitive || !of ? "\"" : "\"class ");
	weir_buf_text(g->out, name);
	weir_buf_u8(g->out, '"');
}

void weir__kryo_symbol(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir_buf_text(g->out, "{\"@\":\"scala.Symbol\",\"name\":");
	weir__kryo_put_text(g);
	weir_buf_u8(g->out, '}');
}

/* A number in an object of its own. */
void weir__kryo_plain(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir__kryo_put_plain(g);
}

/* Time zone, ms, lenient, first day of the week, days of the first week, and where the Gregorian calendar begins. */
void weir__kryo_calendar(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	weir_buf_text(g->out, "{\"@\":");
	weir_json_text(g->out, c->name);
	weir_buf_text(g->out, ",\"zone\":");
	weir__kryo_put_text(g);
	weir_buf_printf(g->out, ",\"time\":%lld", (long long)weir__kryo_long(g));
	weir_buf_printf(g->out, ",\"lenient\":%s", weir_src_bool(g->src) ? "true" : "false");
	weir_buf_printf(g->out, ",\"firstDayOfWeek\":%u", weir__kryo_int(g));
	weir_buf_printf(g->out, ",\"minimalDaysInFirstWeek\":%u", weir__kryo_int(g));
	weir_buf_printf(g->out, ",\"gregorianChange\":%lld}", (long long)weir__kryo_zigzag64(g));
}

void weir__kryo_entry(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir_buf_u8(g->out, '"');
	weir__kryo_put_plain(g);
	weir_buf_u8(g->out, '=');
	if (!weir__kryo_stop(g))
		weir__kryo_put_plain(g);
	weir_buf_u8(g->out, '"');
}

void weir__kryo_reference(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	weir_buf_u8(g->out, '"');
	weir__kryo_put_plain(g);
	weir_buf_u8(g->out, '"');
}

void weir__kryo_optional(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	(void)c;
	if (weir_src_left(g->src) && *g->src->p == 0) {
		weir_src_u8(g->src);
		weir_buf_text(g->out, "\"Optional.empty\"");
		return;
	}
	weir_buf_text(g->out, "\"Optional[");
	weir__kryo_put_plain(g);
	weir_buf_text(g->out, "]\"");
}

void weir__kryo_optional_number(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const char *name = strrchr(c->name, '.') + 1;
	bool there = weir_src_bool(g->src), wide = c->arg[0] != 'I';
	int64_t v;
	double d;

	if (c->arg[0] == 'D' || g->five)
		v = there || !g->five ? (int64_t)weir__kryo_fixed(g, wide ? 8 : 4) : 0;
	else
		v = wide ? weir__kryo_zigzag64(g) : weir__kryo_zigzag(g);
	memcpy(&d, &v, 8);
	if (!there)
		weir_buf_printf(g->out, "\"%s.empty\"", name);
	else if (c->arg[0] == 'D') {
		struct weir_buf text = { 0 };

		weir_json_f64(&text, d);
		weir_buf_printf(g->out, "\"%s[%s]\"", name, text.len && text.data[0] == '"' ? "NaN" : weir_buf_cstr(&text));
		weir_buf_fini(&text);
	} else {
		weir_buf_printf(g->out, "\"%s[%lld]\"", name, wide ? (long long)v : (long long)(int32_t)v);
	}
}

/* ---- enums: the constants of classes known here by name, of others by number ---- */

void weir__kryo_enum(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t i = weir__kryo_int(g);
	const char *p = c->arg;

	if (i == 0 || g->src->code) {
		weir_buf_text(g->out, "null");
		return;
	}
	for (uint32_t k = 1; p && k < i; k++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (p && c->read == weir__kryo_enum && c->arg) {
		weir_json_str(g->out, p, strcspn(p, " "));
		return;
	}
	weir_buf_text(g->out, "{\"@\":");
	weir_json_text(g->out, c->name);
	weir_buf_printf(g->out, ",\"ordinal\":%u}", i - 1);
}

/* ---- numbers and bits ---- */

void weir__kryo_big(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n = weir__kryo_int(g);
	struct weir_slice two;

	if (n == 0 || g->src->code) {
		weir_buf_text(g->out, "null");
		return;
	}
	two = weir_src_bytes(g->src, n - 1);
	if (!g->src->code && two.len == 0)
		damaged(g, "a Kryo BigInteger has no bytes");
	int32_t scale = c->arg ? weir__kryo_zigzag(g) : 0;

	if (g->src->code)
		return;
	if (two.len > WEIR__BIG_LIMIT) { /* too long for digits */
		weir__put_hex_json(g->out, two);
		return;
	}
	weir_buf_u8(g->out, '"');
	if (c->arg)
		weir__big_decimal_text(g->out, two, scale);
	else
		weir__big_text(g->out, two);
	weir_buf_u8(g->out, '"');
}

void weir__kryo_uuid(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint64_t hi = g->five ? weir__kryo_fixed(g, 8) : (uint64_t)weir__kryo_zigzag64(g), lo = g->five ? weir__kryo_fixed(g, 8) : (uint64_t)weir__kryo_zigzag64(g);

	(void)c;
	weir_buf_printf(g->out, "\"%08x-%04x-%04x-%04x-%012llx\"", (unsigned)(hi >> 32), (unsigned)(hi >> 16 & 0xffff), (unsigned)(hi & 0xffff), (unsigned)(lo >> 48),
			(unsigned long long)(lo & 0xffffffffffff));
}

void weir__kryo_bit_set(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n = weir__kryo_int(g);
	bool first = true;

	(void)c;
	weir_buf_text(g->out, "\"{");
	for (uint32_t i = 0; i < n && !g->src->code; i++) {
		uint64_t word = weir__kryo_fixed(g, 8);

		for (uint64_t bit = 0; bit < 64; bit++)
			if (word >> bit & 1) {
				weir_buf_printf(g->out, "%s%llu", first ? "" : ", ", (unsigned long long)(i * (uint64_t)64 + bit));
				first = false;
			}
	}
	weir_buf_text(g->out, "}\"");
}

/* ---- java.util.Date, java.sql.*: through Flink's serializer of the class, which knows their text ---- */

static void put_by_flink(struct weir__kryo_graph *g, const char *name, const uint8_t *bytes, size_t n)
{
	char class_name[200];
	const struct weir__snapshot_class *c;
	struct weir_src src = weir_src_of((struct weir_slice){ bytes, n }, NULL, 0);

	snprintf(class_name, sizeof(class_name), "org.apache.flink.api.common.typeutils.base.%sSerializer$%sSerializerSnapshot", name, name);
	c = weir__snapshot_class_named(class_name);
	if (!c || !c->serializer) {
		weir_src_fail(g->src, WEIR_EBUG, "a date class has no serializer");
		return;
	}
	struct weir_type t = { .kind = WEIR_WIRE, .serializer = c->serializer, .java = c->name };

	c->serializer->put_json(&t, &src, false, g->out);
	if (src.code)
		damaged(g, "a Kryo date or time does not exist");
}

static void put_be(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

void weir__kryo_date(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	int64_t ms = weir__kryo_long(g), seconds;
	uint8_t bytes[12];
	uint32_t nanos;

	if (strcmp(c->arg, "SqlTimestamp") != 0) {
		put_be(bytes, (uint64_t)ms, 8);
		put_by_flink(g, c->arg, bytes, 8);
		return;
	}
	nanos = weir__kryo_int(g); /* of the second; the time holds its ms in Kryo 2 */
	seconds = ms / 1000 - (ms % 1000 < 0);
	if (nanos > 999999999 || seconds < INT64_MIN / 1000 + 1) {
		damaged(g, "a Kryo java.sql.Timestamp has an impossible time");
		return;
	}
	put_be(bytes, (uint64_t)(seconds * 1000 + nanos / 1000000), 8);
	put_be(bytes + 8, nanos, 4);
	put_by_flink(g, c->arg, bytes, 12);
}

/* ---- java.time ---- */

struct moment {
	int32_t year;
	uint32_t month, day, hour, minute, second, nanos;
	int32_t offset; /* seconds */
};

/* Kryo 2 writes a reference in front of an object in a field. */
static void take_mark(struct weir__kryo_graph *g, const char *name)
{
	if (!g->five)
		weir__kryo_mark(g, name);
}

static void take_date(struct weir__kryo_graph *g, struct moment *m)
{
	if (g->five) {
		m->year = (int32_t)weir__kryo_int(g);
		m->month = weir_src_u8(g->src);
		m->day = weir_src_u8(g->src);
	} else {
		m->day = weir_src_u16(g->src);
		m->month = weir_src_u16(g->src);
		m->year = weir__kryo_zigzag(g);
	}
	if (!g->src->code && (m->year < -999999999 || m->year > 999999999 || !weir_date_exists(m->year, m->month, m->day)))
		damaged(g, "a Kryo date does not exist");
}

/* Kryo 5 leaves out zeros at the end and says so by the complement of the last part. */
static void take_time_5(struct weir__kryo_graph *g, struct moment *m)
{
	int8_t v = (int8_t)weir_src_u8(g->src);

	m->hour = (uint8_t)(v < 0 ? ~v : v);
	if (v < 0)
		return;
	v = (int8_t)weir_src_u8(g->src);
	m->minute = (uint8_t)(v < 0 ? ~v : v);
	if (v < 0)
		return;
	v = (int8_t)weir_src_u8(g->src);
	m->second = (uint8_t)(v < 0 ? ~v : v);
	if (v >= 0)
		m->nanos = weir__kryo_int(g);
}

static void take_time(struct weir__kryo_graph *g, struct moment *m)
{
	if (g->five) {
		take_time_5(g, m);
	} else {
		m->hour = weir_src_u8(g->src);
		m->minute = weir_src_u8(g->src);
		m->nanos = (uint32_t)weir__kryo_zigzag(g);
		m->second = weir_src_u8(g->src);
	}
	if (!g->src->code && (m->hour > 23 || m->minute > 59 || m->second > 59 || m->nanos > 999999999))
		damaged(g, "a Kryo time is not a time of day");
}

static void take_offset(struct weir__kryo_graph *g, struct moment *m)
{
	int8_t quarters;

	if (!g->five) {
		m->offset = weir__kryo_zigzag(g);
	} else {
		quarters = (int8_t)weir_src_u8(g->src);
		m->offset = quarters == 127 ? (int32_t)weir__kryo_fixed(g, 4) : quarters * 900;
	}
	if (!g->src->code && (m->offset < -64800 || m->offset > 64800))
		damaged(g, "a Kryo time zone offset is beyond 18 hours");
}

static void put_date(struct weir_buf *out, const struct moment *m)
{
	weir_buf_printf(out, "%s%0*d-%02u-%02u", m->year > 9999 ? "+" : "", m->year < 0 ? 5 : 4, m->year, m->month, m->day);
}

static void put_time(struct weir_buf *out, const struct moment *m)
{
	weir_buf_printf(out, "%02u:%02u", m->hour, m->minute);
	if (m->second || m->nanos)
		weir_buf_printf(out, ":%02u", m->second);
	if (m->nanos % 1000)
		weir_buf_printf(out, ".%09u", m->nanos);
	else if (m->nanos % 1000000)
		weir_buf_printf(out, ".%06u", m->nanos / 1000);
	else if (m->nanos)
		weir_buf_printf(out, ".%03u", m->nanos / 1000000);
}

static void put_offset(struct weir_buf *out, int32_t offset)
{
	uint32_t v = (uint32_t)(offset < 0 ? -offset : offset);

	if (!offset) {
		weir_buf_u8(out, 'Z');
		return;
	}
	weir_buf_printf(out, "%c%02u:%02u", offset < 0 ? '-' : '+', v / 3600, v / 60 % 60);
	if (v % 60)
		weir_buf_printf(out, ":%02u", v % 60);
}

/* Duration.toString */
static void put_duration(struct weir_buf *out, int64_t seconds, int32_t nanos)
{
	int64_t total = seconds + (seconds < 0 && nanos > 0), hours = total / 3600;
	int32_t minutes = (int32_t)(total % 3600 / 60), secs = (int32_t)(total % 60), part = seconds < 0 && nanos > 0 ? 1000000000 - nanos : nanos;

	weir_buf_text(out, "PT");
	if (!seconds && !nanos) {
		weir_buf_text(out, "0S");
		return;
	}
	if (hours)
		weir_buf_printf(out, "%lldH", (long long)hours);
	if (minutes)
		weir_buf_printf(out, "%dM", minutes);
	if (!secs && !nanos)
		return;
	weir_buf_printf(out, "%s%d", seconds < 0 && nanos > 0 && !secs ? "-" : "", secs);
	if (nanos) {
		char digits[16];
		int n = snprintf(digits, sizeof(digits), "%09d", part);

		while (n > 1 && digits[n - 1] == '0')
			digits[--n] = 0;
		weir_buf_printf(out, ".%s", digits);
	}
	weir_buf_u8(out, 'S');
}

static void put_instant(struct weir__kryo_graph *g)
{
	int64_t nanos = g->five ? 0 : weir__kryo_zigzag(g), seconds = g->five ? weir__kryo_long(g) : weir__kryo_zigzag64(g);

	nanos = g->five ? (int64_t)weir__kryo_int(g) : nanos;
	if (g->src->code)
		return;
	if (nanos < 0 || nanos > 999999999 || seconds < WEIR__INSTANT_MIN || seconds > WEIR__INSTANT_MAX)
		damaged(g, "a Kryo Instant is out of range");
	else
		weir__instant_text(g->out, seconds, (int32_t)nanos);
}

static void put_lengths(struct weir__kryo_graph *g, bool period)
{
	if (!period) {
		int32_t nanos = g->five ? 0 : weir__kryo_zigzag(g);
		int64_t seconds = g->five ? (int64_t)weir__kryo_fixed(g, 8) : weir__kryo_zigzag64(g);

		nanos = g->five ? (int32_t)weir__kryo_int(g) : nanos;
		if (!g->src->code && (nanos < 0 || nanos > 999999999))
			damaged(g, "a Kryo Duration is out of range");
		if (!g->src->code)
			put_duration(g->out, seconds, nanos);
		return;
	}
	int32_t v[3]; /* years, months, days in Kryo 5; by name in Kryo 2 */

	for (int i = 0; i < 3; i++)
		v[g->five ? i : 2 - i] = g->five ? (int32_t)weir__kryo_int(g) : weir__kryo_zigzag(g);
	weir_buf_u8(g->out, 'P');
	for (int i = 0; i < 3; i++)
		if (v[i])
			weir_buf_printf(g->out, "%d%c", v[i], "YMD"[i]);
	if (!v[0] && !v[1] && !v[2])
		weir_buf_text(g->out, "0D");
}

/* YearMonth, MonthDay, Year. */
static void put_parts(struct weir__kryo_graph *g, const char *name)
{
	struct moment m = { 0 };
	bool year = strncmp(name, "Year", 4) == 0, month = strcmp(name, "Year") != 0, day = strcmp(name, "MonthDay") == 0;

	if (g->five) {
		m.year = year ? (int32_t)weir__kryo_int(g) : 0;
		m.month = month ? weir_src_u8(g->src) : 1;
		m.day = day ? weir_src_u8(g->src) : 1;
	} else {
		m.day = day ? (uint32_t)weir__kryo_zigzag(g) : 1;
		m.month = month ? (uint32_t)weir__kryo_zigzag(g) : 1;
		m.year = year ? weir__kryo_zigzag(g) : 0;
	}
	if (!g->src->code && (m.month < 1 || m.month > 12 || m.day < 1 || m.day > 31 || m.year < -999999999 || m.year > 999999999))
		damaged(g, "a Kryo date does not exist");
	if (day)
		weir_buf_printf(g->out, "--%02u-%02u", m.month, m.day);
	else if (month)
		weir_buf_printf(g->out, "%s%0*d-%02u", m.year > 9999 ? "+" : "", m.year < 0 ? 5 : 4, m.year, m.month);
	else
		weir_buf_printf(g->out, "%d", m.year);
}

/* LocalDate, LocalTime, and what is made of them. */
static void put_local(struct weir__kryo_graph *g, const char *name)
{
	bool offset = strncmp(name, "Offset", 6) == 0, zoned = strcmp(name, "ZonedDateTime") == 0, both = strstr(name, "DateTime");
	bool date = both || strcmp(name, "LocalDate") == 0, time = both || strcmp(name, "LocalDate") != 0, nested = both || offset;
	struct moment m = { 0 };

	if (offset && date) /* OffsetDateTime: dateTime, offset; OffsetTime: offset, time */
		take_mark(g, "java.time.LocalDateTime");
	if (offset && !date && !g->five) {
		take_mark(g, "java.time.ZoneOffset");
		take_offset(g, &m);
	}
	if (zoned)
		take_mark(g, "java.time.LocalDateTime");
	if (date && nested)
		take_mark(g, "java.time.LocalDate");
	if (date)
		take_date(g, &m);
	if (time && nested)
		take_mark(g, "java.time.LocalTime");
	if (time)
		take_time(g, &m);
	if ((offset && (date || g->five)) || (zoned && !g->five)) {
		take_mark(g, "java.time.ZoneOffset");
		take_offset(g, &m);
	}
	if (g->src->code)
		return;
	if (date)
		put_date(g->out, &m);
	if (both)
		weir_buf_u8(g->out, 'T');
	if (time)
		put_time(g->out, &m);
	if (offset || (zoned && !g->five))
		put_offset(g->out, m.offset);
}

static void put_zone(struct weir__kryo_graph *g)
{
	struct weir_buf quoted = { 0 }, *out = g->out;

	g->out = &quoted;
	weir__kryo_put_text(g);
	g->out = out;
	if (quoted.len >= 2 && quoted.data[0] == '"')
		weir_buf_put(out, quoted.data + 1, quoted.len - 2);
	weir_buf_fini(&quoted);
}

void weir__kryo_time(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const char *name = c->name + strlen("java.time.");

	weir_buf_u8(g->out, '"');
	if (strcmp(name, "Instant") == 0) {
		put_instant(g);
	} else if (strcmp(name, "Duration") == 0 || strcmp(name, "Period") == 0) {
		put_lengths(g, name[0] == 'P');
	} else if (strcmp(name, "ZoneOffset") == 0) {
		struct moment m = { 0 };

		take_offset(g, &m);
		put_offset(g->out, m.offset);
	} else if (strcmp(name, "ZoneRegion") == 0) { /* Kryo 2: its field id */
		take_mark(g, "java.lang.String");
		put_zone(g);
	} else if (strncmp(name, "Year", 4) == 0 || strcmp(name, "MonthDay") == 0) {
		put_parts(g, name);
	} else {
		put_local(g, name);
		if (strcmp(name, "ZonedDateTime") == 0) {
			weir_buf_u8(g->out, '[');
			if (g->five)
				put_zone(g);
			else
				weir__kryo_put_plain(g);
			weir_buf_u8(g->out, ']');
		}
	}
	weir_buf_u8(g->out, '"');
}

/* ---- bytes with a length, Java objects, Avro ---- */

void weir__kryo_bytes(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	uint32_t n = weir__kryo_int(g);

	weir_buf_text(g->out, "{\"@\":");
	weir_json_text(g->out, c->name);
	weir_buf_printf(g->out, ",\"%s\":", c->arg);
	weir__put_hex_json(g->out, weir_src_bytes(g->src, n));
	weir_buf_u8(g->out, '}');
}

static void put_throwable(struct weir__kryo_graph *g, const struct weir_java_node *o, const char *name)
{
	const struct weir_java_node *message = weir_java_node_of(o, "detailMessage");
	struct weir_buf text = { 0 };

	weir_buf_text(&text, name);
	if (message) {
		weir_buf_text(&text, ": ");
		weir_java_put_text(&text, message);
	}
	weir_json_str(g->out, weir_buf_cstr(&text), text.len);
	weir_buf_fini(&text);
}

/* A whole stream of Java Object Serialization. */
void weir__kryo_java(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	const uint8_t *from = g->src->p;
	struct weir_java_value v;
	bool throwable;

	if (weir_java_read(g->src, &g->mem, &v))
		return;
	throwable = v.type == 'L' && v.u.node && weir_java_field(v.u.node, "detailMessage");
	if (throwable) {
		put_throwable(g, v.u.node, c->name);
		return;
	}
	if (strcmp(c->name, "java.util.Locale") == 0 && v.type == 'L' && v.u.node) {
		const struct weir_java_node *language = weir_java_node_of(v.u.node, "language"), *country = weir_java_node_of(v.u.node, "country");
		struct weir_buf text = { 0 };

		if (language)
			weir_java_put_text(&text, language);
		if (country && country->bytes.len) {
			weir_buf_u8(&text, '_');
			weir_java_put_text(&text, country);
		}
		weir_json_str(g->out, weir_buf_cstr(&text), text.len);
		weir_buf_fini(&text);
		return;
	}
	weir_buf_text(g->out, "{\"@\":");
	weir_json_text(g->out, c->name);
	weir_buf_text(g->out, ",\"serialized\":");
	weir__put_hex_json(g->out, (struct weir_slice){ from, (size_t)(g->src->p - from) });
	weir_buf_u8(g->out, '}');
}

/* GenericData.Array: a list in Flink 1.x, in 2.x its schema, a length and Avro's binary encoding. */
void weir__kryo_avro_array(struct weir__kryo_graph *g, const struct weir__kryo_class *c)
{
	struct weir_buf json = { 0 };
	struct weir__avro *schema;
	struct weir_src in;
	uint32_t n;

	if (!g->five) {
		weir__kryo_collection(g, c);
		return;
	}
	weir__kryo_text(g, &json);
	n = weir__kryo_int(g);
	in = weir_src_of(weir_src_bytes(g->src, n), NULL, 0);
	schema = g->src->code ? NULL : weir__avro_schema(g->src, weir_buf_slice(&json), &g->mem);
	if (schema) {
		weir__avro_json(schema, &in, (struct weir__avro_form){ .standard = true }, g->out);
		weir_src_end(&in, "");
		if (in.code)
			damaged(g, "an Avro array in a Kryo value does not fit its schema");
	}
	weir_buf_fini(&json);
}
