/* Self-attention, head by head: a head's scores, probabilities and factors stay in the cache of the
 * core that computes them. Scores are kept as [token attended to, token attending], so that a
 * softmax is sums of whole vectors, and only one factor of each direction has to be transposed.
 * Products contract multiplication and addition (CMakeLists.txt): their bits depend on the
 * processor, as those of the library's products do. */
#include "kernels/cpu/small_product.h"

#include <math.h>
#include <omp.h>

/* One head: consecutive tokens are `stride` floats apart in qkv, `y_stride` in y. */
struct padded_head {
    const float *q, *k, *v;
    int64_t stride, y_stride, n_tokens, width;
    int64_t tokens_padded, width_padded; /* to PRODUCT_COLUMNS */
    float scale;
};

static int64_t padded(int64_t n)
{
    return (n + PRODUCT_COLUMNS - 1) / PRODUCT_COLUMNS * PRODUCT_COLUMNS;
}

static struct padded_head head_of(const struct tensor *qkv, int n_heads, int64_t i)
{
    struct padded_head head = {.n_tokens = qkv->shape[1], .stride = qkv->shape[2]};
    const float *image = (const float *)qkv->data + i / n_heads * head.n_tokens * head.stride;

    head.y_stride = head.stride / 3;
    head.width = head.y_stride / n_heads;
    head.q = image + i % n_heads * head.width;
    head.k = head.q + head.y_stride;
    head.v = head.k + head.y_stride;
    head.tokens_padded = padded(head.n_tokens);
    head.width_padded = padded(head.width);
    head.scale = (float)(1.0 / sqrt((double)head.width));
    return head;
}

/* Scratch of one thread, 64-byte aligned pieces. */
struct scratch {
    float *turned;    /* [width, tokens_padded] */
    float *rows[2];   /* [tokens, width_padded] */
    float *scores[2]; /* [tokens, tokens_padded] */
    float *column;    /* [tokens_padded] */
};

/* In floats; with `memory` also places the pieces. */
static int64_t scratch_place(const struct padded_head *head, float *memory, struct scratch *scratch)
{
    int64_t n_rows = head->n_tokens * head->width_padded;
    int64_t n_scores = head->n_tokens * head->tokens_padded;

    if (memory != NULL) {
        scratch->turned = memory;
        scratch->rows[0] = scratch->turned + head->width * head->tokens_padded;
        scratch->rows[1] = scratch->rows[0] + n_rows;
        scratch->scores[0] = scratch->rows[1] + n_rows;
        scratch->scores[1] = scratch->scores[0] + n_scores;
        scratch->column = scratch->scores[1] + n_scores;
    }
    return head->width * head->tokens_padded + 2 * n_rows + 2 * n_scores + head->tokens_padded;
}

/* ---- moving between the tensors' rows and padded ones ---- */

/* to [tokens, width_padded] = from, zeros beside. */
INLINED void pack(const struct padded_head *head, const float *from, int64_t stride, float *to)
{
    for (int64_t i = 0; i < head->n_tokens; i++) {
        memcpy(to + i * head->width_padded, from + i * stride, (size_t)head->width * sizeof *to);
        memset(to + i * head->width_padded + head->width, 0,
               (size_t)(head->width_padded - head->width) * sizeof *to);
    }
}

INLINED void unpack(const struct padded_head *head, const float *from, int64_t stride, float *to)
{
    for (int64_t i = 0; i < head->n_tokens; i++)
        memcpy(to + i * stride, from + i * head->width_padded, (size_t)head->width * sizeof *to);
}

typedef float quad_f32 __attribute__((vector_size(4 * sizeof(float))));
typedef int32_t quad_i32 __attribute__((vector_size(4 * sizeof(int32_t))));

#ifdef __clang__
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_i32){i, j, k, l})
#endif

/* to[c, i] = factor · from[i, c] of four by four. */
INLINED void turn_four(const float *from, int64_t stride, float factor, float *to,
                       int64_t to_stride)
{
    quad_f32 rows[4], pairs[4], turned[4];

    for (int i = 0; i < 4; i++) {
        memcpy(&rows[i], from + i * stride, sizeof rows[i]);
        rows[i] *= factor;
    }
    pairs[0] = SHUFFLE(rows[0], rows[1], 0, 4, 1, 5);
    pairs[1] = SHUFFLE(rows[0], rows[1], 2, 6, 3, 7);
    pairs[2] = SHUFFLE(rows[2], rows[3], 0, 4, 1, 5);
    pairs[3] = SHUFFLE(rows[2], rows[3], 2, 6, 3, 7);
    turned[0] = SHUFFLE(pairs[0], pairs[2], 0, 1, 4, 5);
    turned[1] = SHUFFLE(pairs[0], pairs[2], 2, 3, 6, 7);
    turned[2] = SHUFFLE(pairs[1], pairs[3], 0, 1, 4, 5);
    turned[3] = SHUFFLE(pairs[1], pairs[3], 2, 3, 6, 7);
    for (int c = 0; c < 4; c++)
        memcpy(to + c * to_stride, &turned[c], sizeof turned[c]);
}

/* to [width, tokens_padded] = factor · fromᵀ, zeros beside. */
INLINED void turn(const struct padded_head *head, const float *from, int64_t stride, float factor,
                  float *to)
{
    int64_t n = head->n_tokens, width = head->width, to_stride = head->tokens_padded;

    for (int64_t c = 0; c < width; c++)
        memset(to + c * to_stride + n, 0, (size_t)(to_stride - n) * sizeof *to);
    for (int64_t c = 0; c < width; c += 4)
        for (int64_t i = 0; i < n; i += 4) {
            if (c + 4 <= width && i + 4 <= n) {
                turn_four(from + i * stride + c, stride, factor, to + c * to_stride + i, to_stride);
                continue;
            }
            for (int64_t k = c; k < c + 4 && k < width; k++)
                for (int64_t j = i; j < i + 4 && j < n; j++)
                    to[k * to_stride + j] = factor * from[j * stride + k];
        }
}

/* ---- forward ---- */

/* Over the rows of scores, for 16 columns at a time: exp(score − largest) / Σ. */
INLINED void softmax_columns(const struct padded_head *head, float *scores)
{
    int64_t stride = head->tokens_padded;

    for (int64_t c = 0; c < stride; c += TILE) {
        tile_f32 largest, sum = {0}, score;
        tile_load(&largest, scores + c, TILE);
        for (int64_t j = 1; j < head->n_tokens; j++) {
            tile_load(&score, scores + j * stride + c, TILE);
            tile_i32 is_larger = score > largest;
            tile_choose(&largest, &is_larger, &score, &largest);
        }
        for (int64_t j = 0; j < head->n_tokens; j++) {
            tile_load(&score, scores + j * stride + c, TILE);
            score -= largest;
            tile_exp(&score);
            sum += score;
            tile_store(scores + j * stride + c, &score, TILE);
        }
        sum = 1.0f / sum;
        for (int64_t j = 0; j < head->n_tokens; j++) {
            tile_load(&score, scores + j * stride + c, TILE);
            score *= sum;
            tile_store(scores + j * stride + c, &score, TILE);
        }
    }
}

VECTORISED static void attend(const struct padded_head *head, const struct scratch *scratch,
                              float *y, float *probabilities)
{
    int64_t n = head->n_tokens;
    float *scores = scratch->scores[0];
    const struct small_product score = {.left = head->k,
                                        .row_step = head->stride,
                                        .step = 1,
                                        .right = scratch->turned,
                                        .right_stride = head->tokens_padded,
                                        .out = scores,
                                        .out_stride = head->tokens_padded,
                                        .n_rows = n,
                                        .n_columns = head->tokens_padded,
                                        .n_sums = head->width};
    const struct small_product mix = {.left = scores, /* transposed */
                                      .row_step = 1,
                                      .step = head->tokens_padded,
                                      .right = scratch->rows[0],
                                      .right_stride = head->width_padded,
                                      .out = scratch->rows[1],
                                      .out_stride = head->width_padded,
                                      .n_rows = n,
                                      .n_columns = head->width_padded,
                                      .n_sums = n};

    turn(head, head->q, head->stride, head->scale, scratch->turned);
    small_product(&score);
    softmax_columns(head, scores);
    pack(head, head->v, head->stride, scratch->rows[0]);
    small_product(&mix);
    unpack(head, scratch->rows[1], head->y_stride, y);
    for (int64_t j = 0; j < n && probabilities != NULL; j++)
        memcpy(probabilities + j * n, scores + j * head->tokens_padded, (size_t)n * sizeof *y);
}

static enum status prepare(const struct device *device, const struct tensor *qkv, int n_heads,
                           struct prepared **out)
{
    struct padded_head head = head_of(qkv, n_heads, 0);

    return cpu_prepared_create(
        (size_t)(scratch_place(&head, NULL, NULL) * device->base.n_threads) * sizeof(float), out);
}

enum status cpu_attention_forward_prepare(struct device *device, const struct attention_forward *op,
                                          struct prepared **out)
{
    return prepare(device, &op->qkv, op->n_heads, out);
}

/* The calling thread's own part of the workspace. */
static void scratch_take(const struct padded_head *head, struct span workspace,
                         struct scratch *scratch)
{
    int64_t n = scratch_place(head, NULL, NULL);

    (void)scratch_place(head, (float *)workspace.data + omp_get_thread_num() * n, scratch);
}

enum status cpu_attention_forward_run(struct queue *queue, const struct prepared *prepared,
                                      const struct attention_forward *op)
{
    (void)prepared;
    int64_t n = op->y.shape[1], n_channels = op->y.shape[2];
    float *y = op->y.data, *probabilities = op->probabilities.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->qkv)))
    for (int64_t i = 0; i < op->y.shape[0] * op->n_heads; i++) {
        struct padded_head head = head_of(&op->qkv, op->n_heads, i);
        struct scratch scratch;
        scratch_take(&head, op->workspace, &scratch);
        attend(&head, &scratch, y + i / op->n_heads * n * n_channels + i % op->n_heads * head.width,
               probabilities != NULL ? probabilities + i * n * n : NULL);
    }
    return STATUS_OK;
}

/* ---- backward ---- */

struct head_derivatives {
    const float *probabilities, *d_y; /* [tokens, tokens]; as y */
    float *d_q, *d_k, *d_v;           /* as q, k, v */
};

/* d_scores (in place of d_probabilities) = p · (d_p − Σ_j p·d_p), 16 columns at a time. */
INLINED void softmax_gradient(const struct padded_head *head, const float *probabilities,
                              float *d_scores)
{
    int64_t stride = head->tokens_padded;

    for (int64_t c = 0; c < stride; c += TILE) {
        tile_f32 sum = {0}, p, d;
        for (int64_t j = 0; j < head->n_tokens; j++) {
            tile_load(&p, probabilities + j * stride + c, TILE);
            tile_load(&d, d_scores + j * stride + c, TILE);
            sum += p * d;
        }
        for (int64_t j = 0; j < head->n_tokens; j++) {
            tile_load(&p, probabilities + j * stride + c, TILE);
            tile_load(&d, d_scores + j * stride + c, TILE);
            d = p * (d - sum) * head->scale;
            tile_store(d_scores + j * stride + c, &d, TILE);
        }
    }
}

/* out [tokens, width], `stride` apart, = left · right, where right is packed into rows[0] first. */
INLINED void multiply_rows(const struct padded_head *head, const struct scratch *scratch,
                           const struct small_product *left, const float *right, float *out)
{
    struct small_product product = *left;

    pack(head, right, left->right_stride, scratch->rows[0]);
    product.right = scratch->rows[0];
    product.right_stride = head->width_padded;
    product.out = scratch->rows[1];
    product.out_stride = head->width_padded;
    product.n_rows = product.n_sums = head->n_tokens;
    product.n_columns = head->width_padded;
    small_product(&product);
    unpack(head, scratch->rows[1], head->stride, out);
}

VECTORISED static void attend_backward(const struct padded_head *head,
                                       const struct scratch *scratch,
                                       const struct head_derivatives *gradient)
{
    int64_t n = head->n_tokens, stride = head->tokens_padded;
    float *probabilities = scratch->scores[0], *d_scores = scratch->scores[1];
    const struct small_product d_probability = {.left = head->v,
                                                .row_step = head->stride,
                                                .step = 1,
                                                .right = scratch->turned,
                                                .right_stride = stride,
                                                .out = d_scores,
                                                .out_stride = stride,
                                                .n_rows = n,
                                                .n_columns = stride,
                                                .n_sums = head->width};
    const struct small_product by_probability = {
        .left = probabilities, .row_step = stride, .step = 1, .right_stride = head->y_stride};
    const struct small_product by_score = {
        .left = d_scores, .row_step = stride, .step = 1, .right_stride = head->stride};
    const struct small_product by_score_turned = {
        .left = d_scores, .row_step = 1, .step = stride, .right_stride = head->stride};

    for (int64_t j = 0; j < n; j++) {
        memcpy(probabilities + j * stride, gradient->probabilities + j * n,
               (size_t)n * sizeof *d_scores);
        memset(probabilities + j * stride + n, 0, (size_t)(stride - n) * sizeof *d_scores);
    }
    turn(head, gradient->d_y, head->y_stride, 1.0f, scratch->turned);
    small_product(&d_probability);
    softmax_gradient(head, probabilities, d_scores);
    multiply_rows(head, scratch, &by_probability, gradient->d_y, gradient->d_v);
    multiply_rows(head, scratch, &by_score, head->q, gradient->d_k);
    multiply_rows(head, scratch, &by_score_turned, head->k, gradient->d_q);
}

enum status cpu_attention_backward_prepare(struct device *device,
                                           const struct attention_backward *op,
                                           struct prepared **out)
{
    return prepare(device, &op->qkv, op->n_heads, out);
}

enum status cpu_attention_backward_run(struct queue *queue, const struct prepared *prepared,
                                       const struct attention_backward *op)
{
    (void)prepared;
    int64_t n = op->d_y.shape[1], n_channels = op->d_y.shape[2];
    const float *d_y = op->d_y.data, *probabilities = op->probabilities.data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, tensor_elements(&op->qkv)))
    for (int64_t i = 0; i < op->d_y.shape[0] * op->n_heads; i++) {
        struct padded_head head = head_of(&op->qkv, op->n_heads, i);
        struct scratch scratch;
        float *d_q = (float *)op->d_qkv.data + (head.q - (const float *)op->qkv.data);
        const struct head_derivatives gradient = {.probabilities = probabilities + i * n * n,
                                                  .d_y = d_y + i / op->n_heads * n * n_channels +
                                                         i % op->n_heads * head.width,
                                                  .d_q = d_q,
                                                  .d_k = d_q + n_channels,
                                                  .d_v = d_q + 2 * n_channels};
        scratch_take(&head, op->workspace, &scratch);
        attend_backward(&head, &scratch, &gradient);
    }
    return STATUS_OK;
}
