// SPDX-License-Identifier: Apache-2.0
/*
 * Timers by service, a histogram of event time and one of processing time, and those that fire next. One pass; memory is for the services and the next ones.
 */
#include "statetool/timers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "statetool/table.h"
#include "statetool/text.h"
#include "statetool/usage.h"

/* Each width is a multiple of the one before, so that bins can be joined. The last reaches over all times. */
static const struct {
	int64_t ms;
	const char *text;
} widths[] = {
	{ 1, "1 ms" }, { 10, "10 ms" }, { 100, "100 ms" }, { 1000, "1 s" }, { 10000, "10 s" }, { 60000, "1 min" }, { 600000, "10 min" }, { 3600000, "1 h" },
	{ 21600000, "6 h" }, { 86400000, "1 day" }, { 864000000, "10 days" }, { 8640000000, "100 days" }, { 86400000000, "1000 days" },
	{ 864000000000, "10,000 days" }, { 86400000000000, "10^6 days" }, { 8640000000000000, "10^8 days" }, { 864000000000000000, "10^10 days" },
	{ 3456000000000000000, "4 * 10^10 days" },
};

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static void widen(struct weir_histogram *h)
{
	struct weir_histogram wide = { .width = h->width + 1 };
	int64_t factor = widths[h->width + 1].ms / widths[h->width].ms;

	wide.first = floor_div(h->first, factor);
	for (uint32_t i = 0; i < h->n; i++) {
		uint32_t at = (uint32_t)(floor_div(h->first + i, factor) - wide.first);

		wide.counts[at] += h->counts[i];
		wide.n = at + 1;
	}
	memcpy(h->counts, wide.counts, sizeof(wide.counts));
	h->width = wide.width;
	h->first = wide.first;
	h->n = wide.n;
}

void weir_histogram_add(struct weir_histogram *h, int64_t ms)
{
	int64_t bin, low, high;

	if (ms == INT64_MAX) {
		h->never++;
		return;
	}
	h->min = !h->total || ms < h->min ? ms : h->min;
	h->max = !h->total || ms > h->max ? ms : h->max;
	h->total++;
	for (;;) {
		bin = floor_div(ms, widths[h->width].ms);
		low = !h->n || bin < h->first ? bin : h->first;
		high = !h->n || bin >= h->first + h->n ? bin : h->first + h->n - 1;
		if ((uint64_t)high - (uint64_t)low < WEIR_BINS || h->width + 1 == sizeof(widths) / sizeof(widths[0]))
			break;
		widen(h);
	}
	if (h->n && low < h->first)
		memmove(h->counts + (h->first - low), h->counts, h->n * sizeof(h->counts[0]));
	for (int64_t i = 0; h->n && i < h->first - low; i++)
		h->counts[i] = 0;
	for (int64_t i = h->n ? h->first - low + h->n : 0; i <= high - low; i++)
		h->counts[i] = 0;
	h->first = low;
	h->n = (uint32_t)(high - low + 1);
	h->counts[bin - low]++;
}

int64_t weir_histogram_width_ms(const struct weir_histogram *h) { return widths[h->width].ms; }

/* ---- collecting ---- */
struct service {
	const struct weir_state_info *state;
	uint64_t timers, never;
	int64_t min, max;
	bool incomplete;
};

struct collecting {
	struct service *services;
	uint32_t nservices, last;
	struct weir_histogram event, processing;
	struct weir_largest next;
	struct weir_sink *sink;
	struct weir_error why;
};

static bool is_processing(const struct weir_state_info *s) { return s->name && strstr(s->name, "processing_") != NULL; }

static int take_timer(void *arg, const struct weir_entry *e)
{
	struct collecting *c = arg;
	struct service *s = &c->services[c->last];
	struct weir_large item = { .state = e->state, .key_group = e->key_group, .subtask = e->subtask };

	if (e->undecodable) {
		s->incomplete = true;
		return 0;
	}
	s->timers++;
	if (e->timestamp == INT64_MAX) {
		s->never++;
	} else {
		s->min = s->timers - s->never == 1 || e->timestamp < s->min ? e->timestamp : s->min;
		s->max = s->timers - s->never == 1 || e->timestamp > s->max ? e->timestamp : s->max;
	}
	weir_histogram_add(is_processing(e->state) ? &c->processing : &c->event, e->timestamp);
	item.size = ~((uint64_t)e->timestamp ^ (uint64_t)1 << 63); /* the earlier, the larger */
	if (!weir_largest_keep(&c->next, &item, e->key, e->ns))
		return WEIR_ENOMEM;
	return weir_sink_step(c->sink);
}

static void take_problem(void *arg, const struct weir_problem *p)
{
	struct collecting *c = arg;

	c->services[c->last].incomplete = true;
	if (!c->why.code && p->code != WEIR_EUNSUPPORTED)
		weir_error_at(&c->why, p->code, p->path, p->offset, "%s", p->text ? p->text : weir_code_text(p->code));
}

static int collect(struct weir_view *v, const struct weir_timers_options *o, struct collecting *c, struct weir_error *err)
{
	struct weir_scan scan = WEIR_SCAN_ALL;
	int rc = 0;

	scan.problem = take_problem;
	scan.problem_arg = c;
	for (uint32_t i = 0; i < weir_view_nstates(v) && rc == 0; i++) {
		scan.state = weir_view_state(v, i);
		if (!weir_state_is_timer(scan.state->kind) || (o->op && scan.state->op != o->op) || (o->state && strcmp(scan.state->name, o->state) != 0))
			continue;
		c->last = c->nservices++;
		c->services[c->last] = (struct service){ .state = scan.state };
		rc = weir_view_scan(v, &scan, take_timer, c, err);
		if (rc == WEIR_EUNSUPPORTED) {
			weir_error_clear(err);
			c->services[c->last].incomplete = true;
			rc = 0;
		}
	}
	return rc;
}

/* ---- for people ---- */
static const char *time_text(int64_t ms, char buf[40])
{
	time_t seconds = (time_t)floor_div(ms, 1000);
	struct tm tm;
	size_t n;

	if (ms < -62135596800000 || ms > 253402300799999 || !gmtime_r(&seconds, &tm)) { /* years 1 to 9999 */
		snprintf(buf, 40, "%lld ms", (long long)ms);
		return buf;
	}
	n = strftime(buf, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms % 1000)
		n += (size_t)snprintf(buf + n, 40 - n, ".%03d", (int)(ms - (int64_t)seconds * 1000));
	snprintf(buf + n, 40 - n, "Z");
	return buf;
}

static void histogram_text(const char *title, const struct weir_histogram *h, struct weir_buf *b)
{
	struct weir_table t;
	struct weir_buf bar = { 0 };
	uint64_t most = 0;
	char at[40];

	if (!h->total && !h->never)
		return;
	weir_buf_printf(b, "\n%s", title);
	if (h->total)
		weir_buf_printf(b, ", by %s", widths[h->width].text);
	weir_buf_u8(b, '\n');
	for (uint32_t i = 0; i < h->n; i++)
		most = h->counts[i] > most ? h->counts[i] : most;
	weir_table_init(&t, "lrl");
	for (uint32_t i = 0; i < h->n; i++) {
		int64_t start;

		weir_buf_clear(&bar);
		weir_bar(h->counts[i], most, 40, &bar);
		if (__builtin_mul_overflow(h->first + i, widths[h->width].ms, &start))
			start = INT64_MIN;
		weir_table_cell(&t, "%s", time_text(start, at));
		weir_table_cell(&t, "%llu", (unsigned long long)h->counts[i]);
		weir_table_cell(&t, "%s", weir_buf_cstr(&bar));
	}
	if (h->never) {
		weir_table_cell(&t, "never");
		weir_table_cell(&t, "%llu", (unsigned long long)h->never);
		weir_table_cell(&t, "%s", "");
	}
	weir_table_print(&t, 2, b);
	weir_buf_fini(&bar);
}

static void next_text(const struct weir_timers_options *o, const struct weir_largest *next, struct weir_buf *b)
{
	struct weir_table t;
	struct weir_buf key = { 0 };
	char label[512], at[40];

	if (!next->n)
		return;
	weir_buf_text(b, "\nnext\n");
	weir_table_init(&t, "llll");
	for (uint32_t i = 0; i < next->n; i++) {
		const struct weir_large *it = &next->items[i];
		int64_t ms = (int64_t)(~it->size ^ (uint64_t)1 << 63);

		weir_table_cell(&t, "%s", ms == INT64_MAX ? "never" : time_text(ms, at));
		weir_table_cell(&t, "%s/%s", weir_operator_label(it->state->op, &o->uids, label, sizeof(label)), it->state->name);
		weir_buf_clear(&key);
		weir_text_column(it->state->key, (struct weir_slice){ it->key, it->key_len }, &key);
		weir_table_cell(&t, "%s", weir_buf_cstr(&key));
		weir_buf_clear(&key);
		if (it->state->ns && it->state->ns->kind != WEIR_VOID)
			weir_text_column(it->state->ns, (struct weir_slice){ it->key + it->key_len, it->ns_len }, &key);
		weir_table_cell(&t, "%s", weir_buf_cstr(&key));
	}
	weir_table_print(&t, 2, b);
	weir_buf_fini(&key);
}

static void timers_text(const struct weir_timers_options *o, const struct collecting *c, struct weir_buf *b)
{
	struct weir_table t;
	char label[512], at[40];

	weir_table_init(&t, "lrll");
	for (uint32_t i = 0; i < c->nservices; i++) {
		const struct service *s = &c->services[i];

		weir_table_cell(&t, "%s/%s", weir_operator_label(s->state->op, &o->uids, label, sizeof(label)), s->state->name);
		weir_table_cell(&t, "%llu%s", (unsigned long long)s->timers, s->incomplete ? "+" : "");
		weir_table_cell(&t, "%s", s->timers > s->never ? time_text(s->min, at) : "");
		weir_table_cell(&t, "%s", s->timers > s->never ? time_text(s->max, at) : "");
	}
	if (!c->nservices)
		weir_buf_text(b, "no timers\n");
	weir_table_print(&t, 0, b);
	histogram_text("event time", &c->event, b);
	histogram_text("processing time", &c->processing, b);
	next_text(o, &c->next, b);
}

/* ---- JSON ---- */
static void head_json(const struct weir_state_info *s, const struct weir_uids *uids, struct weir_buf *b)
{
	char text[512], hex[33];

	weir_operator_id_hex(&s->op->id, hex);
	weir_buf_printf(b, "{\"op\":\"%s\"", hex);
	if (weir_operator_uid(s->op, uids, text, sizeof(text))) {
		weir_buf_text(b, ",\"uid\":");
		weir_json_text(b, text);
	}
	weir_buf_text(b, ",\"state\":");
	weir_json_text(b, s->name);
}

static void histogram_json(const char *name, const struct weir_histogram *h, struct weir_buf *b)
{
	const char *comma = "";

	weir_buf_printf(b, ",\"%s\":{\"timers\":%llu,\"never\":%llu,\"width\":%lld,\"bins\":[", name, (unsigned long long)(h->total + h->never), (unsigned long long)h->never,
			(long long)widths[h->width].ms);
	for (uint32_t i = 0; i < h->n; i++) {
		int64_t start;

		if (!h->counts[i])
			continue;
		if (__builtin_mul_overflow(h->first + i, widths[h->width].ms, &start))
			start = INT64_MIN;
		weir_buf_printf(b, "%s{\"start\":%lld,\"timers\":%llu}", comma, (long long)start, (unsigned long long)h->counts[i]);
		comma = ",";
	}
	weir_buf_text(b, "]}");
}

static void timers_json(const struct weir_timers_options *o, const struct collecting *c, struct weir_buf *b)
{
	weir_buf_text(b, "{\"services\":[");
	for (uint32_t i = 0; i < c->nservices; i++) {
		const struct service *s = &c->services[i];

		weir_buf_text(b, i ? "," : "");
		head_json(s->state, &o->uids, b);
		weir_buf_printf(b, ",\"time\":\"%s\",\"timers\":%llu,\"never\":%llu", is_processing(s->state) ? "processing" : "event", (unsigned long long)s->timers,
				(unsigned long long)s->never);
		if (s->timers > s->never)
			weir_buf_printf(b, ",\"first\":%lld,\"last\":%lld", (long long)s->min, (long long)s->max);
		weir_buf_text(b, s->incomplete ? ",\"incomplete\":true}" : "}");
	}
	weir_buf_u8(b, ']');
	histogram_json("event", &c->event, b);
	histogram_json("processing", &c->processing, b);
	weir_buf_text(b, ",\"next\":[");
	for (uint32_t i = 0; i < c->next.n; i++) {
		const struct weir_large *it = &c->next.items[i];

		weir_buf_text(b, i ? "," : "");
		head_json(it->state, &o->uids, b);
		weir_buf_printf(b, ",\"kg\":%d,\"timestamp\":%lld,\"key\":", it->key_group, (long long)(int64_t)(~it->size ^ (uint64_t)1 << 63));
		weir_text_json(it->state->key, (struct weir_slice){ it->key, it->key_len }, b);
		if (it->state->ns && it->state->ns->kind != WEIR_VOID) {
			weir_buf_text(b, ",\"ns\":");
			weir_text_json(it->state->ns, (struct weir_slice){ it->key + it->key_len, it->ns_len }, b);
		}
		weir_buf_u8(b, '}');
	}
	weir_buf_text(b, "]}\n");
}

int weir_state_timers(struct weir_view *v, const struct weir_timers_options *o, struct weir_sink *sink, struct weir_error *err)
{
	struct collecting c = { .sink = sink, .why = WEIR_ERROR_INIT, .services = calloc(weir_view_nstates(v) + 1u, sizeof(struct service)) };
	int rc = c.services && weir_largest_init(&c.next, o->next) ? collect(v, o, &c, err) : weir_error_set(err, WEIR_ENOMEM, "out of memory");

	if (rc == 0) {
		if (o->json)
			timers_json(o, &c, &sink->buf);
		else
			timers_text(o, &c, &sink->buf);
		rc = weir_sink_step(sink);
	}
	if (rc == 0 && c.why.code) {
		if (err)
			*err = c.why;
		rc = c.why.code;
	}
	free(c.services);
	weir_largest_fini(&c.next);
	return rc;
}
