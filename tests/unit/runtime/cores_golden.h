/* SPDX-License-Identifier: Apache-2.0 */
/* Reads cores.golden, what Flink's own classes answered (CoreVectors.java): line by line, fields apart. */
#ifndef CORES_GOLDEN_H
#define CORES_GOLDEN_H

#include "tests/lib/weirtest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden {
	FILE *f;
	char line[16384];
	int number;
};

static inline void golden_open(struct golden *g)
{
	const char *path = getenv("WEIR_CORES_GOLDEN") ? getenv("WEIR_CORES_GOLDEN") : weir_test_source("tests/unit/runtime/cores.golden");

	g->number = 0;
	g->f = fopen(path, "r");
	if (!g->f) /* a BUILD outside the project: as seen from its root */
		g->f = fopen("tests/unit/runtime/cores.golden", "r");
	ck_assert_msg(g->f != NULL, "cannot open %s", path);
}

/* The next line that starts with `word` and a blank: its rest. NULL at the end. */
static inline char *golden_next(struct golden *g, const char *word)
{
	size_t n = strlen(word);

	while (fgets(g->line, sizeof(g->line), g->f)) {
		g->number++;
		g->line[strcspn(g->line, "\n")] = 0;
		if (strncmp(g->line, word, n) == 0 && g->line[n] == ' ')
			return g->line + n + 1;
	}
	fclose(g->f);
	return NULL;
}

static inline int64_t golden_int(char **p) { return strtoll(*p, p, 10); }

#endif
