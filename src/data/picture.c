/* Which decoder a file needs, and what it is when none fits. */
#include "data/picture.h"

#include <stdlib.h>
#include <string.h>

static const struct kind {
    const char *magic;
    int64_t n_magic;
    const char *name; /* of one that is recognised only to be refused */
    enum status (*decode)(const void *bytes, int64_t n, struct picture *out);
} kinds[] = {
    {"\xFF\xD8\xFF", 3, NULL, picture_decode_jpeg},
    {"\x89PNG\r\n\x1a\n", 8, NULL, picture_decode_png},
    {"GIF8", 4, "GIF", NULL},
    {"RIFF", 4, "WebP", NULL},
    {"BM", 2, "BMP", NULL},
    {"II*", 3, "TIFF", NULL},
    {"MM", 2, "TIFF", NULL},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

enum status picture_decode(const void *bytes, int64_t n, struct picture *out)
{
    if (n == 0)
        return fail(STATUS_BAD_DATA, "is empty");
    for (int i = 0; i < N_KINDS; i++) {
        if (n < kinds[i].n_magic || memcmp(bytes, kinds[i].magic, (size_t)kinds[i].n_magic) != 0)
            continue;
        if (kinds[i].decode == NULL)
            return fail(STATUS_BAD_DATA, "is a %s file, but only JPEG and PNG can be read",
                        kinds[i].name);
        return kinds[i].decode(bytes, n, out);
    }
    return fail(STATUS_BAD_DATA, "is neither JPEG nor PNG");
}

enum status picture_allocate(int64_t width, int64_t height, struct picture *out)
{
    if (width < 1 || height < 1 || width > PICTURE_MAX_PIXELS / height)
        return fail(STATUS_BAD_DATA, "is %lld x %lld pixels, but at most %d in all can be read",
                    (long long)width, (long long)height, PICTURE_MAX_PIXELS);
    uint8_t *rgb = heap_alloc(width * height, 3);
    if (rgb == NULL)
        return STATUS_OUT_OF_MEMORY;
    *out = (struct picture){width, height, rgb};
    return STATUS_OK;
}

void picture_release(struct picture *picture)
{
    free(picture->rgb);
    *picture = (struct picture){0};
}
