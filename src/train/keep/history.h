/* What is remembered of every finished epoch: columns by name, in memory, in checkpoints and in
 * run.h5. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "store/results/run_file.h"
#include "store/weights/weights.h"

enum history_column {
    HISTORY_EPOCH,
    HISTORY_STEP,
    HISTORY_TIME,
    HISTORY_LR,
    HISTORY_LOSS,
    HISTORY_VALIDATION_ACCURACY, /* NaN after an epoch without validation */
    HISTORY_VALIDATION_LOSS,
    HISTORY_METRIC, /* of early_terminate, under its own name; NaN where it was not asked for */
    N_HISTORY
};

struct history {  /* one row per finished epoch */
    double *rows; /* [capacity, N_HISTORY], heap, owned */
    int64_t n, capacity;
    const char *metric; /* borrowed: name of the last column; NULL: there is none */
};

/* `metric` of early_terminate, which may be NULL or that of another column. */
void history_begin(struct history *history, const char *metric);
void history_release(struct history *history);
/* A new row, all NaN; borrowed until the next. NULL when memory ran out. */
double *history_add(struct history *history);
/* Columns that the history has: all, or all but the metric. */
int history_columns(const struct history *history);
/* The k-th column as a series of run.h5; its values in the arena. */
CHECKED enum status history_series(const struct history *history, int column, struct arena *arena,
                                   struct run_series *out);

/* ---- in checkpoints: "checkpoint.history.<name>", [n] of float64 each ---- */
enum { HISTORY_MAX_TENSORS = N_HISTORY };
/* Appends to tensors[*n]; names and values in the arena. */
CHECKED enum status history_save(const struct history *history, struct arena *arena,
                                 struct weight_tensor *tensors, int64_t *n);
/* The n_epochs rows of a checkpoint, also of one of the form before, which kept one matrix
 * without names. A column that it lacks is NaN, and so is a metric of another name: it is measured
 * again where it is needed. BAD_DATA when there are other than n_epochs rows. */
CHECKED enum status history_restore(struct history *history, const struct weights *weights,
                                    int64_t n_epochs);
/* The tensors of a checkpoint in the order in which they were saved, appended to ordered[*n]. */
void history_find(const struct weights *weights, struct weight_tensor *ordered, int64_t *n);

#endif
