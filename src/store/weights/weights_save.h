/* What the writers of weights files share. Private to src/store. */
#ifndef STORE_WEIGHTS_SAVE_H
#define STORE_WEIGHTS_SAVE_H

#include "store/element.h"
#include "store/weights/weights.h"

struct stored_values { /* a tensor as a file holds it: in the type it once was read in */
    const struct element *element;
    const void *bytes; /* the tensor's own memory where that is the same, else in the arena */
    int64_t n_bytes;
};
CHECKED enum status stored_values_of(const struct weight_tensor *tensor, struct arena *arena,
                                     struct stored_values *out);

CHECKED enum status weights_save_pth(const char *path, const struct weight_tensor *tensors,
                                     int64_t n);

#endif
