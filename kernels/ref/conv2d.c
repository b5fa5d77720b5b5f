/* Cross-correlation and its two adjoints. A factor multiplies what has few channels, as if it were
 * a layer of its own in front of the weight: to the same bits. All three visit the same pairs
 * (output pixel, input pixel under the filter); what they do with a pair is one line each. */
#include "kernels/ref/ref.h"

#include <string.h>

struct geometry {
    int64_t n_images, height, width, n_inputs;               /* N H W C */
    int64_t n_outputs, rows, columns, out_height, out_width; /* K R S P Q */
    int stride, padding;
    double factor;
};

static struct geometry geometry_of(const struct tensor *x, const struct tensor *weight,
                                   const struct tensor *y)
{
    return (struct geometry){.n_images = x->shape[0],
                             .height = x->shape[1],
                             .width = x->shape[2],
                             .n_inputs = x->shape[3],
                             .n_outputs = weight->shape[0],
                             .rows = weight->shape[1],
                             .columns = weight->shape[2],
                             .out_height = y->shape[1],
                             .out_width = y->shape[2]};
}

/* One output pixel over one input pixel: offsets of their first channels and of the filter tap. */
struct pair {
    int64_t x, y, tap;
};

typedef void pair_action(const struct geometry *g, const struct pair *pair, const void *args);

static void visit_pixel(const struct geometry *g, const int64_t at[3], pair_action *action,
                        const void *args)
{
    for (int64_t r = 0; r < g->rows; r++) {
        int64_t h = at[1] * g->stride - g->padding + r;
        if (h < 0 || h >= g->height)
            continue;
        for (int64_t s = 0; s < g->columns; s++) {
            int64_t w = at[2] * g->stride - g->padding + s;
            if (w < 0 || w >= g->width)
                continue;
            struct pair pair = {((at[0] * g->height + h) * g->width + w) * g->n_inputs,
                                ((at[0] * g->out_height + at[1]) * g->out_width + at[2]) *
                                    g->n_outputs,
                                (r * g->columns + s) * g->n_inputs};
            action(g, &pair, args);
        }
    }
}

static void visit_pairs(const struct geometry *g, pair_action *action, const void *args)
{
    for (int64_t n = 0; n < g->n_images; n++)
        for (int64_t p = 0; p < g->out_height; p++)
            for (int64_t q = 0; q < g->out_width; q++)
                visit_pixel(g, (const int64_t[]){n, p, q}, action, args);
}

/* Distance between a tap of one filter and the same tap of the next. */
static int64_t filter_step(const struct geometry *g)
{
    return g->rows * g->columns * g->n_inputs;
}

/* y[0 … 3] += Σ_c factor·x[c]·weight[c], and of the three filters behind it, `step` apart. Sums
 * have names and rows their pointers: with arrays, sanitizers check three times as much. */
static void four_sums(const struct geometry *g, const double *restrict x,
                      const double *restrict weight, double *restrict y)
{
    int64_t step = filter_step(g);
    const double *second = weight + step, *third = second + step, *fourth = third + step;
    double a = 0, b = 0, c = 0, d = 0;

    for (int64_t i = 0; i < g->n_inputs; i++) {
        double value = g->factor * x[i];
        a += value * weight[i];
        b += value * second[i];
        c += value * third[i];
        d += value * fourth[i];
    }
    y[0] += a;
    y[1] += b;
    y[2] += c;
    y[3] += d;
}

/* y[k] += Σ_c factor·x[c]·weight[k, c]: four filters at a time, so that four sums run side by side.
 */
static void forward_pair(const struct geometry *g, const struct pair *pair, const void *args)
{
    const struct conv2d_forward *op = args;
    const double *x = (const double *)op->x.data + pair->x;
    const double *weight = (const double *)op->weight.data + pair->tap;
    double *y = (double *)op->y.data + pair->y;
    int64_t step = filter_step(g), k = 0;

    for (; k + 4 <= g->n_outputs; k += 4, weight += 4 * step)
        four_sums(g, x, weight, y + k);
    for (; k < g->n_outputs; k++, weight += step) {
        double sum = 0;
        for (int64_t c = 0; c < g->n_inputs; c++)
            sum += g->factor * x[c] * weight[c];
        y[k] += sum;
    }
}

/* d_x[c] += Σ_k d_y[k]·weight[k, c] */
static void backward_data_pair(const struct geometry *g, const struct pair *pair, const void *args)
{
    const struct conv2d_backward_data *op = args;
    const double *d_y = (const double *)op->d_y.data + pair->y;
    const double *weight = (const double *)op->weight.data + pair->tap;
    double *d_x = (double *)op->d_x.data + pair->x;

    for (int64_t k = 0; k < g->n_outputs; k++)
        ref_accumulate(d_x, weight + k * filter_step(g), d_y[k], g->n_inputs);
}

/* d_weight[k, c] += d_y[k]·(factor·x[c]) */
static void backward_weight_pair(const struct geometry *g, const struct pair *pair,
                                 const void *args)
{
    const struct conv2d_backward_weight *op = args;
    const double *restrict x = (const double *)op->x.data + pair->x;
    const double *d_y = (const double *)op->d_y.data + pair->y;
    double *restrict d_weight = (double *)op->d_weight.data + pair->tap;

    for (int64_t k = 0; k < g->n_outputs; k++, d_weight += filter_step(g))
        for (int64_t c = 0; c < g->n_inputs; c++)
            d_weight[c] += d_y[k] * (g->factor * x[c]);
}

enum status ref_conv2d_forward_run(struct queue *queue, const struct prepared *prepared,
                                   const struct conv2d_forward *args)
{
    struct geometry g = geometry_of(&args->x, &args->weight, &args->y);

    (void)queue;
    (void)prepared;
    g.stride = args->stride;
    g.padding = args->padding;
    g.factor = args->factor;
    if (args->addend.data == NULL)
        ref_fill(args->y.data, tensor_elements(&args->y), 0.0);
    else if (args->addend.data != args->y.data)
        memcpy(args->y.data, args->addend.data, tensor_bytes(&args->y));
    visit_pairs(&g, forward_pair, args);
    return STATUS_OK;
}

enum status ref_conv2d_backward_data_run(struct queue *queue, const struct prepared *prepared,
                                         const struct conv2d_backward_data *args)
{
    struct geometry g = geometry_of(&args->d_x, &args->weight, &args->d_y);

    (void)queue;
    (void)prepared;
    g.stride = args->stride;
    g.padding = args->padding;
    g.factor = args->factor;
    ref_fill(args->d_x.data, tensor_elements(&args->d_x), 0.0);
    visit_pairs(&g, backward_data_pair, args);
    double *d_x = args->d_x.data;
    for (int64_t i = 0; i < tensor_elements(&args->d_x); i++)
        d_x[i] *= args->factor;
    return STATUS_OK;
}

enum status ref_conv2d_backward_weight_run(struct queue *queue, const struct prepared *prepared,
                                           const struct conv2d_backward_weight *args)
{
    struct geometry g = geometry_of(&args->x, &args->d_weight, &args->d_y);

    (void)queue;
    (void)prepared;
    g.stride = args->stride;
    g.padding = args->padding;
    g.factor = args->factor;
    ref_fill(args->d_weight.data, tensor_elements(&args->d_weight), 0.0);
    visit_pairs(&g, backward_weight_pair, args);
    return STATUS_OK;
}
