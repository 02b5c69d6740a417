// SPDX-License-Identifier: Apache-2.0
/* From a seed to a scenario: small on purpose, so that many run, and so that each row, batch and checkpoint counts. */
#include "tests/sim/sim.h"

#include <stdio.h>

#include "base/buf.h"

static const char *const keys[SIM_KEYS_MAX] = { "a", "b", "", "longer-than-inline", "k4", "k5", "another-long-key", "k7" };

const char *sim_key(uint32_t key) { return keys[key]; }

static uint32_t below(struct weir_rng *r, uint32_t n) { return (uint32_t)weir_rng_below(r, n); }
static bool chance(struct weir_rng *r, uint32_t of_16) { return below(r, 16) < of_16; }
static int64_t range(struct weir_rng *r, int64_t lo, int64_t hi) { return lo + (int64_t)weir_rng_below(r, (uint64_t)(hi - lo) + 1); }

static void make_rows(struct sim_scenario *s, struct weir_rng *r)
{
	int64_t pace = range(r, 1, 30), disorder = chance(r, 3) ? 0 : range(r, 1, 300), t = range(r, -500, 500);
	uint32_t bad = chance(r, 5) ? below(r, 4) : 0;

	s->nrows = chance(r, 1) ? below(r, 3) : (uint32_t)range(r, 10, chance(r, 6) ? SIM_ROWS_MAX : 80);
	s->nkeys = 1 + below(r, SIM_KEYS_MAX);
	s->nfiles = chance(r, 8) ? 1 : 1 + below(r, SIM_FILES_MAX);
	for (uint32_t i = 0; i < s->nrows; i++) {
		t += range(r, 0, 2 * pace);
		s->rows[i] = (struct sim_row){ .t = t - (disorder ? range(r, 0, disorder) : 0), .key = below(r, s->nkeys), .v = (int32_t)range(r, -20, 60),
					       .bad = bad && below(r, 16) < bad, .file = i * s->nfiles / s->nrows };
	}
	s->bound_ms = chance(r, 8) ? disorder / 2 : range(r, 0, disorder);
	s->timer_ms = chance(r, 4) ? range(r, 0, 20) : disorder + range(r, 1, 300); /* may be over when it is set, for a row that came late */
	s->sequence_from = range(r, -100, 100);
}

static void make_graph(struct sim_scenario *s, struct weir_rng *r)
{
	s->graph = (enum sim_graph)(chance(r, 8) ? (uint32_t)SIM_TIMED : below(r, SIM_GRAPHS));
	s->direct_times = chance(r, 6);
	s->filter = chance(r, 6);
	s->text_acc = chance(r, 6);
	s->sliding = chance(r, 5);
	s->late_sink = chance(r, 12);
	s->process_side = chance(r, 8);
	s->size_ms = range(r, 5, 200);
	s->slide_ms = s->sliding ? range(r, (s->size_ms + 3) / 4, s->size_ms) : s->size_ms;
	s->lateness_ms = chance(r, 4) ? range(r, 1, 150) : 0;
	s->every_rows = 1 + below(r, chance(r, 10) ? 4 : 24);
	s->threshold = (int32_t)range(r, -20, 30);
	s->finishers = chance(r, 6) ? 1 + below(r, 3) : 0;
	s->copies = 1 + below(r, 3);
	s->with_union = chance(r, 8);
	s->in_order = chance(r, 8);
	s->unchained = chance(r, 5) ? (uint32_t)weir_rng_next(r) : 0;
	s->sink_parallelism = chance(r, 4) ? 1 + below(r, 3) : 0;
	s->source_parallelism = s->graph == SIM_SEQUENCE && s->in_order ? 1 : chance(r, 4) ? 1 + below(r, 3) : 0;
	if (s->graph == SIM_TIMED) {
		s->loose = chance(r, 3);
		s->rescales = !s->loose && chance(r, 5);
		s->source_parallelism = !s->loose && chance(r, 8) ? 1 : 1 + below(r, 3);
	}
	if (s->loose) {
		s->sliding = false;
		s->slide_ms = s->size_ms;
		s->lateness_ms = 0;
		s->late_sink = true;
		s->finishers = 0;
	}
	s->rows_per_second = chance(r, 2) ? range(r, 500, 50000) : 0;
	s->split_bytes = chance(r, 5) ? (uint64_t)range(r, 20, 300) : 0;
	if (s->graph == SIM_TIMED && !s->loose && (s->source_parallelism > 1 || s->rescales)) { /* the order of the data decides: one subtask has it all */
		uint32_t f = below(r, s->nfiles);

		s->split_bytes = 0;
		for (uint32_t i = 0; i < s->nrows; i++) /* the other files are empty: a rescale gives the one to another subtask */
			s->rows[i].file = f;
	}
}

static void make_config(struct sim_scenario *s, struct weir_rng *r)
{
	struct weir_job_config *c = &s->config;
	static const uint32_t max[] = { 3, 4, 7, 16, 128 };
	static const int32_t versions[] = { 2, 3, 4, 4, 4, 5, 6 };

	*c = weir_job_config_default();
	strcpy(c->job_id, "0123456789abcdef0123456789abcdef");
	s->max_parallelism = max[below(r, 5)];
	if (s->finishers > s->max_parallelism)
		s->finishers = s->max_parallelism;
	s->exactly_once = !(s->graph == SIM_FLOW && chance(r, 6));
	c->exactly_once = s->exactly_once;
	c->interval_ms = chance(r, 1) ? 0 : range(r, 1, chance(r, 8) ? 4 : 20);
	c->min_pause_ms = chance(r, 4) ? range(r, 1, 5) : 0;
	c->timeout_ms = chance(r, 3) ? range(r, 2, 20) : 600000;
	c->max_concurrent = chance(r, 6) ? 2 + below(r, 3) : 1;
	c->tolerable_failed = chance(r, 8) ? -1 : (int32_t)below(r, 3);
	c->create_subdir = chance(r, 12);
	c->num_retained = chance(r, 8) ? 1 : 1 + below(r, 3);
	c->inline_threshold = chance(r, 6) ? 0 : chance(r, 8) ? 200 : 20480;
	c->meta_version = versions[below(r, 7)];
	c->restart = weir_restart_default((enum weir_restart_kind)below(r, WEIR_RESTART_KIND_MAX));
	if (c->restart.kind == WEIR_RESTART_FIXED_DELAY) {
		c->restart.attempts = chance(r, 8) ? WEIR_RESTART_UNLIMITED : 1 + below(r, 3);
		c->restart.delay_ms = range(r, 0, 30);
	}
	s->stored = !chance(r, 1);
	if (s->stored) {
		c->dir = "sim:/ckpt";
		c->savepoint_dir = "sim:/sp";
	}
}

void sim_scenario_make(struct sim_scenario *s, uint64_t seed)
{
	struct weir_rng r = { seed * 0x9e3779b97f4a7c15u + 1 };

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	make_rows(s, &r);
	make_graph(s, &r);
	make_config(s, &r);
	s->attempts = !s->stored || chance(&r, 2) ? 0 : 1 + below(&r, 6);
	s->calm = chance(&r, 10) ? 0 : below(&r, 8);
	s->chain = s->stored && chance(&r, s->rescales ? 12 : 1);
	s->with_requests = s->chain || (s->stored && chance(&r, 6));
	s->may_drain = s->with_requests && !s->chain && !s->loose && chance(&r, 6);
	/* what is thrown together decides about order where several subtasks read: rows of one key must then mean the same in any order */
	if (s->graph == SIM_SEQUENCE && !s->source_parallelism)
		s->in_order = false;
	for (uint32_t f = 0; f < s->nfiles; f++) {
		struct weir_buf b = { 0 };

		sim_input(s, f, &b);
		s->file_size[f] = b.len;
		weir_buf_fini(&b);
	}
}

void sim_input(struct sim_scenario *s, uint32_t file, struct weir_buf *out)
{
	if (s->graph != SIM_WORDS)
		weir_buf_text(out, "t,k,v\n");
	for (uint32_t i = 0; i < s->nrows; i++) {
		struct sim_row *row = &s->rows[i];

		if (row->file != file)
			continue;
		row->offset = out->len;
		if (s->graph == SIM_WORDS)
			weir_buf_printf(out, "  %s w%d %s\n", keys[row->key], row->v % 3, keys[(row->key + 1) % s->nkeys]);
		else if (row->bad && row->v % 2)
			weir_buf_printf(out, "oops,%s,%d\n", keys[row->key], row->v);
		else if (row->bad)
			weir_buf_printf(out, "%lld\n", (long long)row->t);
		else
			weir_buf_printf(out, "%lld,%s,%d\n", (long long)row->t, keys[row->key], row->v);
	}
}

void sim_scenario_print(const struct sim_scenario *s)
{
	static const char *const names[] = { "timed", "words", "flow", "sequence" };
	const struct weir_job_config *c = &s->config;

	printf("seed %llu: %s, %u rows, %u files, split_bytes %llu, %u keys, max parallelism %u\n", (unsigned long long)s->seed, names[s->graph], s->nrows, s->nfiles,
	       (unsigned long long)s->split_bytes, s->nkeys, s->max_parallelism);
	printf("  %s%sfinishers %u %s%s%s%s size %lld slide %lld lateness %lld bound %lld timer %lld every %u threshold %d copies %u%s%s unchained %x sinks %u source %u rate %lld\n",
	       s->loose ? "loose " : "", s->rescales ? "rescales " : "", s->finishers, s->direct_times ? "direct " : "", s->filter ? "filter " : "", s->text_acc ? "text " : "", s->late_sink ? "late" : "", (long long)s->size_ms,
	       (long long)s->slide_ms, (long long)s->lateness_ms, (long long)s->bound_ms, (long long)s->timer_ms, s->every_rows, s->threshold, s->copies,
	       s->with_union ? " union" : "", s->in_order ? " in-order" : "", s->unchained, s->sink_parallelism, s->source_parallelism, (long long)s->rows_per_second);
	printf("  interval %lld pause %lld timeout %lld concurrent %u tolerable %d %s retained %u inline %llu meta %d restart %s%s; %u faulty attempts%s%s\n",
	       (long long)c->interval_ms, (long long)c->min_pause_ms, (long long)c->timeout_ms, c->max_concurrent, c->tolerable_failed,
	       s->exactly_once ? "exactly-once" : "at-least-once", c->num_retained, (unsigned long long)c->inline_threshold, c->meta_version,
	       weir_restart_kind_name(c->restart.kind), s->stored ? "" : " not stored", s->attempts, s->chain ? ", stops" : s->with_requests ? ", requests" : "", s->may_drain ? ", drains" : "");
}
