/* The unlearning methods: each one file, one row in one table. A method is a composition: where it
 * starts, which passes it applies, which recipe trains it; "prune first, then adapt, then unlearn"
 * is a row, not a special case. */
#ifndef UNLEARN_METHOD_H
#define UNLEARN_METHOD_H

#include "config/settings.h"

enum method_training {
    TRAIN_NOTHING,
    TRAIN_RECIPE,      /* train.* on D_r, no augmentation unless asked */
    TRAIN_BASE_RECIPE, /* base.train.* on D_r from initial values */
};

struct method {
    const char *name;
    const char *summary; /* one line for --help and reports */
    unsigned reads;      /* enum setting_group bits that enter a run's identity */
    bool starts_from_weights, prunes, adapts;
    bool zeroes_head;  /* the forgotten class's row of the last layer */
    bool is_reference; /* the exact answer that the other methods are compared with */
    enum method_training training;
};

/* Also a composition's, as unlearn/composition.h names them. NULL when unknown. */
const struct method *method_find(const char *name);
const struct method *method_at(int i); /* NULL past the end */
/* Whether a run ends with other weights than it began with. */
bool method_changes_weights(const struct method *method);

#endif
