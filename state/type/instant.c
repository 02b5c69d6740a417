// SPDX-License-Identifier: Apache-2.0
/*
 * java.time.Instant: its bytes (InstantSerializer: i64 seconds, i32 nanoseconds; both MIN = null) and its text (Instant.toString).
 * The proleptic Gregorian calendar over Java's whole range, years -1000000000 to +1000000000. Pure.
 */
#include "state/type/type_priv.h"

#include <stdio.h>

#include "base/date.h"

bool weir__wire_instant(struct weir_src *src, int64_t *seconds, int32_t *nanos)
{
	*seconds = weir_src_i64(src);
	*nanos = weir_src_i32(src);
	if (src->code || (*seconds == INT64_MIN && *nanos == INT32_MIN))
		return false;
	if (*seconds < WEIR__INSTANT_MIN || *seconds > WEIR__INSTANT_MAX || *nanos < 0 || *nanos > 999999999)
		weir_src_fail(src, WEIR_ECORRUPT, "a timestamp is outside the range of java.time.Instant");
	return !src->code;
}

void weir__wire_put_instant(struct weir_buf *out, int64_t seconds, int32_t nanos)
{
	weir_buf_i64(out, seconds);
	weir_buf_i32(out, nanos);
}

void weir__instant_text(struct weir_buf *out, int64_t seconds, int32_t nanos)
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0), rest = seconds - days * 86400, year;
	int month, day;

	weir_date_of_days(days, &year, &month, &day);
	if (year > 9999)
		weir_buf_u8(out, '+');
	else if (year < 0)
		weir_buf_u8(out, '-');
	weir_buf_printf(out, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)(year < 0 ? -year : year), month, day, (int)(rest / 3600),
			(int)(rest / 60 % 60), (int)(rest % 60));
	if (nanos % 1000000 == 0) {
		if (nanos)
			weir_buf_printf(out, ".%03d", nanos / 1000000);
	} else if (nanos % 1000 == 0) {
		weir_buf_printf(out, ".%06d", nanos / 1000);
	} else {
		weir_buf_printf(out, ".%09d", nanos);
	}
	weir_buf_u8(out, 'Z');
}

static bool digits(const char **p, const char *end, int min, int max, int64_t *out)
{
	int n = 0;

	for (*out = 0; n < max && *p < end && **p >= '0' && **p <= '9'; n++)
		*out = *out * 10 + (*(*p)++ - '0');
	return n >= min;
}

static bool letter(const char **p, const char *end, char c)
{
	return *p < end && *(*p)++ == c;
}

bool weir__instant_parse(const char *text, size_t len, int64_t *seconds, int32_t *nanos)
{
	const char *p = text, *end = text + len;
	int64_t year, month, day, hour, minute, second = 0, fraction = 0;
	bool negative = false, wide = false;

	if (p < end && (*p == '+' || *p == '-')) {
		negative = *p++ == '-';
		wide = true;
	}
	if (!digits(&p, end, 4, wide ? 10 : 4, &year) || !letter(&p, end, '-') || !digits(&p, end, 2, 2, &month) || !letter(&p, end, '-') ||
	    !digits(&p, end, 2, 2, &day) || !letter(&p, end, 'T') || !digits(&p, end, 2, 2, &hour) || !letter(&p, end, ':') ||
	    !digits(&p, end, 2, 2, &minute))
		return false;
	year = negative ? -year : year;
	if (p < end && *p == ':') {
		p++;
		if (!digits(&p, end, 2, 2, &second))
			return false;
		if (p < end && *p == '.') {
			const char *from = ++p;

			if (!digits(&p, end, 1, 9, &fraction))
				return false;
			for (int i = (int)(p - from); i < 9; i++)
				fraction *= 10;
		}
	}
	if (!letter(&p, end, 'Z') || p != end || !weir_date_exists(year, month, day) || hour > 23 || minute > 59 || second > 59)
		return false;
	*seconds = weir_days_of_date(year, (int)month, (int)day) * 86400 + hour * 3600 + minute * 60 + second;
	*nanos = (int32_t)fraction;
	return *seconds >= WEIR__INSTANT_MIN && *seconds <= WEIR__INSTANT_MAX;
}
