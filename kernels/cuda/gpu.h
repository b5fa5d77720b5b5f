/* The one seam between the cuda backend and what it runs on. Everything the backend asks of CUDA,
 * cuDNN and cuBLASLt is an entry of struct gpu; there are two tables of it: the real one
 * (real/cuda_gpu.c) and, for tests on machines without a GPU, one that computes on the host
 * (host/host_gpu.c). No CUDA header is included here. C and C++ both read this file. */
#ifndef KERNELS_CUDA_GPU_H
#define KERNELS_CUDA_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/kernels.h"

struct gpu_context;   /* one GPU, opened: its context and handles of the libraries to plan by */
struct gpu_stream;    /* work that runs in the order it was enqueued, and handles to run it by */
struct gpu_event;     /* a place in a stream */
struct gpu_graph;     /* recorded work */
struct gpu_proposals; /* what a library offers for a convolution or a matrix product */
struct gpu_plan;      /* one of them, ready to run */

/* ---- kernels ----
 * Every file of kernels/ defines, for each of its operations,
 *     enum status cuda_<op>_launch(struct gpu_stream *stream, const struct <op> *op);
 * and, where the operation needs scratch,
 *     size_t cuda_<op>_workspace(const struct <op> *op);
 * with device pointers in the tensors; is compiled by nvcc for the module and by the host's C++
 * compiler for tests; and starts its kernels with LAUNCH (kernels/launch.h), which on either side
 * ends in one of the following. */

/* Module only: the cudaStream_t behind a stream, and what cudaGetLastError says after a launch. */
void *gpu_stream_native(struct gpu_stream *stream);
enum status gpu_launched(const char *kernel);

/* Host substitute only: enqueues run(context); release(context) is called once when it will not run
 * again (a recorded call runs at every launch of its graph). Runs at synchronisation at the
 * earliest. */
void gpu_host_enqueue(struct gpu_stream *stream, void (*run)(void *context), void *context,
                      void (*release)(void *context));

/* ---- what is asked and answered ---- */

enum gpu_presence {
    GPU_PRESENT,
    GPU_NO_DRIVER,
    GPU_DRIVER_TOO_OLD,
    GPU_NO_DEVICE, /* also when CUDA_VISIBLE_DEVICES hides them all */
    GPU_UNUSABLE   /* anything else: see error */
};
struct gpu_machine {
    enum gpu_presence presence;
    int n_devices;
    int driver_version, runtime_version; /* 13000 is 13.0; driver 0: none */
    const char *error;                   /* the runtime's own text; a constant */
};

struct gpu_properties {
    char name[128];
    int major, minor; /* compute capability */
};

/* What products are formed of. Sums are f32 in all of them. */
enum gpu_math {
    GPU_MATH_FP32, /* f32 */
    GPU_MATH_TF32, /* f32, rounded to 10 bits of mantissa */
    GPU_MATH_BF16  /* bf16 */
};

/* Letters as in kernels.h; NHWC images, KRSC weights. */
enum gpu_convolution_part {
    GPU_CONVOLUTION_FORWARD,        /* left x, right weight, out y     */
    GPU_CONVOLUTION_BACKWARD_DATA,  /* left d_y, right weight, out d_x */
    GPU_CONVOLUTION_BACKWARD_WEIGHT /* left d_y, right x, out d_weight */
};
struct gpu_convolution {
    enum gpu_convolution_part part;
    enum gpu_math math;
    int64_t n, h, w, c, k, r, s, p, q;
    int stride, padding;
    bool is_out_bf16; /* with bf16 factors only; else f32 */
    int alignment;    /* of every operand, bytes */
    bool wants_ready; /* nothing that is compiled while it is planned, which takes seconds */
};

/* What the library says of a proposal. */
struct gpu_proposal {
    bool is_wanted;   /* deterministic, in the arithmetic asked for */
    bool is_compiled; /* while it is planned */
};

/* out[m, n] = factor · left[m, k] · right[k, n] (+ bias[n]) (+ addend[m, n]), row by row; a
 * transposed factor lies in memory as [k, m] or [n, k]. The bias is f32, the addend as out, whose
 * memory it may be. */
struct gpu_product {
    enum gpu_math math;
    int64_t m, n, k;
    float factor;
    bool is_left_transposed, is_right_transposed, has_bias, has_addend;
    bool is_out_bf16; /* with bf16 factors only, and without bias; else f32 */
    int alignment;    /* of every operand, bytes */
};

struct gpu_operands {
    const void *left, *right, *bias, *addend; /* the last two NULL unless planned */
    void *out;
    struct span workspace; /* >= plan_workspace_bytes */
};

/* All functions that return a status say what failed by fail(): the expression and the library's
 * own text. Enqueued ones return before the work is done; its errors come out of a later call.
 * destroy and release accept NULL. */
struct gpu {
    void (*machine)(struct gpu_machine *out);   /* starts nothing on any GPU */
    void (*versions)(char *text, size_t bytes); /* of the libraries, for people */
    enum status (*open)(int index, struct gpu_context **out);
    void (*close)(struct gpu_context *context); /* after everything else is gone */
    enum status (*properties)(int index, struct gpu_properties *out);

    enum status (*alloc)(struct gpu_context *context, size_t bytes, void **out);
    void (*release)(struct gpu_context *context, void *memory);
    enum status (*alloc_host)(struct gpu_context *context, size_t bytes, void **out); /* pinned */
    void (*release_host)(struct gpu_context *context, void *memory);
    enum status (*memory_info)(struct gpu_context *context, size_t *free_bytes,
                               size_t *total_bytes);

    /* Enqueued. Host memory is pinned and stays as it is until the copy is done. */
    enum status (*copy_up)(struct gpu_stream *stream, void *to, const void *from, size_t bytes);
    enum status (*copy_down)(struct gpu_stream *stream, void *to, const void *from, size_t bytes);
    enum status (*zero)(struct gpu_stream *stream, void *memory, size_t bytes);

    enum status (*stream_create)(struct gpu_context *context, struct gpu_stream **out);
    void (*stream_destroy)(struct gpu_stream *stream);
    enum status (*stream_synchronize)(struct gpu_stream *stream); /* Blocks */
    /* As synchronize, before memory is given back: no error of its own, so that the one that led
     * there keeps its message. Accepts NULL. */
    void (*stream_drain)(struct gpu_stream *stream);

    enum status (*event_create)(struct gpu_context *context, struct gpu_event **out);
    void (*event_destroy)(struct gpu_event *event);
    enum status (*event_record)(struct gpu_event *event, struct gpu_stream *stream); /* Enqueued */
    enum status (*event_query)(struct gpu_event *event, bool *is_passed);
    enum status (*event_synchronize)(struct gpu_event *event); /* Blocks */

    /* Between begin and end, what is enqueued on the stream is recorded instead. abandon instead of
     * end, after a failure in between: no error of its own. */
    enum status (*capture_begin)(struct gpu_stream *stream);
    enum status (*capture_end)(struct gpu_stream *stream, struct gpu_graph **out);
    void (*capture_abandon)(struct gpu_stream *stream);
    enum status (*graph_launch)(struct gpu_graph *graph, struct gpu_stream *stream); /* Enqueued */
    void (*graph_destroy)(struct gpu_graph *graph);

    /* What the library offers, by its rules the best first, maybe nothing. That it offers something
     * does not mean that it can be looked at, or planned. */
    enum status (*propose_convolution)(struct gpu_context *context,
                                       const struct gpu_convolution *convolution,
                                       struct gpu_proposals **out);
    enum status (*propose_product)(struct gpu_context *context, const struct gpu_product *product,
                                   struct gpu_proposals **out);
    int (*proposals_count)(const struct gpu_proposals *proposals);
    enum status (*proposal_look)(struct gpu_proposals *proposals, int i, struct gpu_proposal *out);
    /* At most one of the proposals becomes a plan, which outlives them. */
    enum status (*proposal_plan)(struct gpu_proposals *proposals, int i, struct gpu_plan **out);
    void (*proposals_destroy)(struct gpu_proposals *proposals);
    size_t (*plan_workspace_bytes)(const struct gpu_plan *plan);
    const char *(*plan_name)(const struct gpu_plan *plan); /* lives as long as the plan */
    enum status (*plan_run)(const struct gpu_plan *plan, struct gpu_stream *stream,
                            const struct gpu_operands *operands); /* Enqueued */
    void (*plan_destroy)(struct gpu_plan *plan);
};

#ifdef __cplusplus
}
#endif

#endif
