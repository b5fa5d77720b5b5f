/* The trainer's work: one run from settings to run.h5 and final weights. No MPI here. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "base/text.h"
#include "config/settings.h"
#include "kernels/kernels.h"

#include <stdbool.h>

struct trainer; /* a device and warm caches (data sets, base weights) that live across runs */

CHECKED enum status trainer_create(const struct backend *backend,
                                   const struct device_settings *settings, struct trainer **out);
void trainer_destroy(struct trainer *trainer); /* accepts NULL */
enum precision settings_precision(const struct settings *settings);

struct train_progress {
    int64_t epoch, n_epochs, step, n_steps; /* epochs and steps done; n_steps of the whole run */
    double loss;                            /* of the last step that is known */
    double accuracy; /* share of right predictions in this epoch's steps of this attempt, each
                        before its step; NaN until one is known */
    double images_per_second;
    const char *phase; /* "load", "train", "validate", "recalibrate", "evaluate" */
};
/* early_terminate: a run at a rung asks what becomes of it. */
enum train_verdict {
    TRAIN_GO_ON,
    TRAIN_PAUSE, /* checkpoint, evaluate, write run.h5 with the state "paused", end */
    TRAIN_STOP,  /* evaluate, write run.h5 with the state "stopped_early", end */
    TRAIN_CANCEL /* as wants_stop */
};
struct train_rung {
    int64_t epoch; /* epochs done */
    double value;  /* of the job's metric by then */
};
struct train_observer {
    void *context;
    void (*progress)(void *context, const struct train_progress *progress); /* may be NULL */
    bool (*wants_stop)(void *context); /* may be NULL; asked between steps */
    /* Blocks until the verdict is there; *next_epoch: the next rung, 0: none. Needed by jobs with a
     * rung_epoch. */
    enum train_verdict (*reach)(void *context, const struct train_rung *rung, int64_t *next_epoch);
};

/* Hashes of what a run's files held when it was planned; NULL or "": whatever is there. */
struct train_contents {
    const char *split; /* the data and what is forgotten of it */
    const char *weights;
};
struct train_job {
    const struct settings *settings;
    const char *id, *name;
    int64_t attempt;
    const char *folder; /* "…/runs/<id>/a<n>": run.h5, weights.h5, ckpt/ go here; created */
    const char *const *earlier; /* [n_earlier] folders of earlier attempts, newest first */
    int64_t n_earlier;
    const char *weights_path; /* where final weights go; NULL: "<folder>/weights.h5" */
    int64_t rung_epoch;       /* epochs after which to ask; 0: never */
    const char *metric;       /* what to say then: "loss" (of the epoch), or a metric by its name */
    /* Earlier epochs, in order, after which an earlier attempt was asked: the metric is measured
     * there again, so that the history is the same whichever attempt wrote it. */
    const int64_t *passed_rungs;
    int64_t n_passed_rungs;
    struct train_contents contents;
    struct train_observer observer;
    struct text *summary; /* of a run that is done: store/run_summary.h; NULL: not wanted */
    double *scores;       /* [N_SCORES] of a run that is done, by measure_score; NULL: not wanted */
};
/* What became of a run: what trainer_execute returns of it, and its message. */
struct train_end {
    enum status status;
    char message[STATUS_MESSAGE_BYTES];
};
/* Several runs side by side, each with the result that it has alone, whatever the others do; as
 * many as the device's memory has room for. ends: [n]. Fails only where none could begin. */
CHECKED enum status trainer_execute_pack(struct trainer *trainer, const struct train_job *jobs,
                                         int n, struct train_end *ends);
/* Trains, evaluates, writes run.h5 (also for a run that diverged: state "diverged", and returns
 * DIVERGED). CANCELLED when stopped: a checkpoint was written first. A run that paused or stopped
 * at a rung is OK: whoever gave the verdict knows. CHANGED_INPUT before anything was trained. */
CHECKED enum status trainer_execute(struct trainer *trainer, const struct train_job *job);

#endif
