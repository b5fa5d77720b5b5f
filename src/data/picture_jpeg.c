/* JPEG by libjpeg-turbo, with its default (accurate) inverse transform and smooth upsampling: the
 * pixels that PIL gives. The library reports errors by a jump, and damage by warnings. */
#include "data/picture.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

struct jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    char text[JMSG_LENGTH_MAX]; /* of the first error, or of damage */
    struct picture picture;     /* owned until handed over */
};

static void note(j_common_ptr common)
{
    struct jpeg_reader *reader = common->client_data;

    if (reader->text[0] == '\0')
        reader->errors.format_message(common, reader->text);
}

static void on_error(j_common_ptr common)
{
    struct jpeg_reader *reader = common->client_data;

    note(common);
    longjmp(reader->escape, 1);
}

/* Level −1 means that the data is damaged and the rest is made up; bytes between two markers do no
 * harm. Higher levels only tell what is going on. */
static void on_message(j_common_ptr common, int level)
{
    if (level < 0 && common->err->msg_code != JWRN_EXTRANEOUS_DATA)
        note(common);
}

static enum status refuse_inks(const struct jpeg_reader *reader)
{
    if (reader->jpeg.jpeg_color_space == JCS_CMYK || reader->jpeg.jpeg_color_space == JCS_YCCK)
        return fail(STATUS_BAD_DATA,
                    "is CMYK: its colours depend on a printer's profile; convert it to RGB first");
    return STATUS_OK;
}

static enum status read_rows(struct jpeg_reader *reader)
{
    enum status status = STATUS_OK;

    TRY(refuse_inks(reader));
    TRY(picture_allocate(reader->jpeg.image_width, reader->jpeg.image_height, &reader->picture));
    reader->jpeg.out_color_space = JCS_RGB; /* grey becomes R = G = B */
    jpeg_start_decompress(&reader->jpeg);
    while (reader->jpeg.output_scanline < reader->jpeg.output_height) {
        JSAMPROW row = reader->picture.rgb +
                       (size_t)reader->jpeg.output_scanline * reader->jpeg.image_width * 3;
        jpeg_read_scanlines(&reader->jpeg, &row, 1);
    }
    jpeg_finish_decompress(&reader->jpeg);
done:
    return status;
}

/* Apart from picture_decode_jpeg, so that no local variable of either lives across the jump. */
static enum status read_picture(struct jpeg_reader *reader, const void *bytes, int64_t n)
{
    if (setjmp(reader->escape) != 0)
        return fail(STATUS_BAD_DATA, "is not a JPEG that can be read: %s", reader->text);
    jpeg_create_decompress(&reader->jpeg);
    jpeg_mem_src(&reader->jpeg, bytes, (unsigned long)n);
    jpeg_read_header(&reader->jpeg, TRUE);
    return read_rows(reader);
}

enum status picture_decode_jpeg(const void *bytes, int64_t n, struct picture *out)
{
    enum status status = STATUS_OK;
    struct jpeg_reader *reader = heap_alloc(1, sizeof *reader); /* too large for a thread's stack */

    if (reader == NULL)
        return STATUS_OUT_OF_MEMORY;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->jpeg.client_data = reader;
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    TRY(read_picture(reader, bytes, n));
    if (reader->text[0] != '\0')
        TRY(fail(STATUS_BAD_DATA, "is damaged or cut off: %s", reader->text));
    *out = reader->picture;
    reader->picture.rgb = NULL; /* handed over */
done:
    jpeg_destroy_decompress(&reader->jpeg);
    picture_release(&reader->picture);
    free(reader);
    return status;
}
