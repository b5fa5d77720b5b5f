/* Cross-entropy of softmax with its gradient. Rows are short, so each is done by a warp, in
 * float64; a second kernel adds the rows' losses. */
#include "kernels/cuda/kernels/block_sum.h"
#include "kernels/cuda/kernels/pack.h"

constexpr int ROWS_PER_BLOCK = THREADS / WARP_LANES;

template <typename T> struct entropy {
    const float *logits;
    T *d_logits; /* or NULL */
    const int32_t *labels;
    float *loss, *sample_loss; /* the last may be NULL */
    double *row_losses;        /* workspace */
    int64_t n_rows, n_classes;
    /* of targets of several classes */
    const int32_t *partners; /* or NULL */
    const double *mix;       /* with partners */
    double smoothing;
    double weight;
};

/* Rows with a label; every block counts them anew, since no other could tell it. */
static __device__ __forceinline__ int count_rows(const int32_t *labels, int64_t n_rows)
{
    int n = 0;

    for (int64_t i = threadIdx.x; i < n_rows; i += THREADS)
        n += labels[i] >= 0;
    return block_sum(n);
}

/* `value` only if it is more than `most`, which a NaN is not. */
static __device__ __forceinline__ float larger(float value, float most)
{
    return value > most ? value : most;
}

static __device__ __forceinline__ float warp_largest(const float *row, int64_t n_classes)
{
    float largest = row[0];

    for (int64_t k = threadIdx.x % WARP_LANES; k < n_classes; k += WARP_LANES)
        largest = larger(row[k], largest);
    for (int offset = WARP_LANES / 2; offset > 0; offset /= 2) {
        largest = larger(__shfl_xor_sync(ALL_LANES, largest, offset), largest);
    }
    return largest;
}

/* log Σ exp(logits), shifted by the largest. NaN in, NaN out. */
static __device__ __forceinline__ double warp_log_sum_exp(const float *row, int64_t n_classes)
{
    double largest = (double)warp_largest(row, n_classes), sum = 0.0;

    for (int64_t k = threadIdx.x % WARP_LANES; k < n_classes; k += WARP_LANES)
        sum += exp((double)row[k] - largest);
    return largest + log(warp_sum(sum));
}

/* The loss of a counted row and its share of the gradient. d_logits may be logits' memory: each
 * element is read, by its own lane, before it is written. A label that is no class gives NaN. */
template <typename T>
static __device__ __forceinline__ double counted_row(const struct entropy<T> &op, int64_t n,
                                                     double share)
{
    const float *row = op.logits + n * op.n_classes;
    int32_t label = op.labels[n];
    double normaliser = warp_log_sum_exp(row, op.n_classes);
    double loss = label < op.n_classes ? normaliser - (double)row[label] : (double)NAN;

    __syncwarp(ALL_LANES); /* all have read the label's logit */
    if (op.d_logits == nullptr)
        return loss;
    for (int64_t k = threadIdx.x % WARP_LANES; k < op.n_classes; k += WARP_LANES) {
        double probability = exp((double)row[k] - normaliser);
        op.d_logits[n * op.n_classes + k] =
            rounded<T>((float)((probability - (k == label ? 1.0 : 0.0)) * share));
    }
    return loss;
}

/* 0 · infinity is nothing here: the class is no part of the target. */
static __device__ __forceinline__ double part_of(double share, double surprise)
{
    return share != 0.0 ? share * surprise : 0.0;
}

/* The same for a target of several classes: shares of the label, of its partner, of every class. */
template <typename T>
static __device__ __forceinline__ double mixed_row(const struct entropy<T> &op, int64_t n,
                                                   double share)
{
    const float *row = op.logits + n * op.n_classes;
    int32_t label = op.labels[n], partner = op.partners != nullptr ? op.partners[n] : label;
    double mix = op.partners != nullptr ? *op.mix : 1.0,
           every = op.smoothing / (double)op.n_classes;
    double first = (1.0 - op.smoothing) * mix, second = (1.0 - op.smoothing) * (1.0 - mix);
    double normaliser = warp_log_sum_exp(row, op.n_classes), loss = (double)NAN, sum = 0.0;

    if (label < op.n_classes && partner >= 0 && partner < op.n_classes)
        loss = part_of(first, normaliser - (double)row[label]) +
               part_of(second, normaliser - (double)row[partner]);
    __syncwarp(ALL_LANES); /* all have read the labels' logits */
    for (int64_t k = threadIdx.x % WARP_LANES; k < op.n_classes; k += WARP_LANES) {
        double surprise = normaliser - (double)row[k];
        double target = every + (k == label ? first : 0.0) + (k == partner ? second : 0.0);
        sum += surprise;
        if (op.d_logits != nullptr)
            op.d_logits[n * op.n_classes + k] =
                rounded<T>((float)((exp(-surprise) - target) * share));
    }
    return loss + part_of(every, warp_sum(sum));
}

template <typename T>
static __device__ __forceinline__ void zero_row(const struct entropy<T> &op, int64_t n)
{
    if (op.d_logits == nullptr)
        return;
    for (int64_t k = threadIdx.x % WARP_LANES; k < op.n_classes; k += WARP_LANES)
        op.d_logits[n * op.n_classes + k] = rounded<T>(0.0f);
}

template <typename T, bool IS_MIXED>
static __global__ void __launch_bounds__(THREADS)
    softmax_cross_entropy_rows_kernel(struct entropy<T> op)
{
    int n_counted = count_rows(op.labels, op.n_rows);
    double share = n_counted > 0 ? op.weight / n_counted : 0.0, loss = 0.0;
    int64_t n = first_item() / WARP_LANES;

    if (n >= op.n_rows)
        return;
    if (op.labels[n] >= 0)
        loss = IS_MIXED ? mixed_row(op, n, share) : counted_row(op, n, share);
    else
        zero_row(op, n);
    if (threadIdx.x % WARP_LANES != 0)
        return;
    op.row_losses[n] = loss;
    if (op.sample_loss != nullptr)
        op.sample_loss[n] = (float)loss;
}

/* One block. */
template <typename T>
static __global__ void __launch_bounds__(THREADS)
    softmax_cross_entropy_mean_kernel(struct entropy<T> op)
{
    double loss = 0.0;
    int n_counted = count_rows(op.labels, op.n_rows);

    for (int64_t i = threadIdx.x; i < op.n_rows; i += THREADS)
        loss += op.row_losses[i];
    loss = block_sum(loss);
    if (threadIdx.x == 0)
        *op.loss = n_counted > 0 ? (float)(op.weight * loss / n_counted) : 0.0f;
}

extern "C" size_t cuda_softmax_cross_entropy_workspace(const struct softmax_cross_entropy *op)
{
    return (size_t)op->logits.shape[0] * sizeof(double);
}

template <typename T>
static enum status entropy_of(struct gpu_stream *stream, const struct softmax_cross_entropy *op)
{
    struct entropy<T> entropy = {
        data_of<float>(&op->logits), data_of<T>(&op->d_logits), data_of<int32_t>(&op->labels),
            data_of<float>(&op->loss), data_of<float>(&op->sample_loss),
            static_cast<double *>(op->workspace.data), op->logits.shape[0], op->logits.shape[1],
            data_of<int32_t>(&op->partner_labels), data_of<double>(&op->mix), op->smoothing,
            op->weight,
    };
    unsigned n_blocks = (unsigned)((entropy.n_rows + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK);
    bool is_mixed = entropy.partners != nullptr || op->smoothing > 0.0;
    enum status status = is_mixed ? LAUNCH((softmax_cross_entropy_rows_kernel<T, true>), n_blocks,
                                           THREADS, 0, stream, entropy)
                                  : LAUNCH((softmax_cross_entropy_rows_kernel<T, false>), n_blocks,
                                           THREADS, 0, stream, entropy);

    if (status != STATUS_OK)
        return status;
    return LAUNCH(softmax_cross_entropy_mean_kernel<T>, 1, THREADS, 0, stream, entropy);
}

extern "C" enum status cuda_softmax_cross_entropy_launch(struct gpu_stream *stream,
                                                         const struct softmax_cross_entropy *op)
{
    return BY_TYPE(op->d_logits, entropy_of);
}
