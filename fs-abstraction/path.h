/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a file system, as text: "/", or "/" and names joined by single slashes, none of them "." or "..".
 * Lexical only: nothing here touches a disk. Functions that return char * return malloc'ed text, NULL when out of memory.
 */
#ifndef WEIR_FS_PATH_H
#define WEIR_FS_PATH_H

#include <stdbool.h>

bool weir_path_is_normal(const char *path);
/* "//a/./b/../c/" gives "/a/c"; ".." at the root stays there. path must begin with a slash. */
char *weir_path_normal(const char *path);
/* The last name, a pointer into path; "" for "/". */
const char *weir_path_name(const char *path);
char *weir_path_parent(const char *path); /* of "/": "/" */
char *weir_path_join(const char *dir, const char *name);
/* True when path is dir itself or lies below it. */
bool weir_path_is_within(const char *path, const char *dir);
/* ".<name>.inprogress.<uuid>" in the same directory; a name too long for that is shortened so that it stays within 255 bytes. */
char *weir_path_hidden(const char *path, const char *uuid);
/* True for a name that weir_path_hidden made. */
bool weir_path_name_is_hidden(const char *name);

#endif
