/* Internals of the checks of a sweep's files: what the parts of content.c share. */
#ifndef SWEEP_CONTENT_H
#define SWEEP_CONTENT_H

#include "sweep/points/point.h"

enum file_state { FILE_PRESENT, FILE_ABSENT, FILE_BROKEN };

struct split_entry;
struct data_entry {
    const char *path;
    enum dataset_kind kind;
    enum file_state state;
    const char *absent;
    struct dataset *dataset;  /* owned; NULL unless present */
    struct image_shape shape; /* n_classes 0: unknown, as the files are missing */
    struct split_entry *splits;
    struct data_entry *next;
};

struct content {
    struct spec *spec; /* borrowed */
    bool needs_files;
    struct data_entry *data;
    struct weights_entry *weights;
    struct targets_entry *targets;
};

enum file_state file_state_after(enum status failed);
/* Turns the last failure into a diagnostic at a setting's value; other failures pass through. */
CHECKED enum status content_report(struct content *content, const struct point *point,
                                   const char *setting, enum status failed);

/* The data of a point, loaded once. */
CHECKED enum status content_data(struct content *content, const struct point *point,
                                 struct data_entry **out);
/* The hash of what a point forgets, retains and sets aside, and how many images it forgets and
 * retains (both 0: unknown). Both are unchanged after a diagnostic. */
CHECKED enum status content_split(struct content *content, const struct point *point,
                                  const char **hash, struct row_counts *counts);

#endif
