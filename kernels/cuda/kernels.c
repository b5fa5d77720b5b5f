/* The operations that are kernels of our own: prepare asks for their scratch, run launches them. */
#include "kernels/cuda/cuda.h"

#define LAUNCHED(op)                                                                               \
    enum status cuda_##op##_launch(struct gpu_stream *stream, const struct op *args);              \
    enum status cuda_##op##_run(struct queue *queue, const struct prepared *prepared,              \
                                const struct op *args)                                             \
    {                                                                                              \
        (void)prepared;                                                                            \
        return cuda_##op##_launch(queue->stream, args);                                            \
    }
#define PLAIN(op)                                                                                  \
    LAUNCHED(op)                                                                                   \
    enum status cuda_##op##_prepare(struct device *device, const struct op *args,                  \
                                    struct prepared **out)                                         \
    {                                                                                              \
        (void)device;                                                                              \
        (void)args;                                                                                \
        return cuda_prepared_create(0, out);                                                       \
    }
#define WITH_SCRATCH(op)                                                                           \
    LAUNCHED(op)                                                                                   \
    size_t cuda_##op##_workspace(const struct op *args);                                           \
    enum status cuda_##op##_prepare(struct device *device, const struct op *args,                  \
                                    struct prepared **out)                                         \
    {                                                                                              \
        (void)device;                                                                              \
        return cuda_prepared_create(cuda_##op##_workspace(args), out);                             \
    }

PLAIN(image_gather)
WITH_SCRATCH(batch_norm_statistics)
PLAIN(batch_norm_apply)
WITH_SCRATCH(batch_norm_gradient_sums)
PLAIN(batch_norm_gradient_apply)
PLAIN(relu_forward)
PLAIN(relu_backward)
PLAIN(add)
PLAIN(scale)
PLAIN(convert)
PLAIN(global_average_pool_forward)
PLAIN(global_average_pool_backward)
PLAIN(shortcut_pad_forward)
PLAIN(shortcut_pad_backward)
PLAIN(dropout)
WITH_SCRATCH(softmax_cross_entropy)
WITH_SCRATCH(clip_scale)
PLAIN(sgd_step)
PLAIN(adam_step)
PLAIN(step_tally)
