/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable array of any element type: struct { T *items; size_t len, cap; }.
 * weir_vec_push(v) makes room for one more element and yields a pointer to it (uninitialised), or NULL when out of memory.
 */
#ifndef WEIR_BASE_VEC_H
#define WEIR_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define WEIR_VEC(T) struct { T *items; size_t len, cap; }
#define weir_vec_push(v) \
	(weir__vec_grow((void **)&(v)->items, &(v)->cap, (v)->len + 1, sizeof(*(v)->items)) ? &(v)->items[(v)->len++] : NULL)
#define weir_vec_reserve(v, n) weir__vec_grow((void **)&(v)->items, &(v)->cap, (n), sizeof(*(v)->items))
#define weir_vec_fini(v) (free((v)->items), (v)->items = NULL, (v)->len = (v)->cap = 0)

bool weir__vec_grow(void **items, size_t *cap, size_t need, size_t size);

#endif
