/* One byte value everywhere: 0xFF makes a quiet NaN of every float and −1 of every integer. */
#include "support/poison.h"

#include <string.h>

void poison(void *bytes, size_t n)
{
    memset(bytes, POISON_BYTE, n);
}

int64_t poison_first_touched(const void *bytes, size_t n)
{
    const unsigned char *byte = bytes;

    for (size_t i = 0; i < n; i++)
        if (byte[i] != POISON_BYTE)
            return (int64_t)i;
    return -1;
}

int64_t poison_first_left(const void *elements, int64_t n, size_t bytes_each)
{
    const unsigned char *element = elements;

    for (int64_t i = 0; i < n; i++, element += bytes_each)
        if (poison_first_touched(element, bytes_each) < 0)
            return i;
    return -1;
}
