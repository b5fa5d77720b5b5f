/* What differs between oneDNN 2 and 3, behind names of our own: layouts, and the list of
 * implementations that could do an operation. library_2.c or library_3.c is compiled, whichever
 * fits the header. For the files of this folder only. */
#ifndef KERNELS_CPU_ONEDNN_LIBRARY_H
#define KERNELS_CPU_ONEDNN_LIBRARY_H

#include "base/status.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

/* How float32 elements lie in memory, borrowed: oneDNN 2 points at its struct, 3 has a handle. */
#if DNNL_VERSION_MAJOR == 2
typedef const dnnl_memory_desc_t *layout_ref;
#else
typedef const_dnnl_memory_desc_t layout_ref;
#endif

/* Makes a status of what oneDNN returned; the message quotes the expression. */
CHECKED enum status dnnl_check_at(dnnl_status_t result, const char *expression);
#define dnnl_check(expression) dnnl_check_at((expression), #expression)

/* oneDNN does not promise to accept NULL */
#define DESTROY(kind, handle)                                                                      \
    do {                                                                                           \
        if ((handle) != NULL)                                                                      \
            dnnl_##kind##_destroy(handle);                                                         \
    } while (0)

/* *out is owned by the caller. */
CHECKED enum status layout_create(int n_dims, const dnnl_dim_t *shape, dnnl_format_tag_t tag,
                                  layout_ref *out);
void layout_destroy(layout_ref layout); /* accepts NULL */

struct convolution_parts {
    dnnl_prop_kind_t part; /* forward_training, backward_data or backward_weights */
    layout_ref source, weight, destination; /* borrowed */
    int stride, padding;                    /* pixels, both axes */
};

struct product_parts {
    layout_ref left, right, bias, product; /* borrowed; bias NULL: none */
};

/* The implementations of one operation, in the library's order of preference. */
struct candidates; /* begins at the first; borrows engine and attributes */

/* Fails: STATUS_UNSUPPORTED when there is none. */
CHECKED enum status convolution_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                           const struct convolution_parts *parts,
                                           struct candidates **out);
CHECKED enum status product_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                       const struct product_parts *parts, struct candidates **out);
/* The one the list stands at; *out is owned by the caller. */
CHECKED enum status candidates_fetch(const struct candidates *candidates,
                                     dnnl_primitive_desc_t *out);
/* *has_more: false when the list stood at its last one. */
CHECKED enum status candidates_next(struct candidates *candidates, bool *has_more);
void candidates_destroy(struct candidates *candidates); /* accepts NULL */

/* The instructions the library uses here, in words. */
const char *library_isa(void);

#endif
