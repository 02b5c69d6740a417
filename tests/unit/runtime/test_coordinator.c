// SPDX-License-Identifier: Apache-2.0
/* The checkpoint coordinator: each rule as a trace, and random event sequences against the invariants. */
#include "runtime/coordinator.h"

#include "base/rng.h"
#include "tests/unit/runtime/cores_golden.h"

static struct weir_coordinator c;
static struct weir_coordinator_actions out;

/* ---- traces: "TIME EVENT" in, actions as text out ---- */
static void start(uint32_t ntasks, uint32_t nsources, struct weir_coordinator_config cfg)
{
	static bool is_source[4096];
	struct weir_error err = WEIR_ERROR_INIT;

	for (uint32_t i = 0; i < ntasks; i++)
		is_source[i] = i < nsources;
	ck_ok(weir_coordinator_init(&c, &cfg, ntasks, is_source, &err));
}

static enum weir_coordinator_kind kind_of(const char *s)
{
	for (int k = 0; k < WEIR_COORD_KIND_MAX; k++)
		if (strcmp(s, weir_coordinator_kind_name((enum weir_coordinator_kind)k)) == 0)
			return (enum weir_coordinator_kind)k;
	ck_abort_msg("kind %s", s);
}

static enum weir_ckpt_failure reason_of(const char *s)
{
	for (int k = 0; k < WEIR_CKPT_FAILURE_MAX; k++)
		if (strcmp(s, weir_ckpt_failure_name((enum weir_ckpt_failure)k)) == 0)
			return (enum weir_ckpt_failure)k;
	ck_abort_msg("reason %s", s);
}

static enum weir_coordinator_job job_of(const char *s)
{
	for (int k = 0; k < WEIR_COORD_JOB_MAX; k++)
		if (strcmp(s, weir_coordinator_job_name((enum weir_coordinator_job)k)) == 0)
			return (enum weir_coordinator_job)k;
	ck_abort_msg("job state %s", s);
}

/* tick | request ID KIND | ack TASK CKPT | decline TASK CKPT REASON | written CKPT REASON | ended TASK | finished TASK | job STATE */
static struct weir_coordinator_event parse(const char *text)
{
	struct weir_coordinator_event ev = { 0 };
	char verb[16] = "", a[64] = "", b[64] = "", r[64] = "";
	long long now = 0;

	sscanf(text, "%lld %15s %63s %63s %63s", &now, verb, a, b, r);
	ev.now_ms = now;
	ev.task = (uint32_t)strtoul(a, NULL, 10);
	ev.ckpt = strtoll(b, NULL, 10);
	if (strcmp(verb, "request") == 0) {
		ev.kind = WEIR_COORD_REQUEST;
		ev.request = strtoull(a, NULL, 10);
		ev.snapshot = kind_of(b);
	} else if (strcmp(verb, "ack") == 0) {
		ev.kind = WEIR_COORD_ACK;
	} else if (strcmp(verb, "decline") == 0) {
		ev.kind = WEIR_COORD_DECLINE;
		ev.reason = reason_of(r);
	} else if (strcmp(verb, "written") == 0) {
		ev.kind = WEIR_COORD_WRITTEN;
		ev.ckpt = strtoll(a, NULL, 10);
		ev.reason = reason_of(b);
	} else if (strcmp(verb, "ended") == 0) {
		ev.kind = WEIR_COORD_SOURCE_ENDED;
	} else if (strcmp(verb, "finished") == 0) {
		ev.kind = WEIR_COORD_TASK_FINISHED;
	} else if (strcmp(verb, "job") == 0) {
		ev.kind = WEIR_COORD_JOB;
		ev.job = job_of(a);
	} else {
		ck_assert_str_eq(verb, "tick");
	}
	return ev;
}

static const char *describe(const struct weir_coordinator_actions *acts)
{
	static char text[16384];
	size_t at = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < acts->count; i++) {
		const struct weir_coordinator_action *a = &acts->items[i];
		const char *kind = weir_coordinator_kind_name(a->snapshot), *reason = weir_ckpt_failure_name(a->reason);
		long long id = a->ckpt;

		at += (size_t)sprintf(text + at, "%s", i ? "; " : "");
		switch (a->kind) {
		case WEIR_COORD_TRIGGER: at += (size_t)sprintf(text + at, "trigger %lld %s", id, kind); break;
		case WEIR_COORD_ABORT: at += (size_t)sprintf(text + at, "abort %lld %s", id, reason); break;
		case WEIR_COORD_WRITE: at += (size_t)sprintf(text + at, "write %lld", id); break;
		case WEIR_COORD_NOTIFY_COMPLETE: at += (size_t)sprintf(text + at, "complete %lld", id); break;
		case WEIR_COORD_NOTIFY_ABORTED: at += (size_t)sprintf(text + at, "aborted %lld", id); break;
		case WEIR_COORD_STOP_SOURCES: at += (size_t)sprintf(text + at, "stop-sources %s", kind); break;
		case WEIR_COORD_ANSWER: at += (size_t)sprintf(text + at, "answer %llu %lld %s", (unsigned long long)a->request, id, reason); break;
		case WEIR_COORD_FAIL_JOB: at += (size_t)sprintf(text + at, "fail %lld %s", id, reason); break;
		}
	}
	return text;
}

static const char *on(const char *event)
{
	struct weir_coordinator_event ev = parse(event);
	struct weir_error err = WEIR_ERROR_INIT;
	static char text[900];
	int code = weir_coordinator_step(&c, &ev, &out, &err);

	if (code) {
		ck_assert_uint_eq(out.count, 0);
		snprintf(text, sizeof(text), "%s: %s", weir_code_name(code), err.msg);
		return text;
	}
	return describe(&out);
}

#define expect(event, want) ck_assert_str_eq(on(event), want)
#define wake() out.next_wake_ms

static struct weir_coordinator_config every(int64_t interval_ms)
{
	struct weir_coordinator_config cfg = WEIR_COORD_CONFIG_DEFAULT;

	cfg.interval_ms = interval_ms;
	return cfg;
}

WEIR_TEST(a_periodic_checkpoint_completes)
{
	start(3, 1, every(100));
	expect("0 tick", "");
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("1000 job RUNNING", "");
	ck_assert_int_eq(wake(), 1100);
	expect("1099 tick", "");
	expect("1100 tick", "trigger 1 checkpoint");
	ck_assert(!out.items[0].asked);
	ck_assert_int_eq(wake(), 601100); /* its timeout: the next waits for it */
	expect("1110 ack 0 1", "");
	expect("1111 ack 0 1", ""); /* twice is once */
	expect("1112 ack 2 1", "");
	expect("1113 ack 1 1", "write 1");
	ck_assert(weir_coordinator_is_writing(&c));
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("1120 written 1 OK", "complete 1");
	ck_assert_int_eq(wake(), 1200);
	ck_assert(!weir_coordinator_is_writing(&c) && c.completed_id == 1);
	expect("1200 tick", "trigger 2 checkpoint");
	expect("1201 ack 0 1", ""); /* late */
	ck_assert_uint_eq(c.late_acks, 1);
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_slow_checkpoint_delays_the_next)
{
	start(1, 1, every(100));
	on("0 job RUNNING");
	expect("100 tick", "trigger 1 checkpoint");
	expect("350 tick", "");
	expect("360 ack 0 1", "write 1");
	expect("365 written 1 OK", "complete 1; trigger 2 checkpoint"); /* overdue */
	expect("366 ack 0 2", "write 2");
	expect("367 written 2 OK", "complete 2");
	ck_assert_int_eq(wake(), 465); /* missed ones are not made up for */
	weir_coordinator_fini(&c);
}

WEIR_TEST(minimum_pause_counts_from_the_end)
{
	struct weir_coordinator_config cfg = every(100);

	cfg.min_pause_ms = 80;
	cfg.max_concurrent = 4;
	start(1, 1, cfg);
	ck_assert_uint_eq(c.cfg.max_concurrent, 1);
	on("0 job RUNNING");
	expect("100 tick", "trigger 1 checkpoint");
	expect("180 ack 0 1", "write 1");
	expect("190 written 1 OK", "complete 1");
	ck_assert_int_eq(wake(), 270);
	expect("200 tick", "");
	expect("270 tick", "trigger 2 checkpoint");
	expect("271 ack 0 2", "write 2");
	expect("272 written 2 FINALIZE_CHECKPOINT_FAILURE", "aborted 2; fail 2 FINALIZE_CHECKPOINT_FAILURE");
	weir_coordinator_fini(&c);
}

WEIR_TEST(several_at_a_time_and_subsumption)
{
	struct weir_coordinator_config cfg = every(10);

	cfg.max_concurrent = 2;
	start(2, 1, cfg);
	on("0 job RUNNING");
	expect("10 tick", "trigger 1 checkpoint");
	expect("11 request 5 savepoint", "trigger 2 savepoint"); /* does not count */
	expect("20 tick", "trigger 3 checkpoint");
	expect("30 tick", "");
	expect("31 ack 0 3", "");
	expect("32 ack 1 3", "write 3");
	expect("33 written 3 OK", "abort 1 CHECKPOINT_SUBSUMED; aborted 1; complete 3; trigger 4 checkpoint");
	expect("34 ack 0 1", "");
	expect("35 ack 1 2", "");
	expect("36 ack 0 2", "write 2"); /* the savepoint is not subsumed */
	expect("37 written 2 OK", "answer 5 2 OK"); /* and commits nothing */
	ck_assert_int_eq(c.completed_id, 3);
	weir_coordinator_fini(&c);
}

/* Both had every acknowledgement; the older write ends last and is of no use. */
WEIR_TEST(an_older_write_that_ends_last_is_subsumed)
{
	struct weir_coordinator_config cfg = every(10);

	cfg.max_concurrent = 2;
	start(1, 1, cfg);
	on("0 job RUNNING");
	on("10 tick");
	expect("20 tick", "trigger 2 checkpoint");
	expect("21 ack 0 1", "write 1");
	expect("22 ack 0 2", "write 2");
	expect("23 written 2 OK", "complete 2");
	expect("24 written 1 OK", "aborted 1");
	ck_assert_int_eq(c.completed_id, 2);
	weir_coordinator_fini(&c);
}

WEIR_TEST(expiry)
{
	struct weir_coordinator_config cfg = every(100);

	cfg.timeout_ms = 50;
	cfg.tolerable_failed = 1;
	start(2, 1, cfg);
	on("0 job RUNNING");
	expect("100 tick", "trigger 1 checkpoint");
	ck_assert_int_eq(wake(), 150);
	expect("120 ack 0 1", "");
	expect("150 tick", "abort 1 CHECKPOINT_EXPIRED; aborted 1");
	expect("160 ack 1 1", "");
	expect("200 tick", "trigger 2 checkpoint");
	expect("240 ack 0 2", "");
	expect("249 ack 1 2", "write 2");
	expect("280 tick", ""); /* a write does not expire */
	expect("281 written 2 OK", "complete 2");
	expect("300 tick", "trigger 3 checkpoint");
	expect("350 tick", "abort 3 CHECKPOINT_EXPIRED; aborted 3"); /* the success in between cleared the count */
	expect("400 tick", "trigger 4 checkpoint");
	expect("450 tick", "abort 4 CHECKPOINT_EXPIRED; aborted 4; fail 4 CHECKPOINT_EXPIRED");
	ck_assert_str_eq(out.items[2].text, "Exceeded checkpoint tolerable failure threshold");
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("500 tick", "");
	expect("510 job RESTARTING", "");
	expect("520 job RUNNING", "");
	expect("620 tick", "trigger 5 checkpoint"); /* ids go on */
	weir_coordinator_fini(&c);
}

/* Flink 1.20: which reasons raise the count, and all names and texts. */
WEIR_TEST(failure_reasons_equal_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "reason")); n++) {
		char *name = p;
		enum weir_ckpt_failure f;

		p = strchr(p, ' ');
		*p++ = 0;
		f = reason_of(name);
		ck_assert_int_eq(weir_ckpt_failure_preflight(f), golden_int(&p));
		ck_assert_msg(weir_ckpt_failure_counted(f) == golden_int(&p), "%s", name);
		ck_assert_str_eq(weir_ckpt_failure_text(f), p + 1);
	}
	ck_assert_int_eq(n, 24);
	ck_assert_str_eq(weir_ckpt_failure_name(WEIR_CKPT_OK), "OK");
	ck_assert_str_eq(weir_ckpt_failure_name((enum weir_ckpt_failure)999), "OK");
}

WEIR_TEST(each_reason_of_a_decline_counts_as_its_table_says)
{
	for (int f = 1; f < WEIR_CKPT_FAILURE_MAX; f++) {
		char event[100], want[200];
		const char *name = weir_ckpt_failure_name((enum weir_ckpt_failure)f);
		bool counted = weir_ckpt_failure_counted((enum weir_ckpt_failure)f);

		start(2, 1, every(100));
		on("0 job RUNNING");
		on("100 tick");
		snprintf(event, sizeof(event), "110 decline 1 1 %s", name);
		snprintf(want, sizeof(want), counted ? "abort 1 %s; aborted 1; fail 1 %s" : "abort 1 %s; aborted 1", name, name);
		expect(event, want);
		expect("111 decline 0 1 CHECKPOINT_DECLINED", ""); /* over already */
		ck_assert_int_eq(c.job, counted ? WEIR_COORD_FAILING : WEIR_COORD_RUNNING);
		weir_coordinator_fini(&c);
	}
}

WEIR_TEST(failures_below_zero_tolerate_everything)
{
	struct weir_coordinator_config cfg = every(10);

	cfg.tolerable_failed = -1;
	start(1, 1, cfg);
	on("0 job RUNNING");
	for (int i = 1; i <= 100; i++) {
		char event[100];

		snprintf(event, sizeof(event), "%d tick", i * 10);
		on(event);
		snprintf(event, sizeof(event), "%d decline 0 %d CHECKPOINT_DECLINED", i * 10, i);
		ck_assert_ptr_null(strstr(on(event), "fail"));
	}
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_failed_savepoint_is_answered)
{
	struct weir_coordinator_config cfg = every(0);

	cfg.timeout_ms = 50;
	start(2, 1, cfg);
	on("0 job RUNNING");
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("10 request 7 savepoint", "trigger 1 savepoint");
	expect("60 tick", "abort 1 CHECKPOINT_EXPIRED; aborted 1; answer 7 1 CHECKPOINT_EXPIRED"); /* the job goes on */
	expect("70 request 8 savepoint", "trigger 2 savepoint");
	expect("71 ack 0 2", "");
	expect("72 ack 1 2", "write 2");
	expect("73 written 2 IO_EXCEPTION", "aborted 2; answer 8 2 IO_EXCEPTION");
	expect("80 request 9 savepoint", "trigger 3 savepoint");
	expect("81 decline 1 3 CHECKPOINT_DECLINED", /* a task's failure counts, as in Flink */
	       "abort 3 CHECKPOINT_DECLINED; aborted 3; answer 9 3 CHECKPOINT_DECLINED; fail 3 CHECKPOINT_DECLINED");
	weir_coordinator_fini(&c);
}

/* Its folder could not be made: nobody was asked for anything, so it is the request alone that fails, whatever the tolerance. */
WEIR_TEST(a_savepoint_that_could_not_begin_leaves_the_job_alone)
{
	static const char *const kinds[] = { "savepoint", "stop", "drain" };

	start(2, 1, every(1000));
	on("0 job RUNNING");
	for (int i = 0; i < 3; i++) {
		char event[64], want[200];
		int id = i + 1;

		snprintf(event, sizeof(event), "%d request %d %s", 10 * id, id, kinds[i]);
		on(event);
		snprintf(event, sizeof(event), "%d decline 0 %d IO_EXCEPTION", 10 * id + 1, id);
		snprintf(want, sizeof(want), "abort %d IO_EXCEPTION; aborted %d; answer %d %d IO_EXCEPTION", id, id, id, id);
		expect(event, want);
		ck_assert_int_eq(c.job, WEIR_COORD_RUNNING);
	}
	expect("1000 tick", "trigger 4 checkpoint"); /* and checkpoints go on */
	expect("1001 decline 0 4 IO_EXCEPTION", "abort 4 IO_EXCEPTION; aborted 4; fail 4 IO_EXCEPTION");
	weir_coordinator_fini(&c);
}

/* A failure of something older than the newest success says nothing about how checkpoints go now. */
WEIR_TEST(failures_from_before_the_newest_success_do_not_count)
{
	start(1, 1, every(100));
	on("0 job RUNNING");
	expect("10 request 1 savepoint", "trigger 1 savepoint");
	on("100 tick");
	on("101 ack 0 2");
	expect("102 written 2 OK", "complete 2");
	expect("103 decline 0 1 CHECKPOINT_DECLINED", "abort 1 CHECKPOINT_DECLINED; aborted 1; answer 1 1 CHECKPOINT_DECLINED");
	ck_assert_int_eq(c.job, WEIR_COORD_RUNNING);
	weir_coordinator_fini(&c);
}

WEIR_TEST(stop_with_savepoint)
{
	struct weir_coordinator_config cfg = every(100);

	start(2, 1, cfg);
	on("0 job RUNNING");
	expect("90 request 1 stop", "trigger 1 stop");
	expect("100 tick", ""); /* nothing periodic meanwhile */
	expect("101 request 2 savepoint", "answer 2 -1 CHECKPOINT_COORDINATOR_SUSPEND");
	expect("102 ack 0 1", "");
	expect("103 ack 1 1", "write 1");
	expect("104 written 1 OK", "answer 1 1 OK; complete 1; stop-sources stop"); /* nothing is stored: told before the first result is out */
	expect("200 tick", "");
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("201 request 3 checkpoint", "answer 3 -1 CHECKPOINT_COORDINATOR_SUSPEND");
	expect("202 finished 0", "");
	expect("203 finished 1", "");
	expect("204 job STOPPED", "");
	expect("205 request 4 savepoint", "answer 4 -1 CHECKPOINT_COORDINATOR_SHUTDOWN");
	weir_coordinator_fini(&c);
}

WEIR_TEST(drain)
{
	start(2, 1, every(100));
	on("0 job RUNNING");
	expect("100 tick", "trigger 1 checkpoint");
	expect("110 request 1 drain", "trigger 2 drain");
	expect("111 ended 0", ""); /* draining sources end: no final checkpoint on top */
	expect("112 ack 0 2", "");
	expect("113 ack 1 2", "write 2");
	expect("114 written 2 OK", "answer 1 2 OK; abort 1 CHECKPOINT_SUBSUMED; aborted 1; complete 2; stop-sources drain");
	weir_coordinator_fini(&c);
}

static struct weir_coordinator_config stored(int64_t interval_ms)
{
	struct weir_coordinator_config cfg = every(interval_ms);

	cfg.seal_stops = true;
	return cfg;
}

/* The savepoint of a stop committed by itself: killed before the caller was told, --resume went back to an older checkpoint and wrote the rows twice. */
WEIR_TEST(a_stop_commits_with_a_checkpoint_behind_its_savepoint)
{
	start(2, 1, stored(100));
	on("0 job RUNNING");
	expect("90 request 1 stop", "trigger 1 stop");
	on("102 ack 0 1");
	expect("103 ack 1 1", "write 1");
	expect("104 written 1 OK", "trigger 2 suspend"); /* neither committed nor answered */
	expect("105 request 2 checkpoint", "answer 2 -1 CHECKPOINT_COORDINATOR_SUSPEND");
	expect("300 tick", "");
	expect("301 ack 0 2", "");
	expect("302 ack 1 2", "write 2");
	expect("303 written 2 OK", "answer 1 1 OK; complete 2; stop-sources suspend");
	ck_assert_int_eq(c.completed_id, 2);
	weir_coordinator_fini(&c);
	/* a drain; an older checkpoint lives on past the savepoint and goes with the one behind it */
	start(1, 1, stored(100));
	on("0 job RUNNING");
	expect("100 tick", "trigger 1 checkpoint");
	expect("110 request 1 drain", "trigger 2 drain");
	expect("111 ended 0", "");
	expect("112 ack 0 2", "write 2");
	expect("114 written 2 OK", "trigger 3 terminate");
	expect("115 ack 0 3", "write 3");
	expect("116 written 3 OK", "answer 1 2 OK; abort 1 CHECKPOINT_SUBSUMED; aborted 1; complete 3; stop-sources terminate");
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_stop_whose_checkpoint_fails_fails_the_job)
{
	static const char *const ways[][2] = {
		{ "5 decline 0 2 IO_EXCEPTION", "abort 2 IO_EXCEPTION; aborted 2; answer 1 1 IO_EXCEPTION; fail 2 IO_EXCEPTION" }, /* its folder cannot be made */
		{ "600002 tick", "abort 2 CHECKPOINT_EXPIRED; aborted 2; answer 1 1 CHECKPOINT_EXPIRED; fail 2 CHECKPOINT_EXPIRED" },
	};

	for (int i = 0; i < 3; i++) {
		start(1, 1, stored(0));
		on("0 job RUNNING");
		on("1 request 1 stop");
		on("1 ack 0 1");
		expect("2 written 1 OK", "trigger 2 suspend");
		if (i == 2) {
			expect("3 ack 0 2", "write 2"); /* an orphan when the job fails while it is written: the request fails, though the checkpoint is there */
			expect("4 job RESTARTING", "");
			expect("5 written 2 OK", "answer 1 1 JOB_FAILURE");
		} else {
			expect(ways[i][0], ways[i][1]);
		}
		weir_coordinator_fini(&c);
	}
	/* the savepoint fails: as without a store */
	start(1, 1, stored(0));
	on("0 job RUNNING");
	on("1 request 1 stop");
	on("1 ack 0 1");
	expect("2 written 1 FINALIZE_CHECKPOINT_FAILURE", "aborted 1; answer 1 1 FINALIZE_CHECKPOINT_FAILURE; fail 1 FINALIZE_CHECKPOINT_FAILURE");
	weir_coordinator_fini(&c);
	/* nobody can ask for one */
	start(1, 1, stored(0));
	on("0 job RUNNING");
	expect("1 request 1 suspend", "BUG: coordinator: request 1 asks for kind 5");
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_failed_stop_fails_the_job)
{
	static const char *const kinds[] = { "stop", "drain" };

	for (int i = 0; i < 2; i++) {
		char event[64], want[200];

		start(2, 1, every(100));
		on("0 job RUNNING");
		snprintf(event, sizeof(event), "10 request 1 %s", kinds[i]);
		on(event);
		snprintf(want, sizeof(want), "abort 1 CHECKPOINT_DECLINED_TASK_CLOSING; aborted 1; answer 1 1 CHECKPOINT_DECLINED_TASK_CLOSING; "
					     "fail 1 CHECKPOINT_DECLINED_TASK_CLOSING");
		expect("20 decline 1 1 CHECKPOINT_DECLINED_TASK_CLOSING", want);
		weir_coordinator_fini(&c);
	}
}

WEIR_TEST(finished_tasks_count_as_acknowledged)
{
	start(3, 2, every(100));
	on("0 job RUNNING");
	expect("50 finished 1", "");
	expect("100 tick", "trigger 1 checkpoint");
	expect("101 ack 0 1", "");
	expect("102 ack 1 1", ""); /* from before it ended */
	expect("103 finished 2", "write 1"); /* without having acknowledged */
	expect("104 written 1 OK", "complete 1");
	weir_coordinator_fini(&c);
}

WEIR_TEST(the_final_checkpoint)
{
	struct weir_coordinator_config cfg = every(100);

	cfg.tolerable_failed = 3;
	start(3, 2, cfg);
	on("0 job RUNNING");
	expect("50 ended 0", "");
	expect("51 ended 0", "");
	expect("100 tick", "trigger 1 checkpoint");
	expect("110 ended 1", "trigger 2 final"); /* at once, beside the pending one */
	expect("111 decline 2 2 CHECKPOINT_DECLINED", "abort 2 CHECKPOINT_DECLINED; aborted 2");
	ck_assert_int_eq(wake(), 1111); /* tried again */
	expect("300 tick", "");         /* and nothing periodic any more */
	expect("1111 tick", "trigger 3 final");
	expect("1112 ack 0 3", "");
	expect("1113 ack 1 3", "");
	expect("1114 ack 2 3", "write 3");
	expect("1115 written 3 OK", "abort 1 CHECKPOINT_SUBSUMED; aborted 1; complete 3; stop-sources final");
	expect("1116 finished 0", "");
	expect("1117 finished 1", "");
	expect("1118 finished 2", "");
	ck_assert_int_eq(wake(), INT64_MAX);
	expect("1119 job STOPPED", "");
	weir_coordinator_fini(&c);
}

/* Without checkpoint interval the last results are committed all the same; without tasks nobody has to acknowledge. */
WEIR_TEST(the_final_checkpoint_of_a_job_without_interval)
{
	struct weir_coordinator_config cfg = every(0);

	start(2, 1, cfg);
	on("0 job RUNNING");
	expect("5 ended 0", "trigger 1 final");
	expect("6 finished 0", "");
	expect("7 finished 1", "write 1");
	expect("8 written 1 OK", "complete 1; stop-sources final");
	weir_coordinator_fini(&c);
	start(1, 1, cfg);
	on("0 finished 0"); /* restored as finished */
	expect("1 job RUNNING", "write 1");
	expect("2 written 1 OK", "complete 1; stop-sources final");
	weir_coordinator_fini(&c);
	cfg.final_checkpoint = false;
	start(1, 1, cfg);
	on("0 job RUNNING");
	expect("5 ended 0", "");
	weir_coordinator_fini(&c);
}

WEIR_TEST(checkpoints_by_hand_wait_for_a_place_but_not_for_the_pause)
{
	struct weir_coordinator_config cfg = every(1000);

	cfg.min_pause_ms = 500;
	start(1, 1, cfg);
	on("0 job RUNNING");
	expect("10 request 1 checkpoint", "trigger 1 checkpoint");
	ck_assert(out.items[0].asked && out.items[0].request == 1);
	expect("11 request 2 checkpoint", "");
	expect("12 ack 0 1", "write 1");
	expect("13 written 1 OK", "complete 1; answer 1 1 OK; trigger 2 checkpoint");
	for (int i = 0; i < WEIR_COORD_QUEUE_MAX; i++) {
		char event[64];

		snprintf(event, sizeof(event), "14 request %d checkpoint", 10 + i);
		expect(event, "");
	}
	expect("15 request 99 checkpoint", "answer 99 -1 TOO_MANY_CHECKPOINT_REQUESTS");
	ck_assert_int_eq(strncmp(on("16 job STOPPED"), "aborted 2; answer 2 2 CHECKPOINT_COORDINATOR_SHUTDOWN; answer 10 -1 ", 67), 0);
	ck_assert_uint_eq(out.count, 2 + WEIR_COORD_QUEUE_MAX);
	weir_coordinator_fini(&c);
}

WEIR_TEST(savepoints_are_limited_too)
{
	start(1, 1, every(0));
	on("0 job RUNNING");
	for (int i = 0; i < WEIR_COORD_PENDING_MAX - WEIR_COORD_CONCURRENT_MAX; i++) {
		char event[64];

		snprintf(event, sizeof(event), "1 request %d savepoint", i);
		ck_assert_int_eq(strncmp(on(event), "trigger", 7), 0);
	}
	expect("2 request 99 savepoint", "answer 99 -1 TOO_MANY_CHECKPOINT_REQUESTS");
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_restart_ends_what_was_pending)
{
	struct weir_coordinator_config cfg = every(100);

	cfg.max_concurrent = 3;
	start(2, 1, cfg);
	expect("0 request 1 savepoint", "answer 1 -1 NOT_ALL_REQUIRED_TASKS_RUNNING");
	on("0 job RUNNING");
	on("100 tick");
	expect("150 request 2 savepoint", "trigger 2 savepoint");
	expect("200 tick", "trigger 3 checkpoint");
	on("201 ack 0 3");
	expect("202 ack 1 3", "write 3");
	expect("203 job RESTARTING", "aborted 1; aborted 2; answer 2 2 TASK_FAILURE");
	ck_assert(weir_coordinator_is_writing(&c)); /* wait before choosing what to restart from */
	expect("204 ack 0 1", "");
	expect("205 written 3 OK", ""); /* complete, but nobody to commit: restarting from it commits */
	ck_assert_int_eq(c.completed_id, 3);
	expect("206 job RUNNING", "");
	ck_assert_int_eq(wake(), 306);
	weir_coordinator_fini(&c);
}

WEIR_TEST(a_stop_that_completes_too_late_is_no_stop)
{
	start(1, 1, every(0));
	on("0 job RUNNING");
	on("1 request 1 stop");
	expect("2 ack 0 1", "write 1");
	expect("3 job RESTARTING", "");
	expect("4 written 1 OK", "answer 1 1 JOB_FAILURE");
	ck_assert_int_eq(c.completed_id, -1);
	ck_assert_int_eq(c.job, WEIR_COORD_RESTARTING);
	weir_coordinator_fini(&c);
}

WEIR_TEST(job_states_follow_their_table)
{
	int allowed = 0;

	for (int a = 0; a < WEIR_COORD_JOB_MAX; a++)
		for (int b = 0; b < WEIR_COORD_JOB_MAX; b++)
			allowed += weir_coordinator_job_may((enum weir_coordinator_job)a, (enum weir_coordinator_job)b);
	ck_assert_int_eq(allowed, 14);
	start(1, 1, every(0));
	on("0 job RUNNING");
	expect("1 job RUNNING", "BUG: coordinator: the job cannot go from RUNNING to RUNNING");
	expect("1 job FAILING", "BUG: coordinator: the job cannot go from RUNNING to FAILING"); /* only by itself */
	expect("1 job STOPPED", "");
	expect("1 job RUNNING", "BUG: coordinator: the job cannot go from STOPPED to RUNNING");
	expect("1 ack 1 1", "BUG: coordinator: event of task 1, but the job has 1 tasks");
	expect("1 written 5 OK", "BUG: coordinator: checkpoint 5 was written, but its metadata was not asked for");
	weir_coordinator_fini(&c);
	start(2, 1, every(0));
	expect("1 ended 1", "BUG: coordinator: task 1 ended as a source, but it is not one");
	weir_coordinator_fini(&c);
}

static void refuse(struct weir_coordinator_config cfg, uint32_t ntasks, const char *text)
{
	bool source[2] = { ntasks == 2, false };
	struct weir_error err = WEIR_ERROR_INIT;

	ck_assert_int_eq(weir_coordinator_init(&c, &cfg, ntasks, source, &err), WEIR_EINVALID);
	ck_assert_msg(strstr(err.msg, text) != NULL, "%s", err.msg);
}

WEIR_TEST(wrong_settings_are_named)
{
	struct weir_coordinator_config ok = WEIR_COORD_CONFIG_DEFAULT, cfg;

	refuse(ok, 0, "at least one of them a source: got 0");
	refuse(ok, 1, "got 1 with 0 sources");
	cfg = ok, cfg.interval_ms = -1;
	refuse(cfg, 2, "execution.checkpointing.interval is -1 ms");
	cfg = ok, cfg.min_pause_ms = -1;
	refuse(cfg, 2, "execution.checkpointing.min-pause is -1 ms");
	cfg = ok, cfg.timeout_ms = -1;
	refuse(cfg, 2, "execution.checkpointing.timeout is -1 ms");
	cfg = ok, cfg.max_concurrent = 0;
	refuse(cfg, 2, "max-concurrent-checkpoints is 0: give 1 to 16");
	cfg = ok, cfg.first_id = 0;
	refuse(cfg, 2, "first checkpoint id is 0");
}

WEIR_TEST(many_tasks)
{
	start(4096, 64, every(10));
	on("0 job RUNNING");
	on("10 tick");
	for (int i = 0; i < 4096; i++) {
		char event[64];

		snprintf(event, sizeof(event), "11 ack %d 1", (i * 2741) % 4096);
		ck_assert_str_eq(on(event), i == 4095 ? "write 1" : "");
	}
	weir_coordinator_fini(&c);
}

/* ---- random sequences against the invariants ---- */
enum { TASKS = 3, IDS = 400, REQUESTS = 200 };

struct model {
	uint8_t state[IDS]; /* 0 unborn, 1 collecting, 2 writing, 3 complete or silently done, 4 aborted */
	uint8_t kind[IDS], acked[IDS];
	int64_t born, last_done, now, min_pause;
	bool finished[TASKS], asked[REQUESTS], answered[REQUESTS];
	int requests, manual; /* manual: unanswered checkpoints by hand */
	enum weir_coordinator_job job;
	uint32_t max_concurrent;
};

static bool settled(const struct model *m, int64_t id)
{
	for (int t = 0; t < TASKS; t++)
		if (!m->finished[t] && !(m->acked[id] & 1 << t))
			return false;
	return true;
}

static bool is_stop(uint8_t kind)
{
	return kind == WEIR_COORD_STOP || kind == WEIR_COORD_DRAIN || kind == WEIR_COORD_SUSPEND || kind == WEIR_COORD_TERMINATE;
}

static void check_action(struct model *m, const struct weir_coordinator_action *a, int64_t written)
{
	int64_t id = a->ckpt;

	switch (a->kind) {
	case WEIR_COORD_TRIGGER:
		if (id != m->born + 1 || m->job != WEIR_COORD_RUNNING)
			ck_abort_msg("trigger %lld after %lld in %s", (long long)id, (long long)m->born, weir_coordinator_job_name(m->job));
		m->born = id;
		m->state[id] = 1;
		m->kind[id] = (uint8_t)a->snapshot;
		for (int64_t k = 1; k < id; k++)
			if (m->state[k] == 1 && is_stop(m->kind[k]))
				ck_abort_msg("triggered %lld while a stop is pending", (long long)id);
		if (a->snapshot == WEIR_COORD_CHECKPOINT && m->manual == 0 && m->now < m->last_done + m->min_pause)
			ck_abort_msg("pause of %lld not kept", (long long)id);
		return;
	case WEIR_COORD_WRITE:
		if (id == m->born + 1) { /* nobody to ask */
			m->born = id;
			m->state[id] = 1;
			m->kind[id] = (uint8_t)a->snapshot;
		}
		if (m->state[id] != 1 || !settled(m, id))
			ck_abort_msg("write %lld too early", (long long)id);
		m->state[id] = 2;
		return;
	case WEIR_COORD_NOTIFY_COMPLETE:
		if (id != written || m->kind[id] == WEIR_COORD_SAVEPOINT || (c.cfg.seal_stops && (m->kind[id] == WEIR_COORD_STOP || m->kind[id] == WEIR_COORD_DRAIN)) || (m->job != WEIR_COORD_RUNNING && m->job != WEIR_COORD_STOPPING))
			ck_abort_msg("complete %lld", (long long)id);
		for (int64_t k = 1; k < id; k++)
			if (m->state[k] == 1 && m->kind[k] != WEIR_COORD_SAVEPOINT && m->kind[k] != WEIR_COORD_STOP && m->kind[k] != WEIR_COORD_DRAIN)
				ck_abort_msg("%lld outlives %lld", (long long)k, (long long)id);
		return;
	case WEIR_COORD_ABORT:
	case WEIR_COORD_NOTIFY_ABORTED:
		if (m->state[id] != 1 && !(a->kind == WEIR_COORD_NOTIFY_ABORTED && id == written))
			ck_abort_msg("abort %lld in state %d", (long long)id, m->state[id]);
		if (a->kind == WEIR_COORD_NOTIFY_ABORTED)
			m->state[id] = 4;
		return;
	case WEIR_COORD_ANSWER:
		if (!m->asked[a->request] || m->answered[a->request])
			ck_abort_msg("answer %d", (int)a->request);
		m->answered[a->request] = true;
		m->manual -= a->snapshot == WEIR_COORD_CHECKPOINT;
		return;
	case WEIR_COORD_STOP_SOURCES: m->job = WEIR_COORD_STOPPING; return;
	case WEIR_COORD_FAIL_JOB:
		if (m->job != WEIR_COORD_RUNNING)
			ck_abort_msg("failed in %s", weir_coordinator_job_name(m->job));
		m->job = WEIR_COORD_FAILING;
		return;
	}
}

/* A random event that the model allows; false: try again. */
static bool random_event(struct model *m, struct weir_rng *rng, struct weir_coordinator_event *ev)
{
	int64_t id = m->born - (int64_t)weir_rng_below(rng, 4);

	*ev = (struct weir_coordinator_event){ .task = (uint32_t)weir_rng_below(rng, TASKS), .ckpt = id > 0 ? id : 1 };
	switch (weir_rng_below(rng, 16)) {
	case 0: ev->kind = WEIR_COORD_TICK; break;
	case 1:
		if (m->requests == REQUESTS || weir_rng_below(rng, 3))
			return false;
		ev->kind = WEIR_COORD_REQUEST;
		ev->request = (uint64_t)m->requests++;
		ev->snapshot = weir_rng_below(rng, 8) ? (enum weir_coordinator_kind)weir_rng_below(rng, 2)
						      : (enum weir_coordinator_kind)weir_rng_below(rng, WEIR_COORD_FINAL);
		m->asked[ev->request] = true;
		m->manual += ev->snapshot == WEIR_COORD_CHECKPOINT;
		break;
	case 2:
		ev->kind = WEIR_COORD_DECLINE;
		ev->reason = (enum weir_ckpt_failure)(1 + weir_rng_below(rng, WEIR_CKPT_FAILURE_MAX - 1));
		break;
	case 3:
		if (weir_rng_below(rng, 10))
			return false;
		ev->kind = weir_rng_below(rng, 2) ? WEIR_COORD_TASK_FINISHED : WEIR_COORD_SOURCE_ENDED;
		ev->task = ev->kind == WEIR_COORD_SOURCE_ENDED ? 0 : ev->task;
		break;
	case 4:
		ev->kind = WEIR_COORD_JOB;
		ev->job = (enum weir_coordinator_job)weir_rng_below(rng, WEIR_COORD_JOB_MAX);
		if (ev->job == WEIR_COORD_STOPPING || ev->job == WEIR_COORD_FAILING || !weir_coordinator_job_may(m->job, ev->job))
			return false;
		if (m->job == WEIR_COORD_RUNNING && weir_rng_below(rng, 4))
			return false;
		break;
	case 5:
	case 6:
	case 7:
		ev->kind = WEIR_COORD_WRITTEN;
		for (ev->ckpt = m->born; ev->ckpt > 0 && m->state[ev->ckpt] != 2; ev->ckpt--)
			;
		if (ev->ckpt == 0)
			return false;
		ev->reason = weir_rng_below(rng, 6) ? WEIR_CKPT_OK : WEIR_CKPT_IO_EXCEPTION;
		break;
	default: ev->kind = WEIR_COORD_ACK;
	}
	return true;
}

static void apply_event(struct model *m, const struct weir_coordinator_event *ev)
{
	if (ev->kind == WEIR_COORD_ACK && m->state[ev->ckpt] == 1)
		m->acked[ev->ckpt] |= (uint8_t)(1 << ev->task);
	if (ev->kind == WEIR_COORD_TASK_FINISHED)
		m->finished[ev->task] = true;
	if (ev->kind == WEIR_COORD_WRITTEN)
		m->state[ev->ckpt] = 3;
	if (ev->kind == WEIR_COORD_JOB) {
		m->job = ev->job;
		if (ev->job == WEIR_COORD_RESTARTING)
			memset(m->finished, 0, sizeof(m->finished));
	}
}

static void check_after(struct model *m, const struct weir_coordinator_event *ev)
{
	uint32_t pending = 0;

	for (uint32_t i = 0; i < out.count; i++)
		check_action(m, &out.items[i], ev->kind == WEIR_COORD_WRITTEN ? ev->ckpt : -1);
	if (ev->kind == WEIR_COORD_WRITTEN && m->state[ev->ckpt] == 3)
		m->last_done = m->now;
	if (c.job != m->job)
		ck_abort_msg("%s, not %s", weir_coordinator_job_name(c.job), weir_coordinator_job_name(m->job));
	if (out.next_wake_ms <= m->now)
		ck_abort_msg("wakes at %lld, now is %lld", (long long)out.next_wake_ms, (long long)m->now);
	for (int64_t k = 1; k <= m->born; k++) {
		pending += (m->state[k] == 1 || m->state[k] == 2) && m->kind[k] == WEIR_COORD_CHECKPOINT;
		if (m->state[k] == 1 && settled(m, k))
			ck_abort_msg("%lld is settled and not written", (long long)k);
		if (m->state[k] == 1 && (m->job == WEIR_COORD_FAILING || m->job == WEIR_COORD_RESTARTING || m->job == WEIR_COORD_STOPPED))
			ck_abort_msg("%lld collects in %s", (long long)k, weir_coordinator_job_name(m->job));
	}
	if (pending > m->max_concurrent && m->job == WEIR_COORD_RUNNING)
		ck_abort_msg("%u checkpoints at a time", pending);
}

WEIR_TEST(random_sequences_keep_the_invariants)
{
	uint64_t first = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 0, seeds = getenv("SEED") ? 1 : 8000;

	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct weir_rng rng = { seed };
		struct model m = { .last_done = INT64_MIN / 2, .now = 1000 };
		struct weir_coordinator_config cfg = { (int64_t)weir_rng_below(&rng, 30), weir_rng_below(&rng, 2) ? (int64_t)weir_rng_below(&rng, 30) : 0,
						       (int64_t)weir_rng_below(&rng, 60), 1 + (uint32_t)weir_rng_below(&rng, 3),
						       (int32_t)weir_rng_below(&rng, 4) - 1, weir_rng_below(&rng, 2), weir_rng_below(&rng, 2), 1 };

		start(TASKS, 1, cfg);
		m.max_concurrent = c.cfg.max_concurrent;
		m.min_pause = cfg.min_pause_ms;
		for (int i = 0; i < 300 && m.born < IDS - 20; i++) {
			struct weir_coordinator_event ev;
			struct weir_error err = WEIR_ERROR_INIT;

			if (!random_event(&m, &rng, &ev))
				continue;
			m.now += (int64_t)weir_rng_below(&rng, 8);
			ev.now_ms = m.now;
			apply_event(&m, &ev);
			if (weir_coordinator_step(&c, &ev, &out, &err))
				ck_abort_msg("SEED=%llu: %s", (unsigned long long)seed, err.msg);
			check_after(&m, &ev);
		}
		for (int64_t k = 1; k <= m.born; k++) /* end: writes are answered, then every request has been */
			if (m.state[k] == 2) {
				struct weir_coordinator_event ev = { .kind = WEIR_COORD_WRITTEN, .ckpt = k, .now_ms = m.now };

				apply_event(&m, &ev);
				ck_assert_int_eq(weir_coordinator_step(&c, &ev, &out, NULL), 0);
				check_after(&m, &ev);
				k = 0;
			}
		if (m.job != WEIR_COORD_STOPPED) {
			struct weir_coordinator_event ev = { .kind = WEIR_COORD_JOB, .job = WEIR_COORD_STOPPED, .now_ms = m.now };

			apply_event(&m, &ev);
			ck_assert_int_eq(weir_coordinator_step(&c, &ev, &out, NULL), 0);
			check_after(&m, &ev);
		}
		for (int r = 0; r < m.requests; r++)
			if (!m.answered[r] && !weir_coordinator_is_writing(&c))
				ck_abort_msg("SEED=%llu: request %d has no answer", (unsigned long long)seed, r);
		weir_coordinator_fini(&c);
	}
}
