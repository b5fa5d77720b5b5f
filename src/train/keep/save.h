/* Parameters as tensors of files. */
#ifndef TRAIN_SAVE_H
#define TRAIN_SAVE_H

#include "graph/parameters.h"
#include "store/weights/weights.h"

/* One parameter as a tensor of a file: PyTorch's name and layout, f32 (f64 on ref). Values in the
 * arena. */
CHECKED enum status parameter_tensor(const struct parameters *parameters, int64_t i,
                                     struct arena *arena, struct weight_tensor *out);
/* Over names and values, in order. */
uint32_t tensors_checksum(const struct weight_tensor *tensors, int64_t n);
/* The model's parameters and buffers, or its adapters alone, as a weights file. */
enum save_what { SAVE_MODEL, SAVE_ADAPTERS };
CHECKED enum status parameters_save(const struct parameters *parameters, enum save_what what,
                                    const char *path);

#endif
