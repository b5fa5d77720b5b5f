/* State dicts: PyTorch's legacy and zip files, safetensors, our HDF5; read without executing
 * anything, written complete or not at all. */
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
    void *values;     /* contiguous, row-major, PyTorch's layout (conv KCRS) */
    const char *bare; /* of a file that was read: the model's own name, without what wrappers add;
                         NULL where a trained copy in the same file replaces the tensor */
};

struct weights {
    struct arena *arena;      /* owned */
    const char *format;       /* "pytorch-zip", "pytorch-legacy", "safetensors", "hdf5" */
    const char *nested_under; /* "state_dict", … or "" */
    const char *prefix; /* common to all names and no part of the bare ones: "module." or "" */
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
/* By the bare name, whatever wrappers the file was written through; NULL when absent. */
const struct weight_tensor *weights_find(const struct weights *weights, const char *name);
double weight_value(const struct weight_tensor *tensor, int64_t i);
int64_t weight_elements(const struct weight_tensor *tensor);
bool weight_is_lora(const struct weight_tensor *tensor); /* a factor of an adapter, A or B */

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

/* Writes the format that the name ends in: .pth or .pt (PyTorch's zip format, which
 * torch.load(weights_only=True) reads), .safetensors, .h5 or .hdf5. Each tensor is stored as its
 * stored_dtype, so what was read comes back to the bit; NULL stands for float32, float64, int64.
 * BAD_CONFIG for any other name, which weights_can_save tells beforehand. */
CHECKED enum status weights_save(const char *path, const struct weight_tensor *tensors, int64_t n);
CHECKED enum status weights_can_save(const char *path);
/* HDF5 whatever the name: one data set per tensor under its name at the root. */
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
