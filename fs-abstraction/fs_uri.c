// SPDX-License-Identifier: Apache-2.0
/*
 * URIs to file systems and back. One static table of schemes; a later file system is one row.
 * A URI is scheme, optional //authority, and the path as it is: nothing is escaped, as in Flink's metadata.
 * Tests may add a scheme of their own (fs_layers.h); these come after the table's, under a lock.
 */
#include "fs-abstraction/fs_priv.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs-abstraction/fs_layers.h"
#include "fs-abstraction/path.h"

/* What follows the scheme's colon, taken apart. */
struct parts {
	const char *uri;
	const char *authority; /* NULL when there is no "//" */
	size_t authority_len;
	const char *path; /* may be relative or empty */
};

static int find_file(const struct parts *p, struct weir_fs **out, struct weir_error *err)
{
	if (p->authority_len && !(p->authority_len == 9 && memcmp(p->authority, "localhost", 9) == 0))
		return weir_error_set(err, WEIR_EINVALID, "%s: files of another host (\"%.*s\") cannot be reached by file:; for a local path write file:///%.*s%s",
				      p->uri, (int)p->authority_len, p->authority, (int)p->authority_len, p->authority, p->path);
	*out = weir_fs_local;
	return 0;
}

static int find_memory(const struct parts *p, struct weir_fs **out, struct weir_error *err)
{
	struct weir_fs *fs = weir__fs_memory_find(p->authority ? p->authority : "", p->authority_len);

	if (!fs)
		return weir_error_set(err, WEIR_ENOTFOUND, "%s: this process has no memory file system named \"%.*s\"", p->uri,
				      (int)p->authority_len, p->authority ? p->authority : "");
	*out = fs;
	return 0;
}

static const struct {
	const char *name;
	int (*find)(const struct parts *p, struct weir_fs **out, struct weir_error *err);
} schemes[] = {
	{ "file", find_file },
	{ "memory", find_memory },
};
#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* ---- schemes of tests ---- */

#define REGISTERED_MAX 8

static pthread_mutex_t registered_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *scheme; /* NULL: free */
	struct weir_fs *fs;
} registered[REGISTERED_MAX];

static size_t find_registered(const char *scheme, size_t n)
{
	size_t i = 0;

	while (i < REGISTERED_MAX && !(registered[i].scheme && strlen(registered[i].scheme) == n && strncasecmp(registered[i].scheme, scheme, n) == 0))
		i++;
	return i;
}

int weir_fs_register(const char *scheme, struct weir_fs *fs, struct weir_error *err)
{
	size_t n = strlen(scheme), i = 0;
	int rc = 0;

	for (size_t row = 0; row < NSCHEMES; row++)
		if (strcasecmp(schemes[row].name, scheme) == 0)
			rc = WEIR_EEXISTS;
	pthread_mutex_lock(&registered_mutex);
	if (find_registered(scheme, n) < REGISTERED_MAX)
		rc = WEIR_EEXISTS;
	while (!rc && i < REGISTERED_MAX && registered[i].scheme)
		i++;
	if (!rc && i < REGISTERED_MAX) {
		registered[i].scheme = scheme;
		registered[i].fs = fs;
	} else if (!rc) {
		rc = WEIR_EBUSY;
	}
	pthread_mutex_unlock(&registered_mutex);
	if (rc)
		weir_error_set(err, rc, rc == WEIR_EBUSY ? "%s: %d schemes are registered already" : "%s: this scheme has a file system already", scheme, REGISTERED_MAX);
	return rc;
}

void weir_fs_unregister(const char *scheme)
{
	size_t i;

	pthread_mutex_lock(&registered_mutex);
	i = find_registered(scheme, strlen(scheme));
	if (i < REGISTERED_MAX)
		registered[i].scheme = NULL;
	pthread_mutex_unlock(&registered_mutex);
}

static struct weir_fs *registered_fs(const char *scheme, size_t n)
{
	struct weir_fs *fs;
	size_t i;

	pthread_mutex_lock(&registered_mutex);
	i = find_registered(scheme, n);
	fs = i < REGISTERED_MAX ? registered[i].fs : NULL;
	pthread_mutex_unlock(&registered_mutex);
	return fs;
}

/* Length of the scheme at the start of the URI, or 0: a letter, then letters, digits, "+-.", then a colon. */
static size_t scheme_len(const char *uri)
{
	size_t n = 0;

	if (!isalpha((unsigned char)uri[0]))
		return 0;
	while (isalnum((unsigned char)uri[n]) || (uri[n] && strchr("+-.", uri[n])))
		n++;
	return uri[n] == ':' ? n : 0;
}

static int unknown_scheme(const char *uri, size_t n, struct weir_error *err)
{
	char known[128] = "";

	for (size_t i = 0; i < NSCHEMES; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", schemes[i].name);
	if (uri[n + 1] == '/')
		return weir_error_set(err, WEIR_EUNSUPPORTED, "%s: no file system is known for the scheme \"%.*s\" (known: %s)", uri, (int)n, uri, known);
	return weir_error_set(err, WEIR_EUNSUPPORTED, "%s: no file system is known for the scheme \"%.*s\" (known: %s); a local file of that name is written ./%s",
			      uri, (int)n, uri, known, uri);
}

static int absolute(const char *path, char **out, struct weir_error *err)
{
	char *cwd = NULL, *whole = NULL;
	int rc = 0;

	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return weir_error_sys(err, errno, path, "find the current directory that this relative path starts from");
		whole = weir_path_join(cwd, path);
		if (!whole) {
			rc = weir__fs_nomem(err, path);
			goto out;
		}
	}
	*out = weir_path_normal(whole ? whole : path);
	if (!*out)
		rc = weir__fs_nomem(err, path);
out:
	free(cwd);
	free(whole);
	return rc;
}

int weir_fs_resolve(const char *uri, struct weir_fs **out_fs, char **out_path, struct weir_error *err)
{
	struct parts p = { .uri = uri };
	size_t n, row = 0;
	struct weir_fs *fs = NULL;
	char *path = NULL;
	int rc;

	if (!uri || !*uri)
		return weir_error_set(err, WEIR_EINVALID, "an empty path names no file");
	n = scheme_len(uri);
	if (n) {
		while (row < NSCHEMES && !(strlen(schemes[row].name) == n && strncasecmp(schemes[row].name, uri, n) == 0))
			row++;
		if (row == NSCHEMES && !(fs = registered_fs(uri, n)))
			return unknown_scheme(uri, n, err);
		uri += n + 1;
		if (uri[0] == '/' && uri[1] == '/') {
			p.authority = uri + 2;
			uri = strchrnul(p.authority, '/');
			p.authority_len = (size_t)(uri - p.authority);
		}
	}
	p.path = *uri || !n ? uri : "/";
	rc = fs ? 0 : schemes[row].find(&p, &fs, err);
	if (rc)
		return rc;
	if (fs != weir_fs_local && p.path[0] != '/')
		return weir_error_set(err, WEIR_EINVALID, "%s: the path after %.*s: must begin with a slash", p.uri, (int)n, p.uri);
	rc = absolute(p.path, &path, err);
	if (rc)
		return rc;
	*out_fs = fs;
	*out_path = path;
	return 0;
}

char *weir_fs_uri(const struct weir_fs *fs, const char *path)
{
	char *out = NULL;
	int n = fs->authority ? asprintf(&out, "%s://%s%s", fs->ops->scheme, fs->authority, path) : asprintf(&out, "%s:%s", fs->ops->scheme, path);

	return n < 0 ? NULL : out;
}
