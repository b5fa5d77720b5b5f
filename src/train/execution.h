/* One run on its way through the trainer: what execute.c fills and record.c writes down. */
#ifndef TRAIN_EXECUTION_H
#define TRAIN_EXECUTION_H

#include "train/evaluate.h"
#include "train/loop.h"

struct execution {
    struct trainer *trainer;     /* borrowed */
    const struct train_job *job; /* borrowed */
    struct arena *arena;         /* owned: predictions, texts */
    struct split *split;         /* owned */
    struct network network;      /* owned */
    struct loop loop;            /* owned; empty for a method that trains nothing */
    struct predictions train, test;
    struct metrics metrics;
    bool is_evaluated;
    double started_seconds, eval_seconds; /* monotonic start; seconds of the final evaluation */
    char started[32];
};

/* Writes "<folder>/run.h5". state: "done", or "diverged" with its message. */
CHECKED enum status execution_record(struct execution *execution, const char *state,
                                     const char *message);
/* Final weights under PyTorch's names with a manifest beside them; adapters go to
 * "<folder>/adapters.h5" and are merged into the weights, so that those load into the plain
 * architecture anywhere. Changes the parameters. */
CHECKED enum status execution_save_weights(struct execution *execution);

#endif
