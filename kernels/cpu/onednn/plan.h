/* What the files of this folder share: a plan is made of one primitive and the layouts the caller
 * has, and does not change any more. */
#ifndef KERNELS_CPU_ONEDNN_PLAN_H
#define KERNELS_CPU_ONEDNN_PLAN_H

#include "kernels/cpu/onednn/glue.h"
#include "kernels/cpu/onednn/library.h"
#include "kernels/plan_cache.h"

enum slot { SLOT_SOURCE, SLOT_WEIGHT, SLOT_BIAS, SLOT_DESTINATION, N_SLOTS };

struct glue {
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attributes; /* of every primitive: scratch memory comes from the caller */
    struct plan_cache *plans;
    uint64_t n_planned; /* under the cache's lock: the number of the last plan made */
    int n_threads;
};

struct plan_memories; /* what says where the memory of a plan's run is */

struct glue_queue {
    struct glue *glue;    /* borrowed */
    dnnl_stream_t stream; /* owned */
    /* A hash table by the plan's number, owned: a step makes nothing that it has made before. */
    struct plan_memories *memories;
    int64_t n_memories, memories_capacity;
};

/* oneDNN takes OpenMP's setting of the calling thread, which other devices may have changed. */
void glue_use_threads(const struct glue *glue);

/* What the caller's memory looks like, and what the primitive does with it. */
struct operand_spec {
    int arg; /* DNNL_ARG_*; 0: not used */
    bool is_output;
    dnnl_query_t query; /* asks a primitive descriptor for its own layout */
    int query_index;
    layout_ref user; /* borrowed */
};

/* One argument of the primitive. Where the primitive prefers another layout than ours, `inner` is
 * what it works on and `reorder` copies between the two. */
struct operand {
    int arg; /* DNNL_ARG_*; 0: not used */
    bool is_output;
    /* borrowed of the primitives */
    layout_ref user, inner;        /* inner NULL: as user */
    layout_ref reorder_scratchpad; /* NULL: none */
    dnnl_primitive_t reorder;      /* owned; NULL: none */
    size_t inner_offset;           /* in the workspace, unless packed */
};

enum { PLAN_OF_CONVOLUTION, PLAN_OF_PRODUCT }; /* begins a plan's key */
enum { PLAN_NAME_BYTES = 48 };
struct plan {
    uint64_t number;            /* from 1; never another plan's of this device */
    char name[PLAN_NAME_BYTES]; /* of the implementation */
    dnnl_primitive_t primitive; /* owned */
    struct operand operands[N_SLOTS];
    layout_ref scratchpad;                     /* borrowed of the primitive; NULL: none */
    size_t scratchpad_offset, workspace_bytes; /* the reorders' scratchpads are there as well */
};

/* Memory objects of a plan on a queue: made at its first run there, then told where memory is. */
struct plan_memories {
    uint64_t plan; /* its number; 0: a free place */
    /* owned; NULL where the plan has none */
    dnnl_memory_t user[N_SLOTS], inner[N_SLOTS], reorder_scratchpad[N_SLOTS], scratchpad;
};
/* Borrowed until the next call. */
CHECKED enum status plan_memories_get(struct glue_queue *queue, const struct plan *plan,
                                      struct plan_memories **out);
void plan_memories_release_all(struct glue_queue *queue);

/* The implementation to use: the first whose name has `preferred` in it (NULL: none has), else the
 * first that is not a reference implementation, else that one. *out is owned by the caller. */
CHECKED enum status plan_choose(struct candidates *candidates, const char *preferred,
                                dnnl_primitive_desc_t *out);

/* Makes a plan of the chosen implementation. */
CHECKED enum status plan_create(struct glue *glue, const struct operand_spec *specs,
                                const_dnnl_primitive_desc_t descriptor, struct plan **out);
void plan_destroy(struct plan *plan); /* accepts NULL */
/* Makes the struct plan of this key ready to run; frozen_weight as in plan_conv2d. */
CHECKED enum status plan_prepare(struct glue *glue, const struct plan_key *key,
                                 const struct plan_maker *maker, const void *frozen_weight,
                                 struct prepared **out);

#endif
