/* A folder that exists for one test. */
#ifndef SUPPORT_TEMPORARY_FOLDER_H
#define SUPPORT_TEMPORARY_FOLDER_H

enum { TEMPORARY_PATH_BYTES = 512 };

struct temporary_folder {
    char path[TEMPORARY_PATH_BYTES];
};

/* Both end the running CMocka test when the machine refuses. */
void temporary_folder_open(struct temporary_folder *folder);
void temporary_folder_close(struct temporary_folder *folder); /* with everything in it */
/* "folder/name" in `path`, which it returns. */
char *temporary_path(const struct temporary_folder *folder, const char *name,
                     char path[TEMPORARY_PATH_BYTES]);
int temporary_folder_count(const struct temporary_folder *folder); /* entries in it */

#endif
