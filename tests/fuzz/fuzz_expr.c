// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: expressions of weir state find, bound to a state of a record and evaluated on one entry of it. A refusal has a message; the same text gives
 * the same answer twice.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "statetool/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_arena mem;
static struct weir_state_info state;
static struct weir_entry entry;

static void set_up(void)
{
	static const char json[] = "{\"count\":5,\"name\":\"abc\",\"list\":[1,2],\"map\":[[\"a\",null]],\"at\":\"2001-01-31T23:59:59.5Z\"}";
	static struct weir_buf value;
	struct weir_type *fields[] = { &weir_int64, &weir_string, weir_type_list(&mem, &weir_double, NULL), weir_type_map(&mem, &weir_string, &weir_int32, NULL), &weir_timestamp };
	const char *names[] = { "count", "name", "list", "map", "at" };

	state = (struct weir_state_info){ .kind = WEIR_STATE_MAP, .name = (char *)"s", .key = &weir_int32, .ns = &weir_void, .user_key = &weir_string };
	state.value = weir_type_pojo(&mem, "t.T", 5, fields, names, NULL);
	weir_buf_u8(&value, 0); /* the flag of a map's value */
	if (!state.value || weir_type_from_json(state.value, json, sizeof(json) - 1, false, &value, NULL))
		abort();
	entry = (struct weir_entry){ .state = &state, .key_group = 3, .key = { (const uint8_t *)"\0\0\0\7", 4 }, .ns = { (const uint8_t *)"", 1 },
				     .user_key = { (const uint8_t *)"\2u", 2 }, .value = weir_buf_slice(&value), .index = -1 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_expr *x = NULL;
	bool first = false, second = true;
	char *text = malloc(size + 1);

	if (!state.value)
		set_up();
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	if (weir_expr_parse(text, &x, &err) == 0 && weir_expr_bind(x, &state, &err) == 0) {
		if (weir_expr_eval(x, &entry, &first, &err) || weir_expr_eval(x, &entry, &second, &err) || first != second)
			abort();
	} else if (!err.msg[0]) {
		abort();
	}
	weir_expr_free(x);
	free(text);
	return 0;
}
