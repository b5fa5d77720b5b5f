/* State dicts: PyTorch's legacy and zip files, our HDF5; read without executing anything, written
 * complete or not at all. */
#ifndef STORE_WEIGHTS_H
#define STORE_WEIGHTS_H

#include "base/arena.h"
#include "base/hash.h"
#include "kernels/tensor.h"

#include <stdbool.h>

enum { WEIGHTS_MAX_DIMS = 8 };

struct weight_tensor {
    const char *name;         /* as in the file */
    const char *stored_dtype; /* "float32", "bfloat16", "int64" … as in the file */
    enum dtype dtype; /* F32 (also from f16, bf16), F64, I64 (from every integer type and bool) */
    int n_dims;
    int64_t shape[WEIGHTS_MAX_DIMS];
    void *values; /* contiguous, row-major, PyTorch's layout (conv KCRS) */
};

struct weights {
    struct arena *arena;      /* owned */
    const char *format;       /* "pytorch-zip", "pytorch-legacy", "hdf5" */
    const char *nested_under; /* "state_dict", … or "" */
    const char *prefix;       /* common prefix stripped by weights_find, e.g. "module." or "" */
    struct weight_tensor *tensors;
    int64_t n;
    char hash[HASH_HEX_BYTES]; /* of the file's bytes */
};

/* Recognises the format by content. BAD_DATA names the file and what is wrong (truncated, opcode or
 * class refused by name, size larger than the file …); sizes are checked before memory is asked
 * for. IO when it cannot be read. */
CHECKED enum status weights_load(const char *path, struct weights **out);
/* The same from memory; `path` is what messages call it. The bytes are not needed afterwards. */
CHECKED enum status weights_parse(const char *path, const void *bytes, int64_t n,
                                  struct weights **out);
void weights_destroy(struct weights *weights); /* accepts NULL */
/* By PyTorch's bare name, whatever prefix the file uses; NULL when absent. */
const struct weight_tensor *weights_find(const struct weights *weights, const char *name);
double weight_value(const struct weight_tensor *tensor, int64_t i);
int64_t weight_elements(const struct weight_tensor *tensor);

/* Compares names and shapes: every wanted tensor present in its shape, nothing extra
 * (num_batches_tracked aside). BAD_DATA lists up to 8 mismatches, each with wanted and found shape.
 */
struct weight_wanted {
    const char *name;
    int n_dims;
    int64_t shape[WEIGHTS_MAX_DIMS];
};
CHECKED enum status weights_check(const struct weights *weights, const char *path, const char *arch,
                                  const struct weight_wanted *wanted, int64_t n_wanted);

/* HDF5: one float32 (or float64 when dtype is F64) dataset per tensor under its name at the root.
 */
CHECKED enum status weights_save_h5(const char *path, const struct weight_tensor *tensors,
                                    int64_t n);

/* The manifest beside a weights file, "<path>.json": JSON object. */
struct manifest {
    const char *arch, *dataset, *split_hash, *licence, *sha256,
        *recipe; /* recipe: JSON object as text */
    double mean[3], std[3];
    bool has_normalisation;
    int64_t seed;
};
CHECKED enum status manifest_save(const char *weights_path, const struct manifest *manifest);
/* *is_present false (and OK) when there is none; BAD_DATA when it is damaged or its sha256 is not
 * the file's. */
CHECKED enum status manifest_load(const char *weights_path, const char *weights_hash,
                                  struct arena *arena, struct manifest *out, bool *is_present);

#endif
