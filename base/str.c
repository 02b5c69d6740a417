// SPDX-License-Identifier: Apache-2.0
/* The parts of weir/str.h that are more than a line. Pure. */
#include <weir/str.h>

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool weir_str_next_word(struct weir_str *rest, struct weir_str *out_token)
{
	const char *p = weir_str_data(rest);
	uint32_t len = weir_str_len(rest), from, to;

	for (from = 0; from < len && blank(p[from]); from++)
		;
	for (to = from; to < len && !blank(p[to]); to++)
		;
	if (from == to)
		return false;
	*out_token = weir_str_view(p + from, to - from);
	*rest = weir_str_view(p + to, len - to); /* reads p before it writes *rest: both are copies */
	return true;
}
