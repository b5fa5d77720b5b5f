/* The numbered files of a run's folder ckpt/: "step-12.h5", "best-3.h5". */
#ifndef TRAIN_CKPT_FILES_H
#define TRAIN_CKPT_FILES_H

#include <stdint.h>

enum { CKPT_PATH_BYTES = 4096, CKPT_MOST_FILES = 64 };

struct ckpt_files { /* newest first */
    int64_t numbers[CKPT_MOST_FILES];
    int n;
};
struct ckpt_files ckpt_files_list(const char *folder, const char *kind); /* kind: "step" */
void ckpt_file_path(const char *folder, const char *kind, int64_t number,
                    char path[CKPT_PATH_BYTES]);
void ckpt_files_keep(const char *folder, const char *kind, int n_newest); /* removes the others */

/* Those of several attempts together. */
struct ckpt_place {
    const char *folder; /* borrowed */
    int64_t number, order;
};
/* Adds the "step" files of a folder to places[*n]; at most CKPT_MOST_FILES. */
void ckpt_places_add(const char *folder, struct ckpt_place *places, int64_t *n);
void ckpt_places_sort(struct ckpt_place *places, int64_t n); /* furthest first, else as added */

#endif
