// SPDX-License-Identifier: Apache-2.0
/*
 * java.util.Date, java.sql.{Date,Time,Timestamp}, java.time.{LocalDate,LocalTime,LocalDateTime}: docs/formats/serializers.md.
 * Shown as Java's toString in UTC (before 1582-10-15 Java counts by the Julian calendar, here it is the Gregorian); null has its own bytes. Typed as shown; those of milliseconds also as a number, which is exact where the text is not.
 * Pure.
 */
#include "state/flink/snapshot_priv.h"

#include "base/date.h"
#include "base/json.h"

#include <stdio.h>

#define DAY_MS 86400000ll

struct moment {
	int64_t year;
	int month, day, hour, minute, second, nanos;
};

/* ---- text ---- */

static void put_date(struct weir_buf *out, const struct moment *m)
{
	weir_buf_printf(out, "%s%0*lld-%02d-%02d", m->year > 9999 ? "+" : "", m->year < 0 ? 5 : 4, (long long)m->year, m->month, m->day);
}

static void put_time(struct weir_buf *out, const struct moment *m)
{
	weir_buf_printf(out, "%02d:%02d", m->hour, m->minute);
	if (m->second || m->nanos)
		weir_buf_printf(out, ":%02d", m->second);
	if (m->nanos % 1000000 == 0 && m->nanos)
		weir_buf_printf(out, ".%03d", m->nanos / 1000000);
	else if (m->nanos % 1000 == 0 && m->nanos)
		weir_buf_printf(out, ".%06d", m->nanos / 1000);
	else if (m->nanos)
		weir_buf_printf(out, ".%09d", m->nanos);
}

static int take_digits(const char **p, const char *end, int min, int max, int64_t *out)
{
	int n = 0;

	for (*out = 0; n < max && *p < end && **p >= '0' && **p <= '9'; n++)
		*out = *out * 10 + (*(*p)++ - '0');
	return n >= min ? n : 0;
}

static bool take_char(const char **p, const char *end, char c)
{
	return *p < end && **p == c && (*p)++;
}

static bool parse_date(const char **p, const char *end, struct moment *m)
{
	int64_t month, day;
	bool minus = take_char(p, end, '-'), wide = minus || take_char(p, end, '+');

	if (!take_digits(p, end, 4, wide ? 10 : 4, &m->year) || !take_char(p, end, '-') || !take_digits(p, end, 2, 2, &month) || !take_char(p, end, '-') ||
	    !take_digits(p, end, 2, 2, &day))
		return false;
	if (minus)
		m->year = -m->year;
	m->month = (int)month;
	m->day = (int)day;
	return m->year >= -999999999 && m->year <= 999999999 && weir_date_exists(m->year, month, day);
}

static bool parse_time(const char **p, const char *end, struct moment *m)
{
	int64_t hour, minute, second = 0, nanos = 0;

	if (!take_digits(p, end, 2, 2, &hour) || !take_char(p, end, ':') || !take_digits(p, end, 2, 2, &minute))
		return false;
	if (take_char(p, end, ':')) {
		if (!take_digits(p, end, 2, 2, &second))
			return false;
		if (take_char(p, end, '.')) {
			int n = take_digits(p, end, 1, 9, &nanos);

			if (!n)
				return false;
			for (; n < 9; n++)
				nanos *= 10;
		}
	}
	*m = (struct moment){ m->year, m->month, m->day, (int)hour, (int)minute, (int)second, (int)nanos };
	return hour < 24 && minute < 60 && second < 60;
}

/* The text of a JSON string; *null instead when it is null. *text is to be freed by weir_buf_fini. */
static int take_text(struct json_in *j, struct weir_buf *text, bool *null)
{
	*null = weir__json_word(j, "null");
	return *null ? 0 : weir__json_string(j, text);
}

static int bad_text(struct json_in *j, const char *expected)
{
	return weir__json_fail(j, expected);
}

/* ---- milliseconds: Date, java.sql.Date, java.sql.Time, java.sql.Timestamp ---- */

static struct moment moment_of_ms(int64_t ms)
{
	int64_t rest = ms % DAY_MS + (ms % DAY_MS < 0 ? DAY_MS : 0), days = ms / DAY_MS - (ms % DAY_MS < 0);
	struct moment m = { .hour = (int)(rest / 3600000), .minute = (int)(rest / 60000 % 60), .second = (int)(rest / 1000 % 60), .nanos = (int)(rest % 1000) * 1000000 };

	weir_date_of_days(days, &m.year, &m.month, &m.day);
	return m;
}

/* False: beyond 64-bit milliseconds. */
static bool ms_of_moment(const struct moment *m, int64_t *out)
{
	int64_t of_day = ((m->hour * 60 + m->minute) * 60 + m->second) * 1000ll + m->nanos / 1000000;

	return !__builtin_mul_overflow(weir_days_of_date(m->year, m->month, m->day), DAY_MS, out) && !__builtin_add_overflow(*out, of_day, out);
}

static void put_java_date(struct weir_buf *out, int64_t ms)
{
	static const char days[] = "Thu\0Fri\0Sat\0Sun\0Mon\0Tue\0Wed", months[] = "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec";
	struct moment m = moment_of_ms(ms);
	int64_t day = ms / DAY_MS - (ms % DAY_MS < 0);

	weir_buf_printf(out, "%s %s %02d %02d:%02d:%02d UTC %lld", days + (day % 7 + 7) % 7 * 4, months + (m.month - 1) * 4, m.day, m.hour, m.minute, m.second,
			(long long)m.year);
}

static const struct weir_serializer java_date, sql_date, sql_time;

static void skip_ms(const struct weir_type *t, struct weir_src *src, bool tail)
{
	(void)t, (void)tail;
	weir_src_take(src, 8);
}

static void put_ms(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	int64_t ms = weir_src_i64(src);
	struct moment m = moment_of_ms(ms);

	(void)tail;
	if (ms == INT64_MIN) {
		weir_buf_text(out, "null");
		return;
	}
	weir_buf_u8(out, '"');
	if (t->serializer == &java_date)
		put_java_date(out, ms);
	else if (t->serializer == &sql_date)
		put_date(out, &m);
	else
		weir_buf_printf(out, "%02d:%02d:%02d", m.hour, m.minute, m.second);
	weir_buf_u8(out, '"');
}

/* Milliseconds as a number, or a date, or a time, or both with a T or a blank between them. */
static int parse_ms(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct weir_buf text = { 0 };
	struct moment m = { 1970, 1, 1, 0, 0, 0, 0 };
	const char *p, *end;
	int64_t ms = 0;
	bool null, fits;
	int code;

	if (weir__json_peek(j) != '"' && weir__json_peek(j) != 'n') {
		code = weir__json_int(j, INT64_MIN + 1, INT64_MAX, &ms);
		weir_buf_i64(out, ms);
		return code;
	}
	code = take_text(j, &text, &null);
	p = (const char *)text.data;
	end = p + text.len;
	if (!code && !null) {
		fits = t->serializer == &sql_time ? parse_time(&p, end, &m) : parse_date(&p, end, &m);
		if (fits && p < end && t->serializer == &java_date)
			fits = (take_char(&p, end, 'T') || take_char(&p, end, ' ')) && parse_time(&p, end, &m) && (take_char(&p, end, 'Z') || true);
		if (!fits || p != end || m.nanos % 1000000)
			code = bad_text(j, t->serializer == &sql_time ? "a time as 23:59:58, or milliseconds" : "a date as 2001-12-31, or milliseconds");
	}
	if (!code && !null && !ms_of_moment(&m, &ms))
		code = bad_text(j, "a date whose milliseconds fit into 64 bits");
	weir_buf_i64(out, null ? INT64_MIN : ms);
	weir_buf_fini(&text);
	return code;
}

static bool hash_ms(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	uint64_t ms = weir_src_u64(src);

	(void)t;
	*out = ms == (uint64_t)INT64_MIN ? 0 : (int32_t)(uint32_t)(ms ^ ms >> 32);
	return true;
}

static int length_of_min(const struct weir_type *t)
{
	return (int)t->serializer->min;
}

#define OF_MS(variable, title) \
	static const struct weir_serializer variable = { .name = title, .min = 8, .skip = skip_ms, .put_json = put_ms, .parse = parse_ms, .text = true, .java_hash = hash_ms, .length = length_of_min }
OF_MS(java_date, "java.util.Date");
OF_MS(sql_date, "java.sql.Date");
OF_MS(sql_time, "java.sql.Time");

/* i64 milliseconds, i32 nanoseconds of the second. */
static bool take_timestamp(struct weir_src *src, struct moment *m)
{
	int64_t ms = weir_src_i64(src);
	int32_t nanos = weir_src_i32(src);

	if (src->code || (ms == INT64_MIN && !nanos))
		return false;
	if (nanos < 0 || nanos > 999999999)
		weir_src_fail(src, WEIR_ECORRUPT, "the nanoseconds of a timestamp are not below a second");
	*m = moment_of_ms(ms);
	m->nanos = nanos;
	return !src->code;
}

static void skip_timestamp(const struct weir_type *t, struct weir_src *src, bool tail)
{
	struct moment m;

	(void)t, (void)tail;
	take_timestamp(src, &m);
}

static void put_timestamp(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct moment m;
	int width = 9;

	(void)t, (void)tail;
	if (!take_timestamp(src, &m)) {
		weir_buf_text(out, "null");
		return;
	}
	weir_buf_u8(out, '"');
	put_date(out, &m);
	for (; width > 1 && m.nanos % 10 == 0; width--)
		m.nanos /= 10;
	weir_buf_printf(out, " %02d:%02d:%02d.%0*d\"", m.hour, m.minute, m.second, width, m.nanos);
}

static int parse_timestamp(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	struct weir_buf text = { 0 };
	struct moment m = { 0 };
	int64_t ms = 0;
	bool null;
	int code = take_text(j, &text, &null);
	const char *p = (const char *)text.data, *end = p + text.len;

	(void)t;
	if (!code && !null && (!parse_date(&p, end, &m) || !(take_char(&p, end, ' ') || take_char(&p, end, 'T')) || !parse_time(&p, end, &m) || p != end))
		code = bad_text(j, "a timestamp as 2001-12-31 23:59:58.5");
	if (!code && !null && !ms_of_moment(&m, &ms))
		code = bad_text(j, "a timestamp whose milliseconds fit into 64 bits");
	weir_buf_i64(out, null ? INT64_MIN : ms);
	weir_buf_i32(out, null ? 0 : m.nanos);
	weir_buf_fini(&text);
	return code;
}

static const struct weir_serializer sql_timestamp = { .name = "java.sql.Timestamp", .min = 12, .skip = skip_timestamp, .put_json = put_timestamp, .parse = parse_timestamp, .text = true, .length = length_of_min };

/* ---- LocalDate (i32 year, i8 month, i8 day), LocalTime (i8 hour, i8 minute, i8 second, i32 nanos), LocalDateTime (both) ---- */

/* Each says whether there is a value; null is a pattern of its own. */
static bool take_local_date(struct weir_src *src, struct moment *m)
{
	m->year = weir_src_i32(src);
	m->month = (int8_t)weir_src_u8(src);
	m->day = (int8_t)weir_src_u8(src);
	if (src->code || (m->year == INT32_MIN && m->month == INT8_MIN && m->day == 0))
		return false;
	if (m->year < -999999999 || m->year > 999999999 || !weir_date_exists(m->year, m->month, m->day))
		weir_src_fail(src, WEIR_ECORRUPT, "a LocalDate does not exist in the calendar");
	return !src->code;
}

static bool take_local_time(struct weir_src *src, struct moment *m)
{
	m->hour = (int8_t)weir_src_u8(src);
	m->minute = (int8_t)weir_src_u8(src);
	m->second = (int8_t)weir_src_u8(src);
	m->nanos = weir_src_i32(src);
	if (src->code || (m->hour == INT8_MIN && m->minute == INT8_MIN && m->second == 0 && m->nanos == INT32_MIN))
		return false;
	if (m->hour < 0 || m->hour > 23 || m->minute < 0 || m->minute > 59 || m->second < 0 || m->second > 59 || m->nanos < 0 || m->nanos > 999999999)
		weir_src_fail(src, WEIR_ECORRUPT, "a LocalTime is not a time of day");
	return !src->code;
}

static const struct weir_serializer local_date, local_time, local_date_time;

static bool take_local(const struct weir_type *t, struct weir_src *src, struct moment *m)
{
	bool date = t->serializer == &local_time || take_local_date(src, m), time = t->serializer == &local_date || take_local_time(src, m);

	if (!src->code && t->serializer == &local_date_time && date != time)
		weir_src_fail(src, WEIR_ECORRUPT, "half of a LocalDateTime is null");
	return date && time && !src->code;
}

static void skip_local(const struct weir_type *t, struct weir_src *src, bool tail)
{
	struct moment m;

	(void)tail;
	take_local(t, src, &m);
}

static void put_local(const struct weir_type *t, struct weir_src *src, bool tail, struct weir_buf *out)
{
	struct moment m;

	(void)tail;
	if (!take_local(t, src, &m)) {
		weir_buf_text(out, "null");
		return;
	}
	weir_buf_u8(out, '"');
	if (t->serializer != &local_time)
		put_date(out, &m);
	if (t->serializer == &local_date_time)
		weir_buf_u8(out, 'T');
	if (t->serializer != &local_date)
		put_time(out, &m);
	weir_buf_u8(out, '"');
}

static int parse_local(const struct weir_type *t, struct json_in *j, struct weir_buf *out)
{
	bool date = t->serializer != &local_time, time = t->serializer != &local_date, null, fits;
	struct weir_buf text = { 0 };
	struct moment m = { 0 };
	int code = take_text(j, &text, &null);
	const char *p = (const char *)text.data, *end = p + text.len;

	if (!code && !null) {
		fits = (!date || parse_date(&p, end, &m)) && (!date || !time || take_char(&p, end, 'T')) && (!time || parse_time(&p, end, &m)) && p == end;
		if (!fits)
			code = bad_text(j, !time ? "a date as 2001-12-31" : !date ? "a time as 23:59:58.5" : "a date and time as 2001-12-31T23:59:58");
	}
	if (date) {
		weir_buf_i32(out, null ? INT32_MIN : (int32_t)m.year);
		weir_buf_u8(out, null ? 0x80 : (uint8_t)m.month);
		weir_buf_u8(out, (uint8_t)m.day);
	}
	if (time) {
		weir_buf_u8(out, null ? 0x80 : (uint8_t)m.hour);
		weir_buf_u8(out, null ? 0x80 : (uint8_t)m.minute);
		weir_buf_u8(out, (uint8_t)m.second);
		weir_buf_i32(out, null ? INT32_MIN : m.nanos);
	}
	weir_buf_fini(&text);
	return code;
}

static bool hash_local(const struct weir_type *t, struct weir_src *src, int32_t *out)
{
	struct moment m = { 0 };
	uint32_t h = 0;

	if (take_local(t, src, &m)) {
		if (t->serializer != &local_time)
			h = ((uint32_t)m.year & 0xfffff800u) ^ (((uint32_t)m.year << 11) + ((uint32_t)m.month << 6) + (uint32_t)m.day);
		if (t->serializer != &local_date) {
			uint64_t nanos = (uint64_t)((m.hour * 60 + m.minute) * 60 + m.second) * 1000000000u + (uint64_t)m.nanos;

			h ^= (uint32_t)(nanos ^ nanos >> 32);
		}
	}
	*out = (int32_t)h;
	return !src->code;
}

#define LOCAL(variable, title, bytes) \
	static const struct weir_serializer variable = { .name = title, .min = bytes, .skip = skip_local, .put_json = put_local, .parse = parse_local, .text = true, .java_hash = hash_local, .length = length_of_min }
LOCAL(local_date, "LocalDate", 6);
LOCAL(local_time, "LocalTime", 7);
LOCAL(local_date_time, "LocalDateTime", 13);

#define ROW(X, s) { .name = "org.apache.flink.api.common.typeutils.base." X "Serializer$" X "SerializerSnapshot", .kind = WEIR_WIRE, .form = WEIR__SNAPSHOT_SIMPLE, .serializer = &(s) }
const struct weir__snapshot_class weir__serializers_time[] = {
	ROW("Date", java_date),
	ROW("SqlDate", sql_date),
	ROW("SqlTime", sql_time),
	ROW("SqlTimestamp", sql_timestamp),
	ROW("LocalDate", local_date),
	ROW("LocalTime", local_time),
	ROW("LocalDateTime", local_date_time),
	{ .name = NULL },
};
