/* Structured pruning, then fine-tuning on the images that remain (Jia et al., arXiv:2304.04934).
 * Under mask: baked the zeros may grow back, as published. */
#include "unlearn/methods.h"

const struct method method_prune_finetune = {
    .name = "prune_finetune",
    .summary = "structured pruning, then all weights trained on the retained images",
    .reads = GROUP_MODEL | GROUP_WEIGHTS | GROUP_TRAIN | GROUP_PRUNE | GROUP_SEED,
    .starts_from_weights = true,
    .prunes = true,
    .training = TRAIN_RECIPE,
};
