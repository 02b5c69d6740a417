/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a test is written: a file tests/unit/<folder>/test_<noun>.c with
 *
 *     #include "tests/lib/weirtest.h"
 *     WEIR_TEST(what_it_shows) { ck_assert_int_eq(1 + 1, 2); }
 *
 * Tests register themselves; each runs in a process of its own (CK_FORK=no for a debugger), with a fresh folder
 * weir_test_dir() that is removed afterwards. weir_test_skip("reason") returns from the test and counts as skipped.
 */
#ifndef WEIRTEST_H
#define WEIRTEST_H

#include <check.h>

#include <weir/error.h>

void weir_test_register(const TTest *t);
#define WEIR_TEST(name)                                                                  \
	START_TEST(name);                                                                \
	__attribute__((constructor)) static void weir__register_##name(void) { weir_test_register(name); } \
	static void name##_fn(int _i __attribute__((unused)))

void weir_test_skipped(const char *reason);
#define weir_test_skip(reason)              \
	do {                                \
		weir_test_skipped(reason); \
		return;                     \
	} while (0)

const char *weir_test_dir(void);                     /* absolute */
/* "$WEIR_SHARED/sub" when the folder of shared fixtures is there, else NULL. Default ../shared beside the project. */
const char *weir_test_shared(const char *sub);
const char *weir_test_source(const char *sub);       /* absolute path of a file of the project */

/* Assert that a call returned 0, printing the message otherwise. */
#define ck_ok(call)                                                                              \
	do {                                                                                     \
		int ck_code = (call);                                                            \
		char ck_text[1200];                                                              \
		ck_assert_msg(ck_code == 0, "%s: %s: %s", #call, weir_code_name(ck_code),        \
			      weir_error_text(&err, ck_text, sizeof(ck_text)));                  \
	} while (0)

#endif
