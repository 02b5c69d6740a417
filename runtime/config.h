/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration by Flink's keys: from a file, from -D key=value. Later settings win; old names are taken with a notice; keys of the JVM are ignored with
 * one; unknown keys are warned about with the nearest known one. Durations ("10 min", "500 ms", a number = ms), sizes ("20 kb", a number = bytes).
 */
#ifndef WEIR_RUNTIME_CONFIG_H
#define WEIR_RUNTIME_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "runtime/coordinator.h"
#include "runtime/job.h"

struct weir_config_entry {
	const char *key, *value, *from;
};

struct weir_config {
	struct weir_arena arena;
	WEIR_VEC(struct weir_config_entry) entries; /* by canonical key, each once */
};
typedef void weir_config_notice_fn(void *arg, const char *text);

void weir_config_fini(struct weir_config *c);
/* One setting. `from` names where it stands, for messages ("-D", "config.yaml"). WEIR_EINVALID: the value does not fit the key. */
int weir_config_set(struct weir_config *c, const char *key, const char *value, const char *from, weir_config_notice_fn *notice, void *arg, struct weir_error *err) WEIR_CHECK;
/* A YAML file (config.yaml: nested or flat keys) or, when it is called flink-conf.yaml, the old "key: value" lines. */
int weir_config_load(struct weir_config *c, const char *path, weir_config_notice_fn *notice, void *arg, struct weir_error *err) WEIR_CHECK;
const char *weir_config_get(const struct weir_config *c, const char *key); /* canonical key; NULL = not set */
/* Fill what the settings say; the rest keeps its value. Text points into c. */
int weir_config_apply(const struct weir_config *c, struct weir_job_config *job, uint32_t *parallelism, uint32_t *max_parallelism, struct weir_error *err) WEIR_CHECK;
/* The table of keys as Markdown: `weir help configuration` and docs/options.md. */
void weir_config_help(struct weir_buf *out);

#endif
