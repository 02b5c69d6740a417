/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native values inside a shard: who owns the text and arrays they point to. A FLAT value needs none of this. See value.c.
 */
#ifndef WEIR_STATE_BACKEND_VALUE_H
#define WEIR_STATE_BACKEND_VALUE_H

#include "state/backend/space.h"

#include <weir/type.h>

static inline bool weir__is_flat(const struct weir_type *t) { return (t->flags & WEIR_TYPE_FLAT) != 0; }

/* v is a shallow copy in its final place: replace everything it points to by copies in s. On false (out of memory) what could not be
 * copied is empty, the rest is owned: the caller drops the value with weir__value_free. */
bool weir__value_own(struct weir__space *s, const struct weir_type *t, void *v) WEIR_CHECK;
/* Free what v points to; v itself is then garbage. */
void weir__value_free(struct weir__space *s, const struct weir_type *t, void *v);
/* v was `before` (owned) and has been edited: fields that changed are copied in, then their old content is freed. The same on failure as
 * weir__value_own. before is garbage afterwards. */
bool weir__value_settle(struct weir__space *s, const struct weir_type *t, void *before, void *v) WEIR_CHECK;
/* v lies in an image: turn its pointers into pointers into the image. False: a pointer leads nowhere (a bug in a job that wrote through an old pointer). */
bool weir__value_relocate(struct weir__image *im, const struct weir_type *t, void *v) WEIR_CHECK;

/* Fast equality for keys and namespaces. */
enum weir__eq { WEIR__EQ_NONE, WEIR__EQ_4, WEIR__EQ_8, WEIR__EQ_16, WEIR__EQ_BYTES, WEIR__EQ_STR, WEIR__EQ_TIMER, WEIR__EQ_TYPE };
enum weir__eq weir__eq_of(const struct weir_type *t);

static inline bool weir__value_eq(enum weir__eq eq, const struct weir_type *t, const void *a, const void *b)
{
	switch (eq) {
	case WEIR__EQ_NONE:
		return true;
	case WEIR__EQ_4:
		return memcmp(a, b, 4) == 0;
	case WEIR__EQ_8:
		return memcmp(a, b, 8) == 0;
	case WEIR__EQ_16:
		return memcmp(a, b, 16) == 0;
	case WEIR__EQ_BYTES:
		return memcmp(a, b, t->size) == 0;
	case WEIR__EQ_STR:
		return weir_str_eq(a, b);
	case WEIR__EQ_TIMER: { /* pointers to timers; t is timers.c's reference type */
		const void *x, *y;

		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return x == y || weir_type_value_equal(t->fields[0].type, x, y);
	}
	default:
		return weir_type_value_equal(t, a, b);
	}
}

/* Are two keys the same, as far as their native bytes tell? False may also mean: ask weir__value_eq(). */
static inline bool weir__same_bytes(enum weir__eq eq, const void *a, const void *b)
{
	switch (eq) {
	case WEIR__EQ_4: return memcmp(a, b, 4) == 0;
	case WEIR__EQ_8: return memcmp(a, b, 8) == 0;
	case WEIR__EQ_16:
	case WEIR__EQ_STR: return memcmp(a, b, 16) == 0; /* text inside the view, or the same text elsewhere */
	default: return false;
	}
}

#endif
