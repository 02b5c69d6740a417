/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mount -o that are weir's, and a tree opened as they say: for a mount, and for `weir state tree` without one. */
#ifndef WEIR_FUSEFS_OPTIONS_H
#define WEIR_FUSEFS_OPTIONS_H

#include "fusefs/tree.h"

struct weir_mount_words {
	char *notify_pipe, *at, *uids; /* malloc'ed */
	bool bad_view;
	struct weir_tree_options tree;
};
/* Is this one option weir's (or for mount(8) and systemd, and passed over)? Then it is taken. */
bool weir_mount_word_take(const char *option, struct weir_mount_words *w);
/* "a,b=c": each of them. WEIR_EINVALID for one that is not weir's. */
int weir_mount_words_take_all(const char *options, struct weir_mount_words *w, struct weir_error *err) WEIR_CHECK;
void weir_mount_words_fini(struct weir_mount_words *w);

/* Open the sources (weir_source_open_all) as a tree. given: uids by name, besides those of the file uids=. */
int weir_tree_open_all(const char *const *sources, size_t n, const struct weir_mount_words *w, const struct weir_uids *given, struct weir_tree **out,
		       struct weir_error *err) WEIR_CHECK;

#endif
