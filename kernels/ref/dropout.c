/* Dropout whose mask is a function of place, so that it is neither stored nor drawn twice. */
#include "base/philox.h"
#include "kernels/ref/ref.h"

enum status ref_dropout_run(struct device *device, struct prepared *prepared,
                            const struct dropout *args)
{
    const int32_t *samples = args->samples.data, *epoch = args->epoch.data;
    int64_t n_elements = tensor_elements(&args->x) / args->x.shape[0];
    const double *x = args->x.data;
    double *y = args->y.data;

    (void)device;
    (void)prepared;
    for (int64_t n = 0; n < args->x.shape[0]; n++, x += n_elements, y += n_elements) {
        struct random_key key = {.seed = args->seed,
                                 .purpose = RANDOM_DROPOUT,
                                 .layer = args->layer,
                                 .epoch = (uint32_t)epoch[0],
                                 .sample = (uint32_t)samples[n]};
        struct philox_block block = {{0}};
        for (int64_t e = 0; e < n_elements; e++) {
            if (e % 4 == 0)
                block = random_block(&key, (uint32_t)(e / 4));
            bool is_kept = (double)block.words[e % 4] * 0x1p-32 >= args->probability;
            y[e] = is_kept ? x[e] / (1.0 - args->probability) : 0.0;
        }
    }
    return STATUS_OK;
}
