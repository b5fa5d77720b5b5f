/* What the files of the cuda backend share: device and queue, what prepare returns, the parts of
 * the backend's table. The files know CUDA by gpu.h alone, so the same code runs on a GPU and, in
 * tests, on the host. */
#ifndef KERNELS_CUDA_CUDA_H
#define KERNELS_CUDA_CUDA_H

#include "kernels/cuda/gpu.h"
#include "kernels/kernels.h"
#include "kernels/plan_cache.h"

struct staging;

struct device {
    struct device_base base;
    /* borrowed */
    const struct gpu *gpu;
    /* owned */
    struct gpu_context *context;
    struct plan_cache *plans;
    int index;
    enum gpu_math math;
};

struct queue {
    struct queue_base base;
    const struct gpu *gpu; /* borrowed */
    /* owned */
    struct gpu_stream *stream;
    struct staging *staging;
};

/* A struct prepared for the rest of the program; plan is NULL for kernels of our own. */
struct cuda_prepared {
    struct prepared base;
    struct shared_plan *plan; /* to be given back */
    /* At the begin of the workspace: what the plan writes instead of its output. 0: nothing */
    size_t detour_bytes;
    char name[64];                /* of a plan with a detour, or of patches */
    struct cuda_kept_rows *rows;  /* owned; NULL unless zero filters are left out */
    struct cuda_patches *patches; /* owned; NULL unless a product stands for a convolution */
};

/* A convolution that the library lacks (patches.h). */
struct cuda_patches {
    struct gpu_convolution convolution;
    enum dtype dtype;                   /* of maps and weights */
    int64_t width;                      /* of a row */
    size_t patches_bytes, weight_bytes; /* in the workspace; 0: no padded weight is wanted */
};

/* What all are aligned to, in bytes, up to what libraries make use of; NULL is no matter. */
static inline int cuda_alignment(const void *a, const void *b, const void *c, const void *d)
{
    enum { ENOUGH = 16 };
    uintptr_t bits = (uintptr_t)a | (uintptr_t)b | (uintptr_t)c | (uintptr_t)d | ENOUGH;

    return (int)(bits & ~(bits - 1));
}

CHECKED enum status cuda_prepared_create(size_t workspace_bytes, struct prepared **out);
/* By the library's own plan; ways.h has others. */
CHECKED enum status cuda_convolution_prepare(struct device *device,
                                             const struct gpu_convolution *convolution,
                                             struct prepared **out);
CHECKED enum status cuda_product_prepare(struct device *device, const struct gpu_product *product,
                                         struct prepared **out);
CHECKED enum status cuda_plan_run(struct queue *queue, const struct prepared *prepared,
                                  const struct gpu_operands *operands);
/* The library's plan alone, without what stands around it. */
CHECKED enum status cuda_library_run(struct queue *queue, const struct prepared *prepared,
                                     const struct gpu_operands *operands);
void cuda_prepared_release(struct prepared *prepared); /* accepts NULL */

/* ---- the device (backend.c) ---- */
/* UNSUPPORTED with the reason when no GPU of this machine can be used. */
CHECKED enum status cuda_count(const struct gpu *gpu, int *n);
CHECKED enum status cuda_open(const struct backend *backend, const struct gpu *gpu,
                              const struct device_settings *settings, struct device **out);
void cuda_close(struct device *device); /* accepts NULL */

/* ---- memory and queues (memory.c, queue.c, staging.c) ---- */
enum status cuda_alloc(struct device *device, size_t bytes, void **out);
void cuda_free(struct device *device, void *memory);
enum status cuda_available(struct device *device, size_t *bytes);
enum status cuda_queue_create(struct device *device, struct queue **out);
void cuda_queue_destroy(struct queue *queue);
enum status cuda_upload(struct queue *queue, void *to, const void *from, size_t bytes);
enum status cuda_download(struct queue *queue, void *to, const void *from, size_t bytes);
enum status cuda_zero(struct queue *queue, void *memory, size_t bytes);
enum status cuda_synchronize(struct queue *queue);

/* Pinned memory that copies between host and device pass through. */
CHECKED enum status staging_create(const struct gpu *gpu, struct gpu_context *context,
                                   struct staging **out);
void staging_destroy(struct staging *staging); /* accepts NULL */
/* Enqueued; waits only for a copy made a whole ring earlier. `from` may be changed at once. */
CHECKED enum status staging_up(struct staging *staging, struct gpu_stream *stream, void *to,
                               const void *from, size_t bytes);
CHECKED enum status staging_down(struct staging *staging, struct gpu_stream *stream, void *to,
                                 const void *from, size_t bytes); /* Blocks */

/* ---- recording and reading back (capture.c, readback.c) ---- */
enum status cuda_capture_begin(struct queue *queue);
enum status cuda_capture_end(struct queue *queue, struct recording **out);
void cuda_capture_abandon(struct queue *queue);
enum status cuda_replay(struct queue *queue, struct recording *recording);
void cuda_recording_release(struct device *device, struct recording *recording);
enum status cuda_readback_create(struct queue *queue, size_t value_bytes, int n_slots,
                                 struct readback_slots **out);
void cuda_readback_destroy(struct queue *queue, struct readback_slots *slots);
enum status cuda_readback_fill(struct queue *queue, struct readback_slots *slots, int slot,
                               const void *from);
enum status cuda_readback_look(struct queue *queue, struct readback_slots *slots, int slot,
                               bool waits, const void **value);

/* ---- operations ---- */
#define CUDA_DECLARE(op)                                                                           \
    enum status cuda_##op##_prepare(struct device *device, const struct op *args,                  \
                                    struct prepared **out);                                        \
    enum status cuda_##op##_run(struct queue *queue, const struct prepared *prepared,              \
                                const struct op *args);
KERNEL_OPS_COMMON(CUDA_DECLARE)
#undef CUDA_DECLARE

/* Besides what kernels.h asks for: x of bf16, y of f32. */
enum status cuda_convert_launch(struct gpu_stream *stream, const struct convert *op);
/* d_bias[k] = Σ_n d_y[n, k], which no product gives. */
enum status cuda_linear_bias_launch(struct gpu_stream *stream,
                                    const struct linear_backward_weight *op);

/* A backend's table (without KERNEL_OPS_TOKENS) but for what it runs on: name, real, count, open
 * and describe. */
#define CUDA_MEMORY                                                                                \
    {                                                                                              \
        cuda_alloc, cuda_free, cuda_available                                                      \
    }
#define CUDA_QUEUE                                                                                 \
    {                                                                                              \
        cuda_queue_create, cuda_queue_destroy, cuda_upload, cuda_download, cuda_zero,              \
            cuda_synchronize                                                                       \
    }
#define CUDA_CAPTURE                                                                               \
    {                                                                                              \
        cuda_capture_begin, cuda_capture_end, cuda_capture_abandon, cuda_replay,                   \
            cuda_recording_release                                                                 \
    }
#define CUDA_READBACK                                                                              \
    {                                                                                              \
        cuda_readback_create, cuda_readback_destroy, cuda_readback_fill, cuda_readback_look        \
    }
#define CUDA_KERNEL(op) .op = {cuda_##op##_prepare, cuda_##op##_run, cuda_prepared_release},
#define CUDA_KERNELS                                                                               \
    {                                                                                              \
        KERNEL_OPS_COMMON(CUDA_KERNEL)                                                             \
    }

#endif
