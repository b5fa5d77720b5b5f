/* The totals of training steps: one block counts the rows, its first thread adds them up. The
 * product of a float and a count is exact in float64, so that the sum has the bits that cpu's has.
 */
#include "kernels/cuda/kernels/block_sum.h"

struct tallied_step {
    const float *loss, *logits;
    const int32_t *labels;
    const double *rates;
    double *totals; /* by enum step_total */
    int64_t n_rows, n_classes;
};

/* NaN is in no order with anything: a row with one is wrong. */
static __device__ __forceinline__ bool is_right(const float *logits, int32_t label,
                                                int64_t n_classes)
{
    float own = logits[label];
    bool is_largest = true;

    for (int64_t k = 0; k < n_classes; k++)
        is_largest &= k == label || (k < label ? logits[k] < own : logits[k] <= own);
    return is_largest;
}

static __device__ __forceinline__ void add_step(const struct tallied_step &op, int n_counted,
                                                int n_right)
{
    double loss = (double)*op.loss;

    op.totals[TOTAL_LAST_LOSS] = loss;
    if (loss - loss == 0.0) { /* neither infinite nor NaN */
        op.totals[TOTAL_LOSS] += loss * n_counted;
        op.totals[TOTAL_RIGHT] += n_right;
        op.totals[TOTAL_ROWS] += n_counted;
    } else if (op.totals[TOTAL_BAD_STEP] == 0) {
        op.totals[TOTAL_BAD_STEP] = op.rates[1];
        op.totals[TOTAL_BAD_LOSS] = loss;
    }
}

/* One block. */
static __global__ void __launch_bounds__(THREADS) step_tally_kernel(struct tallied_step op)
{
    int n_counted = 0, n_right = 0;

    for (int64_t n = threadIdx.x; n < op.n_rows; n += THREADS) {
        int32_t label = op.labels[n];
        n_counted += label >= 0;
        n_right += label >= 0 && is_right(op.logits + n * op.n_classes, label, op.n_classes);
    }
    n_counted = block_sum(n_counted);
    __syncthreads(); /* the next sum uses the same memory */
    n_right = block_sum(n_right);
    if (threadIdx.x == 0)
        add_step(op, n_counted, n_right);
}

extern "C" enum status cuda_step_tally_launch(struct gpu_stream *stream,
                                              const struct step_tally *op)
{
    struct tallied_step tally = {
        data_of<float>(&op->loss),   data_of<float>(&op->logits),  data_of<int32_t>(&op->labels),
        data_of<double>(&op->rates), data_of<double>(&op->totals), op->logits.shape[0],
        op->logits.shape[1],
    };

    return LAUNCH(step_tally_kernel, 1, THREADS, 0, stream, tally);
}
