/* The numeric operations: one struct per operation, one table per backend. The only kernels header
 * src/ includes. C and C++ both read this file: no designated initializers, `restrict` or VLAs
 * here.
 *
 * Letters: N images (or rows), H W rows and columns of a map, C input channels, K output channels
 * (or classes), R S filter rows and columns, P Q output rows and columns, T tokens of an
 * image, G heads of attention. Images are NHWC, filters KRSC. `real` is the backend's floating
 * type: f32 on cpu and cuda, f64 on ref. `map` is what the device holds maps, their gradients and
 * the factors of products in: real, or bf16 when it was opened in that precision; arithmetic and
 * sums are in at least f32 either way, and what is written is rounded once. All tensors are dense.
 * read / written / updated say what an operation does to a tensor; optional ones may have data ==
 * NULL. All operations: Local, Enqueued; prepare may allocate, run neither allocates nor
 * synchronises. The same bits on every run with the same number of threads, whatever else runs. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "base/status.h"
#include "kernels/product_ops.h"
#include "kernels/step_ops.h"
#include "kernels/tensor.h"
#include "kernels/token_ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every op struct begins with its workspace: at least prepared->workspace_bytes, contents
 * meaningless afterwards. */

/* Batch norm in four parts (Ioffe & Szegedy, arXiv:1502.03167, with PyTorch's running values): rows
 * = N·H·W. mean = Σx / rows, variance = Σ(x − mean)² / rows (biased). running ← (1 −
 * momentum)·running + momentum·value, where the running variance takes the unbiased value (rows /
 * (rows − 1)). rows = 1 fails at prepare. */
struct batch_norm_statistics {
    struct span workspace;
    struct tensor x;                /* [N, H, W, C] or [N, C] map  read              */
    struct tensor mean;             /* [C] real written                              */
    struct tensor variance;         /* [C] real written                              */
    struct tensor running_mean;     /* [C] real updated, optional (both or neither)  */
    struct tensor running_variance; /* [C] real updated, optional                    */
    double momentum;
};
/* y = (x − mean) / √(variance + epsilon) · weight + bias, then + residual, then as relu_forward. y
 * may be x's or residual's memory. */
struct batch_norm_apply {
    struct span workspace;
    struct tensor x;        /* [.., C] map  read           */
    struct tensor mean;     /* [C]     real read           */
    struct tensor variance; /* [C]     real read           */
    struct tensor weight;   /* [C]     real read           */
    struct tensor bias;     /* [C]     real read           */
    struct tensor y;        /* [.., C] map  written        */
    struct tensor residual; /* [.., C] map  read, optional */
    double epsilon;
    bool has_relu;
};
/* With x̂ = (x − mean) / √(variance + epsilon): d_weight = Σ d·x̂, d_bias = Σ d. d is d_y; where
 * batch norm was followed by a ReLU that gave y, and d_y came in two parts, it is d_y + addend
 * where y > 0, else 0; a sum of two parts is rounded as a map before anything is computed of it. d
 * may be d_y's or addend's memory. */
struct batch_norm_gradient_sums {
    struct span workspace;
    struct tensor x;        /* [.., C] map  read              */
    struct tensor d_y;      /* [.., C] map  read              */
    struct tensor mean;     /* [C]     real read              */
    struct tensor variance; /* [C]     real read              */
    struct tensor d_weight; /* [C]     real written           */
    struct tensor d_bias;   /* [C]     real written           */
    struct tensor y;        /* [.., C] map  read, optional    */
    struct tensor addend;   /* [.., C] map  read, optional    */
    struct tensor d;        /* [.., C] map  written, optional */
    double epsilon;
};
/* d_x = weight / √(variance + epsilon) · (d_y − d_bias / rows − x̂ · d_weight / rows); without the
 * two sums when the statistics are constants (running values). d_x may be d_y's memory. */
struct batch_norm_gradient_apply {
    struct span workspace;
    struct tensor x;        /* [.., C] map  read                                         */
    struct tensor d_y;      /* [.., C] map  read                                         */
    struct tensor mean;     /* [C]     real read                                         */
    struct tensor variance; /* [C]     real read                                         */
    struct tensor weight;   /* [C]     real read                                         */
    struct tensor d_weight; /* [C]     real read, optional: absent = constant statistics */
    struct tensor d_bias;   /* [C]     real read, optional                               */
    struct tensor d_x;      /* [.., C] map  written                                      */
    double epsilon;
};

/* y = max(x, 0), NaN stays NaN. y may be x's memory. */
struct relu_forward {
    struct span workspace;
    struct tensor x; /* any map  read    */
    struct tensor y; /* as x     written */
};
/* d_x = d_y where y > 0, else 0. d_x may be d_y's memory. */
struct relu_backward {
    struct span workspace;
    struct tensor y;   /* any map  read    */
    struct tensor d_y; /* as y     read    */
    struct tensor d_x; /* as y     written */
};

/* y = a + factor·b. y may be a's or b's memory. */
struct add {
    struct span workspace;
    struct tensor a; /* any map  read    */
    struct tensor b; /* as a     read    */
    struct tensor y; /* as a     written */
    double factor;
};
/* y = factor·x. y may be x's memory. */
struct scale {
    struct span workspace;
    struct tensor x; /* any map  read    */
    struct tensor y; /* as x     written */
    double factor;
};

/* y = x, rounded to what maps hold. */
struct convert {
    struct span workspace;
    struct tensor x; /* any real read    */
    struct tensor y; /* as x, map written */
};

/* y[n, c] = mean over the pixels (H, W) or tokens between of x[n, .., c]. */
struct global_average_pool_forward {
    struct span workspace;
    struct tensor x; /* [N, .., C] map  read    */
    struct tensor y; /* [N, C]     map  written */
};
struct global_average_pool_backward {
    struct span workspace;
    struct tensor d_y; /* [N, C]     map  read    */
    struct tensor d_x; /* [N, .., C] map  written */
};

/* "Option A" shortcut (He et al., arXiv:1512.03385 §4.2): every second row and column, (K − C) / 2
 * zero channels on both sides. P = (H + 1) / 2, Q = (W + 1) / 2; K − C even. */
struct shortcut_pad_forward {
    struct span workspace;
    struct tensor x; /* [N, H, W, C] map  read    */
    struct tensor y; /* [N, P, Q, K] map  written */
};
struct shortcut_pad_backward {
    struct span workspace;
    struct tensor d_y; /* [N, P, Q, K] map  read    */
    struct tensor d_x; /* [N, H, W, C] map  written */
};

/* y = x · keep / (1 − probability), its own backward (d_y → d_x). Element e of row n is kept when
 * its 48 random bits, as a fraction of 2^48, are >= probability. Of the blocks random_block({seed,
 * RANDOM_DROPOUT, layer, epoch, samples[n]}, ·), the high 16 bits are half e % 8 of block e / 8
 * (halves count from the low half of word 0), the low 32 bits, which only one element in 65536
 * needs, word e % 4 of block e / 4 + DROPOUT_LOW_BLOCKS. e counts H, W, C of the graph's NHWC row.
 * No mask is stored. y may be x's memory. */
#define DROPOUT_LOW_BLOCKS 0x80000000u
struct dropout {
    struct span workspace;
    struct tensor x;       /* [N, ..] map  read                       */
    struct tensor samples; /* [N]     i32  read: index of the image   */
    struct tensor epoch;   /* [1]     i32  read                       */
    struct tensor y;       /* [N, ..] map  written                    */
    double probability;    /* in [0, 1)                               */
    uint64_t seed;
    uint32_t layer;
};

/* Every operation by name. Order is free; an entry here, a struct above and a row in ops.c make an
 * operation. */
#define KERNEL_OPS_COMMON(X)                                                                       \
    X(image_gather)                                                                                \
    X(conv2d_forward)                                                                              \
    X(conv2d_backward_data)                                                                        \
    X(conv2d_backward_weight)                                                                      \
    X(linear_forward)                                                                              \
    X(linear_backward_data)                                                                        \
    X(linear_backward_weight)                                                                      \
    X(batch_norm_statistics)                                                                       \
    X(batch_norm_apply)                                                                            \
    X(batch_norm_gradient_sums)                                                                    \
    X(batch_norm_gradient_apply)                                                                   \
    X(relu_forward)                                                                                \
    X(relu_backward)                                                                               \
    X(add)                                                                                         \
    X(scale)                                                                                       \
    X(convert)                                                                                     \
    X(global_average_pool_forward)                                                                 \
    X(global_average_pool_backward)                                                                \
    X(shortcut_pad_forward)                                                                        \
    X(shortcut_pad_backward)                                                                       \
    X(dropout)                                                                                     \
    X(softmax_cross_entropy)                                                                       \
    X(clip_scale)                                                                                  \
    X(sgd_step)                                                                                    \
    X(adam_step)                                                                                   \
    X(step_tally)
#define KERNEL_OPS(X) KERNEL_OPS_COMMON(X) KERNEL_OPS_TOKENS(X)

#define KERNEL_OP_KIND(op) OP_##op,
enum op_kind { KERNEL_OPS(KERNEL_OP_KIND) N_OP_KINDS };
#undef KERNEL_OP_KIND

#define KERNEL_OP_MEMBER(op) struct op op;
union op_any {
    struct span workspace; /* every op struct begins with it */
    KERNEL_OPS(KERNEL_OP_MEMBER)
};
#undef KERNEL_OP_MEMBER

/* What the graph, the front door and the kernel test need to know of an operation, in one table
 * (ops.c). */
enum access { ACCESS_READ, ACCESS_WRITTEN, ACCESS_UPDATED };
enum tensor_type { TYPE_REAL, TYPE_MAP, TYPE_U8, TYPE_I32, TYPE_F64 };
enum { OP_MAX_TENSORS = 9 };
struct op_tensor {
    const char *name;
    size_t offset; /* of the struct tensor in the op struct */
    enum access access;
    enum tensor_type type;
    bool is_optional;
    int may_alias; /* bit i: may share tensor i's memory */
    /* A letter is a dimension with one size throughout the operation, a digit is that size, '.' is
     * any run of dimensions, the same throughout: "NHWC", "N3", ".C". */
    const char *shape;
};
struct op_info {
    const char *name;
    size_t struct_bytes;
    int n_tensors;
    struct op_tensor tensors[OP_MAX_TENSORS];
};
const struct op_info *op_info(enum op_kind kind);
struct tensor *op_tensor(enum op_kind kind, void *op, int i); /* tensor i of an op struct */

struct device; /* opaque; begins with struct device_base */
struct queue;  /* opaque; begins with struct queue_base */

/* What prepare makes of an operation (library plan, packed weights). It does not change any more:
 * several queues may run it at once. Backends embed it first. */
struct prepared {
    size_t workspace_bytes;
    const char
        *implementation; /* library's own name of the chosen implementation, or the backend's */
};

#define KERNEL_ENTRY(op)                                                                           \
    struct op##_kernels {                                                                          \
        enum status (*prepare)(struct device *, const struct op *, struct prepared **out);         \
        enum status (*run)(struct queue *, const struct prepared *, const struct op *);            \
        void (*release)(struct prepared *); /* accepts NULL */                                     \
    } op;
struct kernel_ops {
    KERNEL_OPS(KERNEL_ENTRY)
};
#undef KERNEL_ENTRY

/* What allocations, values in an arena and workspaces are aligned to, bytes: as cudaMalloc's, and
 * what cuBLASLt wants its workspace to be. */
enum { MEMORY_ALIGNMENT = 256 };
static inline size_t memory_padded(size_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

struct memory_ops {
    enum status (*alloc)(struct device *, size_t bytes,
                         void **out);                         /* aligned, contents undefined */
    void (*release)(struct device *, void *memory);           /* accepts NULL */
    enum status (*available)(struct device *, size_t *bytes); /* that may still be allocated */
};

struct queue_ops {
    enum status (*create)(struct device *, struct queue **out);
    void (*destroy)(struct queue *); /* Blocks until what was enqueued is done; accepts NULL */
    /* `from` may be changed as soon as it returns */
    enum status (*upload)(struct queue *, void *to, const void *from, size_t bytes);
    enum status (*download)(struct queue *, void *to, const void *from, size_t bytes); /* Blocks */
    enum status (*zero)(struct queue *, void *memory, size_t bytes);
    enum status (*synchronize)(struct queue *); /* Blocks; asynchronous errors surface here */
};

struct recording;      /* work that was recorded once, to be enqueued again with one call */
struct readback;       /* small values on their way from the device, in the order of a queue */
struct readback_slots; /* where a backend puts them */

/* Optional: all NULL where running an operation costs nothing but its arithmetic. */
struct capture_ops {
    enum status (*begin)(struct queue *);
    enum status (*end)(struct queue *, struct recording **out);
    void (*abandon)(struct queue *);
    enum status (*replay)(struct queue *, struct recording *);
    void (*release)(struct device *, struct recording *); /* accepts NULL */
};

/* Optional: all NULL where values are there as soon as an operation returns. */
struct readback_ops {
    enum status (*create)(struct queue *, size_t value_bytes, int n_slots,
                          struct readback_slots **out);
    void (*destroy)(struct queue *, struct readback_slots *); /* accepts NULL */
    enum status (*fill)(struct queue *, struct readback_slots *, int slot,
                        const void *from); /* Enqueued */
    /* *value is borrowed until the slot is filled again; NULL: not there yet, and !waits */
    enum status (*look)(struct queue *, struct readback_slots *, int slot, bool waits,
                        const void **value);
};

/* What products and convolutions are formed of: reals; their upper 10 bits of mantissa; bf16, which
 * is then what maps hold as well. Sums are reals in all of them. */
enum precision { PRECISION_FP32, PRECISION_TF32, PRECISION_BF16, N_PRECISIONS };
const char *precision_name(enum precision precision); /* as settings call it: "bf16" */

struct device_settings {
    int n_threads; /* cpu, ref; >= 1 */
    int index;     /* which device of the machine; cpu, ref: not read */
    enum precision precision;
};

struct backend {
    const char *name;
    enum dtype real;
    unsigned precisions; /* besides fp32: bits 1 << enum precision */
    /* How many devices of its kind the machine has; fails UNSUPPORTED with the reason when there is
     * none that can be used. NULL: always one. */
    enum status (*count)(int *n);
    enum status (*open)(const struct device_settings *settings, struct device **out);
    void (*close)(struct device *);             /* accepts NULL */
    void (*describe)(char *text, size_t bytes); /* for people: libraries, instruction set */
    struct memory_ops memory;
    struct queue_ops queue;
    struct kernel_ops kernels;
    struct capture_ops capture;
    struct readback_ops readback;
};

struct device_base { /* first member of every backend's struct device */
    const struct backend *backend;
    int n_threads;
    /* set by device_open */
    struct queue *queue;   /* owned */
    enum dtype map;        /* what maps hold */
    int64_t n_allocations; /* made by memory.alloc so far: the step loop must not move it */
    char name[160];        /* which one it is, where there may be several; for people */
};

struct queue_base {        /* first member of every backend's struct queue */
    struct device *device; /* borrowed: outlives this */
};

extern const struct backend backend_ref;              /* float64, obvious loops: the oracle */
extern const struct backend backend_cpu;              /* oneDNN and OpenMP, float32 */
const struct backend *backend_find(const char *name); /* NULL when there is none of that name */
/* As backend_find, but "cuda" is looked for in its module, which stays open from then on. Fails:
 * UNSUPPORTED when this build has no such backend or the module cannot be opened. Blocks. */
CHECKED enum status backend_load(const char *name, const struct backend **out);
CHECKED enum status backend_devices(const struct backend *backend, int *n); /* as backend.count */

/* The front door: opens devices and checks every argument once, at prepare, before a backend sees
 * it. kernel_prepare fails BAD_CONFIG with op, tensor, wanted and found when shapes, types, overlap
 * or attributes are wrong. kernel_run takes the same shapes as at prepare; pointers may have
 * changed unless is_weight_frozen: such a weight is read at prepare, and must have arrived. On cpu
 * and ref several threads may come through it at the same time, each with a queue of its own; cuda
 * is one thread's. */
CHECKED enum status device_open(const struct backend *backend,
                                const struct device_settings *settings, struct device **out);
void device_close(struct device *device); /* accepts NULL */
const struct backend *device_backend(const struct device *device);
enum dtype device_real(const struct device *device);
enum dtype device_map(const struct device *device);
int device_threads(const struct device *device);
/* What a tensor of an operation holds on the device. */
enum dtype device_dtype(const struct device *device, enum tensor_type type);
/* "cuda, NVIDIA H100 (GPU 0), CUDA 13.0, …" */
enum { DEVICE_TEXT_BYTES = 512 };
void device_describe(const struct device *device, char text[DEVICE_TEXT_BYTES]);
struct device_base *device_base(struct device *device);
CHECKED enum status device_alloc(struct device *device, size_t bytes, void **out);
void device_free(struct device *device, void *memory);
CHECKED enum status device_available(struct device *device, size_t *bytes);
bool device_can_capture(const struct device *device);
/* Whether values arrive later than the call that asks for them: queues run behind the host. */
bool device_is_asynchronous(const struct device *device);

/* Work that runs in the order it was enqueued; what is enqueued on two queues has no order, unless
 * one is synchronised in between. Whoever runs operations owns their memory and their workspace, so
 * queues of one device do not disturb each other. */
CHECKED enum status queue_create(struct device *device, struct queue **out);
void queue_destroy(struct queue *queue);           /* accepts NULL. Blocks */
struct queue *device_queue(struct device *device); /* its own, for who needs no other; borrowed */
struct device *queue_device(const struct queue *queue);
CHECKED enum status queue_upload(struct queue *queue, void *to, const void *from, size_t bytes);
CHECKED enum status queue_download(struct queue *queue, void *to, const void *from, size_t bytes);
CHECKED enum status queue_zero(struct queue *queue, void *memory, size_t bytes);
CHECKED enum status queue_synchronize(struct queue *queue);

/* Recordings hold the pointers they were made with. Between begin and end operations are recorded
 * instead of run; nothing may be allocated, downloaded or synchronised, on no queue. */
CHECKED enum status queue_capture_begin(struct queue *queue);
CHECKED enum status queue_capture_end(struct queue *queue, struct recording **out);
/* Instead of end, after a failure since begin, whose message stays. */
void queue_capture_abandon(struct queue *queue);
CHECKED enum status queue_replay(struct queue *queue, struct recording *recording); /* Enqueued */
void device_recording_release(struct device *device, struct recording *recording);

/* Of a queue, which outlives it. First in, first out. At most `capacity` values may be on their
 * way. */
CHECKED enum status readback_create(struct queue *queue, size_t value_bytes, int capacity,
                                    struct readback **out);
void readback_destroy(struct readback *readback);                               /* accepts NULL */
CHECKED enum status readback_push(struct readback *readback, const void *from); /* Enqueued */
/* *has_value false: none is on its way, or the oldest has not arrived and !waits. */
CHECKED enum status readback_pop(struct readback *readback, bool waits, void *to, bool *has_value);

CHECKED enum status kernel_prepare(struct device *device, enum op_kind kind, const union op_any *op,
                                   struct prepared **out);
CHECKED enum status kernel_run(struct queue *queue, enum op_kind kind,
                               const struct prepared *prepared, const union op_any *op);
void kernel_release(struct device *device, enum op_kind kind, struct prepared *prepared);

#endif
