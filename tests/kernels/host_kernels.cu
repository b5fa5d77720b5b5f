/* Kernels that show what the host runs right and what it finds wrong; most of them are wrong on
 * purpose. */
#include "kernels/host_kernels.h"

#include "kernels/cuda/kernels/launch.h"

static __device__ int place()
{
    return (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

/* ---- right ---- */

static __global__ void sum_by_barriers_kernel(float *out)
{
    SHARED(float, values, HOST_THREADS);
    int thread = (int)threadIdx.x;

    values[thread] = (float)(thread + 1);
    for (int half = HOST_THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half)
            values[thread] += values[thread + half];
    }
    __syncthreads();
    out[place()] = values[0];
}

static __global__ void sum_by_shuffles_kernel(float *out)
{
    float value = (float)(threadIdx.x % 32 + 1);

    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, offset);
    out[place()] = value;
}

/* The upper half of each warp leaves; the lower goes on with a mask of its own. */
static __global__ void shuffle_values_kernel(float *out)
{
    int lane = (int)threadIdx.x % 32;
    float down = __shfl_down_sync(ALL_LANES, (float)lane, 20);
    float from = __shfl_sync(ALL_LANES, (float)lane, 7);
    double wide = __shfl_xor_sync(ALL_LANES, 1e300 * lane, 1);

    out[place()] = down + 100 * from + 10000 * (float)(wide / 1e300);
    if (lane >= 16)
        return;
    out[place()] += 1000000 * __shfl_xor_sync(0xffffu, (float)lane, 8);
    __syncwarp(0xffffu);
}

static __global__ void dynamic_shared_kernel(float *out)
{
    DYNAMIC_SHARED(float, values);

    values[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    out[place()] = values[HOST_THREADS - 1 - threadIdx.x];
}

/* Three dimensions of threads and blocks. */
static __global__ void places_kernel(float *out)
{
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;

    out[block * HOST_THREADS + thread] =
        (float)(threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * blockIdx.x +
                10000 * blockIdx.y + 100000 * blockIdx.z);
}

/* ---- wrong, and seen in the values ---- */

static __global__ void read_without_barrier_kernel(float *out)
{
    SHARED(float, values, HOST_THREADS);

    values[threadIdx.x] = (float)threadIdx.x;
    out[place()] = values[(threadIdx.x + 1) % HOST_THREADS];
}

static __global__ void write_without_barrier_kernel(float *out)
{
    SHARED(float, values, HOST_THREADS);

    values[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    float neighbour = values[(threadIdx.x + 1) % HOST_THREADS];
    values[threadIdx.x] = -1.0f;
    out[place()] = neighbour;
}

static __global__ void shared_unwritten_kernel(float *out)
{
    SHARED(float, values, HOST_THREADS);

    if (threadIdx.x > 0)
        values[threadIdx.x] = 1.0f;
    __syncthreads();
    out[place()] = values[threadIdx.x];
}

/* Every block takes the next number. */
static __global__ void block_order_kernel(float *out)
{
    if (threadIdx.x == 0)
        out[blockIdx.x + 1] = out[0]++;
}

/* ---- wrong, and reported ---- */

static __global__ void exit_before_barrier_kernel(float *out)
{
    if (threadIdx.x == 5)
        return;
    __syncthreads();
    out[place()] = 1.0f;
}

static __global__ void two_barriers_kernel(float *out)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
    out[place()] = 1.0f;
}

static __global__ void shuffle_after_exit_kernel(float *out)
{
    if (threadIdx.x == 9)
        return;
    out[place()] = __shfl_xor_sync(ALL_LANES, 1.0f, 1);
}

static __global__ void shuffle_beside_barrier_kernel(float *out)
{
    if (threadIdx.x == 3)
        __syncthreads();
    out[place()] = __shfl_xor_sync(ALL_LANES, 1.0f, 1);
}

static __global__ void shuffle_two_places_kernel(float *out)
{
    if (threadIdx.x % 2 == 0)
        out[place()] = __shfl_xor_sync(ALL_LANES, 1.0f, 2);
    else
        out[place()] = __shfl_xor_sync(ALL_LANES, 1.0f, 4);
}

static __global__ void mask_without_self_kernel(float *out)
{
    out[place()] = __shfl_xor_sync(0xfffffffeu, 1.0f, 1);
}

static __global__ void mask_beyond_block_kernel(float *out)
{
    out[place()] = __shfl_xor_sync(ALL_LANES, 1.0f, 1);
}

/* Lane 1 asks lane 0, which the mask leaves out: on a GPU the value could be anything. */
static __global__ void shuffle_from_outside_kernel(float *out)
{
    if (threadIdx.x % 32 != 0)
        out[place()] = __shfl_xor_sync(0xfffffffeu, 1.0f, 1);
}

static __global__ void too_much_shared_kernel(float *out)
{
    SHARED(float, first, 8192);
    SHARED(float, second, 8192);

    first[threadIdx.x] = second[threadIdx.x] = 1.0f;
    out[place()] = first[threadIdx.x];
}

#define LAUNCHED(name, n_blocks, n_threads, shared_bytes)                                          \
    enum status launch_##name(struct gpu_stream *stream, float *out)                               \
    {                                                                                              \
        return LAUNCH(name##_kernel, n_blocks, n_threads, shared_bytes, stream, out);              \
    }
#define PLAIN(name) LAUNCHED(name, HOST_BLOCKS, HOST_THREADS, 0)

PLAIN(sum_by_barriers)
PLAIN(sum_by_shuffles)
PLAIN(shuffle_values)
LAUNCHED(dynamic_shared, HOST_BLOCKS, HOST_THREADS, HOST_THREADS * sizeof(float))
LAUNCHED(places, dim3(2, 3, 4), dim3(8, 4, 2), 0)
PLAIN(read_without_barrier)
PLAIN(write_without_barrier)
PLAIN(shared_unwritten)
PLAIN(block_order)
PLAIN(exit_before_barrier)
PLAIN(two_barriers)
PLAIN(shuffle_after_exit)
PLAIN(shuffle_beside_barrier)
PLAIN(shuffle_two_places)
PLAIN(mask_without_self)
LAUNCHED(mask_beyond_block, HOST_BLOCKS, 40, 0)
PLAIN(shuffle_from_outside)
PLAIN(too_much_shared)

enum status launch_too_many_threads(struct gpu_stream *stream, float *out)
{
    return LAUNCH(sum_by_barriers_kernel, 1, 1025, 0, stream, out);
}

enum status launch_no_blocks(struct gpu_stream *stream, float *out)
{
    return LAUNCH(sum_by_barriers_kernel, 0, HOST_THREADS, 0, stream, out);
}
