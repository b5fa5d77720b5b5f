/* What the gradient's norm is limited by. Every block writes its sum of squares in float64; a
 * second kernel adds those of all blocks. */
#include "kernels/cuda/kernels/block_sum.h"
#include "kernels/cuda/kernels/pack.h"

struct clip {
    const float *gradient;
    const uint8_t *mask; /* or NULL */
    double *scale;
    double *squares; /* workspace: [n_blocks] */
    double limit;
    int64_t n;
};

/* A held element counts as 0, also where it is NaN. */
template <int WIDTH>
static __global__ void __launch_bounds__(THREADS) clip_scale_squares_kernel(struct clip op)
{
    double sum = 0.0;

    for (int64_t i = first_item() * WIDTH; i < op.n; i += item_stride() * WIDTH) {
        int64_t left = op.n - i;
        pack<float, WIDTH> gradient = load<WIDTH>(op.gradient + i, left);
        pack<uint8_t, WIDTH> is_free = flags_of<WIDTH>(op.mask, i, left);
        UNROLL
        for (int j = 0; j < WIDTH; j++) {
            double value = is_free.at[j] != 0 ? (double)gradient.at[j] : 0.0;
            sum += value * value;
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        op.squares[blockIdx.x] = sum;
}

/* One block. */
static __global__ void __launch_bounds__(THREADS)
    clip_scale_total_kernel(struct clip op, unsigned n_blocks)
{
    double sum = 0.0;

    for (unsigned i = threadIdx.x; i < n_blocks; i += THREADS)
        sum += op.squares[i];
    sum = block_sum(sum);
    if (threadIdx.x != 0)
        return;
    double scale = op.limit / (sqrt(sum) + 1e-6);
    scale = scale > 1.0 ? 1.0 : scale;
    *op.scale = sum - sum == 0.0 ? scale : (double)NAN; /* neither infinite nor NaN */
}

/* Tensors may move to where accesses are narrower; enough for both. */
extern "C" size_t cuda_clip_scale_workspace(const struct clip_scale *op)
{
    return blocks_for(tensor_elements(&op->gradient)) * sizeof(double);
}

template <int WIDTH> static enum status clip(struct gpu_stream *stream, const struct clip_scale *op)
{
    int64_t n = tensor_elements(&op->gradient);
    unsigned n_blocks = blocks_for_packs<WIDTH>(n);
    struct clip clip = {
        data_of<float>(&op->gradient),
        data_of<uint8_t>(&op->mask),
        data_of<double>(&op->scale),
        static_cast<double *>(op->workspace.data),
        op->limit,
        n,
    };
    enum status status =
        LAUNCH(clip_scale_squares_kernel<WIDTH>, n_blocks, THREADS, 0, stream, clip);

    if (status != STATUS_OK)
        return status;
    return LAUNCH(clip_scale_total_kernel, 1, THREADS, 0, stream, clip, n_blocks);
}

extern "C" enum status cuda_clip_scale_launch(struct gpu_stream *stream,
                                              const struct clip_scale *op)
{
    bool is_wide = are_wide(op->gradient) && is_aligned(&op->mask, WIDE<float>);

    return is_wide ? clip<WIDE<float>>(stream, op) : clip<1>(stream, op);
}
