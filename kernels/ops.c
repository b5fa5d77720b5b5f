/* What each operation reads and writes, for the graph, the front door and the kernel test. */
#include "kernels/kernels.h"

#include <stddef.h>

/* One tensor per line: operation, member, access, type, shape. */
#define ROW(op, member_name, access_kind, type_kind, shape_text, optional, others)                 \
    {                                                                                              \
        .name = #member_name, .offset = offsetof(struct op, member_name),                          \
        .access = ACCESS_##access_kind, .type = TYPE_##type_kind, .is_optional = optional,         \
        .may_alias = others, .shape = shape_text                                                   \
    }
#define TENSOR(op, member, access, type, shape) ROW(op, member, access, type, shape, false, 0)
#define OPTIONAL(op, member, access, type, shape) ROW(op, member, access, type, shape, true, 0)
/* `others`: bits of the tensors whose memory it may share */
#define ALIASED(op, member, access, type, shape, others)                                           \
    ROW(op, member, access, type, shape, false, others)
#define OPTIONAL_ALIASED(op, member, access, type, shape, others)                                  \
    ROW(op, member, access, type, shape, true, others)

static const struct op_info table[N_OP_KINDS] = {
    [OP_image_gather] = {"image_gather",
                         sizeof(struct image_gather),
                         9,
                         {
                             TENSOR(image_gather, images, READ, U8, "MCHW"),
                             TENSOR(image_gather, image_labels, READ, I32, "M"),
                             TENSOR(image_gather, indices, READ, I32, "N"),
                             OPTIONAL(image_gather, offsets, READ, I32, "N3"),
                             TENSOR(image_gather, y, WRITTEN, MAP, "NHWC"),
                             TENSOR(image_gather, labels, WRITTEN, I32, "N"),
                             OPTIONAL(image_gather, holes, READ, I32, "N2"),
                             OPTIONAL(image_gather, mix, READ, F64, "1"),
                             OPTIONAL(image_gather, partner_labels, WRITTEN, I32, "N"),
                         }},
    [OP_conv2d_forward] = {"conv2d_forward",
                           sizeof(struct conv2d_forward),
                           4,
                           {
                               TENSOR(conv2d_forward, x, READ, MAP, "NHWC"),
                               TENSOR(conv2d_forward, weight, READ, MAP, "KRSC"),
                               ALIASED(conv2d_forward, y, WRITTEN, MAP, "NPQK", 1 << 3),
                               OPTIONAL(conv2d_forward, addend, READ, MAP, "NPQK"),
                           }},
    [OP_conv2d_backward_data] = {"conv2d_backward_data",
                                 sizeof(struct conv2d_backward_data),
                                 3,
                                 {
                                     TENSOR(conv2d_backward_data, d_y, READ, MAP, "NPQK"),
                                     TENSOR(conv2d_backward_data, weight, READ, MAP, "KRSC"),
                                     TENSOR(conv2d_backward_data, d_x, WRITTEN, MAP, "NHWC"),
                                 }},
    [OP_conv2d_backward_weight] = {"conv2d_backward_weight",
                                   sizeof(struct conv2d_backward_weight),
                                   3,
                                   {
                                       TENSOR(conv2d_backward_weight, x, READ, MAP, "NHWC"),
                                       TENSOR(conv2d_backward_weight, d_y, READ, MAP, "NPQK"),
                                       TENSOR(conv2d_backward_weight, d_weight, WRITTEN, REAL,
                                              "KRSC"),
                                   }},
    [OP_linear_forward] = {"linear_forward",
                           sizeof(struct linear_forward),
                           4,
                           {
                               TENSOR(linear_forward, x, READ, MAP, ".C"),
                               TENSOR(linear_forward, weight, READ, MAP, "KC"),
                               OPTIONAL(linear_forward, bias, READ, REAL, "K"),
                               TENSOR(linear_forward, y, WRITTEN, REAL, ".K"),
                           }},
    [OP_linear_backward_data] = {"linear_backward_data",
                                 sizeof(struct linear_backward_data),
                                 3,
                                 {
                                     TENSOR(linear_backward_data, d_y, READ, MAP, ".K"),
                                     TENSOR(linear_backward_data, weight, READ, MAP, "KC"),
                                     TENSOR(linear_backward_data, d_x, WRITTEN, MAP, ".C"),
                                 }},
    [OP_linear_backward_weight] = {"linear_backward_weight",
                                   sizeof(struct linear_backward_weight),
                                   4,
                                   {
                                       TENSOR(linear_backward_weight, x, READ, MAP, ".C"),
                                       TENSOR(linear_backward_weight, d_y, READ, MAP, ".K"),
                                       TENSOR(linear_backward_weight, d_weight, WRITTEN, REAL,
                                              "KC"),
                                       OPTIONAL(linear_backward_weight, d_bias, WRITTEN, REAL, "K"),
                                   }},
    [OP_batch_norm_statistics] =
        {"batch_norm_statistics",
         sizeof(struct batch_norm_statistics),
         5,
         {
             TENSOR(batch_norm_statistics, x, READ, MAP, ".C"),
             TENSOR(batch_norm_statistics, mean, WRITTEN, REAL, "C"),
             TENSOR(batch_norm_statistics, variance, WRITTEN, REAL, "C"),
             OPTIONAL(batch_norm_statistics, running_mean, UPDATED, REAL, "C"),
             OPTIONAL(batch_norm_statistics, running_variance, UPDATED, REAL, "C"),
         }},
    [OP_batch_norm_apply] = {"batch_norm_apply",
                             sizeof(struct batch_norm_apply),
                             7,
                             {
                                 TENSOR(batch_norm_apply, x, READ, MAP, ".C"),
                                 TENSOR(batch_norm_apply, mean, READ, REAL, "C"),
                                 TENSOR(batch_norm_apply, variance, READ, REAL, "C"),
                                 TENSOR(batch_norm_apply, weight, READ, REAL, "C"),
                                 TENSOR(batch_norm_apply, bias, READ, REAL, "C"),
                                 ALIASED(batch_norm_apply, y, WRITTEN, MAP, ".C", 1 << 0 | 1 << 6),
                                 OPTIONAL(batch_norm_apply, residual, READ, MAP, ".C"),
                             }},
    [OP_batch_norm_gradient_sums] =
        {"batch_norm_gradient_sums",
         sizeof(struct batch_norm_gradient_sums),
         9,
         {
             TENSOR(batch_norm_gradient_sums, x, READ, MAP, ".C"),
             TENSOR(batch_norm_gradient_sums, d_y, READ, MAP, ".C"),
             TENSOR(batch_norm_gradient_sums, mean, READ, REAL, "C"),
             TENSOR(batch_norm_gradient_sums, variance, READ, REAL, "C"),
             TENSOR(batch_norm_gradient_sums, d_weight, WRITTEN, REAL, "C"),
             TENSOR(batch_norm_gradient_sums, d_bias, WRITTEN, REAL, "C"),
             OPTIONAL(batch_norm_gradient_sums, y, READ, MAP, ".C"),
             OPTIONAL(batch_norm_gradient_sums, addend, READ, MAP, ".C"),
             OPTIONAL_ALIASED(batch_norm_gradient_sums, d, WRITTEN, MAP, ".C", 1 << 1 | 1 << 7),
         }},
    [OP_batch_norm_gradient_apply] =
        {"batch_norm_gradient_apply",
         sizeof(struct batch_norm_gradient_apply),
         8,
         {
             TENSOR(batch_norm_gradient_apply, x, READ, MAP, ".C"),
             TENSOR(batch_norm_gradient_apply, d_y, READ, MAP, ".C"),
             TENSOR(batch_norm_gradient_apply, mean, READ, REAL, "C"),
             TENSOR(batch_norm_gradient_apply, variance, READ, REAL, "C"),
             TENSOR(batch_norm_gradient_apply, weight, READ, REAL, "C"),
             OPTIONAL(batch_norm_gradient_apply, d_weight, READ, REAL, "C"),
             OPTIONAL(batch_norm_gradient_apply, d_bias, READ, REAL, "C"),
             ALIASED(batch_norm_gradient_apply, d_x, WRITTEN, MAP, ".C", 1 << 1),
         }},
    [OP_relu_forward] = {"relu_forward",
                         sizeof(struct relu_forward),
                         2,
                         {
                             TENSOR(relu_forward, x, READ, MAP, "."),
                             ALIASED(relu_forward, y, WRITTEN, MAP, ".", 1 << 0),
                         }},
    [OP_relu_backward] = {"relu_backward",
                          sizeof(struct relu_backward),
                          3,
                          {
                              TENSOR(relu_backward, y, READ, MAP, "."),
                              TENSOR(relu_backward, d_y, READ, MAP, "."),
                              ALIASED(relu_backward, d_x, WRITTEN, MAP, ".", 1 << 1),
                          }},
    [OP_add] = {"add",
                sizeof(struct add),
                3,
                {
                    TENSOR(add, a, READ, MAP, "."),
                    TENSOR(add, b, READ, MAP, "."),
                    ALIASED(add, y, WRITTEN, MAP, ".", 1 << 0 | 1 << 1),
                }},
    [OP_scale] = {"scale",
                  sizeof(struct scale),
                  2,
                  {
                      TENSOR(scale, x, READ, MAP, "."),
                      ALIASED(scale, y, WRITTEN, MAP, ".", 1 << 0),
                  }},
    [OP_convert] = {"convert",
                    sizeof(struct convert),
                    2,
                    {
                        TENSOR(convert, x, READ, REAL, "."),
                        TENSOR(convert, y, WRITTEN, MAP, "."),
                    }},
    [OP_global_average_pool_forward] =
        {"global_average_pool_forward",
         sizeof(struct global_average_pool_forward),
         2,
         {
             TENSOR(global_average_pool_forward, x, READ, MAP, "N.C"),
             TENSOR(global_average_pool_forward, y, WRITTEN, MAP, "NC"),
         }},
    [OP_global_average_pool_backward] =
        {"global_average_pool_backward",
         sizeof(struct global_average_pool_backward),
         2,
         {
             TENSOR(global_average_pool_backward, d_y, READ, MAP, "NC"),
             TENSOR(global_average_pool_backward, d_x, WRITTEN, MAP, "N.C"),
         }},
    [OP_shortcut_pad_forward] = {"shortcut_pad_forward",
                                 sizeof(struct shortcut_pad_forward),
                                 2,
                                 {
                                     TENSOR(shortcut_pad_forward, x, READ, MAP, "NHWC"),
                                     TENSOR(shortcut_pad_forward, y, WRITTEN, MAP, "NPQK"),
                                 }},
    [OP_shortcut_pad_backward] = {"shortcut_pad_backward",
                                  sizeof(struct shortcut_pad_backward),
                                  2,
                                  {
                                      TENSOR(shortcut_pad_backward, d_y, READ, MAP, "NPQK"),
                                      TENSOR(shortcut_pad_backward, d_x, WRITTEN, MAP, "NHWC"),
                                  }},
    [OP_dropout] = {"dropout",
                    sizeof(struct dropout),
                    4,
                    {
                        TENSOR(dropout, x, READ, MAP, "N."),
                        TENSOR(dropout, samples, READ, I32, "N"),
                        TENSOR(dropout, epoch, READ, I32, "1"),
                        ALIASED(dropout, y, WRITTEN, MAP, "N.", 1 << 0),
                    }},
    [OP_softmax_cross_entropy] =
        {"softmax_cross_entropy",
         sizeof(struct softmax_cross_entropy),
         7,
         {
             TENSOR(softmax_cross_entropy, logits, READ, REAL, "NK"),
             TENSOR(softmax_cross_entropy, labels, READ, I32, "N"),
             TENSOR(softmax_cross_entropy, loss, WRITTEN, REAL, "1"),
             OPTIONAL_ALIASED(softmax_cross_entropy, d_logits, WRITTEN, MAP, "NK", 1 << 0),
             OPTIONAL(softmax_cross_entropy, sample_loss, WRITTEN, REAL, "N"),
             OPTIONAL(softmax_cross_entropy, partner_labels, READ, I32, "N"),
             OPTIONAL(softmax_cross_entropy, mix, READ, F64, "1"),
         }},
    [OP_clip_scale] = {"clip_scale",
                       sizeof(struct clip_scale),
                       3,
                       {
                           TENSOR(clip_scale, gradient, READ, REAL, "N"),
                           OPTIONAL(clip_scale, mask, READ, U8, "N"),
                           TENSOR(clip_scale, scale, WRITTEN, F64, "1"),
                       }},
    [OP_sgd_step] = {"sgd_step",
                     sizeof(struct sgd_step),
                     7,
                     {
                         TENSOR(sgd_step, gradient, READ, REAL, "N"),
                         OPTIONAL(sgd_step, mask, READ, U8, "N"),
                         TENSOR(sgd_step, rates, READ, F64, "2"),
                         TENSOR(sgd_step, parameter, UPDATED, REAL, "N"),
                         OPTIONAL(sgd_step, velocity, UPDATED, REAL, "N"),
                         OPTIONAL(sgd_step, decays, READ, U8, "N"),
                         OPTIONAL(sgd_step, scale, READ, F64, "1"),
                     }},
    [OP_adam_step] = {"adam_step",
                      sizeof(struct adam_step),
                      8,
                      {
                          TENSOR(adam_step, gradient, READ, REAL, "N"),
                          OPTIONAL(adam_step, mask, READ, U8, "N"),
                          TENSOR(adam_step, rates, READ, F64, "2"),
                          TENSOR(adam_step, parameter, UPDATED, REAL, "N"),
                          TENSOR(adam_step, first_moment, UPDATED, REAL, "N"),
                          TENSOR(adam_step, second_moment, UPDATED, REAL, "N"),
                          OPTIONAL(adam_step, decays, READ, U8, "N"),
                          OPTIONAL(adam_step, scale, READ, F64, "1"),
                      }},
    [OP_patch_tokens_forward] = {"patch_tokens_forward",
                                 sizeof(struct patch_tokens_forward),
                                 4,
                                 {
                                     TENSOR(patch_tokens_forward, x, READ, REAL, "NPQK"),
                                     TENSOR(patch_tokens_forward, bias, READ, REAL, "K"),
                                     TENSOR(patch_tokens_forward, position, READ, REAL, "TK"),
                                     TENSOR(patch_tokens_forward, y, WRITTEN, REAL, "NTK"),
                                 }},
    [OP_patch_tokens_backward] = {"patch_tokens_backward",
                                  sizeof(struct patch_tokens_backward),
                                  3,
                                  {
                                      TENSOR(patch_tokens_backward, d_y, READ, REAL, "NTK"),
                                      OPTIONAL_ALIASED(patch_tokens_backward, d_x, WRITTEN, REAL,
                                                       "NPQK", 1 << 0),
                                      OPTIONAL(patch_tokens_backward, d_bias, WRITTEN, REAL, "K"),
                                  }},
    [OP_layer_norm_forward] =
        {"layer_norm_forward",
         sizeof(struct layer_norm_forward),
         8,
         {
             TENSOR(layer_norm_forward, x, READ, REAL, ".C"),
             TENSOR(layer_norm_forward, weight, READ, REAL, "C"),
             TENSOR(layer_norm_forward, bias, READ, REAL, "C"),
             ALIASED(layer_norm_forward, y, WRITTEN, REAL, ".C", 1 << 0 | 1 << 6),
             OPTIONAL(layer_norm_forward, mean, WRITTEN, REAL, "."),
             OPTIONAL(layer_norm_forward, inverse_deviation, WRITTEN, REAL, "."),
             OPTIONAL(layer_norm_forward, residual, READ, REAL, ".C"),
             OPTIONAL_ALIASED(layer_norm_forward, sum, WRITTEN, REAL, ".C", 1 << 0 | 1 << 6),
         }},
    [OP_layer_norm_backward] = {"layer_norm_backward",
                                sizeof(struct layer_norm_backward),
                                9,
                                {
                                    TENSOR(layer_norm_backward, x, READ, REAL, ".C"),
                                    TENSOR(layer_norm_backward, d_y, READ, REAL, ".C"),
                                    TENSOR(layer_norm_backward, mean, READ, REAL, "."),
                                    TENSOR(layer_norm_backward, inverse_deviation, READ, REAL, "."),
                                    TENSOR(layer_norm_backward, weight, READ, REAL, "C"),
                                    OPTIONAL_ALIASED(layer_norm_backward, d_x, WRITTEN, REAL, ".C",
                                                     1 << 1 | 1 << 8),
                                    OPTIONAL(layer_norm_backward, d_weight, WRITTEN, REAL, "C"),
                                    OPTIONAL(layer_norm_backward, d_bias, WRITTEN, REAL, "C"),
                                    OPTIONAL(layer_norm_backward, addend, READ, REAL, ".C"),
                                }},
    [OP_gelu_forward] = {"gelu_forward",
                         sizeof(struct gelu_forward),
                         2,
                         {
                             TENSOR(gelu_forward, x, READ, REAL, "."),
                             ALIASED(gelu_forward, y, WRITTEN, REAL, ".", 1 << 0),
                         }},
    [OP_gelu_backward] = {"gelu_backward",
                          sizeof(struct gelu_backward),
                          3,
                          {
                              TENSOR(gelu_backward, x, READ, REAL, "."),
                              TENSOR(gelu_backward, d_y, READ, REAL, "."),
                              ALIASED(gelu_backward, d_x, WRITTEN, REAL, ".", 1 << 0 | 1 << 1),
                          }},
    [OP_attention_forward] = {"attention_forward",
                              sizeof(struct attention_forward),
                              3,
                              {
                                  TENSOR(attention_forward, qkv, READ, REAL, "NTE"),
                                  TENSOR(attention_forward, y, WRITTEN, REAL, "NTC"),
                                  OPTIONAL(attention_forward, probabilities, WRITTEN, REAL, "NGTT"),
                              }},
    [OP_attention_backward] = {"attention_backward",
                               sizeof(struct attention_backward),
                               4,
                               {
                                   TENSOR(attention_backward, qkv, READ, REAL, "NTE"),
                                   TENSOR(attention_backward, probabilities, READ, REAL, "NGTT"),
                                   TENSOR(attention_backward, d_y, READ, REAL, "NTC"),
                                   TENSOR(attention_backward, d_qkv, WRITTEN, REAL, "NTE"),
                               }},
    [OP_columns_add] = {"columns_add",
                        sizeof(struct columns_add),
                        3,
                        {
                            TENSOR(columns_add, x, READ, REAL, ".C"),
                            TENSOR(columns_add, part, READ, REAL, ".K"),
                            ALIASED(columns_add, y, WRITTEN, REAL, ".C", 1 << 0),
                        }},
    [OP_columns_take] = {"columns_take",
                         sizeof(struct columns_take),
                         2,
                         {
                             TENSOR(columns_take, x, READ, REAL, ".C"),
                             TENSOR(columns_take, y, WRITTEN, REAL, ".K"),
                         }},
    [OP_step_tally] = {"step_tally",
                       sizeof(struct step_tally),
                       5,
                       {
                           TENSOR(step_tally, loss, READ, REAL, "1"),
                           TENSOR(step_tally, logits, READ, REAL, "NK"),
                           TENSOR(step_tally, labels, READ, I32, "N"),
                           TENSOR(step_tally, rates, READ, F64, "2"),
                           TENSOR(step_tally, totals, UPDATED, F64, "6"),
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
