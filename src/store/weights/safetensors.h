/* The safetensors format: 8 bytes of length, a JSON header that gives each tensor's type, shape and
 * place, then the values (Hugging Face, "safetensors", format description). Private to src/store.
 */
#ifndef STORE_SAFETENSORS_H
#define STORE_SAFETENSORS_H

#include "store/weights/weights.h"

/* Longer headers are refused: 16 MiB describe a hundred thousand tensors. */
enum { SAFETENSORS_MAX_HEADER = 16 << 20 };

/* Everything in weights->arena; `bytes` are not needed afterwards. What the header says must
 * account for every byte of the file exactly once. */
CHECKED enum status safetensors_parse(const void *bytes, int64_t n, struct weights *weights);
CHECKED enum status safetensors_save(const char *path, const struct weight_tensor *tensors,
                                     int64_t n);

#endif
