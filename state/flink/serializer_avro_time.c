// SPDX-License-Identifier: Apache-2.0
/* Avro's logical times: numbers to and from the text of java.time.LocalDate, LocalTime, Instant, LocalDateTime. Pure. */
#include "state/flink/serializer_avro_time.h"

#include "base/date.h"
#include "state/type/type_priv.h"

#include <stdio.h>

#define DAY 86400ll

/* Units of the number in a second. */
static int64_t units(enum weir__avro_logical logical)
{
	return logical == WEIR__AVRO_TIME_MS || logical == WEIR__AVRO_STAMP_MS || logical == WEIR__AVRO_LOCAL_MS ? 1000 : 1000000;
}

static void put_date(struct weir_buf *out, int64_t days)
{
	int64_t year;
	int month, day;

	weir_date_of_days(days, &year, &month, &day);
	weir_buf_printf(out, "%s%0*lld-%02d-%02d", year > 9999 ? "+" : "", year < 0 ? 5 : 4, (long long)year, month, day);
}

/* LocalTime.toString: seconds and fraction only when there are any; the fraction of 3, 6 or 9 digits. */
static void put_time(struct weir_buf *out, int64_t second, int64_t nanos)
{
	weir_buf_printf(out, "%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60));
	if (second % 60 || nanos)
		weir_buf_printf(out, ":%02d", (int)(second % 60));
	if (nanos % 1000000)
		weir_buf_printf(out, ".%06d", (int)(nanos / 1000));
	else if (nanos)
		weir_buf_printf(out, ".%03d", (int)(nanos / 1000000));
}

bool weir__avro_time_text(struct weir_buf *out, enum weir__avro_logical logical, int64_t v)
{
	int64_t per = units(logical), rest = v % per, seconds = v / per - (rest < 0), nanos = (rest < 0 ? rest + per : rest) * (1000000000 / per), days;

	switch (logical) {
	case WEIR__AVRO_DATE:
		put_date(out, v);
		return true;
	case WEIR__AVRO_TIME_MS:
	case WEIR__AVRO_TIME_US:
		if (v < 0 || seconds >= DAY)
			return false;
		put_time(out, seconds, nanos);
		return true;
	case WEIR__AVRO_STAMP_MS:
	case WEIR__AVRO_STAMP_US:
		if (seconds < WEIR__INSTANT_MIN || seconds > WEIR__INSTANT_MAX)
			return false;
		weir__instant_text(out, seconds, (int32_t)nanos);
		return true;
	case WEIR__AVRO_LOCAL_MS:
	case WEIR__AVRO_LOCAL_US:
		days = seconds / DAY - (seconds % DAY < 0);
		put_date(out, days);
		weir_buf_u8(out, 'T');
		put_time(out, seconds - days * DAY, nanos);
		return true;
	case WEIR__AVRO_PLAIN: break;
	}
	return false;
}

bool weir__avro_time_parse(const char *text, size_t len, enum weir__avro_logical logical, int64_t *out)
{
	bool date = logical == WEIR__AVRO_DATE, time = logical == WEIR__AVRO_TIME_MS || logical == WEIR__AVRO_TIME_US;
	bool stamp = logical == WEIR__AVRO_STAMP_MS || logical == WEIR__AVRO_STAMP_US;
	int64_t per = units(logical), seconds;
	char whole[80];
	int32_t nanos;
	int n;

	if (len > 40)
		return false;
	n = snprintf(whole, sizeof(whole), "%s%.*s%s", time ? "1970-01-01T" : "", (int)len, text, date ? "T00:00:00Z" : stamp ? "" : "Z");
	if (!weir__instant_parse(whole, (size_t)n, &seconds, &nanos) || nanos % (1000000000 / per))
		return false;
	if (date)
		*out = seconds / DAY - (seconds % DAY < 0);
	else if (__builtin_mul_overflow(seconds, per, out))
		return false;
	else
		*out += nanos / (1000000000 / per);
	return true;
}
