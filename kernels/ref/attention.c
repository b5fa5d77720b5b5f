/* Self-attention of every head, and its gradient. Nothing but the formula: without memory for
 * probabilities each is computed again where it is wanted. */
#include "kernels/ref/ref.h"

#include <math.h>

/* One head of one image: where its q, k and v begin; consecutive tokens are `stride` apart. */
struct head {
    const double *q, *k, *v;
    int64_t n_tokens, stride, width;
    double scale;
};

static struct head head_of(const struct tensor *qkv, int n_heads, int64_t i)
{
    int64_t n_tokens = qkv->shape[1], stride = qkv->shape[2], n_channels = stride / 3;
    struct head head = {.n_tokens = n_tokens, .stride = stride, .width = n_channels / n_heads};

    head.q = (const double *)qkv->data + i / n_heads * n_tokens * stride + i % n_heads * head.width;
    head.k = head.q + n_channels;
    head.v = head.k + n_channels;
    head.scale = 1.0 / sqrt((double)head.width);
    return head;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t c = 0; c < n; c++)
        sum += a[c] * b[c];
    return sum;
}

/* s[j, i] = <k_j, q_i> / √width */
static double score(const struct head *head, int64_t j, int64_t i)
{
    return head->scale * dot(head->k + j * head->stride, head->q + i * head->stride, head->width);
}

/* Largest score of token i, and Σ_j exp(s[j, i] − largest). */
static double normaliser(const struct head *head, int64_t i, double *largest)
{
    double sum = 0.0;

    *largest = score(head, 0, i);
    for (int64_t j = 1; j < head->n_tokens; j++)
        *largest = fmax(*largest, score(head, j, i));
    for (int64_t j = 0; j < head->n_tokens; j++)
        sum += exp(score(head, j, i) - *largest);
    return sum;
}

static void attend(const struct head *head, double *y, int64_t y_stride, double *probabilities)
{
    for (int64_t i = 0; i < head->n_tokens; i++) {
        double largest, sum = normaliser(head, i, &largest);
        ref_fill(y + i * y_stride, head->width, 0.0);
        for (int64_t j = 0; j < head->n_tokens; j++) {
            double probability = exp(score(head, j, i) - largest) / sum;
            ref_accumulate(y + i * y_stride, head->v + j * head->stride, probability, head->width);
            if (probabilities != NULL)
                probabilities[j * head->n_tokens + i] = probability;
        }
    }
}

enum status ref_attention_forward_run(struct queue *queue, const struct prepared *prepared,
                                      const struct attention_forward *args)
{
    int64_t n_tokens = args->y.shape[1], n_channels = args->y.shape[2];
    double *y = args->y.data, *probabilities = args->probabilities.data;

    (void)queue;
    (void)prepared;
    for (int64_t i = 0; i < args->y.shape[0] * args->n_heads; i++) {
        struct head head = head_of(&args->qkv, args->n_heads, i);
        attend(&head,
               y + i / args->n_heads * n_tokens * n_channels + i % args->n_heads * head.width,
               n_channels, probabilities != NULL ? probabilities + i * n_tokens * n_tokens : NULL);
    }
    return STATUS_OK;
}

/* The gradients of one head, and where they lie: as q, k and v do. */
struct head_gradient {
    const double *probabilities, *d_y;
    int64_t d_y_stride;
    double *d_q, *d_k, *d_v;
};

static void attend_backward(const struct head *head, const struct head_gradient *gradient)
{
    int64_t n = head->n_tokens, stride = head->stride;

    for (int64_t i = 0; i < n; i++) {
        const double *d_y = gradient->d_y + i * gradient->d_y_stride;
        double mean = 0.0; /* Σ_j p[j, i] · d_p[j, i] */
        for (int64_t j = 0; j < n; j++)
            mean +=
                gradient->probabilities[j * n + i] * dot(head->v + j * stride, d_y, head->width);
        for (int64_t j = 0; j < n; j++) {
            double p = gradient->probabilities[j * n + i];
            double d_s = head->scale * p * (dot(head->v + j * stride, d_y, head->width) - mean);
            ref_accumulate(gradient->d_v + j * stride, d_y, p, head->width);
            ref_accumulate(gradient->d_k + j * stride, head->q + i * stride, d_s, head->width);
            ref_accumulate(gradient->d_q + i * stride, head->k + j * stride, d_s, head->width);
        }
    }
}

enum status ref_attention_backward_run(struct queue *queue, const struct prepared *prepared,
                                       const struct attention_backward *args)
{
    int64_t n_tokens = args->d_y.shape[1], n_channels = args->d_y.shape[2];

    (void)queue;
    (void)prepared;
    ref_fill(args->d_qkv.data, tensor_elements(&args->d_qkv), 0.0);
    for (int64_t i = 0; i < args->d_y.shape[0] * args->n_heads; i++) {
        struct head head = head_of(&args->qkv, args->n_heads, i);
        int64_t offset = head.q - (const double *)args->qkv.data;
        struct head_gradient gradient = {
            .probabilities = (const double *)args->probabilities.data + i * n_tokens * n_tokens,
            .d_y = (const double *)args->d_y.data + i / args->n_heads * n_tokens * n_channels +
                   i % args->n_heads * head.width,
            .d_y_stride = n_channels,
            .d_q = (double *)args->d_qkv.data + offset};
        gradient.d_k = gradient.d_q + n_channels;
        gradient.d_v = gradient.d_k + n_channels;
        attend_backward(&head, &gradient);
    }
    return STATUS_OK;
}
