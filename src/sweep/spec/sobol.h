/* Sobol's sequence with Owen's scrambling: a pure function of dimension, index and seed. */
#ifndef SWEEP_SOBOL_H
#define SWEEP_SOBOL_H

#include <stdint.h>

enum { SOBOL_DIMENSIONS = 128 };

/* Point `index` of a dimension below SOBOL_DIMENSIONS, as 32 binary digits behind the point. */
uint32_t sobol_point(int dimension, uint32_t index);
/* The same point scrambled; dimensions with different seeds are scrambled independently. */
uint32_t sobol_scrambled(uint32_t point, uint64_t seed);

#endif
