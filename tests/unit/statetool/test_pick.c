// SPDX-License-Identifier: Apache-2.0
/* The one rule by which operators and states are named. */
#include "statetool/locate.h"
#include "tests/lib/weirtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct weir_view *open_view(const char *path)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	struct weir_view *v = NULL;

	ck_ok(weir_ckpt_open(weir_test_source(path), &c, &err));
	ck_ok(weir_view_open(c, &v, &err));
	return v;
}

static const char *old = "tests/golden/flights/1.20.1/native-hashmap"; /* no uids in it */

static void target(struct weir_view *v, const struct weir_uids *uids, const char *text, const char *uid, const char *state)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const struct weir_operator_state *op = NULL, *want = NULL;
	const char *s = NULL;

	ck_ok(weir_pick_target(v, uids, text, &op, &s, &err));
	if (uid)
		ck_ok(weir_pick_operator(weir_view_ckpt(v), uid, &want, &err));
	ck_assert_ptr_eq(op, want);
	if (state)
		ck_assert_str_eq(s, state);
	else
		ck_assert_ptr_null(s);
}

static void no_target(struct weir_view *v, const char *text, int code, const char *message)
{
	struct weir_error err = WEIR_ERROR_INIT;
	const struct weir_operator_state *op = NULL;
	const char *s = NULL;

	ck_assert_int_eq(weir_pick_target(v, NULL, text, &op, &s, &err), code);
	ck_assert_msg(strstr(err.msg, message) != NULL, "'%s' lacks '%s'", err.msg, message);
}

WEIR_TEST(operators_and_states_are_named_by_one_rule)
{
	struct weir_view *v = open_view(old);
	const char *names[] = { "by-pair", "tumbling", "tumbling-totals" };
	struct weir_uids uids = { names, 3 };

	target(v, NULL, "by-origin", "by-origin", NULL);                        /* by its hash */
	target(v, NULL, "dd6667d0126c0567e1d895d744174c63", "by-origin", NULL); /* hex id */
	target(v, NULL, "DD6667D0", "by-origin", NULL);                         /* its beginning */
	target(v, NULL, "count", NULL, "count");                                /* a state */
	target(v, NULL, "by-origin/count", "by-origin", "count");
	target(v, NULL, "dd6667/count", "by-origin", "count");
	target(v, NULL, "by-origin/", "by-origin", NULL);
	target(v, NULL, "by-pair/_timer_state/event_user-timers", "by-pair", "_timer_state/event_user-timers");
	target(v, &uids, "by-p", "by-pair", NULL);                              /* the beginning of a uid that was told */
	target(v, &uids, "tumbling", "tumbling", NULL);                         /* exact before the beginning of another */
	no_target(v, "by-p", WEIR_ENOTFOUND, "there is no state 'by-p'");       /* not told: nothing begins so */
	no_target(v, "by-origin/cuont", WEIR_ENOTFOUND, "there is no state 'cuont' in operator");
	no_target(v, "", WEIR_ENOTFOUND, "there is no");
	weir_view_close(v);
}

WEIR_TEST(an_ambiguous_name_lists_the_candidates)
{
	struct weir_view *v = open_view(old);
	const char *names[] = { "tumbling", "tumbling-totals" };
	struct weir_uids uids = { names, 2 };
	struct weir_error err = WEIR_ERROR_INIT;
	const struct weir_operator_state *op = NULL;

	ck_assert_int_eq(weir_pick_operator_of(weir_view_ckpt(v), &uids, "tum", &op, &err), WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(err.msg, "'tum' may be any of 2 operators: "));
	ck_assert_ptr_nonnull(strstr(err.msg, "tumbling, tumbling-totals"));
	ck_assert_ptr_null(op);
	weir_view_close(v);
}

WEIR_TEST(uids_are_found_in_a_file_by_their_hashes)
{
	struct weir_view *v = open_view(old);
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_uid_list l = { 0 };
	char path[1200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/uids", weir_test_dir());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("weir_window(k, \"by-origin\", x);\nby-pair tumbling\nnobody", f);
	fwrite("\0\1session-totals\0", 1, 17, f);
	fclose(f);
	ck_ok(weir_uids_from_file(weir_view_ckpt(v), path, &l, &err));
	ck_assert_uint_ge(l.names.len, 3);
	for (size_t i = 0; i < l.names.len; i++)
		ck_assert_str_ne(l.names.items[i], "nobody");
	ck_assert_str_eq(l.names.items[0], "by-origin");
	ck_assert_int_eq(weir_uids_from_file(weir_view_ckpt(v), "/nowhere/at/all", &l, &err), WEIR_ENOTFOUND);
	weir_uid_list_fini(&l);
	weir_view_close(v);
}

WEIR_TEST(a_checkpoint_is_chosen_by_its_number)
{
	struct weir_error err = WEIR_ERROR_INIT;
	struct weir_ckpt *c = NULL;
	char path[1200], command[3000];

	snprintf(path, sizeof(path), "%s/root", weir_test_dir());
	snprintf(command, sizeof(command), "mkdir -p %s/0123456789abcdef0123456789abcdef/chk-7 %s/chk-9 && cp %s/_metadata %s/0123456789abcdef0123456789abcdef/chk-7/", path, path,
		 weir_test_source(old), path);
	ck_assert_int_eq(system(command), 0);
	ck_ok(weir_ckpt_open_at(path, 7, &c, &err));
	weir_ckpt_close(c);
	ck_assert_int_eq(weir_ckpt_open_at(path, 8, &c, &err), WEIR_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "there is no complete chk-8 here; there is: chk-"));
	weir_error_clear(&err);
	ck_assert_int_eq(weir_ckpt_open_at(path, 9, &c, &err), WEIR_ENOTFOUND); /* without metadata */
	weir_error_clear(&err);
	ck_assert_int_eq(weir_ckpt_open_at("/nowhere", 9, &c, &err), WEIR_ENOTFOUND);
}
