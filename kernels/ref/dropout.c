/* Dropout whose mask is a function of place, so that it is neither stored nor drawn twice. */
#include "base/philox.h"
#include "kernels/ref/ref.h"

/* The 48 random bits of element e as a fraction of 2^48. */
static double fraction(const struct random_key *key, int64_t e)
{
    struct philox_block high = random_block(key, (uint32_t)(e / 8));
    struct philox_block low = random_block(key, (uint32_t)(e / 4) | DROPOUT_LOW_BLOCKS);
    uint32_t first = high.words[e % 8 / 2] >> 16 * (e % 2) & 0xffffu;

    return ((double)first + (double)low.words[e % 4] * 0x1p-32) * 0x1p-16;
}

enum status ref_dropout_run(struct queue *queue, const struct prepared *prepared,
                            const struct dropout *args)
{
    const int32_t *samples = args->samples.data, *epoch = args->epoch.data;
    int64_t n_elements = tensor_elements(&args->x) / args->x.shape[0];
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)queue;
    (void)prepared;
    for (int64_t n = 0; n < args->x.shape[0]; n++, x += n_elements, y += n_elements) {
        struct random_key key = {.seed = args->seed,
                                 .purpose = RANDOM_DROPOUT,
                                 .layer = args->layer,
                                 .epoch = (uint32_t)epoch[0],
                                 .sample = (uint32_t)samples[n]};
        for (int64_t e = 0; e < n_elements; e++)
            y[e] = fraction(&key, e) >= args->probability ? x[e] / (1.0 - args->probability) : 0.0;
    }
    return STATUS_OK;
}
