// SPDX-License-Identifier: Apache-2.0
/*
 * Delays at airports. Rows come in the order in which flights really left, event time is when they should have left: so the stream is out of order.
 *
 *     weir run examples/delays.c -- --input examples/data/flights-20k.csv --output out/
 *
 * out/hours   per airport and hour: flights, mean and worst delay
 * out/late    flights that came after their hour was closed
 * out/alerts  airports where five flights were late within six hours
 */
#include <stdio.h>

#include "flight.h"

#define FLIGHT(F) F(timestamp, time) F(string, origin) F(string, destination) F(int32, delay) F(int32, distance)
#ifdef WITH_ON_TIME /* delays_v2.c: the same job with one more field in its state */
#define STATS(F) F(int64, flights) F(int64, delay_sum) F(int32, delay_max) F(int64, on_time)
#else
#define STATS(F) F(int64, flights) F(int64, delay_sum) F(int32, delay_max)
#endif
#define HOUR(F) F(string, origin) F(timestamp, start) F(int64, flights) F(double, delay_mean) F(int32, delay_max)
#define ALERT(F) F(string, origin) F(timestamp, until) F(int64, late) F(int64, minutes) F(string, worst_to) F(int32, worst)
WEIR_RECORD(flight, FLIGHT)
WEIR_RECORD(stats, STATS)
WEIR_RECORD(hour, HOUR)
WEIR_RECORD(alert, ALERT)

static int schedule(struct weir_ctx *ctx, const void *in, void *out)
{
	const struct departure *d = in;
	struct flight *f = out;

	(void)ctx;
	f->time = d->date - WEIR_MINUTES(d->delay); /* when it should have left */
	f->origin = d->origin;
	f->destination = d->destination;
	f->delay = d->delay;
	f->distance = d->distance;
	return 0;
}

/* ---- an hour of an airport ---- */

static int stats_add(struct weir_ctx *ctx, void *acc, const void *in)
{
	struct stats *s = acc;
	const struct flight *f = in;

	(void)ctx;
	s->delay_max = s->flights == 0 || f->delay > s->delay_max ? f->delay : s->delay_max;
	s->flights++;
	s->delay_sum += f->delay;
#ifdef WITH_ON_TIME
	s->on_time += f->delay <= 0;
#endif
	return 0;
}

static int stats_merge(struct weir_ctx *ctx, void *acc, const void *other)
{
	struct stats *s = acc;
	const struct stats *o = other;

	(void)ctx;
	s->delay_max = s->flights == 0 || o->delay_max > s->delay_max ? o->delay_max : s->delay_max;
	s->flights += o->flights;
	s->delay_sum += o->delay_sum;
	return 0;
}

static int stats_result(struct weir_ctx *ctx, const void *key, const struct weir_window *window, const void *acc, void *out)
{
	const struct stats *s = acc;
	struct hour *h = out;

	(void)ctx;
	h->origin = *(const struct weir_str *)key;
	h->start = window->start_ms;
	h->flights = s->flights;
	h->delay_mean = (double)s->delay_sum / (double)s->flights;
	h->delay_max = s->delay_max;
	return 0;
}

static const struct weir_aggregate hourly = {
	.acc = &stats_type, .out = &hour_type, .add = stats_add, .merge = stats_merge, .result = stats_result,
};

/* ---- an airport is reported when five flights were late within six hours ---- */

#define LATE_MINUTES 15
#define LATE_FLIGHTS 5
#define LATE_WITHIN WEIR_HOURS(6)

struct late_alert { /* one per subtask, made by the engine from .size */
	struct weir_value_state *tally;
	struct weir_list_state *delays;
	struct weir_map_state *by_destination;
};

static int late_open(struct weir_ctx *ctx, void *self)
{
	struct late_alert *a = self;

	a->tally = weir_value_state(ctx, "tally", &stats_type);
	a->delays = weir_list_state(ctx, "delays", &weir_int32);
	a->by_destination = weir_map_state(ctx, "by-destination", &weir_string, &weir_int64);
	return 0;
}

static int late_element(struct weir_ctx *ctx, void *self, const void *in, struct weir_out *out)
{
	struct late_alert *a = self;
	const struct flight *f = in;
	struct stats *s;

	(void)out;
	if (f->delay < LATE_MINUTES)
		return 0;
	s = weir_value_edit(a->tally); /* in place; zeroed at first use; written back by the backend */
	s->delay_sum += f->delay;
	s->delay_max = f->delay > s->delay_max ? f->delay : s->delay_max;
	if (s->flights++ == 0)
		weir_event_timer(ctx, f->time + LATE_WITHIN);
	weir_list_add(a->delays, &f->delay);
	*(int64_t *)weir_map_edit(a->by_destination, &f->destination) += 1;
	return 0;
}

static int late_timer(struct weir_ctx *ctx, void *self, int64_t time, struct weir_out *out)
{
	struct late_alert *a = self;
	const struct stats *s = weir_value(a->tally);
	struct weir_list delays;
	const void *to, *count;
	uint64_t cursor = 0;

	if (s && s->flights >= LATE_FLIGHTS) {
		struct alert alert = { .origin = *(const struct weir_str *)weir_key(ctx), .until = time, .late = s->flights, .minutes = s->delay_sum };
		struct weir_str worst = WEIR_STR_NULL;
		int64_t most = 0;

		delays = weir_list(a->delays);
		for (uint32_t i = 0; i < delays.count; i++)
			if (((const int32_t *)delays.items)[i] > alert.worst)
				alert.worst = ((const int32_t *)delays.items)[i];
		while (weir_map_next(a->by_destination, &cursor, &to, &count)) {
			const struct weir_str *name = to;
			int64_t n = *(const int64_t *)count;

			if (n > most || (n == most && weir_str_cmp(name, &worst) < 0)) { /* ties by name: the same answer in any order */
				most = n;
				worst = *name;
			}
		}
		alert.worst_to = worst;
		weir_emit(out, &alert);
	}
	weir_value_clear(a->tally);
	weir_list_clear(a->delays);
	weir_map_clear(a->by_destination);
	return 0;
}

static const struct weir_process late_alert = {
	.size = sizeof(struct late_alert), .in = &flight_type, .out = &alert_type,
	.open = late_open, .element = late_element, .timer = late_timer,
};

int weir_main(struct weir_env *env, int argc, char **argv)
{
	const char *out = weir_arg(env, "output");
	char hours_dir[512], late_dir[512], alerts_dir[512];
	struct weir_stream *rows, *flights, *hours, *alerts;
	struct weir_keyed *origins;
	struct weir_watermark_strategy in_order = weir_bounded_out_of_orderness(WEIR_MINUTES(10));

	(void)argc, (void)argv;
	snprintf(hours_dir, sizeof(hours_dir), "%s/hours", out);
	snprintf(late_dir, sizeof(late_dir), "%s/late", out);
	snprintf(alerts_dir, sizeof(alerts_dir), "%s/alerts", out);

	weir_job_name(env, "delays");
	rows = weir_csv_source(env, "departures", weir_arg(env, "input"), &departure_type,
			       .rows_per_second = weir_arg_int(env, "rows-per-second", 0), .on_error = weir_arg_or(env, "on-error", "fail"));
	flights = weir_map(rows, "flights", schedule, &flight_type);
	in_order.every_rows = (uint32_t)weir_arg_int(env, "watermark-rows", 20); /* few flights an hour: say early that an hour is over */
	flights = weir_assign_timestamps(flights, "time", in_order);
	origins = weir_key_by(flights, "origin");
	hours = weir_window(origins, "hourly-delays", weir_tumbling(WEIR_HOURS(1)), &hourly, .late = "late-flights");
	alerts = weir_process(origins, "late-alert", &late_alert);

	weir_csv_sink(hours, "hours", hours_dir, .header = false);
	weir_csv_sink(weir_side_output(hours, "late-flights"), "late", late_dir);
	weir_json_sink(alerts, "alerts", alerts_dir);
	return 0;
}
