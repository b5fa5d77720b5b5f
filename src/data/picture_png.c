/* PNG by libpng. Palettes, grey and 16 bits have one meaning as RGB of 8 bits; transparency and
 * frames have none. Colour profiles and gamma are not applied, as everywhere in machine learning.
 */
#include "data/picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 160 };

struct png_reader {
    const unsigned char *bytes;
    int64_t n, at;
    png_structp png; /* owned, as is info */
    png_infop info;
    char text[TEXT_BYTES];
    struct picture picture; /* owned until handed over */
    uint8_t *rgba;          /* owned: [height, width, 4] */
    png_bytep *rows;        /* owned */
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_reader *reader = png_get_error_ptr(png);

    snprintf(reader->text, sizeof reader->text, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message; /* of chunks that hold no pixels */
}

static void give_bytes(png_structp png, png_bytep target, size_t n)
{
    struct png_reader *reader = png_get_io_ptr(png);

    if ((int64_t)n > reader->n - reader->at)
        png_error(png, "it is cut off");
    memcpy(target, reader->bytes + reader->at, n);
    reader->at += (int64_t)n;
}

/* An animation says so in a chunk before its first frame (APNG). */
static enum status refuse_frames(const struct png_reader *reader)
{
    for (int64_t at = 8; at + 12 <= reader->n;) {
        const unsigned char *chunk = reader->bytes + at;
        int64_t length = (int64_t)chunk[0] << 24 | chunk[1] << 16 | chunk[2] << 8 | chunk[3];
        if (memcmp(chunk + 4, "acTL", 4) == 0)
            return fail(STATUS_BAD_DATA,
                        "is animated, and nothing says which frame is meant; save one of them");
        if (memcmp(chunk + 4, "IDAT", 4) == 0)
            break;
        at += 12 + length;
    }
    return STATUS_OK;
}

static enum status allocate(struct png_reader *reader)
{
    enum status status = STATUS_OK;
    int64_t width = png_get_image_width(reader->png, reader->info);
    int64_t height = png_get_image_height(reader->png, reader->info);

    TRY(picture_allocate(width, height, &reader->picture));
    TRY_ALLOC(reader->rgba, heap_alloc(width * height, 4));
    TRY_ALLOC(reader->rows, heap_alloc(height, sizeof *reader->rows));
    for (int64_t y = 0; y < height; y++)
        reader->rows[y] = reader->rgba + 4 * width * y;
done:
    return status;
}

/* Apart from picture_decode_png, so that no local variable of either lives across the jump. */
static enum status read_pixels(struct png_reader *reader)
{
    enum status status = STATUS_OK;

    if (setjmp(png_jmpbuf(reader->png)) != 0)
        return fail(STATUS_BAD_DATA, "is not a PNG that can be read: %s", reader->text);
    png_set_read_fn(reader->png, reader, give_bytes);
    png_read_info(reader->png, reader->info);
    png_set_scale_16(reader->png); /* to the nearest of 8 bits */
    png_set_expand(reader->png);   /* palette and few bits to 8, a transparent colour to alpha */
    png_set_gray_to_rgb(reader->png);
    png_set_add_alpha(reader->png, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
    status = allocate(reader);
    if (status != STATUS_OK)
        return status;
    png_read_image(reader->png, reader->rows);
    png_read_end(reader->png, NULL);
    return STATUS_OK;
}

static enum status drop_alpha(struct png_reader *reader)
{
    const struct picture *picture = &reader->picture;

    for (int64_t i = 0; i < picture->width * picture->height; i++) {
        if (reader->rgba[4 * i + 3] != 0xFF)
            return fail(STATUS_BAD_DATA,
                        "is transparent at pixel %lld,%lld: what is behind it is "
                        "not known; flatten it first",
                        (long long)(i % picture->width), (long long)(i / picture->width));
        memcpy(picture->rgb + 3 * i, reader->rgba + 4 * i, 3);
    }
    return STATUS_OK;
}

enum status picture_decode_png(const void *bytes, int64_t n, struct picture *out)
{
    enum status status = STATUS_OK;
    struct png_reader reader = {.bytes = bytes, .n = n};

    TRY(refuse_frames(&reader));
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    if (reader.png != NULL)
        reader.info = png_create_info_struct(reader.png);
    if (reader.info == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory reading a PNG"));
    TRY(read_pixels(&reader));
    TRY(drop_alpha(&reader));
    *out = reader.picture;
    reader.picture.rgb = NULL; /* handed over */
done:
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    picture_release(&reader.picture);
    free(reader.rgba);
    free(reader.rows);
    return status;
}
