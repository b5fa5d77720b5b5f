/* What tests of the cuda backend on its substitute begin with. */
#ifndef TESTS_KERNELS_SUBSTITUTE_H
#define TESTS_KERNELS_SUBSTITUTE_H

#include "kernels/cuda/host/host_gpu.h"
#include "kernels/kernels.h"
#include "support/outcome.h"

struct device *substitute_open(enum precision precision);
int substitute_reset(void **state); /* CMocka's setup: a healthy GPU */

#endif
