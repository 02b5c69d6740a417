/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way to what a user function mostly asks for: a value that exists, of a key whose slot is where its hash says. Each of these may say "not so", for
 * any reason and without an error; then the caller takes the long way (backend.h), which has the same effect and knows every case.
 */
#ifndef WEIR_STATE_BACKEND_REACH_H
#define WEIR_STATE_BACKEND_REACH_H

#include "state/backend/backend.h"

/* weir_backend_set_key_hashed(). False: not so. */
bool weir_backend_reach_key(struct weir_backend *b, const void *key, uint64_t hash, uint32_t group);
/* weir_state_get() and weir_state_edit() with namespace NULL, for FLAT values. NULL: not so. */
const void *weir_state_reach(const struct weir_state *s);
void *weir_state_reach_edit(struct weir_state *s);

#endif
