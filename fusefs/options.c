// SPDX-License-Identifier: Apache-2.0
/* The table of weir's own mount options, and opening a tree by them. Nothing is mounted here; one thread. */
#include "fusefs/options.h"

#include <stdlib.h>
#include <string.h>

#include "statetool/locate.h"

/* Options in /etc/fstab that are for mount(8) and systemd. */
static bool is_for_others(const char *option)
{
	static const char *const names[] = { "rw", "ro", "auto", "noauto", "nofail", "user", "users", "nouser", "owner", "group", "defaults", "_netdev" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(option, names[i]) == 0)
			return true;
	return strncmp(option, "x-", 2) == 0 || strncmp(option, "comment=", 8) == 0 || strncmp(option, "user=", 5) == 0;
}

static void take_view(const char *name, struct weir_mount_words *w)
{
	static const char *const forms[] = { "json", "raw", "hex", "txt" };

	w->bad_view = true;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(name, forms[i]) == 0) {
			w->tree.view = (enum weir_leaf_form)i;
			w->bad_view = false;
		}
}

static void keep_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
}

bool weir_mount_word_take(const char *option, struct weir_mount_words *w)
{
	if (strncmp(option, "notify_pipe=", 12) == 0) {
		free(w->notify_pipe);
		w->notify_pipe = realpath(option + 12, NULL); /* libfuse goes to "/" */
	} else if (strncmp(option, "cache=", 6) == 0) {
		w->tree.cache_bytes = strtoull(option + 6, NULL, 10);
	} else if (strncmp(option, "exact=", 6) == 0) {
		w->tree.exact_bytes = strtoull(option + 6, NULL, 10);
	} else if (strncmp(option, "at=", 3) == 0) {
		keep_text(&w->at, option + 3);
	} else if (strncmp(option, "uids=", 5) == 0) {
		keep_text(&w->uids, option + 5);
	} else if (strncmp(option, "view=", 5) == 0) {
		take_view(option + 5, w);
	} else if (strcmp(option, "bare") == 0) {
		w->tree.bare = true;
	} else {
		return is_for_others(option);
	}
	return true;
}

int weir_mount_words_take_all(const char *options, struct weir_mount_words *w, struct weir_error *err)
{
	char *copy = strdup(options), *save = NULL;
	int rc = copy ? 0 : weir_error_set(err, WEIR_ENOMEM, "out of memory for options");

	for (char *p = copy ? strtok_r(copy, ",", &save) : NULL; p && rc == 0; p = strtok_r(NULL, ",", &save))
		if (!weir_mount_word_take(p, w))
			rc = weir_error_set(err, WEIR_EINVALID, "-o %s: without a mount the options are at=NAME, uids=FILE, view=FORM, bare, cache=BYTES and exact=BYTES", p);
	free(copy);
	return rc;
}

void weir_mount_words_fini(struct weir_mount_words *w)
{
	free(w->notify_pipe);
	free(w->at);
	free(w->uids);
}

/* uids of the file that name operators of the newest snapshot of each source, and those that were given. */
static int read_uids(struct weir_source *src, const char *file, const struct weir_uids *given, struct weir_uid_list *out, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 0; given && i < given->count; i++) {
		const char **slot = weir_vec_push(&out->names);

		if (!slot)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory for uids");
		*slot = given->names[i];
	}
	for (uint32_t r = 0; file && r < src->nroots && rc == 0; r++) {
		const struct weir_snapshot *newest = NULL;

		for (uint32_t i = 0; i < weir_source_count(src); i++) {
			const struct weir_snapshot *s = weir_source_slot(src, i);

			if (s->root == r && weir_snapshot_listed(s) && (!newest || s->mtime_ms >= newest->mtime_ms))
				newest = s;
		}
		if (newest)
			rc = weir_uids_from_file(newest->ckpt, file, out, err);
	}
	return rc;
}

int weir_tree_open_all(const char *const *sources, size_t n, const struct weir_mount_words *w, const struct weir_uids *given, struct weir_tree **out,
		       struct weir_error *err)
{
	struct weir_tree_options o = w->tree;
	struct weir_uid_list uids = { 0 };
	struct weir_source *src = NULL;
	int rc = w->bad_view ? weir_error_set(err, WEIR_EINVALID, "view= is one of json, raw, hex and txt") : weir_source_open_all(sources, n, &src, err);

	if (rc == 0)
		rc = read_uids(src, w->uids, given, &uids, err);
	if (rc == 0) {
		o.at = w->at;
		o.uids = (struct weir_uids){ uids.names.items, uids.names.len };
		rc = weir_tree_new(src, &o, out, err);
	}
	if (rc)
		weir_source_close(src);
	weir_uid_list_fini(&uids);
	return rc;
}
