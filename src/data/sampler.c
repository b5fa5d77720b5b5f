/* Orders and augmentations as pure functions of where they stand: no state to save or to share. */
#include "base/random.h"
#include "data/dataset.h"

#include <string.h>

void sampler_augment(uint64_t seed, uint32_t epoch, int32_t image, int padding, int32_t offsets[3])
{
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_AUGMENTATION, .epoch = epoch, .sample = (uint32_t)image};
    uint32_t span = 2 * (uint32_t)padding + 1;

    offsets[0] = (int32_t)random_below(&key, 0, span) - padding;
    offsets[1] = (int32_t)random_below(&key, 1, span) - padding;
    offsets[2] = (int32_t)random_below(&key, 2, 2);
}

void sampler_cutout(uint64_t seed, uint32_t epoch, int32_t image, struct image_size size,
                    int32_t centre[2])
{
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_AUGMENTATION, .epoch = epoch, .sample = (uint32_t)image};

    centre[0] = (int32_t)random_below(&key, 3, (uint32_t)size.height);
    centre[1] = (int32_t)random_below(&key, 4, (uint32_t)size.width);
}

double sampler_mixup(uint64_t seed, uint32_t epoch, uint32_t step, double alpha)
{
    struct random_key key = {.seed = seed, .purpose = RANDOM_MIXUP, .epoch = epoch, .sample = step};

    return random_beta(&key, alpha, alpha);
}
