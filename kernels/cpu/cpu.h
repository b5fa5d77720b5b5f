/* What the files of the cpu backend share: device and queue, the division of work, and every
 * operation's three functions. */
#ifndef KERNELS_CPU_CPU_H
#define KERNELS_CPU_CPU_H

#include "kernels/cpu/onednn/glue.h"
#include "kernels/kernels.h"

struct device {
    struct device_base base;
    struct glue *glue; /* owned */
};

struct queue {
    struct queue_base base;
    struct glue_queue *glue; /* owned */
};

/* Loops over elements are compiled for several processors; the right one is chosen when the program
 * is loaded. None of them changes the order of a sum, so all of them give the same bits. Their
 * names must be unlike in all of this folder: clang makes what chooses between them visible
 * everywhere. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED
#endif
#define INLINED static inline __attribute__((always_inline))

/* Work is divided into chunks by its size alone, never by the number of threads, so that sums over
 * chunks keep their order. */
enum { CPU_CHUNKS = 64, CPU_SMALL = 1 << 14 }; /* CPU_SMALL: elements not worth waking a thread */

struct range {
    int64_t begin, end;
};

/* Chunk i of n elements; begins on a multiple of 16 elements, one cache line of f32. */
static inline struct range cpu_chunk(int64_t n, int i)
{
    struct range range = {n / CPU_CHUNKS * i / 16 * 16, n / CPU_CHUNKS * (i + 1) / 16 * 16};
    if (i == CPU_CHUNKS - 1)
        range.end = n;
    return range;
}

static inline int cpu_threads(const struct queue *queue, int64_t n_elements)
{
    return n_elements < CPU_SMALL ? 1 : queue->base.device->base.n_threads;
}

/* For operations of our own: a struct prepared that holds nothing but the size of its workspace. */
CHECKED enum status cpu_prepared_create(size_t workspace_bytes, struct prepared **out);
void cpu_prepared_release(struct prepared *prepared); /* accepts NULL */

void cpu_convolution_release(struct prepared *prepared); /* accepts NULL */

enum status cpu_alloc(struct device *device, size_t bytes, void **out);
void cpu_free(struct device *device, void *memory);
enum status cpu_copy(struct queue *queue, void *to, const void *from, size_t bytes);
enum status cpu_zero(struct queue *queue, void *memory, size_t bytes);
enum status cpu_synchronize(struct queue *queue);
enum status cpu_available(struct device *device, size_t *bytes);

#define CPU_DECLARE(op)                                                                            \
    enum status cpu_##op##_prepare(struct device *device, const struct op *op,                     \
                                   struct prepared **out);                                         \
    enum status cpu_##op##_run(struct queue *queue, const struct prepared *prepared,               \
                               const struct op *op);
KERNEL_OPS(CPU_DECLARE)
#undef CPU_DECLARE

#endif
