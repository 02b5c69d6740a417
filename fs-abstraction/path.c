// SPDX-License-Identifier: Apache-2.0
/*
 * Paths as text (path.h). Pure; every result is a fresh allocation except where it says "pointer into".
 * Invariant: given normal paths every function yields a normal path.
 */
#include "fs-abstraction/path.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255u
#define UUID_LEN 36u
#define HIDDEN_MARK ".inprogress."

bool weir_path_is_normal(const char *path)
{
	const char *p = path;

	if (*p != '/')
		return false;
	if (p[1] == 0)
		return true;
	while (*p == '/') {
		const char *name = ++p;

		p = strchrnul(p, '/');
		if (p == name || (p - name == 1 && name[0] == '.') || (p - name == 2 && name[0] == '.' && name[1] == '.'))
			return false;
	}
	return true;
}

char *weir_path_normal(const char *path)
{
	char *out = malloc(strlen(path) + 2), *to = out;

	if (!out)
		return NULL;
	for (const char *p = path; *p;) {
		const char *end;
		size_t n;

		while (*p == '/')
			p++;
		end = strchrnul(p, '/');
		n = (size_t)(end - p);
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (to > out && *--to != '/')
				;
		} else if (n && !(n == 1 && p[0] == '.')) {
			*to++ = '/';
			memcpy(to, p, n);
			to += n;
		}
		p = end;
	}
	if (to == out)
		*to++ = '/';
	*to = 0;
	return out;
}

const char *weir_path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *weir_path_parent(const char *path)
{
	size_t n = (size_t)(weir_path_name(path) - path);

	return n <= 1 ? strdup("/") : strndup(path, n - 1);
}

char *weir_path_join(const char *dir, const char *name)
{
	size_t d = strlen(dir), n = strlen(name);
	char *out;

	if (d && dir[d - 1] == '/')
		d--;
	out = malloc(d + n + 2);
	if (!out)
		return NULL;
	memcpy(out, dir, d);
	out[d] = '/';
	memcpy(out + d + 1, name, n + 1);
	return out;
}

bool weir_path_is_within(const char *path, const char *dir)
{
	size_t d = strlen(dir);

	if (d == 1)
		return true;
	return strncmp(path, dir, d) == 0 && (path[d] == 0 || path[d] == '/');
}

char *weir_path_hidden(const char *path, const char *uuid)
{
	const char *name = weir_path_name(path);
	size_t extra = 1 + strlen(HIDDEN_MARK) + strlen(uuid), dir = (size_t)(name - path), len = strlen(name), size;
	char *out;

	if (len + extra > NAME_MAX_BYTES) {
		len = NAME_MAX_BYTES - extra;
		while (len && ((unsigned char)name[len] & 0xc0) == 0x80) /* not inside a UTF-8 character */
			len--;
	}
	size = dir + len + extra + 1;
	out = malloc(size);
	if (out)
		snprintf(out, size, "%.*s.%.*s" HIDDEN_MARK "%s", (int)dir, path, (int)len, name, uuid);
	return out;
}

bool weir_path_name_is_hidden(const char *name)
{
	size_t n = strlen(name), mark = strlen(HIDDEN_MARK);

	return name[0] == '.' && n > 1 + mark + UUID_LEN && memcmp(name + n - UUID_LEN - mark, HIDDEN_MARK, mark) == 0;
}
