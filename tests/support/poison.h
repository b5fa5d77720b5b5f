/* Bytes that betray who touched them: poisoned float elements are NaN, so a result computed from
 * one, or never written, shows. */
#ifndef SUPPORT_POISON_H
#define SUPPORT_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POISON_BYTE = 0xFF };

void poison(void *bytes, size_t n);
int64_t poison_first_touched(const void *bytes, size_t n); /* offset, −1 when all are as poisoned */
/* First element of `bytes_each` that is poison still, −1 when all were written. */
int64_t poison_first_left(const void *elements, int64_t n, size_t bytes_each);

#endif
