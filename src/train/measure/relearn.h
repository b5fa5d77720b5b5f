/* Relearn time: how many steps of training bring the forgotten images back. What was only rerouted
 * is back at once; what was erased has to be learned anew, as by a retrained model. */
#ifndef TRAIN_RELEARN_H
#define TRAIN_RELEARN_H

#include "data/dataset.h"
#include "train/measure/forward.h"
#include "train/measure/plain_network.h"

struct relearn {
    struct plain_network *merged; /* trained: its weights change */
    struct forward *forward;      /* of merged->network */
    const struct split *split;
    double goal; /* accuracy on D_f */
    /* Between two looks; what it returns ends the training unless it is OK. */
    enum status (*between)(void *context);
    void *context;
};
struct relearned {
    int64_t steps; /* when the goal was found reached; else eval.relearn.max_steps */
    bool is_reached;
};

/* SGD with momentum 0.9 (eval.relearn.lr, constant, no decay, no augmentation, batch norm in train
 * mode). Every step takes eval.relearn.batch_size images, half of them (rounded up) from D_f and
 * the others from D_r, both in orders drawn by eval.seed: D_f alone would count as back once a
 * model calls everything the forgotten class. D_f is looked at, in evaluation mode, before the
 * first step and after every eval.relearn.every. A loss that is not finite ends it, not reached.
 * The same steps for the same weights. Needs an image in D_f. Sources: relearn time, Golatkar et
 * al., arXiv:1911.04933; mini-batches until within a distance of the original model's accuracy,
 * Chundawat et al., arXiv:2201.05629. */
CHECKED enum status relearn(const struct relearn *relearn, struct relearned *out);

/* Share of D_f that the network of `forward` is right about. Blocks. */
CHECKED enum status forget_accuracy(struct forward *forward, const struct split *split,
                                    double *out);

#endif
