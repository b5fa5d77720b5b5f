/* What each operation reads and writes, for the graph, the front door and the kernel test. */
#include "kernels/kernels.h"

#include <stddef.h>

#define TENSOR(op, member, access_kind, type_kind)                                                 \
    {                                                                                              \
#member, offsetof(struct op, member), ACCESS_##access_kind, TYPE_##type_kind, false, 0     \
    }
#define OPTIONAL(op, member, access_kind, type_kind)                                               \
    {                                                                                              \
#member, offsetof(struct op, member), ACCESS_##access_kind, TYPE_##type_kind, true, 0      \
    }
/* `others`: bits of the tensors whose memory it may share */
#define ALIASED(op, member, access_kind, type_kind, others)                                        \
    {                                                                                              \
#member, offsetof(struct op, member), ACCESS_##access_kind, TYPE_##type_kind, false,       \
            others                                                                                 \
    }
#define OPTIONAL_ALIASED(op, member, access_kind, type_kind, others)                               \
    {                                                                                              \
#member, offsetof(struct op, member), ACCESS_##access_kind, TYPE_##type_kind, true, others \
    }

static const struct op_info table[N_OP_KINDS] = {
    [OP_image_gather] = {"image_gather",
                         sizeof(struct image_gather),
                         6,
                         {
                             TENSOR(image_gather, images, READ, U8),
                             TENSOR(image_gather, image_labels, READ, I32),
                             TENSOR(image_gather, indices, READ, I32),
                             OPTIONAL(image_gather, offsets, READ, I32),
                             TENSOR(image_gather, y, WRITTEN, REAL),
                             TENSOR(image_gather, labels, WRITTEN, I32),
                         }},
    [OP_conv2d_forward] = {"conv2d_forward",
                           sizeof(struct conv2d_forward),
                           3,
                           {
                               TENSOR(conv2d_forward, x, READ, REAL),
                               TENSOR(conv2d_forward, weight, READ, REAL),
                               TENSOR(conv2d_forward, y, WRITTEN, REAL),
                           }},
    [OP_conv2d_backward_data] = {"conv2d_backward_data",
                                 sizeof(struct conv2d_backward_data),
                                 3,
                                 {
                                     TENSOR(conv2d_backward_data, d_y, READ, REAL),
                                     TENSOR(conv2d_backward_data, weight, READ, REAL),
                                     TENSOR(conv2d_backward_data, d_x, WRITTEN, REAL),
                                 }},
    [OP_conv2d_backward_weight] = {"conv2d_backward_weight",
                                   sizeof(struct conv2d_backward_weight),
                                   3,
                                   {
                                       TENSOR(conv2d_backward_weight, x, READ, REAL),
                                       TENSOR(conv2d_backward_weight, d_y, READ, REAL),
                                       TENSOR(conv2d_backward_weight, d_weight, WRITTEN, REAL),
                                   }},
    [OP_linear_forward] = {"linear_forward",
                           sizeof(struct linear_forward),
                           4,
                           {
                               TENSOR(linear_forward, x, READ, REAL),
                               TENSOR(linear_forward, weight, READ, REAL),
                               OPTIONAL(linear_forward, bias, READ, REAL),
                               TENSOR(linear_forward, y, WRITTEN, REAL),
                           }},
    [OP_linear_backward_data] = {"linear_backward_data",
                                 sizeof(struct linear_backward_data),
                                 3,
                                 {
                                     TENSOR(linear_backward_data, d_y, READ, REAL),
                                     TENSOR(linear_backward_data, weight, READ, REAL),
                                     TENSOR(linear_backward_data, d_x, WRITTEN, REAL),
                                 }},
    [OP_linear_backward_weight] = {"linear_backward_weight",
                                   sizeof(struct linear_backward_weight),
                                   4,
                                   {
                                       TENSOR(linear_backward_weight, x, READ, REAL),
                                       TENSOR(linear_backward_weight, d_y, READ, REAL),
                                       TENSOR(linear_backward_weight, d_weight, WRITTEN, REAL),
                                       OPTIONAL(linear_backward_weight, d_bias, WRITTEN, REAL),
                                   }},
    [OP_batch_norm_statistics] = {"batch_norm_statistics",
                                  sizeof(struct batch_norm_statistics),
                                  5,
                                  {
                                      TENSOR(batch_norm_statistics, x, READ, REAL),
                                      TENSOR(batch_norm_statistics, mean, WRITTEN, REAL),
                                      TENSOR(batch_norm_statistics, variance, WRITTEN, REAL),
                                      OPTIONAL(batch_norm_statistics, running_mean, UPDATED, REAL),
                                      OPTIONAL(batch_norm_statistics, running_variance, UPDATED,
                                               REAL),
                                  }},
    [OP_batch_norm_apply] = {"batch_norm_apply",
                             sizeof(struct batch_norm_apply),
                             6,
                             {
                                 TENSOR(batch_norm_apply, x, READ, REAL),
                                 TENSOR(batch_norm_apply, mean, READ, REAL),
                                 TENSOR(batch_norm_apply, variance, READ, REAL),
                                 TENSOR(batch_norm_apply, weight, READ, REAL),
                                 TENSOR(batch_norm_apply, bias, READ, REAL),
                                 ALIASED(batch_norm_apply, y, WRITTEN, REAL, 1 << 0),
                             }},
    [OP_batch_norm_gradient_sums] = {"batch_norm_gradient_sums",
                                     sizeof(struct batch_norm_gradient_sums),
                                     6,
                                     {
                                         TENSOR(batch_norm_gradient_sums, x, READ, REAL),
                                         TENSOR(batch_norm_gradient_sums, d_y, READ, REAL),
                                         TENSOR(batch_norm_gradient_sums, mean, READ, REAL),
                                         TENSOR(batch_norm_gradient_sums, variance, READ, REAL),
                                         TENSOR(batch_norm_gradient_sums, d_weight, WRITTEN, REAL),
                                         TENSOR(batch_norm_gradient_sums, d_bias, WRITTEN, REAL),
                                     }},
    [OP_batch_norm_gradient_apply] = {"batch_norm_gradient_apply",
                                      sizeof(struct batch_norm_gradient_apply),
                                      8,
                                      {
                                          TENSOR(batch_norm_gradient_apply, x, READ, REAL),
                                          TENSOR(batch_norm_gradient_apply, d_y, READ, REAL),
                                          TENSOR(batch_norm_gradient_apply, mean, READ, REAL),
                                          TENSOR(batch_norm_gradient_apply, variance, READ, REAL),
                                          TENSOR(batch_norm_gradient_apply, weight, READ, REAL),
                                          OPTIONAL(batch_norm_gradient_apply, d_weight, READ, REAL),
                                          OPTIONAL(batch_norm_gradient_apply, d_bias, READ, REAL),
                                          ALIASED(batch_norm_gradient_apply, d_x, WRITTEN, REAL,
                                                  1 << 1),
                                      }},
    [OP_relu_forward] = {"relu_forward",
                         sizeof(struct relu_forward),
                         2,
                         {
                             TENSOR(relu_forward, x, READ, REAL),
                             ALIASED(relu_forward, y, WRITTEN, REAL, 1 << 0),
                         }},
    [OP_relu_backward] = {"relu_backward",
                          sizeof(struct relu_backward),
                          3,
                          {
                              TENSOR(relu_backward, y, READ, REAL),
                              TENSOR(relu_backward, d_y, READ, REAL),
                              ALIASED(relu_backward, d_x, WRITTEN, REAL, 1 << 1),
                          }},
    [OP_add] = {"add",
                sizeof(struct add),
                3,
                {
                    TENSOR(add, a, READ, REAL),
                    TENSOR(add, b, READ, REAL),
                    ALIASED(add, y, WRITTEN, REAL, 1 << 0 | 1 << 1),
                }},
    [OP_scale] = {"scale",
                  sizeof(struct scale),
                  2,
                  {
                      TENSOR(scale, x, READ, REAL),
                      ALIASED(scale, y, WRITTEN, REAL, 1 << 0),
                  }},
    [OP_global_average_pool_forward] = {"global_average_pool_forward",
                                        sizeof(struct global_average_pool_forward),
                                        2,
                                        {
                                            TENSOR(global_average_pool_forward, x, READ, REAL),
                                            TENSOR(global_average_pool_forward, y, WRITTEN, REAL),
                                        }},
    [OP_global_average_pool_backward] = {"global_average_pool_backward",
                                         sizeof(struct global_average_pool_backward),
                                         2,
                                         {
                                             TENSOR(global_average_pool_backward, d_y, READ, REAL),
                                             TENSOR(global_average_pool_backward, d_x, WRITTEN,
                                                    REAL),
                                         }},
    [OP_shortcut_pad_forward] = {"shortcut_pad_forward",
                                 sizeof(struct shortcut_pad_forward),
                                 2,
                                 {
                                     TENSOR(shortcut_pad_forward, x, READ, REAL),
                                     TENSOR(shortcut_pad_forward, y, WRITTEN, REAL),
                                 }},
    [OP_shortcut_pad_backward] = {"shortcut_pad_backward",
                                  sizeof(struct shortcut_pad_backward),
                                  2,
                                  {
                                      TENSOR(shortcut_pad_backward, d_y, READ, REAL),
                                      TENSOR(shortcut_pad_backward, d_x, WRITTEN, REAL),
                                  }},
    [OP_dropout] = {"dropout",
                    sizeof(struct dropout),
                    4,
                    {
                        TENSOR(dropout, x, READ, REAL),
                        TENSOR(dropout, samples, READ, I32),
                        TENSOR(dropout, epoch, READ, I32),
                        ALIASED(dropout, y, WRITTEN, REAL, 1 << 0),
                    }},
    [OP_softmax_cross_entropy] = {"softmax_cross_entropy",
                                  sizeof(struct softmax_cross_entropy),
                                  5,
                                  {
                                      TENSOR(softmax_cross_entropy, logits, READ, REAL),
                                      TENSOR(softmax_cross_entropy, labels, READ, I32),
                                      TENSOR(softmax_cross_entropy, loss, WRITTEN, REAL),
                                      OPTIONAL_ALIASED(softmax_cross_entropy, d_logits, WRITTEN,
                                                       REAL, 1 << 0),
                                      OPTIONAL(softmax_cross_entropy, sample_loss, WRITTEN, REAL),
                                  }},
    [OP_sgd_step] = {"sgd_step",
                     sizeof(struct sgd_step),
                     5,
                     {
                         TENSOR(sgd_step, gradient, READ, REAL),
                         OPTIONAL(sgd_step, mask, READ, U8),
                         TENSOR(sgd_step, rates, READ, F64),
                         TENSOR(sgd_step, parameter, UPDATED, REAL),
                         OPTIONAL(sgd_step, velocity, UPDATED, REAL),
                     }},
    [OP_adam_step] = {"adam_step",
                      sizeof(struct adam_step),
                      6,
                      {
                          TENSOR(adam_step, gradient, READ, REAL),
                          OPTIONAL(adam_step, mask, READ, U8),
                          TENSOR(adam_step, rates, READ, F64),
                          TENSOR(adam_step, parameter, UPDATED, REAL),
                          TENSOR(adam_step, first_moment, UPDATED, REAL),
                          TENSOR(adam_step, second_moment, UPDATED, REAL),
                      }},
};

const struct op_info *op_info(enum op_kind kind)
{
    return &table[kind];
}

struct tensor *op_tensor(enum op_kind kind, void *op, int i)
{
    return (struct tensor *)((char *)op + table[kind].tensors[i].offset);
}
