/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restart strategies: after a failure, restart (after how long) or give up (why). Flink's four, with Flink's arithmetic.
 * Pure: time and randomness are arguments.
 */
#ifndef WEIR_RUNTIME_FAILOVER_H
#define WEIR_RUNTIME_FAILOVER_H

#include <stdbool.h>

#include <weir/error.h>

#include "base/rng.h"

enum weir_restart_kind {
	WEIR_RESTART_NONE,
	WEIR_RESTART_FIXED_DELAY,
	WEIR_RESTART_FAILURE_RATE,
	WEIR_RESTART_EXPONENTIAL_DELAY,
	WEIR_RESTART_KIND_MAX,
};

#define WEIR_RESTART_UNLIMITED UINT32_MAX
#define WEIR_RESTART_RATE_MAX 1024u /* failures per interval that can be remembered */

struct weir_restart_config {
	enum weir_restart_kind kind;
	bool chosen;          /* the user asked for it: it is followed for every error but wrong input and bugs (weir_failover_judge) */
	uint32_t attempts;    /* fixed: restarts in all; exponential: before the delay is reset; WEIR_RESTART_UNLIMITED */
	int64_t delay_ms;     /* fixed, rate */
	uint32_t max_failures; /* rate: within interval_ms, 1..WEIR_RESTART_RATE_MAX */
	int64_t interval_ms;
	int64_t initial_ms, max_ms; /* exponential */
	double multiplier;          /* > 1 */
	int64_t reset_ms;           /* quiet time after a restart that makes the delay initial_ms again */
	double jitter;              /* 0..1, a part of the delay */
};

/* Flink's defaults of each kind; unlimited attempts for the fixed delay, as when checkpointing is on. */
struct weir_restart_config weir_restart_default(enum weir_restart_kind kind);
/* "none" ("off", "disable"), "fixed-delay" ("fixeddelay"), "failure-rate" ("failurerate"), "exponential-delay" ("exponentialdelay"). */
int weir_restart_kind_parse(const char *name, enum weir_restart_kind *out, struct weir_error *err) WEIR_CHECK;
const char *weir_restart_kind_name(enum weir_restart_kind k);

struct weir_failover {
	struct weir_restart_config cfg;
	uint32_t attempts;    /* restarts given so far (exponential: since the delay was reset) */
	uint32_t failures;    /* all */
	int64_t next_ms;      /* exponential: when the last restart happens; INT64_MIN before the first */
	uint32_t head, count; /* rate: ring of failure times */
	int64_t *times;
	bool given_up;
	uint64_t error;       /* of the last failure: a hash */
	int64_t failed_ms;    /* of the last failure */
	uint32_t same;        /* failures in a row with this error */
};

struct weir_failover_decision {
	bool restart;
	bool lasting;         /* no restart, because it would meet the same error */
	int64_t delay_ms;
	bool merged;          /* exponential: came before the pending restart and counts as the same failure */
	char text[200];       /* what happens and why */
};

/* Allocates for the failure rate only. WEIR_EINVALID names the setting that is wrong. */
int weir_failover_init(struct weir_failover *f, const struct weir_restart_config *cfg, struct weir_error *err) WEIR_CHECK;
void weir_failover_fini(struct weir_failover *f);
/* A failure. WEIR_USER and WEIR_BUG never restart. Once given up, always given up. rng is used by jitter only. */
void weir_failover_step(struct weir_failover *f, int64_t now_ms, enum weir_disposition disposition, struct weir_rng *rng,
			struct weir_failover_decision *out);
/*
 * The same for an error, and with a strategy that the user did not choose, also: a full disk and missing permissions, which no restart mends, give up at once;
 * and the same error WEIR_RESTART_SAME_MAX times after as many restarts. progressed: a checkpoint has been completed since the last start. A failure that comes
 * long after the last one, and after progress, begins a new row.
 */
#define WEIR_RESTART_SAME_MAX 3u
#define WEIR_RESTART_SAME_MS 60000
void weir_failover_judge(struct weir_failover *f, int64_t now_ms, const struct weir_error *why, bool progressed, struct weir_rng *rng,
			 struct weir_failover_decision *out);

#endif
