/* Whole files. A file written here is complete or absent: temporary name, write, fsync, rename,
 * fsync of the folder. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole file in heap memory (free it), with a zero byte after the end. Fails IO when it cannot
 * be read. */
CHECKED enum status file_read(const char *path, char **out, int64_t *n_bytes);
/* Replaces `path` atomically. On any failure the old file is untouched and the temporary one
 * removed. IO and STORAGE name the file. */
CHECKED enum status file_write(const char *path, const void *bytes, size_t n);
CHECKED enum status
folder_create(const char *path); /* with its parents; an existing folder is fine */
/* The last folder of the path alone: the one it lies in must be there. */
CHECKED enum status folder_add(const char *path);
/* What a failed write with this errno is: STORAGE when the disk is full, over quota, read-only or
 * broken, which no other file written there would change; else IO. */
enum status file_write_status(int reason);
/* Removes what writers that were killed left in the folder: "<name>.<process>.tmp". */
void folder_remove_temporaries(const char *path);
void file_remove_temporaries(const char *path); /* those of this file alone */
bool file_exists(const char *path);
bool folder_exists(const char *path);
int64_t file_size(const char *path); /* -1 when there is none */
/* "folder/name" in the arena; `name` alone when it is absolute or folder is empty. */
char *path_join(struct arena *arena, const char *folder, const char *name);
char *path_parent(struct arena *arena, const char *path); /* "." when there is none */
const char *path_base(const char *path);                  /* after the last slash; borrowed */

#endif
