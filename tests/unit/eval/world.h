/* Made-up predictions and features whose figures are counted by hand, or by make_fits.py. */
#ifndef TESTS_UNIT_EVAL_WORLD_H
#define TESTS_UNIT_EVAL_WORLD_H

#include "eval/attack.h"

enum { N_CLASSES = 4, FORGET = 2 };

struct world {
    struct arena *arena;
    struct dataset dataset;
    struct split *split;
    struct predictions train, test;
};
/* Labels i % 4, every prediction right: p_y is 0.99 in training and 0.6 in test. */
void world_init(struct world *world, int64_t n_train, int64_t n_test, int forget_class);
void world_release(struct world *world);
/* The label gets p, the other classes the same share of the rest; loss and choice follow. */
void predict(struct predictions *predictions, int64_t image, double p);

/* [N_MEMBER] and [N_NON_MEMBER] of fits.h. */
void features_fill(double *member, int64_t n_member, double *non_member, int64_t n_non_member);

#endif
