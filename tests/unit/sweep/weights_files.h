/* Weights files that fit, for tests. */
#ifndef TESTS_WEIGHTS_FILES_H
#define TESTS_WEIGHTS_FILES_H

#include "config/settings.h"

/* Weights of an architecture for ten classes, every value `value`. */
void write_weights(const char *arch, float value, const char *path);
/* The same of any size of a vision transformer. */
void write_vit_weights(const struct vit_shape *shape, float value, const char *path);

#endif
