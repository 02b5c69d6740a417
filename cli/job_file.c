// SPDX-License-Identifier: Apache-2.0
/*
 * Loading a job. C files are compiled once per content: the key is a hash of the file, of the local headers it includes (by "..."), of weir's headers, and
 * of the compiler's name and flags ($CC, $CFLAGS). The cache is $XDG_CACHE_HOME/weir/jobs, else ~/.cache/weir/jobs, else /tmp/weir-UID/jobs; entries appear by rename.
 */
#include "cli/job_file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/fs.h>

#include "base/buf.h"
#include "base/hash.h"

/* ---- where weir's headers are ---- */

static int find_include(char *out, size_t size, struct weir_error *err)
{
	static const char *const beside[] = { "../include", "include", "../../include" };
	char self[PATH_MAX], probe[PATH_MAX + 64];
	const char *env = getenv("WEIR_INCLUDE");
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (env) {
		snprintf(out, size, "%s", env);
		return 0;
	}
	self[n > 0 ? n : 0] = 0;
	if (strrchr(self, '/'))
		*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(out, size, "%s/%s", self, beside[i]);
		snprintf(probe, sizeof(probe), "%s/weir/weir.h", out);
		if (access(probe, R_OK) == 0)
			return 0;
	}
	return weir_error_set(err, WEIR_ENOTFOUND, "weir's headers (weir/weir.h) are not beside the program; set WEIR_INCLUDE to the folder that has them");
}

/* ---- the key ---- */

struct hashing {
	struct weir_sha256 sha;
	int files;
};

static int hash_file(struct hashing *h, const char *path, int depth, struct weir_error *err);

/* Follow #include "x" of this file, relative to it. Others are found by the compiler and belong to the system or to weir. */
static int hash_includes(struct hashing *h, const char *path, const char *text, int depth, struct weir_error *err)
{
	char dir[PATH_MAX], name[PATH_MAX];
	int code = 0;

	snprintf(dir, sizeof(dir), "%s", path);
	if (strrchr(dir, '/'))
		*strrchr(dir, '/') = 0;
	else
		snprintf(dir, sizeof(dir), ".");
	for (const char *p = strstr(text, "#"); p && !code; p = strstr(p + 1, "#")) {
		const char *q = p + 1, *end;

		q += strspn(q, " \t");
		if (strncmp(q, "include", 7) != 0)
			continue;
		q += 7;
		q += strspn(q, " \t");
		if (*q != '"' || !(end = strpbrk(q + 1, "\"\n")) || *end != '"')
			continue;
		snprintf(name, sizeof(name), "%s/%.*s", dir, (int)(end - q - 1), q + 1);
		if (access(name, R_OK) == 0 && depth < 32 && h->files < 1000)
			code = hash_file(h, name, depth + 1, err);
	}
	return code;
}

static int hash_file(struct hashing *h, const char *path, int depth, struct weir_error *err)
{
	FILE *f = fopen(path, "re");
	struct weir_buf b = { 0 };
	int code = 0;

	if (!f)
		return weir_error_sys(err, errno, path, "open the job");
	for (;;) {
		uint8_t *to = weir_buf_room(&b, 65536);
		size_t n = to ? fread(to, 1, 65536, f) : 0;

		b.len += n;
		if (n < 65536)
			break;
	}
	if (ferror(f))
		code = weir_error_sys(err, errno ? errno : EIO, path, "read the job");
	fclose(f);
	h->files++;
	weir_sha256_put(&h->sha, b.data, b.len);
	if (!code)
		code = hash_includes(h, path, weir_buf_cstr(&b), depth, err);
	weir_buf_fini(&b);
	return code;
}

static int header_name(const struct dirent *d) { return strlen(d->d_name) > 2 && strcmp(d->d_name + strlen(d->d_name) - 2, ".h") == 0; }

static int job_key(const char *path, const char *include, const char *cc, const char *flags, char out[65], struct weir_error *err)
{
	struct hashing h = { 0 };
	struct dirent **names;
	char dir[PATH_MAX + 8];
	uint8_t sum[32];
	int n, code;

	weir_sha256_init(&h.sha);
	weir_sha256_put(&h.sha, cc, strlen(cc) + 1);
	weir_sha256_put(&h.sha, flags, strlen(flags) + 1);
	code = hash_file(&h, path, 0, err);
	snprintf(dir, sizeof(dir), "%s/weir", include);
	n = code ? 0 : scandir(dir, &names, header_name, alphasort);
	for (int i = 0; i < n; i++) {
		char name[2 * PATH_MAX];

		snprintf(name, sizeof(name), "%s/%s", dir, names[i]->d_name);
		if (!code)
			code = hash_file(&h, name, 32, err);
		free(names[i]);
	}
	if (n > 0)
		free(names);
	weir_sha256_done(&h.sha, sum);
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return code;
}

/* ---- compiling ---- */

/* Users without a home of their own (nobody, services). Anyone may make a folder in /tmp, and what lies in this one is run: it must be ours alone. */
static int cache_dir_in_tmp(char *out, size_t size, struct weir_error *err)
{
	struct stat st;

	snprintf(out, size, "/tmp/weir-%u", (unsigned)getuid());
	if (mkdir(out, 0700) != 0 && errno != EEXIST)
		return weir_error_sys(err, errno, out, "make the folder of compiled jobs");
	if (lstat(out, &st) != 0)
		return weir_error_sys(err, errno, out, "look at the folder of compiled jobs");
	if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 022))
		return weir_error_at(err, WEIR_EPERM, out, WEIR_NO_OFFSET, "this is not a folder that only you may write to; remove it, or set XDG_CACHE_HOME");
	strncat(out, "/jobs", size - strlen(out) - 1);
	return weir_fs_mkdirs(weir_fs_local, out, err);
}

static int cache_dir(char *out, size_t size, struct weir_error *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct weir_error why = WEIR_ERROR_INIT;

	if (xdg && *xdg) {
		snprintf(out, size, "%s/weir/jobs", xdg);
		return weir_fs_mkdirs(weir_fs_local, out, err);
	}
	if (home && *home) {
		snprintf(out, size, "%s/.cache/weir/jobs", home);
		if (weir_fs_mkdirs(weir_fs_local, out, &why) == 0)
			return 0;
	}
	return cache_dir_in_tmp(out, size, err);
}

static int run_compiler(char *const argv[], struct weir_error *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return weir_error_sys(err, errno, NULL, "start the compiler");
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		fprintf(stderr, "weir: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return weir_error_set(err, WEIR_ENOTFOUND, "the C compiler '%s' cannot be run; install one, set CC, or give a built .so", argv[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : WEIR_EINVALID;
}

static int compile(const char *path, char *out, size_t size, struct weir_error *err)
{
	const char *cc = getenv("CC") ? getenv("CC") : "cc", *extra = getenv("CFLAGS") ? getenv("CFLAGS") : "";
	char include[PATH_MAX], dir[PATH_MAX], key[65], tmp[PATH_MAX + 80], inc[PATH_MAX + 3], flags[1024];
	char *argv[64] = { (char *)(uintptr_t)cc, (char *)"-std=gnu11", (char *)"-O2", (char *)"-g", (char *)"-Wall", (char *)"-fPIC", (char *)"-shared", inc };
	int n = 8, code = find_include(include, sizeof(include), err);

	if (!code)
		code = job_key(path, include, cc, extra, key, err);
	if (!code)
		code = cache_dir(dir, sizeof(dir), err);
	if (code)
		return code;
	snprintf(out, size, "%s/%s.so", dir, key);
	if (access(out, R_OK) == 0)
		return 0;
	snprintf(inc, sizeof(inc), "-I%s", include);
	snprintf(tmp, sizeof(tmp), "%s/%s.%ld.tmp", dir, key, (long)getpid());
	snprintf(flags, sizeof(flags), "%s", extra);
	for (char *save = NULL, *f = strtok_r(flags, " ", &save); f && n < 56; f = strtok_r(NULL, " ", &save))
		argv[n++] = f;
	argv[n++] = (char *)"-o";
	argv[n++] = tmp;
	argv[n++] = (char *)(uintptr_t)path;
	argv[n] = NULL;
	code = run_compiler(argv, err);
	if (code) {
		unlink(tmp);
		return weir_error_set(err, code, "%s does not compile (its messages are above)", path);
	}
	if (rename(tmp, out) != 0)
		return weir_error_sys(err, errno, out, "keep the compiled job");
	return 0;
}

/* ---- loading ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

int weir_job_file_open(const char *path, struct weir_job_file *out, struct weir_error *err)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char so[2 * PATH_MAX];
	struct stat st;
	int code = 0;

	if (stat(path, &st) != 0)
		return weir_error_sys(err, errno, path, "open the job");
	if (ends_with(path, ".c"))
		code = compile(path, so, sizeof(so), err);
	else if (ends_with(path, ".so"))
		snprintf(so, sizeof(so), "%s%s", strchr(path, '/') ? "" : "./", path);
	else
		return weir_error_set(err, WEIR_EINVALID, "%s: a job is a C file (.c) or a shared object (.so)", path);
	if (code)
		return code;
	snprintf(out->name, sizeof(out->name), "%.*s", (int)strcspn(base, "."), base);
	out->handle = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	if (!out->handle)
		return weir_error_set(err, WEIR_EINVALID, "%s cannot be loaded: %s", path, dlerror());
	out->main = (weir_main_fn *)(uintptr_t)dlsym(out->handle, "weir_main");
	if (!out->main)
		return weir_error_set(err, WEIR_EINVALID, "%s has no function weir_main(struct weir_env *, int, char **), where a job begins", path);
	return 0;
}
