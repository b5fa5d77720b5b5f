/* Convolution and its two gradients, by oneDNN. */
#include "kernels/cpu/cpu.h"

static struct conv_shape shape_of(enum conv_part part, const struct tensor *x,
                                  const struct tensor *weight, const struct tensor *y)
{
    return (struct conv_shape){
        .part = part,
        .n = x->shape[0],
        .h = x->shape[1],
        .w = x->shape[2],
        .c = x->shape[3],
        .k = weight->shape[0],
        .r = weight->shape[1],
        .s = weight->shape[2],
        .p = y->shape[1],
        .q = y->shape[2],
    };
}

enum status cpu_conv2d_forward_prepare(struct device *device, const struct conv2d_forward *op,
                                       struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_FORWARD, &op->x, &op->weight, &op->y);
    shape.stride = op->stride;
    shape.padding = op->padding;
    return plan_conv2d(device->glue, &shape, op->is_weight_frozen ? op->weight.data : NULL, out);
}

enum status cpu_conv2d_forward_run(struct device *device, struct prepared *prepared,
                                   const struct conv2d_forward *op)
{
    struct plan_memory memory = {op->x.data, op->weight.data, NULL, op->y.data};
    return plan_run(device->glue, prepared, &memory, op->workspace);
}

enum status cpu_conv2d_backward_data_prepare(struct device *device,
                                             const struct conv2d_backward_data *op,
                                             struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_BACKWARD_DATA, &op->d_x, &op->weight, &op->d_y);
    shape.stride = op->stride;
    shape.padding = op->padding;
    return plan_conv2d(device->glue, &shape, op->is_weight_frozen ? op->weight.data : NULL, out);
}

enum status cpu_conv2d_backward_data_run(struct device *device, struct prepared *prepared,
                                         const struct conv2d_backward_data *op)
{
    struct plan_memory memory = {op->d_x.data, op->weight.data, NULL, op->d_y.data};
    return plan_run(device->glue, prepared, &memory, op->workspace);
}

enum status cpu_conv2d_backward_weight_prepare(struct device *device,
                                               const struct conv2d_backward_weight *op,
                                               struct prepared **out)
{
    struct conv_shape shape = shape_of(CONV_BACKWARD_WEIGHT, &op->x, &op->d_weight, &op->d_y);
    shape.stride = op->stride;
    shape.padding = op->padding;
    return plan_conv2d(device->glue, &shape, NULL, out);
}

enum status cpu_conv2d_backward_weight_run(struct device *device, struct prepared *prepared,
                                           const struct conv2d_backward_weight *op)
{
    struct plan_memory memory = {op->x.data, op->d_weight.data, NULL, op->d_y.data};
    return plan_run(device->glue, prepared, &memory, op->workspace);
}
