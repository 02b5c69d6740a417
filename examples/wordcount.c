// SPDX-License-Identifier: Apache-2.0
// How often each word occurs:   weir run examples/wordcount.c -- --input README.md
#include <weir/weir.h>

#define WORD(F) F(string, word) F(int64, count)
WEIR_RECORD(word, WORD) /* struct word { struct weir_str word; int64_t count; };  and word_type */

static int split(struct weir_ctx *ctx, const void *in, struct weir_out *out)
{
	const struct weir_line *line = in;
	struct weir_str rest = line->text, token;

	(void)ctx;
	while (weir_str_next_word(&rest, &token)) {
		struct word w = { .word = token, .count = 1 };

		weir_emit(out, &w);
	}
	return 0;
}

int weir_main(struct weir_env *env, int argc, char **argv)
{
	struct weir_stream *lines = weir_text_source(env, "lines", weir_arg(env, "input"));
	struct weir_stream *words = weir_flat_map(lines, "split", split, &word_type);
	struct weir_stream *counts = weir_sum(weir_key_by(words, "word"), "counts", "count");

	(void)argc, (void)argv;
	weir_print(counts, "stdout");
	return 0;
}
