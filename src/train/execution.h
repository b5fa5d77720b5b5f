/* One run on its way through the trainer: what execute.c fills and outcome.c writes down. */
#ifndef TRAIN_EXECUTION_H
#define TRAIN_EXECUTION_H

#include "train/lane.h"
#include "train/measure/evaluate.h"

/* Where a lane is on its way to. At a rung that it had passed already nobody asks; it is measured
 * there again. */
enum goal { GOAL_PASSED_RUNG, GOAL_RUNG, GOAL_END };

struct execution {
    struct trainer *trainer;     /* borrowed */
    const struct train_job *job; /* borrowed */
    struct arena *arena;         /* owned: texts, what is written */
    struct arena *evaluated;     /* owned: predictions of the last evaluation */
    struct split *split;         /* owned */
    struct queue *queue;         /* owned: what it computes runs on it */
    struct network network;      /* owned */
    struct lane lane;            /* owned; empty for a method that trains nothing */
    struct predictions train, test;
    struct metrics metrics;
    bool is_evaluated;                    /* as the network is now */
    bool has_left;                        /* it paused or stopped at a rung */
    bool trains;                          /* and has not come to its end yet */
    enum goal goal;                       /* of the lane's way */
    bool has_passed_all;                  /* the rungs that it had passed already */
    int64_t rung_epoch;                   /* of the next rung; 0: none */
    double started_seconds, eval_seconds; /* monotonic start; seconds of evaluating */
    char started[32];
};

/* Loads, builds, edits, continues from a checkpoint and departs. Clears `execution` first. Whatever
 * it returns, execution_end follows. */
CHECKED enum status execution_begin(struct trainer *trainer, const struct train_job *job,
                                    struct execution *execution);
/* Its next piece of work: a step, what is due at a goal, or in the end evaluating and writing.
 * *is_over: there is none left. */
CHECKED enum status execution_advance(struct execution *execution, bool *is_over);
/* Releases everything; `worked` is how it went so far. A run that diverged is written down first:
 * it is a result. Returns what becomes of the run, with its message. */
CHECKED enum status execution_end(struct execution *execution, enum status worked);

/* The data and the split of the job, and its base weights (borrowed): read once, and CHANGED_INPUT
 * when they are not what the job's contents name. */
CHECKED enum status execution_split(struct execution *execution);
CHECKED enum status execution_weights(const struct execution *execution,
                                      const struct weights **out);
/* With batch_norm: recalibrate, the running values of the final weights anew over D_r, in batches
 * as trained. CANCELLED as lane_advance: it is begun again, with the same result. */
CHECKED enum status execution_recalibrate(struct execution *execution);
/* Evaluates the network as it is: predictions and metrics. */
CHECKED enum status execution_evaluate(struct execution *execution);
/* Adds what the final weights hold behind the outputs to the metrics: distance_original, sparsity
 * and sparsity_merged, and with eval.probe and eval.relearn what those ask for. Changes nothing
 * else of the run. CANCELLED as lane_advance. */
CHECKED enum status execution_inspect(struct execution *execution);
/* Tells the observer that the run is in this phase, and alive. */
void execution_report_phase(const struct execution *execution, const char *phase);
/* As that, after training. Asked to stop, it keeps what was trained, and the rest is done again:
 * CANCELLED, "while <doing>". */
CHECKED enum status execution_go_on(struct execution *execution, const char *phase,
                                    const char *doing);
/* Chooses the lane's next goal, and opens it where there is something to train on the way. */
CHECKED enum status execution_depart(struct execution *execution);
/* At the goal: closes the lane, measures, asks. What was the end, or the run left, trains no more;
 * else it departs again. */
CHECKED enum status execution_arrive(struct execution *execution);
/* Writes "<folder>/run.h5". state: "done", "paused", "stopped_early", or "diverged" with its
 * message. */
CHECKED enum status execution_record(struct execution *execution, const char *state,
                                     const char *message);
/* Final weights under PyTorch's names with a manifest beside them; adapters go to
 * "<folder>/adapters.h5" and are merged into the weights, so that those load into the plain
 * architecture anywhere. Changes the parameters. */
CHECKED enum status execution_save_weights(struct execution *execution);

#endif
