// SPDX-License-Identifier: Apache-2.0
/*
 * Restart strategies, with the arithmetic of Flink 1.20's FixedDelay-, FailureRate- and ExponentialDelayRestartBackoffTimeStrategy.
 *
 * Invariants
 * 1. A failure is noted first and judged afterwards: `attempts` restarts are given, the failure after them gives up.
 * 2. Failure rate: the ring holds the last max_failures + 1 failures; the job gives up when they lie within interval_ms.
 * 3. Exponential: a failure before the pending restart is the same failure (no new attempt, no longer delay).
 * 4. Once given up it stays so.
 * 5. A strategy that nobody chose does not repeat for ever what cannot go well: judge() looks at the error first.
 *
 * No clock, no lock, no allocation after init. One thread at a time.
 */
#include "runtime/failover.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"

static const struct {
	const char *name, *alias, *alias2;
} kinds[WEIR_RESTART_KIND_MAX] = {
	[WEIR_RESTART_NONE] = { "none", "off", "disable" },
	[WEIR_RESTART_FIXED_DELAY] = { "fixed-delay", "fixeddelay", NULL },
	[WEIR_RESTART_FAILURE_RATE] = { "failure-rate", "failurerate", NULL },
	[WEIR_RESTART_EXPONENTIAL_DELAY] = { "exponential-delay", "exponentialdelay", NULL },
};

const char *weir_restart_kind_name(enum weir_restart_kind k) { return (unsigned)k < WEIR_RESTART_KIND_MAX ? kinds[k].name : "?"; }

int weir_restart_kind_parse(const char *name, enum weir_restart_kind *out, struct weir_error *err)
{
	for (int k = 0; k < WEIR_RESTART_KIND_MAX; k++)
		if (strcasecmp(name, kinds[k].name) == 0 || strcasecmp(name, kinds[k].alias) == 0 ||
		    (kinds[k].alias2 && strcasecmp(name, kinds[k].alias2) == 0)) {
			*out = (enum weir_restart_kind)k;
			return 0;
		}
	return weir_error_set(err, WEIR_EINVALID, "restart-strategy.type is '%.64s': give none, fixed-delay, failure-rate or exponential-delay", name);
}

struct weir_restart_config weir_restart_default(enum weir_restart_kind kind)
{
	return (struct weir_restart_config){ .kind = kind, .attempts = WEIR_RESTART_UNLIMITED, .delay_ms = 1000, .max_failures = 1, .interval_ms = 60000,
					     .initial_ms = 1000, .max_ms = 60000, .multiplier = 1.5, .reset_ms = 3600000, .jitter = 0.1 };
}

static int check_exponential(const struct weir_restart_config *c, struct weir_error *err)
{
	if (c->initial_ms < 1 || c->max_ms < c->initial_ms)
		return weir_error_set(err, WEIR_EINVALID,
				      "restart-strategy.exponential-delay: initial-backoff %" PRId64 " ms and max-backoff %" PRId64
				      " ms: give 1 ms or more, and the maximum not below the initial one",
				      c->initial_ms, c->max_ms);
	if (!(c->multiplier > 1) || isinf(c->multiplier))
		return weir_error_set(err, WEIR_EINVALID, "restart-strategy.exponential-delay.backoff-multiplier is %g: give more than 1", c->multiplier);
	if (c->reset_ms < 1)
		return weir_error_set(err, WEIR_EINVALID, "restart-strategy.exponential-delay.reset-backoff-threshold is %" PRId64 " ms: give 1 ms or more",
				      c->reset_ms);
	if (!(c->jitter >= 0 && c->jitter <= 1))
		return weir_error_set(err, WEIR_EINVALID, "restart-strategy.exponential-delay.jitter-factor is %g: give 0 to 1", c->jitter);
	if (c->attempts < 1)
		return weir_error_set(err, WEIR_EINVALID, "restart-strategy.exponential-delay.attempts-before-reset-backoff is 0: give 1 or more");
	return 0;
}

static int check_config(const struct weir_restart_config *c, struct weir_error *err)
{
	switch (c->kind) {
	case WEIR_RESTART_NONE: return 0;
	case WEIR_RESTART_FIXED_DELAY: break;
	case WEIR_RESTART_FAILURE_RATE:
		if (c->max_failures < 1 || c->max_failures > WEIR_RESTART_RATE_MAX)
			return weir_error_set(err, WEIR_EINVALID, "restart-strategy.failure-rate.max-failures-per-interval is %u: give 1 to %u",
					      c->max_failures, WEIR_RESTART_RATE_MAX);
		if (c->interval_ms < 1)
			return weir_error_set(err, WEIR_EINVALID, "restart-strategy.failure-rate.failure-rate-interval is %" PRId64 " ms: give 1 ms or more",
					      c->interval_ms);
		break;
	case WEIR_RESTART_EXPONENTIAL_DELAY: return check_exponential(c, err);
	default: return weir_error_set(err, WEIR_EINVALID, "restart strategy %d is not known", (int)c->kind);
	}
	if (c->delay_ms < 0)
		return weir_error_set(err, WEIR_EINVALID, "restart-strategy.%s.delay is %" PRId64 " ms: give 0 or more", kinds[c->kind].name, c->delay_ms);
	return 0;
}

int weir_failover_init(struct weir_failover *f, const struct weir_restart_config *cfg, struct weir_error *err)
{
	int64_t *times = NULL;
	int code = check_config(cfg, err);

	if (code)
		return code;
	if (cfg->kind == WEIR_RESTART_FAILURE_RATE) {
		times = calloc((size_t)cfg->max_failures + 1, sizeof(*times));
		if (!times)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory for the failure rate of %u failures", cfg->max_failures);
	}
	*f = (struct weir_failover){ .cfg = *cfg, .times = times, .next_ms = INT64_MIN };
	return 0;
}

void weir_failover_fini(struct weir_failover *f)
{
	free(f->times);
	memset(f, 0, sizeof(*f));
}

static void give_up(struct weir_failover_decision *out, const char *fmt, ...) WEIR_PRINTF(2, 3);
static void give_up(struct weir_failover_decision *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	out->restart = false;
}

static void restart_in(struct weir_failover_decision *out, int64_t delay_ms)
{
	out->restart = true;
	out->delay_ms = delay_ms;
}

static void fixed_delay(struct weir_failover *f, struct weir_failover_decision *out)
{
	if (f->attempts == f->cfg.attempts && f->cfg.attempts != WEIR_RESTART_UNLIMITED) {
		give_up(out, "the job failed %u times and restart-strategy fixed-delay allows %u restarts", f->failures, f->cfg.attempts);
		return;
	}
	f->attempts++;
	restart_in(out, f->cfg.delay_ms);
	if (f->cfg.attempts == WEIR_RESTART_UNLIMITED)
		snprintf(out->text, sizeof(out->text), "restart %u in %" PRId64 " ms", f->attempts, out->delay_ms);
	else
		snprintf(out->text, sizeof(out->text), "restart %u of %u in %" PRId64 " ms", f->attempts, f->cfg.attempts, out->delay_ms);
}

static void failure_rate(struct weir_failover *f, int64_t now_ms, struct weir_failover_decision *out)
{
	uint32_t cap = f->cfg.max_failures + 1;
	int64_t earliest;

	if (f->count == cap) {
		f->head = (f->head + 1) % cap;
		f->count--;
	}
	f->times[(f->head + f->count++) % cap] = now_ms;
	earliest = f->times[f->head];
	if (f->count == cap && now_ms - earliest <= f->cfg.interval_ms) {
		give_up(out, "the job failed %u times in %" PRId64 " ms and restart-strategy failure-rate allows %u in %" PRId64 " ms", cap,
			now_ms - earliest, f->cfg.max_failures, f->cfg.interval_ms);
		return;
	}
	f->attempts++;
	restart_in(out, f->cfg.delay_ms);
	snprintf(out->text, sizeof(out->text), "restart %u in %" PRId64 " ms", f->attempts, out->delay_ms);
}

/* initial * multiplier^attempts, plus or minus jitter, within initial..max. */
static int64_t backoff(const struct weir_failover *f, struct weir_rng *rng)
{
	double exact = (double)f->cfg.initial_ms * pow(f->cfg.multiplier, f->attempts);
	int64_t delay, spread;

	delay = exact < 4e18 ? (int64_t)exact : (int64_t)4e18;
	spread = (int64_t)((double)delay * f->cfg.jitter);
	if (spread > 0 && rng)
		delay += (int64_t)weir_rng_below(rng, (uint64_t)spread * 2 + 1) - spread;
	if (delay > f->cfg.max_ms)
		delay = f->cfg.max_ms;
	return delay < f->cfg.initial_ms ? f->cfg.initial_ms : delay;
}

static void exponential_delay(struct weir_failover *f, int64_t now_ms, struct weir_rng *rng, struct weir_failover_decision *out)
{
	int64_t delay;

	if (f->next_ms != INT64_MIN && now_ms <= f->next_ms) {
		out->merged = true;
	} else {
		if (f->next_ms == INT64_MIN || now_ms - f->next_ms >= f->cfg.reset_ms)
			f->attempts = 0;
		delay = backoff(f, rng);
		f->next_ms = now_ms > INT64_MAX - delay ? INT64_MAX : now_ms + delay;
		f->attempts++;
	}
	if (f->cfg.attempts != WEIR_RESTART_UNLIMITED && f->attempts > f->cfg.attempts) {
		give_up(out, "the job failed again and again and restart-strategy exponential-delay allows %u restarts before a quiet time of %" PRId64 " ms",
			f->cfg.attempts, f->cfg.reset_ms);
		return;
	}
	restart_in(out, f->next_ms - now_ms);
	snprintf(out->text, sizeof(out->text), "restart %u in %" PRId64 " ms", f->attempts, out->delay_ms);
}

void weir_failover_step(struct weir_failover *f, int64_t now_ms, enum weir_disposition disposition, struct weir_rng *rng,
			struct weir_failover_decision *out)
{
	memset(out, 0, sizeof(*out));
	f->failures++;
	if (f->given_up) {
		give_up(out, "the job had failed for good already");
		return;
	}
	if (disposition == WEIR_USER)
		give_up(out, "a restart cannot help: the request or the job's input is wrong");
	else if (disposition == WEIR_BUG)
		give_up(out, "a restart cannot help: an internal error");
	else if (f->cfg.kind == WEIR_RESTART_NONE)
		give_up(out, "restart-strategy is none");
	else if (f->cfg.kind == WEIR_RESTART_FIXED_DELAY)
		fixed_delay(f, out);
	else if (f->cfg.kind == WEIR_RESTART_FAILURE_RATE)
		failure_rate(f, now_ms, out);
	else
		exponential_delay(f, now_ms, rng, out);
	f->given_up = !out->restart;
}

static bool is_outside(int code) { return code == WEIR_ENOSPC || code == WEIR_EPERM; }

/* How many times in a row this error has come. */
static uint32_t count_same(struct weir_failover *f, int64_t now_ms, const struct weir_error *why, bool progressed)
{
	uint64_t error = weir_hash_u64(weir_xxh3(why->path, strlen(why->path)) ^ (uint64_t)(uint32_t)why->code) ^ weir_xxh3(why->msg, strlen(why->msg));
	bool same = f->same && error == f->error && !(progressed && now_ms - f->failed_ms > WEIR_RESTART_SAME_MS);

	f->error = error;
	f->failed_ms = now_ms;
	f->same = same ? f->same + 1 : 1;
	return f->same;
}

void weir_failover_judge(struct weir_failover *f, int64_t now_ms, const struct weir_error *why, bool progressed, struct weir_rng *rng,
			 struct weir_failover_decision *out)
{
	enum weir_disposition d = weir_code_disposition(why->code);
	uint32_t same = count_same(f, now_ms, why, progressed);

	if (is_outside(why->code))
		d = f->cfg.chosen ? WEIR_FAIL : d;
	weir_failover_step(f, now_ms, d, rng, out);
	if (f->cfg.chosen || (!out->restart && !is_outside(why->code)))
		return;
	if (is_outside(why->code))
		give_up(out, "no restart mends that");
	else if (same > WEIR_RESTART_SAME_MAX)
		give_up(out, "the same error came %u times in a row", same);
	out->lasting = !out->restart;
	f->given_up = !out->restart;
}
