/* A phase of training: which images a step takes, what it wants of them, which recipe leads it. The
 * loop runs phases and asks nothing else of a method; relearning is a phase as well. */
#ifndef UNLEARN_PHASE_H
#define UNLEARN_PHASE_H

#include "config/settings.h"
#include "data/dataset.h"

enum phase_rows { ROWS_RETAIN, ROWS_FORGET }; /* D_r, D_f */

/* The labels that the loss compares with. */
enum phase_target {
    TARGET_LABEL,  /* the images' own */
    TARGET_RANDOM, /* drawn anew every epoch, by unlearn.relabel */
};

/* weight · cross-entropy against the target: below 0 it ascends. */
struct phase_objective {
    double weight; /* not 0 */
    enum phase_target target;
};

struct phase_stream {
    enum phase_rows rows;
    struct phase_objective objective;
};

enum phase_order {
    STREAMS_IN_SEQUENCE, /* an epoch is one pass over each, one after another */
    STREAMS_IN_HALVES,   /* a batch takes half of its images (rounded up) from the first, the others
                            from the second, without end */
};

enum phase_recipe { RECIPE_TRAIN, RECIPE_BASE_TRAIN }; /* train.*, base.train.* */

enum { MOST_STREAMS = 2 };
struct phase {
    enum phase_recipe recipe;
    enum phase_order order;
    int n_streams;
    struct phase_stream streams[MOST_STREAMS];
};

const struct recipe *phase_recipe(const struct phase *phase, const struct settings *settings);
const char *phase_section(const struct phase *phase); /* "train", "base.train": for messages */

struct row_counts { /* images of D_r and D_f */
    int64_t n_retain, n_forget;
};
/* Images that a stream passes over in an epoch. */
int64_t phase_stream_images(const struct phase *phase, int stream, const struct row_counts *counts);
/* The images themselves, borrowed from the split. */
const int32_t *phase_stream_rows(const struct phase *phase, int stream, const struct split *split,
                                 int64_t *n);

#endif
