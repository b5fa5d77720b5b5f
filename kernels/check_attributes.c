/* What shapes alone do not say, one check per family of operations. */
#include "kernels/front_door.h"

#include <math.h>

static enum status check_pair(enum op_kind kind, const struct tensor *a, const struct tensor *b,
                              const char *names)
{
    if ((a->data == NULL) != (b->data == NULL))
        return fail(STATUS_BAD_CONFIG, "%s: %s: got one, expected both or neither",
                    op_info(kind)->name, names);
    return STATUS_OK;
}

static enum status check_range(enum op_kind kind, const char *name, double value, bool is_inside,
                               const char *range)
{
    if (!is_inside || !isfinite(value))
        return fail(STATUS_BAD_CONFIG, "%s: %s is %g, expected %s", op_info(kind)->name, name,
                    value, range);
    return STATUS_OK;
}

static enum status check_output_size(enum op_kind kind, const char *letters, const int64_t found[2],
                                     const int64_t wanted[2])
{
    for (int i = 0; i < 2; i++)
        if (found[i] != wanted[i])
            return fail(STATUS_BAD_CONFIG, "%s: %c is %lld, expected %lld", op_info(kind)->name,
                        letters[i], (long long)found[i], (long long)wanted[i]);
    return STATUS_OK;
}

static enum status check_conv2d(enum op_kind kind, int stride, int padding,
                                const struct dimensions *d)
{
    int64_t found[2] = {dimension(d, 'P'), dimension(d, 'Q')}, wanted[2];
    const char filter[2] = {'R', 'S'}, image[2] = {'H', 'W'};

    if (stride < 1 || padding < 0)
        return fail(STATUS_BAD_CONFIG,
                    "%s: stride is %d, padding is %d, expected at least 1 and at least 0",
                    op_info(kind)->name, stride, padding);
    for (int i = 0; i < 2; i++) {
        int64_t padded = dimension(d, image[i]) + 2 * (int64_t)padding;
        if (dimension(d, filter[i]) > padded)
            return fail(STATUS_BAD_CONFIG, "%s: %c is %lld, expected at most %lld (%c and padding)",
                        op_info(kind)->name, filter[i], (long long)dimension(d, filter[i]),
                        (long long)padded, image[i]);
        wanted[i] = (padded - dimension(d, filter[i])) / stride + 1;
    }
    return check_output_size(kind, "PQ", found, wanted);
}

/* Only what is a product of rows has a multiple and an addend: a library's convolution need not. */
static enum status check_multiple(enum op_kind kind, const struct conv2d_forward *conv,
                                  const struct dimensions *d)
{
    bool is_product =
        conv2d_is_product(dimension(d, 'R'), dimension(d, 'S'), conv->stride, conv->padding);

    if (!isfinite(conv->factor) || conv->factor == 0)
        return fail(STATUS_BAD_CONFIG, "%s: factor is %g, expected a finite number that is not 0",
                    op_info(kind)->name, conv->factor);
    if (!is_product && (conv->factor != 1 || conv->addend.data != NULL))
        return fail(STATUS_BAD_CONFIG,
                    "%s: R is %lld, S is %lld, stride is %d, padding is %d, expected 1, 1, 1 and 0 "
                    "with an addend or a factor other than 1",
                    op_info(kind)->name, (long long)dimension(d, 'R'), (long long)dimension(d, 'S'),
                    conv->stride, conv->padding);
    return STATUS_OK;
}

/* Of any of the three parts: what they have in common, as a forward one. */
static enum status check_convolution(enum op_kind kind, const struct conv2d_forward *conv,
                                     const struct dimensions *d)
{
    enum status status = check_conv2d(kind, conv->stride, conv->padding, d);

    return status == STATUS_OK ? check_multiple(kind, conv, d) : status;
}

static enum status check_backward_data(const struct conv2d_backward_data *op,
                                       const struct dimensions *d)
{
    const struct conv2d_forward common = {
        .factor = op->factor, .stride = op->stride, .padding = op->padding};

    return check_convolution(OP_conv2d_backward_data, &common, d);
}

static enum status check_backward_weight(const struct conv2d_backward_weight *op,
                                         const struct dimensions *d)
{
    const struct conv2d_forward common = {
        .factor = op->factor, .stride = op->stride, .padding = op->padding};

    return check_convolution(OP_conv2d_backward_weight, &common, d);
}

static enum status check_shortcut_pad(enum op_kind kind, const struct dimensions *d)
{
    int64_t found[2] = {dimension(d, 'P'), dimension(d, 'Q')};
    int64_t wanted[2] = {(dimension(d, 'H') + 1) / 2, (dimension(d, 'W') + 1) / 2};
    int64_t added = dimension(d, 'K') - dimension(d, 'C');

    if (added < 0 || added % 2 != 0)
        return fail(STATUS_BAD_CONFIG, "%s: K − C is %lld, expected an even number of at least 0",
                    op_info(kind)->name, (long long)added);
    return check_output_size(kind, "PQ", found, wanted);
}

static enum status check_image_gather(const struct image_gather *op, const struct dimensions *d)
{
    enum status status = STATUS_OK;

    if (dimension(d, 'C') > 4)
        TRY(fail(STATUS_BAD_CONFIG, "image_gather: C is %lld, expected at most 4",
                 (long long)dimension(d, 'C')));
    for (int64_t c = 0; c < dimension(d, 'C'); c++) {
        TRY(check_range(OP_image_gather, "mean", op->mean[c], true, "a finite number"));
        TRY(check_range(OP_image_gather, "std", op->std[c], op->std[c] > 0, "more than 0"));
    }
    if (op->holes.data != NULL)
        TRY(check_range(OP_image_gather, "hole", op->hole, op->hole >= 1, "at least 1"));
    TRY(check_pair(OP_image_gather, &op->mix, &op->partner_labels, "mix and partner_labels"));
done:
    return status;
}

static enum status check_statistics(const struct batch_norm_statistics *op,
                                    const struct dimensions *d)
{
    int64_t rows = 1;
    enum status status = STATUS_OK;

    for (int i = 0; i < d->n_run; i++)
        rows *= d->run[i];
    if (rows < 2)
        TRY(fail(STATUS_BAD_CONFIG,
                 "batch_norm_statistics: x has 1 row per channel, expected at least 2"));
    TRY(check_pair(OP_batch_norm_statistics, &op->running_mean, &op->running_variance,
                   "running_mean and running_variance"));
    TRY(check_range(OP_batch_norm_statistics, "momentum", op->momentum,
                    op->momentum >= 0 && op->momentum <= 1, "a number in [0, 1]"));
done:
    return status;
}

static enum status check_dropout(const struct dropout *op)
{
    if (op->layer >= 1u << 24)
        return fail(STATUS_BAD_CONFIG, "dropout: layer is %u, expected less than 2^24", op->layer);
    return check_range(OP_dropout, "probability", op->probability,
                       op->probability >= 0 && op->probability < 1, "a number in [0, 1)");
}

static enum status check_cross_entropy(const struct softmax_cross_entropy *op)
{
    enum status status = STATUS_OK;

    TRY(check_pair(OP_softmax_cross_entropy, &op->partner_labels, &op->mix,
                   "partner_labels and mix"));
    TRY(check_range(OP_softmax_cross_entropy, "smoothing", op->smoothing,
                    op->smoothing >= 0 && op->smoothing < 1, "a number in [0, 1)"));
    TRY(check_range(OP_softmax_cross_entropy, "weight", op->weight,
                    isfinite(op->weight) && op->weight != 0, "a finite number other than 0"));
done:
    return status;
}

static enum status check_sgd_step(const struct sgd_step *op)
{
    enum status status = STATUS_OK;

    TRY(check_range(OP_sgd_step, "momentum", op->momentum, op->momentum >= 0, "at least 0"));
    TRY(check_range(OP_sgd_step, "decay", op->decay, op->decay >= 0, "at least 0"));
    if (op->momentum > 0 && op->velocity.data == NULL)
        TRY(fail(STATUS_BAD_CONFIG, "sgd_step: velocity is absent, but momentum is %g",
                 op->momentum));
    if (op->is_nesterov)
        TRY(check_range(OP_sgd_step, "momentum", op->momentum, op->momentum > 0,
                        "more than 0 with is_nesterov"));
done:
    return status;
}

static enum status check_adam_step(const struct adam_step *op)
{
    enum status status = STATUS_OK;

    TRY(check_range(OP_adam_step, "beta1", op->beta1, op->beta1 >= 0 && op->beta1 < 1,
                    "a number in [0, 1)"));
    TRY(check_range(OP_adam_step, "beta2", op->beta2, op->beta2 >= 0 && op->beta2 < 1,
                    "a number in [0, 1)"));
    TRY(check_range(OP_adam_step, "epsilon", op->epsilon, op->epsilon >= 0, "at least 0"));
    TRY(check_range(OP_adam_step, "decay", op->decay, op->decay >= 0, "at least 0"));
done:
    return status;
}

static enum status check_gradient_apply(const struct batch_norm_gradient_apply *op)
{
    enum status status = STATUS_OK;

    TRY(check_pair(OP_batch_norm_gradient_apply, &op->d_weight, &op->d_bias,
                   "d_weight and d_bias"));
    TRY(check_range(OP_batch_norm_gradient_apply, "epsilon", op->epsilon, op->epsilon > 0,
                    "more than 0"));
done:
    return status;
}

static enum status check_epsilon(enum op_kind kind, double epsilon)
{
    return check_range(kind, "epsilon", epsilon, epsilon > 0, "more than 0");
}

static enum status check_patch_tokens(enum op_kind kind, const struct dimensions *d)
{
    int64_t found = dimension(d, 'T'), wanted = dimension(d, 'P') * dimension(d, 'Q');

    if (wanted != 0 && found != wanted) /* without d_x there is no map to compare with */
        return fail(STATUS_BAD_CONFIG, "%s: T is %lld, expected %lld (P·Q)", op_info(kind)->name,
                    (long long)found, (long long)wanted);
    return STATUS_OK;
}

static enum status check_layer_norm_forward(const struct layer_norm_forward *op)
{
    enum status status = STATUS_OK;

    TRY(check_epsilon(OP_layer_norm_forward, op->epsilon));
    TRY(check_pair(OP_layer_norm_forward, &op->mean, &op->inverse_deviation,
                   "mean and inverse_deviation"));
    TRY(check_pair(OP_layer_norm_forward, &op->residual, &op->sum, "residual and sum"));
done:
    return status;
}

static enum status check_layer_norm_backward(const struct layer_norm_backward *op)
{
    enum status status = STATUS_OK;

    TRY(check_pair(OP_layer_norm_backward, &op->d_weight, &op->d_bias, "d_weight and d_bias"));
    if (op->addend.data != NULL && op->d_x.data == NULL)
        TRY(fail(STATUS_BAD_CONFIG, "layer_norm_backward: d_x is absent, but there is an addend"));
done:
    return status;
}

/* Without probabilities n_heads alone says how many there are. */
static enum status check_attention(enum op_kind kind, int n_heads, const struct dimensions *d)
{
    int64_t n_channels = dimension(d, 'C'), heads = dimension(d, 'G');

    if (n_heads < 1 || n_channels % n_heads != 0)
        return fail(STATUS_BAD_CONFIG, "%s: n_heads is %d, expected a divisor of C = %lld",
                    op_info(kind)->name, n_heads, (long long)n_channels);
    if (heads != 0 && heads != n_heads)
        return fail(STATUS_BAD_CONFIG, "%s: G is %lld, expected n_heads = %d", op_info(kind)->name,
                    (long long)heads, n_heads);
    if (dimension(d, 'E') != 3 * n_channels)
        return fail(STATUS_BAD_CONFIG, "%s: E is %lld, expected %lld (3·C)", op_info(kind)->name,
                    (long long)dimension(d, 'E'), (long long)(3 * n_channels));
    return STATUS_OK;
}

static enum status check_columns(enum op_kind kind, int64_t first, const struct dimensions *d)
{
    int64_t n_all = dimension(d, 'C'), n_part = dimension(d, 'K');

    if (first < 0 || n_part > n_all || first > n_all - n_part)
        return fail(STATUS_BAD_CONFIG, "%s: columns are %lld to %lld, expected within C = %lld",
                    op_info(kind)->name, (long long)first, (long long)(first + n_part - 1),
                    (long long)n_all);
    return STATUS_OK;
}

enum status check_attributes(enum op_kind kind, const union op_any *op, const struct dimensions *d)
{
    switch (kind) {
    case OP_image_gather:
        return check_image_gather(&op->image_gather, d);
    case OP_conv2d_forward:
        return check_convolution(kind, &op->conv2d_forward, d);
    case OP_conv2d_backward_data:
        return check_backward_data(&op->conv2d_backward_data, d);
    case OP_conv2d_backward_weight:
        return check_backward_weight(&op->conv2d_backward_weight, d);
    case OP_batch_norm_statistics:
        return check_statistics(&op->batch_norm_statistics, d);
    case OP_batch_norm_apply:
        return check_epsilon(kind, op->batch_norm_apply.epsilon);
    case OP_batch_norm_gradient_sums:
        return check_epsilon(kind, op->batch_norm_gradient_sums.epsilon);
    case OP_batch_norm_gradient_apply:
        return check_gradient_apply(&op->batch_norm_gradient_apply);
    case OP_add:
        return check_range(kind, "factor", op->add.factor, true, "a finite number");
    case OP_scale:
        return check_range(kind, "factor", op->scale.factor, true, "a finite number");
    case OP_shortcut_pad_forward:
    case OP_shortcut_pad_backward:
        return check_shortcut_pad(kind, d);
    case OP_dropout:
        return check_dropout(&op->dropout);
    case OP_softmax_cross_entropy:
        return check_cross_entropy(&op->softmax_cross_entropy);
    case OP_clip_scale:
        return check_range(kind, "limit", op->clip_scale.limit, op->clip_scale.limit > 0,
                           "more than 0");
    case OP_sgd_step:
        return check_sgd_step(&op->sgd_step);
    case OP_adam_step:
        return check_adam_step(&op->adam_step);
    case OP_patch_tokens_forward:
    case OP_patch_tokens_backward:
        return check_patch_tokens(kind, d);
    case OP_layer_norm_forward:
        return check_layer_norm_forward(&op->layer_norm_forward);
    case OP_layer_norm_backward:
        return check_layer_norm_backward(&op->layer_norm_backward);
    case OP_attention_forward:
        return check_attention(kind, op->attention_forward.n_heads, d);
    case OP_attention_backward:
        return check_attention(kind, op->attention_backward.n_heads, d);
    case OP_columns_add:
        return check_columns(kind, op->columns_add.first, d);
    case OP_columns_take:
        return check_columns(kind, op->columns_take.first, d);
    default:
        return STATUS_OK; /* shapes say everything */
    }
}
