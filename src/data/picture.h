/* One picture from a file: JPEG and PNG to RGB bytes, then to a square. Private to src/data. */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "base/arena.h"

enum { PICTURE_MAX_PIXELS = 100 * 1000 * 1000 };

struct picture {
    int64_t width, height;
    uint8_t *rgb; /* [height, width, 3], heap, owned */
};

/* Recognises the format by content. Grey, palette and 16-bit pictures become RGB of 8 bits; what
 * has no clear meaning as one RGB picture (CMYK, transparency, animation) is refused, and so is a
 * file that is cut off or damaged. BAD_DATA, without the file's name. */
CHECKED enum status picture_decode(const void *bytes, int64_t n, struct picture *out);
void picture_release(struct picture *picture);
/* The same for one format each. */
CHECKED enum status picture_decode_jpeg(const void *bytes, int64_t n, struct picture *out);
CHECKED enum status picture_decode_png(const void *bytes, int64_t n, struct picture *out);
/* Memory for a picture of this size; refuses more than PICTURE_MAX_PIXELS. */
CHECKED enum status picture_allocate(int64_t width, int64_t height, struct picture *out);

/* The shorter side scaled to `size`, the longer one in proportion (rounded down), the middle cut
 * out: planar RGB [3, size, size]. The filter is a triangle as wide as two source pixels, or as two
 * target pixels when shrinking, so that every source pixel counts (PIL's and torchvision's
 * antialiased "bilinear"); sums in float64, rounded once. The same bytes on every machine. */
CHECKED enum status picture_square(const struct picture *picture, int64_t size, uint8_t *planes);

#endif
