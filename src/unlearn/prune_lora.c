/* PruneLoRA (arXiv:2411.11907): prune first, then adapt, then unlearn. */
#include "unlearn/methods.h"

const struct method method_prune_lora = {
    .name = "prune_lora",
    .summary = "structured pruning, then adapters and the head trained on the retained images",
    .reads = GROUP_MODEL | GROUP_WEIGHTS | GROUP_TRAIN | GROUP_PRUNE | GROUP_LORA | GROUP_SEED,
    .starts_from_weights = true,
    .prunes = true,
    .adapts = true,
    .training = TRAIN_RECIPE,
};
