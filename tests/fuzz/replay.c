// SPDX-License-Identifier: Apache-2.0
/*
 * main() of every fuzz target without a fuzzer: gives it each file of the command line (folders: each file in them), or of
 * tests/fuzz/corpus/<name> for a program called fuzz_<name>. A crash is the failure; the file is named before it is tried when
 * --verbose is given, and after a crash always. Ends with "fuzz_<name>: N passed, N failed, N skipped".
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char current[PATH_MAX];
static int passed, failed;
static int verbose;

static void on_crash(int sig)
{
	static const char text[] = "\ncrashed on ";

	if (write(2, text, sizeof(text) - 1) < 0 || write(2, current, strlen(current)) < 0 || write(2, "\n", 1) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t n;

	snprintf(current, sizeof(current), "%s", path);
	if (!f || fstat(fileno(f), &st) != 0) {
		fprintf(stderr, "cannot read %s\n", path);
		failed++;
		if (f)
			fclose(f);
		return;
	}
	data = malloc((size_t)st.st_size + !st.st_size); /* exact, so that a sanitizer sees reads past the end */
	n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
	fclose(f);
	if (!data || n != (size_t)st.st_size) {
		fprintf(stderr, "cannot read %s\n", path);
		failed++;
	} else {
		if (verbose)
			printf("%s\n", path), fflush(stdout);
		LLVMFuzzerTestOneInput(data, n);
		passed++;
	}
	free(data);
}

static int replay(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return 0;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			replay_file(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n < 0 ? -1 : 0;
}

/* The corpus in the first parent of this program, or of the working directory, that has one. */
static int replay_corpus(const char *target)
{
	char dir[PATH_MAX], corpus[2 * PATH_MAX];

	for (int from = 0; from < 3; from++) {
		const char *source = getenv("WEIR_SOURCE");
		ssize_t n = from == 1 ? readlink("/proc/self/exe", dir, sizeof(dir) - 1) : 0;

		if (from == 0 && !source)
			continue;
		if (from == 0)
			snprintf(dir, sizeof(dir), "%s", source);
		else if (from == 1)
			dir[n > 0 ? n : 0] = 0;
		else if (!getcwd(dir, sizeof(dir)))
			continue;
		for (;;) {
			char *slash;

			snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", dir, target);
			if (replay(corpus) == 0)
				return 0;
			slash = strrchr(dir, '/');
			if (!slash)
				break;
			*slash = 0;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const char *target = strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
	int given = 0, skipped = 0;
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_crash);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0) {
			verbose = 1;
			continue;
		}
		given = 1;
		if (replay(argv[i]) != 0) {
			fprintf(stderr, "cannot read %s\n", argv[i]);
			failed++;
		}
	}
	if (!given && replay_corpus(target) != 0) {
		printf("SKIP no corpus for %s\n", target);
		skipped++;
	}
	printf("%s: %d passed, %d failed, %d skipped\n", name, passed, failed, skipped);
	return failed ? 1 : 0;
}
