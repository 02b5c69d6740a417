// SPDX-License-Identifier: Apache-2.0
/* Restart strategies against Flink's own decisions, and the rules that are ours. */
#include "runtime/failover.h"

#include "tests/unit/runtime/cores_golden.h"

/* "time delay time delay ...", delay -1: gives up. */
static void replay(struct weir_restart_config cfg, char *p, int line)
{
	struct weir_failover f;
	struct weir_failover_decision d;
	struct weir_error err = WEIR_ERROR_INIT;

	ck_ok(weir_failover_init(&f, &cfg, &err));
	while (*p) {
		int64_t at = golden_int(&p), want = golden_int(&p);

		weir_failover_step(&f, at, WEIR_FAIL, NULL, &d);
		ck_assert_msg((d.restart ? d.delay_ms : -1) == want, "line %d, at %" PRId64 ": %s, not %" PRId64, line, at, d.text, want);
		ck_assert(d.text[0] != 0);
	}
	weir_failover_fini(&f);
}

static char *after_colon(char *p)
{
	p = strchr(p, ':');
	return p + 1;
}

WEIR_TEST(failure_rate_equals_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "rate")); n++) {
		struct weir_restart_config c = { .kind = WEIR_RESTART_FAILURE_RATE };

		c.max_failures = (uint32_t)golden_int(&p);
		c.interval_ms = golden_int(&p);
		c.delay_ms = golden_int(&p);
		replay(c, after_colon(p), g.number);
	}
	ck_assert_int_gt(n, 30);
}

WEIR_TEST(exponential_delay_equals_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "exponential")); n++) {
		struct weir_restart_config c = { .kind = WEIR_RESTART_EXPONENTIAL_DELAY };

		c.initial_ms = golden_int(&p);
		c.max_ms = golden_int(&p);
		c.multiplier = strtod(p, &p);
		c.reset_ms = golden_int(&p);
		c.attempts = (uint32_t)golden_int(&p);
		replay(c, after_colon(p), g.number);
	}
	ck_assert_int_gt(n, 30);
}

WEIR_TEST(fixed_delay_equals_flinks)
{
	struct golden g;
	int n = 0;

	golden_open(&g);
	for (char *p; (p = golden_next(&g, "fixed")); n++) {
		struct weir_restart_config c = { .kind = WEIR_RESTART_FIXED_DELAY };

		c.attempts = (uint32_t)golden_int(&p);
		c.delay_ms = golden_int(&p);
		replay(c, after_colon(p), g.number);
	}
	ck_assert_int_eq(n, 3);
}

WEIR_TEST(wrong_requests_and_bugs_never_restart)
{
	enum weir_disposition never[] = { WEIR_USER, WEIR_BUG }, may[] = { WEIR_FAIL, WEIR_RETRY, WEIR_DAMAGED };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover_decision d;
	struct weir_failover f;

	for (int k = 0; k < WEIR_RESTART_KIND_MAX; k++) {
		struct weir_restart_config c = weir_restart_default((enum weir_restart_kind)k);

		c.jitter = 0;
		for (int i = 0; i < 2; i++) {
			ck_ok(weir_failover_init(&f, &c, &err));
			weir_failover_step(&f, 1000, never[i], NULL, &d);
			ck_assert(!d.restart && strstr(d.text, "cannot help"));
			weir_failover_step(&f, 2000, WEIR_FAIL, NULL, &d); /* stays given up */
			ck_assert(!d.restart && strstr(d.text, "already"));
			weir_failover_fini(&f);
		}
		for (int i = 0; i < 3; i++) {
			ck_ok(weir_failover_init(&f, &c, &err));
			weir_failover_step(&f, 1000, may[i], NULL, &d);
			ck_assert_int_eq(d.restart, k != WEIR_RESTART_NONE);
			ck_assert(d.restart ? d.delay_ms == 1000 : strstr(d.text, "none") != NULL);
			weir_failover_fini(&f);
		}
	}
}

WEIR_TEST(unlimited_attempts_go_on)
{
	struct weir_restart_config c = weir_restart_default(WEIR_RESTART_FIXED_DELAY);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover_decision d;
	struct weir_failover f;

	ck_ok(weir_failover_init(&f, &c, &err));
	for (int i = 0; i < 10000; i++) {
		weir_failover_step(&f, i, WEIR_FAIL, NULL, &d);
		ck_assert(d.restart);
	}
	ck_assert_str_eq(d.text, "restart 10000 in 1000 ms");
	c.attempts = 2;
	ck_ok(weir_failover_init(&f, &c, &err));
	for (int i = 0; i < 2; i++)
		weir_failover_step(&f, i, WEIR_FAIL, NULL, &d);
	ck_assert_str_eq(d.text, "restart 2 of 2 in 1000 ms");
	weir_failover_step(&f, 3, WEIR_FAIL, NULL, &d);
	ck_assert_str_eq(d.text, "the job failed 3 times and restart-strategy fixed-delay allows 2 restarts");
}

WEIR_TEST(jitter_spreads_within_bounds_and_repeats_with_its_seed)
{
	struct weir_restart_config c = { .kind = WEIR_RESTART_EXPONENTIAL_DELAY, .attempts = WEIR_RESTART_UNLIMITED, .initial_ms = 100, .max_ms = 100000,
					 .multiplier = 2, .reset_ms = 1000000, .jitter = 0.5 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover_decision d;
	struct weir_failover f;
	int64_t least = INT64_MAX, most = 0, first = 0;

	for (uint64_t seed = 0; seed < 300; seed++) {
		struct weir_rng rng = { seed % 299 };
		int64_t at = 1000;

		ck_ok(weir_failover_init(&f, &c, &err));
		for (int i = 0; i < 4; i++) { /* 100, 200, 400, 800 and half of it either way */
			weir_failover_step(&f, at, WEIR_FAIL, &rng, &d);
			at += d.delay_ms + 1;
		}
		if (seed == 0)
			first = d.delay_ms;
		if (seed == 299)
			ck_assert_int_eq(d.delay_ms, first);
		ck_assert(d.delay_ms >= 400 && d.delay_ms <= 1200);
		least = d.delay_ms < least ? d.delay_ms : least;
		most = d.delay_ms > most ? d.delay_ms : most;
	}
	ck_assert(least < 450 && most > 1150);
}

WEIR_TEST(failures_before_the_pending_restart_are_one)
{
	struct weir_restart_config c = { .kind = WEIR_RESTART_EXPONENTIAL_DELAY, .attempts = 2, .initial_ms = 100, .max_ms = 1000, .multiplier = 2,
					 .reset_ms = 10000 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover_decision d;
	struct weir_failover f;

	ck_ok(weir_failover_init(&f, &c, &err));
	weir_failover_step(&f, 1000, WEIR_FAIL, NULL, &d);
	ck_assert(d.restart && d.delay_ms == 100 && !d.merged);
	weir_failover_step(&f, 1040, WEIR_FAIL, NULL, &d);
	ck_assert(d.restart && d.delay_ms == 60 && d.merged);
	weir_failover_step(&f, 1200, WEIR_FAIL, NULL, &d);
	ck_assert(d.restart && d.delay_ms == 200 && !d.merged);
	weir_failover_step(&f, 1500, WEIR_FAIL, NULL, &d);
	ck_assert(!d.restart && strstr(d.text, "allows 2 restarts"));
}

/* A delay that would not fit 64 bits stays at the maximum. */
WEIR_TEST(huge_powers_stay_at_the_maximum)
{
	struct weir_restart_config c = { .kind = WEIR_RESTART_EXPONENTIAL_DELAY, .attempts = WEIR_RESTART_UNLIMITED, .initial_ms = 1, .max_ms = 5000,
					 .multiplier = 1e6, .reset_ms = 1000000000, .jitter = 1 };
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover_decision d = { 0 };
	struct weir_rng rng = { 1 };
	struct weir_failover f;
	int64_t at = 0;

	ck_ok(weir_failover_init(&f, &c, &err));
	for (int i = 0; i < 2000; i++) {
		weir_failover_step(&f, at, WEIR_FAIL, &rng, &d);
		ck_assert(d.restart && d.delay_ms >= 1 && d.delay_ms <= 5000);
		at += d.delay_ms + 1;
	}
}

static void refuse(struct weir_restart_config c, const char *text)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_failover f;

	ck_assert_int_eq(weir_failover_init(&f, &c, &err), WEIR_EINVALID);
	ck_assert_msg(strstr(err.msg, text) != NULL, "%s", err.msg);
}

WEIR_TEST(wrong_settings_are_named)
{
	struct weir_restart_config e = weir_restart_default(WEIR_RESTART_EXPONENTIAL_DELAY), c;
	struct weir_error err = WEIR_ERROR_INIT;
	enum weir_restart_kind k;

	refuse((struct weir_restart_config){ .kind = WEIR_RESTART_FIXED_DELAY, .delay_ms = -1 }, "restart-strategy.fixed-delay.delay is -1 ms");
	refuse((struct weir_restart_config){ .kind = WEIR_RESTART_FAILURE_RATE, .interval_ms = 1 }, "max-failures-per-interval is 0");
	refuse((struct weir_restart_config){ .kind = WEIR_RESTART_FAILURE_RATE, .max_failures = 1 }, "failure-rate-interval is 0 ms");
	c = e, c.multiplier = 1;
	refuse(c, "backoff-multiplier is 1");
	c = e, c.multiplier = __builtin_nan("");
	refuse(c, "backoff-multiplier is");
	c = e, c.jitter = 1.5;
	refuse(c, "jitter-factor is 1.5");
	c = e, c.max_ms = 10;
	refuse(c, "initial-backoff 1000 ms and max-backoff 10 ms");
	c = e, c.reset_ms = 0;
	refuse(c, "reset-backoff-threshold");
	c = e, c.attempts = 0;
	refuse(c, "attempts-before-reset-backoff");
	ck_ok(weir_restart_kind_parse("Failure-Rate", &k, &err));
	ck_assert_int_eq(k, WEIR_RESTART_FAILURE_RATE);
	ck_ok(weir_restart_kind_parse("disable", &k, &err));
	ck_assert_int_eq(k, WEIR_RESTART_NONE);
	ck_assert_int_eq(weir_restart_kind_parse("sometimes", &k, &err), WEIR_EINVALID);
	ck_assert_str_eq(err.msg, "restart-strategy.type is 'sometimes': give none, fixed-delay, failure-rate or exponential-delay");
}

/* The interval and the pending restart include their last millisecond, as Flink's do. */
WEIR_TEST(boundaries)
{
	struct weir_restart_config rate = { .kind = WEIR_RESTART_FAILURE_RATE, .max_failures = 1, .interval_ms = 100, .delay_ms = 5 };
	struct weir_restart_config slow = { .kind = WEIR_RESTART_EXPONENTIAL_DELAY, .attempts = 9, .initial_ms = 100, .max_ms = 1000, .multiplier = 2,
					    .reset_ms = 1000 };
	char within[] = "1000 5 1100 -1", outside[] = "1000 5 1101 5", at_restart[] = "1000 100 1100 0 1101 200 2301 100", early[] = "1000 100 1101 200 2300 400";

	replay(rate, within, 1);
	replay(rate, outside, 2);
	replay(slow, at_restart, 3); /* 2301 is a quiet time of 1000 after the restart at 1301 */
	replay(slow, early, 4);
}

/* ---- a strategy that nobody chose ---- */

static struct weir_failover_decision judge(struct weir_failover *f, int64_t at, int code, const char *path, const char *msg, bool progressed)
{
	struct weir_error why = WEIR_ERROR_INIT;
	struct weir_failover_decision d;

	weir_error_at(&why, code, path, WEIR_NO_OFFSET, "%s", msg);
	weir_failover_judge(f, at, &why, progressed, NULL, &d);
	return d;
}

static void begin_default(struct weir_failover *f, bool chosen)
{
	struct weir_restart_config c = weir_restart_default(WEIR_RESTART_FIXED_DELAY);
	struct weir_error err = WEIR_ERROR_INIT;

	c.chosen = chosen;
	ck_ok(weir_failover_init(f, &c, &err));
}

/* A full disk with the default strategy restarted the job once a second for ever. */
WEIR_TEST(a_full_disk_fails_the_job_unless_a_strategy_was_chosen)
{
	static const int codes[] = { WEIR_ENOSPC, WEIR_EPERM };

	for (int i = 0; i < 2; i++)
		for (int chosen = 0; chosen < 2; chosen++) {
			struct weir_failover_decision d;
			struct weir_failover f;

			begin_default(&f, chosen);
			for (int n = 0; n < (chosen ? 20 : 1); n++) {
				d = judge(&f, 1000 * n, codes[i], "/disk/file", "cannot write", true);
				ck_assert_int_eq(d.restart, chosen);
				ck_assert_int_eq(d.lasting, !chosen);
			}
			ck_assert_msg(chosen || strstr(d.text, "no restart mends that"), "%s", d.text);
			d = judge(&f, 100000, WEIR_EIO, "", "another", true);
			ck_assert_int_eq(d.restart, chosen); /* once given up, always */
			weir_failover_fini(&f);
		}
}

WEIR_TEST(the_same_error_again_and_again_ends_the_job)
{
	struct weir_failover_decision d;
	struct weir_failover f;

	for (int progressed = 0; progressed < 2; progressed++) { /* checkpoints complete, but the row that fails stays where it is */
		begin_default(&f, false);
		for (int n = 0; n < 3; n++)
			ck_assert(judge(&f, 1000 * n, WEIR_EFAILED, "", "operator 'x': no", progressed).restart);
		d = judge(&f, 3000, WEIR_EFAILED, "", "operator 'x': no", progressed);
		ck_assert(!d.restart && d.lasting);
		ck_assert_str_eq(d.text, "the same error came 4 times in a row");
		weir_failover_fini(&f);
	}
	begin_default(&f, true); /* chosen: for ever */
	for (int n = 0; n < 100; n++)
		ck_assert(judge(&f, 1000 * n, WEIR_EFAILED, "", "operator 'x': no", false).restart);
	weir_failover_fini(&f);
	begin_default(&f, false); /* another message, path or code is another error */
	for (int n = 0; n < 100; n++)
		ck_assert(judge(&f, 1000 * n, n % 3 ? WEIR_EIO : WEIR_ENOMEM, n % 3 == 1 ? "/a" : "/b", n % 2 ? "one" : "two", false).restart);
	weir_failover_fini(&f);
}

/* A service that is away once an hour must not end a job that gets on between. */
WEIR_TEST(an_error_that_comes_now_and_then_is_no_row)
{
	struct weir_failover f;

	begin_default(&f, false);
	for (int n = 0; n < 100; n++)
		ck_assert(judge(&f, 3600000LL * n, WEIR_EFAILED, "", "no answer", true).restart);
	weir_failover_fini(&f);
	begin_default(&f, false); /* without a checkpoint between it is one, however slow */
	for (int n = 0; n < 3; n++)
		ck_assert(judge(&f, 3600000LL * n, WEIR_EFAILED, "", "no answer", false).restart);
	ck_assert(!judge(&f, 3600000LL * 3, WEIR_EFAILED, "", "no answer", false).restart);
	weir_failover_fini(&f);
}

WEIR_TEST(wrong_input_is_not_tried_again_by_any_strategy)
{
	for (int chosen = 0; chosen < 2; chosen++) {
		struct weir_failover_decision d;
		struct weir_failover f;

		begin_default(&f, chosen);
		d = judge(&f, 0, WEIR_EPARSE, "in.csv", "line 3", true);
		ck_assert(!d.restart && !d.lasting && strstr(d.text, "input is wrong"));
		weir_failover_fini(&f);
	}
}
