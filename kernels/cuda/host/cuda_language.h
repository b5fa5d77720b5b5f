/* CUDA C for the host's C++ compiler: what the kernels here use of it, and no more. */
#ifndef KERNELS_CUDA_HOST_CUDA_LANGUAGE_H
#define KERNELS_CUDA_HOST_CUDA_LANGUAGE_H

extern "C" {
#include "kernels/cuda/host/grid.h"
}

#include <cmath>
#include <cstring>
#include <new>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads)
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_BY(n) /* a matter of speed */

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

#define threadIdx (host_thread->thread)
#define blockIdx (host_thread->block)
#define blockDim (host_thread->threads)
#define gridDim (host_thread->blocks)

/* ---- shared memory ---- */

#define SHARED(type, name, n)                                                                      \
    static const char name##_site = 0;                                                             \
    type *const name = static_cast<type *>(host_shared(&name##_site, sizeof(type) * (n)))
#define DYNAMIC_SHARED(type, name) type *const name = static_cast<type *>(host_dynamic_shared())

/* ---- barriers and shuffles ---- */

#define __syncthreads() host_barrier(__FILE__, __LINE__)
#define __syncwarp(mask) host_exchange_value({"__syncwarp", __FILE__, __LINE__, mask, 0, 0}, 0)
#define __shfl_sync(mask, value, lane)                                                             \
    host_exchange_value({"__shfl_sync", __FILE__, __LINE__, mask, (unsigned)(lane) % 32, 0}, value)
#define __shfl_xor_sync(mask, value, lanes)                                                        \
    host_exchange_value(                                                                           \
        {"__shfl_xor_sync", __FILE__, __LINE__, mask, host_lane() ^ (unsigned)(lanes), 0}, value)
#define __shfl_down_sync(mask, value, lanes)                                                       \
    host_exchange_value(                                                                           \
        {"__shfl_down_sync", __FILE__, __LINE__, mask, host_lane() + (unsigned)(lanes), 0}, value)

template <typename T> T host_exchange_value(host_exchange exchange, T value)
{
    static_assert(sizeof value <= sizeof exchange.value, "a lane brings at most 8 bytes");
    std::memcpy(&exchange.value, &value, sizeof value);
    uint64_t taken = host_exchange_run(&exchange);
    std::memcpy(&value, &taken, sizeof value);
    return value;
}

/* ---- launches ---- */

template <typename... Parameters> struct host_call {
    host_grid grid;
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;

    static void thread(void *call)
    {
        std::apply(static_cast<host_call *>(call)->kernel,
                   static_cast<host_call *>(call)->arguments);
    }
    static void run(void *call)
    {
        host_grid_run(&static_cast<host_call *>(call)->grid);
    }
    static void release(void *call)
    {
        delete static_cast<host_call *>(call);
    }
};

template <typename... Parameters, typename... Arguments>
status host_launch(gpu_stream *stream, const host_grid &grid, void (*kernel)(Parameters...),
                   Arguments... arguments)
{
    status checked = host_grid_check(&grid);
    if (checked != STATUS_OK)
        return checked;
    auto *call = new (std::nothrow)
        host_call<Parameters...>{grid, kernel, std::tuple<Parameters...>(arguments...)};
    if (call == nullptr)
        return fail(STATUS_OUT_OF_MEMORY, "no memory to launch %s", grid.kernel);
    call->grid.thread = host_call<Parameters...>::thread;
    call->grid.call = call;
    gpu_host_enqueue(stream, host_call<Parameters...>::run, call,
                     host_call<Parameters...>::release);
    return STATUS_OK;
}

#define LAUNCH(kernel, n_blocks, n_threads, shared_bytes, stream, ...)                             \
    host_launch(stream,                                                                            \
                host_grid{#kernel,                                                                 \
                          {dim3(n_blocks).x, dim3(n_blocks).y, dim3(n_blocks).z},                  \
                          {dim3(n_threads).x, dim3(n_threads).y, dim3(n_threads).z},               \
                          shared_bytes,                                                            \
                          nullptr,                                                                 \
                          nullptr},                                                                \
                kernel, __VA_ARGS__)

#endif
