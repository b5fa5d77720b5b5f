/* All the rest of the program knows of oneDNN. A plan is one primitive together with the reorders
 * its preferred memory layouts need; ready to run, it is a struct prepared for the rest of the
 * backend. */
#ifndef KERNELS_CPU_ONEDNN_GLUE_H
#define KERNELS_CPU_ONEDNN_GLUE_H

#include "kernels/kernels.h"

struct glue;       /* engine and number of threads */
struct glue_queue; /* a stream */

CHECKED enum status glue_create(int n_threads, struct glue **out);
void glue_destroy(struct glue *glue); /* accepts NULL */
CHECKED enum status glue_queue_create(struct glue *glue,
                                      struct glue_queue **out); /* borrows glue */
void glue_queue_destroy(struct glue_queue *queue);              /* accepts NULL */

enum conv_part { CONV_FORWARD, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHT };

/* Letters as in kernels.h. */
struct conv_shape {
    enum conv_part part;
    int64_t n, h, w, c, k, r, s, p, q;
    int stride, padding;
};

/* product[m, n] = left[m, k] · right[k, n] (+ bias[n]); a transposed factor lies in memory as
 * [k, m] or [n, k]. */
struct matmul_shape {
    int64_t m, n, k;
    bool is_left_transposed, is_right_transposed, has_bias;
};

/* The memory a plan works on. Which of them is written follows from what was planned. */
struct plan_memory {
    void *source;      /* x or d_x; left factor                 */
    void *weight;      /* weight or d_weight; right factor      */
    void *bias;        /* NULL when the plan has none           */
    void *destination; /* y or d_y; product                     */
};

/* Plans a convolution over NHWC images and KRSC weights. frozen_weight: not NULL when the weights
 * will not change, which are then packed here once; plan_memory.weight is ignored if that took a
 * copy. Fails: STATUS_UNSUPPORTED when oneDNN has no implementation. */
CHECKED enum status plan_conv2d(struct glue *glue, const struct conv_shape *shape,
                                const void *frozen_weight, struct prepared **out);
CHECKED enum status plan_matmul(struct glue *glue, const struct matmul_shape *shape,
                                struct prepared **out);
CHECKED enum status plan_run(struct glue_queue *queue, const struct prepared *prepared,
                             const struct plan_memory *memory, struct span workspace);
void plan_release(struct prepared *prepared); /* accepts NULL */

/* Which oneDNN this is and which instructions it uses here, as text of at most so many bytes. */
void glue_describe(char *text, size_t bytes);

#endif
