/* Weights files that fit, for tests. */
#ifndef TESTS_WEIGHTS_FILES_H
#define TESTS_WEIGHTS_FILES_H

/* Weights of an architecture for ten classes, every value `value`. */
void write_weights(const char *arch, float value, const char *path);

#endif
