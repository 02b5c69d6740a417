/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor over JSON text, for type_parse.c. Errors go to err with the offset in the text; every function returns 0 or the code. */
#ifndef WEIR_STATE_TYPE_JSON_IN_H
#define WEIR_STATE_TYPE_JSON_IN_H

#include "base/buf.h"

struct json_in {
	const char *start, *p, *end;
	struct weir_error *err;
};

struct json_span {
	const char *p; /* NULL = not there */
	const char *end;
};

int weir__json_fail(struct json_in *j, const char *expected);
/* The next character that is not blank, or 0. */
char weir__json_peek(struct json_in *j);
int weir__json_expect(struct json_in *j, char c);
/* Takes c if it is next. */
bool weir__json_take(struct json_in *j, char c);
bool weir__json_word(struct json_in *j, const char *word);
/* A quoted string as UTF-8, appended to text. Surrogate escapes are joined; unpaired ones become three bytes. */
int weir__json_string(struct json_in *j, struct weir_buf *text);
int weir__json_int(struct json_in *j, int64_t min, int64_t max, int64_t *out);
int weir__json_float(struct json_in *j, bool single, double *out);
/* An object with members of these names in any order, each at most once; spans[i] receives where names[i] is. A member "@" must be
 * the text `class_name`. Other members are errors. */
int weir__json_object(struct json_in *j, uint32_t n, const char *const *names, const char *class_name, struct json_span *spans);

#endif
