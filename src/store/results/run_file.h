/* runs/<id>/a<n>/run.h5: one attempt's result: settings, metrics, history, per-sample losses and
 * margins, confusion matrices, predictions of D_f. Written by its trainer, composed in memory and
 * replaced whole. */
#ifndef STORE_RUN_FILE_H
#define STORE_RUN_FILE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct run_value {     /* a scalar attribute of /result: NaN when it does not apply */
    const char *name;  /* "UA", "seconds_train" */
    const char *units; /* "1", "s", "images/s", "bytes" */
    const char *long_name;
    double value;
};
struct run_series {   /* one column of /history */
    const char *name; /* "epoch", "step", "time", "loss" … */
    const char *units;
    double *values;
    int64_t n;
};
struct run_samples {  /* /samples/<name>: per image */
    const char *name; /* "train", "test" */
    int64_t n;
    const double *loss, *margin; /* stored as float32 */
    const int32_t *labels;
    const uint8_t *part; /* 0 retain, 1 forget, 2 validation */
};
struct run_classes {  /* /classes/<name>: what is chosen for each class's images */
    const char *name; /* "train", "test" */
    int64_t n_classes;
    const int64_t *counts;  /* [n_classes, n_classes] images by label and chosen class */
    const double *accuracy; /* [n_classes], NaN for a class without images */
};
struct run_forget {           /* /forget: what the model says of the images it is to forget */
    int64_t n, n_classes;     /* n 0: no such group is written */
    const int32_t *images;    /* [n] rows of the training table */
    const float *probability; /* [n, n_classes] softmax */
    const double *profile;    /* [n_classes] share of the images each class is chosen for */
};
struct run_file {
    const char *id, *name, *state, *message; /* state: "done", "failed", "diverged" */
    int64_t attempt;
    const char *host, *started; /* started: timestamp */
    const char *device; /* what computed, with its libraries; NULL: older than that was written */
    int64_t eval_batch_size; /* images at a time; 0 when it was not evaluated, or is older */
    int64_t numerics;        /* version of the arithmetic; 0: older than its numbering */
    int64_t n_threads;       /* its trainer's; 0: older */
    const char *settings_json;
    struct run_value *values;
    int64_t n_values;
    struct run_series *history;
    int64_t n_history;
    struct run_samples samples[2];
    int64_t n_samples;
    struct run_classes classes[2]; /* this and the next are not filled by run_file_read */
    int64_t n_classes;             /* of those, 0 when it was not evaluated */
    struct run_forget forget;
};
CHECKED enum status run_file_write(const char *path, const struct run_file *run);
/* Strings and arrays in the arena. with_samples false skips the per-sample data. BAD_DATA names a
 * damaged file. */
CHECKED enum status run_file_read(const char *path, bool with_samples, struct arena *arena,
                                  struct run_file *out);
/* The group /forget alone, in the arena. BAD_DATA also when the file has none. */
CHECKED enum status run_file_read_forget(const char *path, struct arena *arena,
                                         struct run_forget *out);
/* What computed it, as it was told, in the arena. BAD_DATA when the file does not say. */
CHECKED enum status run_file_read_device(const char *path, struct arena *arena, const char **out);
double run_file_value(const struct run_file *run, const char *name); /* NaN when it has none */

#endif
