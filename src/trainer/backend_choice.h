/* From the word after --device to the backend that computes. */
#ifndef CLI_BACKEND_CHOICE_H
#define CLI_BACKEND_CHOICE_H

#include "kernels/kernels.h"

#define DEVICE_CHOICES "auto, cuda, cpu or ref"

/* BAD_CONFIG names the choices when `device` is none. Looks at no machine. */
CHECKED enum status backend_choice_check(const char *device);
/* auto: cuda where it can be used, else cpu, with the reason in the log. Fails: BAD_CONFIG,
 * UNSUPPORTED with the reason when cuda was asked for by name. Blocks. */
CHECKED enum status backend_choose(const char *device, const struct backend **out);
/* Fails UNSUPPORTED unless backend_choose would succeed and device number `index` is there.
 * *n_devices: how many GPUs the machine shows; 0 where the choice is none. */
CHECKED enum status backend_choice_look(const char *device, int index, int *n_devices);

/* For --gpu of commands that a person types. BAD_CONFIG when `gpu` is no number of a GPU, or
 * `device` computes on none. */
#define GPU_CHOICE "GPU among CUDA_VISIBLE_DEVICES (default 0)"
CHECKED enum status backend_choice_check_gpu(const char *device, int64_t gpu);

#endif
