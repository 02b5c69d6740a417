// SPDX-License-Identifier: Apache-2.0
/* main() of every unit test program: runs what registered itself and prints "N passed, N failed, N skipped". */
#include "tests/lib/weirtest.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const TTest *tests[1024];
static int ntests;
static int *skipped; /* shared with the forked tests */
static char dir[PATH_MAX], source[PATH_MAX];

void weir_test_register(const TTest *t)
{
	if (ntests < (int)(sizeof(tests) / sizeof(tests[0])))
		tests[ntests++] = t;
}

void weir_test_skipped(const char *reason)
{
	__atomic_add_fetch(skipped, 1, __ATOMIC_SEQ_CST);
	printf("SKIP %s\n", reason);
	fflush(stdout);
}

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "%s/weir-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir))
		perror("mkdtemp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void tear_down(void)
{
	if (dir[0] && !getenv("WEIR_TEST_KEEP"))
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *weir_test_dir(void) { return dir; }

const char *weir_test_source(const char *sub)
{
	static char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/%s", source, sub);
	return path;
}

const char *weir_test_shared(const char *sub)
{
	static char path[2 * PATH_MAX];
	const char *root = getenv("WEIR_SHARED");

	if (root)
		snprintf(path, sizeof(path), "%s/%s", root, sub);
	else
		snprintf(path, sizeof(path), "%s/../shared/%s", source, sub);
	return access(path, R_OK) == 0 ? path : NULL;
}

int main(int argc, char **argv)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	Suite *s = suite_create(name);
	TCase *c = tcase_create(name);
	SRunner *r;
	int run, failed;

	self[n > 0 ? n : 0] = 0;
	for (char *p; (p = strrchr(self, '/')) != NULL;) { /* the project's root is the first parent with a Makefile */
		*p = 0;
		snprintf(source, sizeof(source), "%s/Makefile", self);
		if (access(source, R_OK) == 0)
			break;
	}
	snprintf(source, sizeof(source), "%s", getenv("WEIR_SOURCE") ? getenv("WEIR_SOURCE") : self);
	skipped = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skipped == MAP_FAILED)
		return 1;
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, getenv("WEIR_TEST_TIMEOUT") ? atof(getenv("WEIR_TEST_TIMEOUT")) : 120);
	for (int i = 0; i < ntests; i++)
		if (argc < 2 || strstr(tests[i]->name, argv[1]))
			tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_MINIMAL);
	run = srunner_ntests_run(r);
	failed = srunner_ntests_failed(r);
	if (failed)
		srunner_print(r, CK_NORMAL);
	srunner_free(r);
	printf("%s: %d passed, %d failed, %d skipped\n", name, run - failed - *skipped, failed, *skipped);
	return failed ? 1 : 0;
}
