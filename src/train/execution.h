/* One run on its way through the trainer: what execute.c fills and record.c writes down. */
#ifndef TRAIN_EXECUTION_H
#define TRAIN_EXECUTION_H

#include "train/lane.h"
#include "train/measure/evaluate.h"

struct execution {
    struct trainer *trainer;     /* borrowed */
    const struct train_job *job; /* borrowed */
    struct arena *arena;         /* owned: texts, what is written */
    struct arena *evaluated;     /* owned: predictions of the last evaluation */
    struct split *split;         /* owned */
    struct network network;      /* owned */
    struct lane lane;            /* owned; empty for a method that trains nothing */
    struct predictions train, test;
    struct metrics metrics;
    bool is_evaluated;                    /* as the network is now */
    bool has_left;                        /* it paused or stopped at a rung */
    int64_t rung_epoch;                   /* of the next rung; 0: none */
    double started_seconds, eval_seconds; /* monotonic start; seconds of evaluating */
    char started[32];
};

/* The data and the split of the job, and its base weights (borrowed): read once, and CHANGED_INPUT
 * when they are not what the job's contents name. */
CHECKED enum status execution_split(struct execution *execution);
CHECKED enum status execution_weights(const struct execution *execution,
                                      const struct weights **out);
/* With batch_norm: recalibrate, the running values of the final weights anew over D_r, in batches
 * as trained. CANCELLED as loop_run: it is begun again, with the same result. */
CHECKED enum status execution_recalibrate(struct execution *execution);
/* Evaluates the network as it is: predictions and metrics. */
CHECKED enum status execution_evaluate(struct execution *execution);
/* Adds what the final weights hold behind the outputs to the metrics: distance_original, sparsity
 * and sparsity_merged, and with eval.probe and eval.relearn what those ask for. Changes nothing
 * else of the run. CANCELLED as lane_run. */
CHECKED enum status execution_inspect(struct execution *execution);
/* Tells the observer that the run is in this phase, and alive. */
void execution_report_phase(const struct execution *execution, const char *phase);
/* As that, after training. Asked to stop, it keeps what was trained, and the rest is done again:
 * CANCELLED, "while <doing>". */
CHECKED enum status execution_go_on(struct execution *execution, const char *phase,
                                    const char *doing);
/* Trains from lane->position to the end, or to the rung where the run is told to leave. */
CHECKED enum status execution_climb(struct execution *execution);
/* Writes "<folder>/run.h5". state: "done", "paused", "stopped_early", or "diverged" with its
 * message. */
CHECKED enum status execution_record(struct execution *execution, const char *state,
                                     const char *message);
/* Final weights under PyTorch's names with a manifest beside them; adapters go to
 * "<folder>/adapters.h5" and are merged into the weights, so that those load into the plain
 * architecture anywhere. Changes the parameters. */
CHECKED enum status execution_save_weights(struct execution *execution);

#endif
