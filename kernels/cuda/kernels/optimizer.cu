/* SGD and Adam steps on flat vectors, in PyTorch's order of operations: scalars in float64, once
 * per block, then every element in float32. */
#include "kernels/cuda/kernels/pack.h"

/* What a gradient is multiplied by; where it is not given, the gradient stays as it is. */
struct factor {
    float value;
    bool is_given;
};

static __device__ __forceinline__ struct factor factor_of(const double *scale)
{
    return {scale != nullptr ? (float)*scale : 1.0f, scale != nullptr};
}

template <int WIDTH>
static __device__ __forceinline__ pack<float, WIDTH>
load_scaled(const float *gradient, const struct factor &factor, int64_t left)
{
    pack<float, WIDTH> values = load<WIDTH>(gradient, left);

    if (!factor.is_given)
        return values;
    UNROLL
    for (int j = 0; j < WIDTH; j++)
        values.at[j] *= factor.value;
    return values;
}

struct sgd {
    const float *gradient;
    const uint8_t *mask, *decays; /* or NULL */
    const double *rates;
    const double *scale; /* or NULL */
    float *parameter;
    float *velocity; /* NULL without momentum */
    float momentum, decay;
    bool is_nesterov;
    int64_t n;
};

/* IS_PLAIN: without decays, scale and Nesterov's momentum. */
template <int WIDTH, bool IS_PLAIN>
static __global__ void __launch_bounds__(THREADS) sgd_step_kernel(struct sgd op)
{
    struct factor factor = factor_of(IS_PLAIN ? nullptr : op.scale);
    const uint8_t *decays = IS_PLAIN ? nullptr : op.decays;
    bool is_nesterov = !IS_PLAIN && op.is_nesterov;
    float rate = (float)op.rates[0];
    bool is_first = op.rates[1] <= 1.0;

    for (int64_t i = first_item() * WIDTH; i < op.n; i += item_stride() * WIDTH) {
        int64_t left = op.n - i;
        pack<float, WIDTH> step = load_scaled<WIDTH>(op.gradient + i, factor, left);
        pack<float, WIDTH> parameter = load<WIDTH>(op.parameter + i, left), velocity = {};
        pack<uint8_t, WIDTH> is_free = flags_of<WIDTH>(op.mask, i, left);
        pack<uint8_t, WIDTH> has_decay = flags_of<WIDTH>(decays, i, left);
        if (op.velocity != nullptr)
            velocity = load<WIDTH>(op.velocity + i, left);
        UNROLL
        for (int j = 0; j < WIDTH; j++) {
            float direction =
                step.at[j] + (has_decay.at[j] != 0 ? op.decay : 0.0f) * parameter.at[j];
            float kept = direction;
            if (op.velocity != nullptr && !is_first)
                kept += op.momentum * velocity.at[j];
            direction = is_nesterov ? direction + op.momentum * kept : kept;
            velocity.at[j] = is_free.at[j] != 0 ? kept : velocity.at[j];
            parameter.at[j] -= is_free.at[j] != 0 ? rate * direction : 0.0f;
        }
        if (op.velocity != nullptr)
            store(op.velocity + i, velocity, left);
        store(op.parameter + i, parameter, left);
    }
}

template <int WIDTH> static enum status sgd(struct gpu_stream *stream, const struct sgd_step *op)
{
    int64_t n = tensor_elements(&op->parameter);
    struct sgd sgd = {
        data_of<float>(&op->gradient),
        data_of<uint8_t>(&op->mask),
        data_of<uint8_t>(&op->decays),
        data_of<double>(&op->rates),
        data_of<double>(&op->scale),
        data_of<float>(&op->parameter),
        op->momentum != 0.0 ? data_of<float>(&op->velocity) : nullptr,
        (float)op->momentum,
        (float)op->decay,
        op->is_nesterov,
        n,
    };

    if (sgd.decays == nullptr && sgd.scale == nullptr && !sgd.is_nesterov)
        return LAUNCH((sgd_step_kernel<WIDTH, true>), blocks_for_packs<WIDTH>(n), THREADS, 0,
                      stream, sgd);
    return LAUNCH((sgd_step_kernel<WIDTH, false>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  sgd);
}

extern "C" enum status cuda_sgd_step_launch(struct gpu_stream *stream, const struct sgd_step *op)
{
    bool is_wide = are_wide(op->gradient, op->parameter, op->velocity) &&
                   is_aligned(&op->mask, WIDE<float>) && is_aligned(&op->decays, WIDE<float>);

    return is_wide ? sgd<WIDE<float>>(stream, op) : sgd<1>(stream, op);
}

struct adam {
    const float *gradient;
    const uint8_t *mask, *decays; /* or NULL */
    const double *rates;
    const double *scale; /* or NULL */
    float *parameter, *first_moment, *second_moment;
    double beta1, beta2, epsilon, decay;
    bool is_decoupled;
    int64_t n;
};

struct adam_constants {
    float beta1, rest1, beta2, rest2; /* rest: 1 − beta */
    float root_correction2, epsilon, step_size, shrink, decay;
};

static __device__ __forceinline__ struct adam_constants scalars_of(const struct adam &op)
{
    double rate = op.rates[0], step = op.rates[1];

    return {
        (float)op.beta1,
        (float)(1.0 - op.beta1),
        (float)op.beta2,
        (float)(1.0 - op.beta2),
        (float)sqrt(1.0 - pow(op.beta2, step)),
        (float)op.epsilon,
        (float)(rate / (1.0 - pow(op.beta1, step))),
        op.is_decoupled ? (float)(1.0 - rate * op.decay) : 1.0f,
        op.is_decoupled ? 0.0f : (float)op.decay,
    };
}

template <int WIDTH> struct adam_pack {
    pack<float, WIDTH> parameter, first, second;
};

template <int WIDTH>
static __device__ __forceinline__ void
advance(const struct adam_constants &s, const pack<float, WIDTH> &gradients,
        const pack<uint8_t, WIDTH> &is_free, const pack<uint8_t, WIDTH> &has_decay,
        struct adam_pack<WIDTH> &state)
{
    UNROLL
    for (int j = 0; j < WIDTH; j++) {
        float decay = has_decay.at[j] != 0 ? s.decay : 0.0f;
        float shrink = has_decay.at[j] != 0 ? s.shrink : 1.0f;
        float gradient = gradients.at[j] + decay * state.parameter.at[j];
        float m = state.first.at[j] * s.beta1 + s.rest1 * gradient;
        float v = state.second.at[j] * s.beta2 + s.rest2 * gradient * gradient;
        float denominator = sqrtf(v) / s.root_correction2 + s.epsilon;
        float updated = state.parameter.at[j] * shrink - s.step_size * m / denominator;
        if (is_free.at[j] == 0)
            continue;
        state.first.at[j] = m;
        state.second.at[j] = v;
        state.parameter.at[j] = updated;
    }
}

/* IS_PLAIN: without decays and scale. */
template <int WIDTH, bool IS_PLAIN>
static __global__ void __launch_bounds__(THREADS) adam_step_kernel(struct adam op)
{
    SHARED(struct adam_constants, shared, 1);
    struct factor factor = factor_of(IS_PLAIN ? nullptr : op.scale);
    const uint8_t *decays = IS_PLAIN ? nullptr : op.decays;

    if (threadIdx.x == 0)
        shared[0] = scalars_of(op);
    __syncthreads();
    struct adam_constants scalars = shared[0];
    for (int64_t i = first_item() * WIDTH; i < op.n; i += item_stride() * WIDTH) {
        int64_t left = op.n - i;
        pack<float, WIDTH> gradients = load_scaled<WIDTH>(op.gradient + i, factor, left);
        pack<uint8_t, WIDTH> is_free = flags_of<WIDTH>(op.mask, i, left);
        pack<uint8_t, WIDTH> has_decay = flags_of<WIDTH>(decays, i, left);
        struct adam_pack<WIDTH> state = {
            load<WIDTH>(op.parameter + i, left), load<WIDTH>(op.first_moment + i, left),
                load<WIDTH>(op.second_moment + i, left)
        };
        advance<WIDTH>(scalars, gradients, is_free, has_decay, state);
        store(op.parameter + i, state.parameter, left);
        store(op.first_moment + i, state.first, left);
        store(op.second_moment + i, state.second, left);
    }
}

template <int WIDTH> static enum status adam(struct gpu_stream *stream, const struct adam_step *op)
{
    int64_t n = tensor_elements(&op->parameter);
    struct adam adam = {
        data_of<float>(&op->gradient),
        data_of<uint8_t>(&op->mask),
        data_of<uint8_t>(&op->decays),
        data_of<double>(&op->rates),
        data_of<double>(&op->scale),
        data_of<float>(&op->parameter),
        data_of<float>(&op->first_moment),
        data_of<float>(&op->second_moment),
        op->beta1,
        op->beta2,
        op->epsilon,
        op->decay,
        op->is_decoupled,
        n,
    };

    if (adam.decays == nullptr && adam.scale == nullptr)
        return LAUNCH((adam_step_kernel<WIDTH, true>), blocks_for_packs<WIDTH>(n), THREADS, 0,
                      stream, adam);
    return LAUNCH((adam_step_kernel<WIDTH, false>), blocks_for_packs<WIDTH>(n), THREADS, 0, stream,
                  adam);
}

extern "C" enum status cuda_adam_step_launch(struct gpu_stream *stream, const struct adam_step *op)
{
    bool is_wide = are_wide(op->gradient, op->parameter, op->first_moment, op->second_moment) &&
                   is_aligned(&op->mask, WIDE<float>) && is_aligned(&op->decays, WIDE<float>);

    return is_wide ? adam<WIDE<float>>(stream, op) : adam<1>(stream, op);
}
