/* Importing pictures, as far as a data set is concerned: what is listed, refused, left out; files
 * that were damaged afterwards. The pictures are made here with the libraries' writers. */
#include "data/import.h"

#include "base/file.h"
#include "data/picture.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

enum { SIDE = 16 };

/* ---- pictures ---- */

static uint8_t pixel(int64_t x, int64_t y, int channel, int seed)
{
    return (uint8_t)(x * 7 + y * 13 + channel * 29 + seed * 31);
}

struct made {
    unsigned char *bytes; /* free it */
    unsigned long n;
};

static struct made make_jpeg(J_COLOR_SPACE space, int channels, int seed)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct made made = {NULL, 0};
    uint8_t row[SIDE * 4];
    JSAMPROW rows[] = {row};

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &made.bytes, &made.n);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        for (int i = 0; i < SIDE * channels; i++)
            row[i] = pixel(i / channels, y, i % channels, seed);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return made;
}

static void append(png_structp png, png_bytep bytes, size_t n)
{
    struct made *made = png_get_io_ptr(png);

    made->bytes = realloc(made->bytes, made->n + n);
    assert_non_null(made->bytes);
    memcpy(made->bytes + made->n, bytes, n);
    made->n += n;
}

static void no_flush(png_structp png)
{
    (void)png;
}

/* Samples count up by pixel(); 16 bits repeat the byte. alpha: the value of the last channel. */
static struct made make_png(int bits, int type, int alpha)
{
    struct made made = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t row[SIDE * 8];
    const png_color palette[] = {{10, 20, 30}, {200, 150, 100}};

    png_set_write_fn(png, &made, append, no_flush);
    png_set_IHDR(png, info, SIDE, SIDE, bits, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 2);
    png_write_info(png, info);
    int channels = png_get_channels(png, info), bytes = bits == 16 ? 2 : 1;
    for (int y = 0; y < SIDE; y++) {
        for (int i = 0; i < SIDE * channels * bytes; i++) {
            int at = i / bytes, channel = at % channels;
            bool is_alpha = (type & PNG_COLOR_MASK_ALPHA) != 0 && channel == channels - 1;
            row[i] = is_alpha                         ? (uint8_t)alpha
                     : type == PNG_COLOR_TYPE_PALETTE ? (uint8_t)((at + y) % 2)
                                                      : pixel(at / channels, y, channel, 0);
        }
        png_write_row(png, row);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return made;
}

static void expect_refused(struct made made, const char *message)
{
    struct picture picture = {0};

    fails(picture_decode(made.bytes, (int64_t)made.n, &picture), STATUS_BAD_DATA, message);
    assert_null(picture.rgb);
    free(made.bytes);
}

static void expect_pixel(struct made made, int64_t x, int64_t y, const uint8_t wanted[3])
{
    struct picture picture = {0};

    ok(picture_decode(made.bytes, (int64_t)made.n, &picture));
    assert_true(picture.width == SIDE && picture.height == SIDE);
    assert_memory_equal(picture.rgb + 3 * (y * SIDE + x), wanted, 3);
    picture_release(&picture);
    free(made.bytes);
}

static void test_png_kinds(void **state)
{
    const uint8_t rgb[] = {pixel(3, 5, 0, 0), pixel(3, 5, 1, 0), pixel(3, 5, 2, 0)};
    const uint8_t grey[] = {rgb[0], rgb[0], rgb[0]}, dark[] = {10, 20, 30};

    (void)state;
    expect_pixel(make_png(8, PNG_COLOR_TYPE_RGB, 0), 3, 5, rgb);
    expect_pixel(make_png(16, PNG_COLOR_TYPE_RGB, 0), 3, 5, rgb);
    expect_pixel(make_png(8, PNG_COLOR_TYPE_GRAY, 0), 3, 5, grey);
    expect_pixel(make_png(16, PNG_COLOR_TYPE_GRAY_ALPHA, 255), 3, 5, grey);
    expect_pixel(make_png(8, PNG_COLOR_TYPE_RGB_ALPHA, 255), 3, 5, rgb);
    expect_pixel(make_png(8, PNG_COLOR_TYPE_PALETTE, 0), 3, 5, dark);
}

static void test_refused_pictures(void **state)
{
    struct made cut = make_jpeg(JCS_RGB, 3, 0), short_png = make_png(8, PNG_COLOR_TYPE_RGB, 0);
    struct made animated = make_png(8, PNG_COLOR_TYPE_RGB, 0), gif = {NULL, 0}, none = {NULL, 0};
    const unsigned char frames[] = {0, 0, 0, 8, 'a', 'c', 'T', 'L', 0, 0,
                                    0, 2, 0, 0, 0,   0,   0,   0,   0, 0};
    struct picture picture = {0};

    (void)state;
    cut.n -= 15;
    expect_refused(cut, "is damaged or cut off: Premature end of JPEG file");
    short_png.n = short_png.n * 2 / 3;
    expect_refused(short_png, "is not a PNG that can be read: ");
    expect_refused(make_jpeg(JCS_CMYK, 4, 0), "is CMYK: its colours depend on a printer's profile");
    expect_refused(make_png(8, PNG_COLOR_TYPE_RGB_ALPHA, 254), "is transparent at pixel 0,0");
    animated.bytes = realloc(animated.bytes, animated.n + sizeof frames);
    assert_non_null(animated.bytes);
    memmove(animated.bytes + 33 + sizeof frames, animated.bytes + 33, animated.n - 33);
    memcpy(animated.bytes + 33, frames, sizeof frames); /* behind the header chunk */
    animated.n += sizeof frames;
    expect_refused(animated, "is animated, and nothing says which frame is meant");
    gif.bytes = (unsigned char *)strdup("GIF89a...");
    gif.n = 9;
    expect_refused(gif, "is a GIF file, but only JPEG and PNG can be read");
    fails(picture_decode(none.bytes, 0, &picture), STATUS_BAD_DATA, "is empty");
    fails(picture_decode("hello", 5, &picture), STATUS_BAD_DATA, "is neither JPEG nor PNG");
}

/* Cut anywhere, with any byte turned over: refused or read, never worse. */
static void test_damage(void **state)
{
    struct made files[] = {make_jpeg(JCS_RGB, 3, 0), make_png(8, PNG_COLOR_TYPE_RGB, 0)};
    struct picture picture = {0};

    (void)state;
    for (int f = 0; f < 2; f++) {
        for (unsigned long n = 0; n < files[f].n; n += 3) {
            unsigned char *exact = malloc(n + 1);
            assert_non_null(exact);
            memcpy(exact, files[f].bytes, n);
            if (picture_decode(exact, (int64_t)n, &picture) == STATUS_OK)
                picture_release(&picture);
            free(exact);
        }
        for (unsigned long i = 0; i < files[f].n; i += 2) {
            files[f].bytes[i] ^= 0x55;
            if (picture_decode(files[f].bytes, (int64_t)files[f].n, &picture) == STATUS_OK)
                picture_release(&picture);
            files[f].bytes[i] ^= 0x55;
        }
        free(files[f].bytes);
    }
}

/* ---- scaling ---- */

static void test_square(void **state)
{
    uint8_t rgb[4 * 6 * 3], same[3 * 16], half[3 * 4];
    const struct picture tall = {.width = 4, .height = 6, .rgb = rgb};

    (void)state;
    for (int i = 0; i < 4 * 6 * 3; i++)
        rgb[i] = (uint8_t)(i / 3 * 4 + i % 3);
    ok(picture_square(&tall, 4, same)); /* rows 1 to 4 as they are */
    for (int i = 0; i < 16; i++)
        for (int c = 0; c < 3; c++)
            assert_int_equal(same[16 * c + i], rgb[3 * (i + 4) + c]);
    /* To 2 x 3: weights 3/8 3/8 1/8 over three source pixels at the border, of a plane x·4 + y·16
     * + c. The target has rows 0 and 1 of 3 (the middle of 3 rows begins at rint(0.5) = 0). */
    ok(picture_square(&tall, 2, half));
    const double across[] = {(0.375 * 0 + 0.375 * 1 + 0.125 * 2) / 0.875,
                             (0.125 * 1 + 0.375 * 2 + 0.375 * 3) / 0.875};
    const double down[] = {across[0], 0.125 * 1 + 0.375 * 2 + 0.375 * 3 + 0.125 * 4};
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 2; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(half[4 * c + 2 * y + x],
                                 (int)(across[x] * 4 + down[y] * 16 + c + 0.5));
}

/* ---- folders ---- */

static int open_folder(void **state)
{
    static struct temporary_folder folder;

    temporary_folder_open(&folder);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

static void put(const struct temporary_folder *folder, const char *name, struct made made)
{
    char path[TEMPORARY_PATH_BYTES], parent[TEMPORARY_PATH_BYTES];

    temporary_path(folder, name, path);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    ok(folder_create(parent));
    ok(file_write(path, made.bytes, made.n));
    free(made.bytes);
}

/* Two classes, three pictures to train, two to test. */
static void put_all(const struct temporary_folder *folder)
{
    put(folder, "train/dog/b.jpg", make_jpeg(JCS_GRAYSCALE, 1, 2));
    put(folder, "train/dog/a.JPEG", make_jpeg(JCS_RGB, 3, 1));
    put(folder, "train/Cat/1.png", make_png(8, PNG_COLOR_TYPE_RGB, 0));
    put(folder, "test/dog/x.png", make_png(8, PNG_COLOR_TYPE_GRAY, 0));
    put(folder, "test/Cat/y.jpg", make_jpeg(JCS_RGB, 3, 4));
    put(folder, "train/dog/.hidden", (struct made){NULL, 0});
}

static enum status import(const struct temporary_folder *folder, bool skips_broken, int n_threads,
                          struct import_result *result)
{
    const struct import_settings settings = {
        .size = 8, .skips_broken = skips_broken, .n_threads = n_threads};
    return import_pictures(folder->path, &settings, result);
}

static void test_import(void **state)
{
    struct import_result one = {0}, many = {0};
    struct dataset *read = NULL;
    struct dataset_summary summary = {0};
    char out[TEMPORARY_PATH_BYTES];

    put_all(*state);
    ok(import(*state, false, 1, &one));
    ok(import(*state, false, 7, &many));
    assert_string_equal(one.dataset->hash, many.dataset->hash);
    assert_int_equal(one.dataset->n_classes, 2);
    assert_string_equal(one.dataset->class_names[0], "Cat"); /* by bytes: capitals first */
    assert_true(one.dataset->train.n == 3 && one.dataset->test.n == 2 && one.n_broken == 0);
    assert_int_equal(one.dataset->train.labels[2], 1);
    ok(import_write(&one, temporary_path(*state, "out", out), "here"));
    ok(dataset_load(DATASET_IMAGES, out, &read));
    assert_string_equal(read->hash, one.dataset->hash);
    assert_true(read->height == 8 && read->width == 8 && read->n_classes == 2);
    assert_string_equal(read->class_names[1], "dog");
    assert_memory_equal(read->train.images, one.dataset->train.images, 3 * 3 * 64);
    assert_memory_equal(read->test.labels, one.dataset->test.labels, 2 * sizeof(int32_t));
    ok(dataset_summarise(DATASET_IMAGES, out, &summary));
    assert_true(summary.n_train == 3 && summary.n_test == 2);
    assert_true(summary.shape.height == 8 && summary.shape.n_classes == 2);
    dataset_destroy(read);
    import_release(&one);
    import_release(&many);
}

static void test_broken_pictures(void **state)
{
    struct import_result result = {0};
    struct made cut = make_jpeg(JCS_RGB, 3, 0);

    put_all(*state);
    cut.n -= 15;
    put(*state, "train/dog/c.jpg", cut);
    put(*state, "train/Cat/notes.txt", (struct made){NULL, 0});
    for (int n_threads = 1; n_threads <= 4; n_threads += 3) /* the first in order, always */
        fails(import(*state, false, n_threads, &result), STATUS_BAD_DATA,
              "train/Cat/notes.txt' is not a .jpg, .jpeg or .png file (--skip-broken leaves "
              "such pictures out)");
    ok(import(*state, true, 3, &result));
    assert_true(result.n_broken == 2 && result.dataset->train.n == 3);
    assert_non_null(strstr(result.broken[1], "train/dog/c.jpg' is damaged or cut off"));
    import_release(&result);
}

static void test_refused_folders(void **state)
{
    const struct temporary_folder *folder = *state;
    const struct import_settings small = {.size = 7};
    struct import_result result = {0};
    char path[TEMPORARY_PATH_BYTES];

    fails(import(folder, false, 1, &result), STATUS_BAD_DATA,
          "train'; expected "); /* there is no folder … */
    put(folder, "train/a/1.png", make_png(8, PNG_COLOR_TYPE_RGB, 0));
    put(folder, "test/a/1.png", make_png(8, PNG_COLOR_TYPE_RGB, 0));
    fails(import(folder, false, 1, &result), STATUS_BAD_DATA,
          "train' has 1 class folders, but at least 2 are needed");
    put(folder, "test/b/1.png", make_png(8, PNG_COLOR_TYPE_RGB, 0));
    fails(import(folder, false, 1, &result), STATUS_BAD_DATA, "class 'b' is in '");
    ok(folder_create(temporary_path(folder, "train/b", path)));
    fails(import(folder, false, 1, &result), STATUS_BAD_DATA,
          "train/b' has no pictures: add some or remove it");
    put(folder, "train/b/1.jpg", (struct made){(unsigned char *)strdup("x"), 1});
    fails(import(folder, true, 1, &result), STATUS_BAD_DATA,
          "train/b' has no picture that can be read");
    assert_int_equal(unlink(temporary_path(folder, "train/b/1.jpg", path)), 0);
    ok(folder_create(temporary_path(folder, "train/b/1.jpg", path)));
    fails(import(folder, false, 1, &result), STATUS_BAD_DATA,
          "train/b/1.jpg' is not a .jpg, .jpeg or .png file");
    fails(import_pictures(folder->path, &small, &result), STATUS_BAD_CONFIG,
          "--size must be in [8, 1024] pixels, got 7");
    assert_null(result.dataset);
}

/* ---- the files afterwards ---- */

static void change(const char *path, int64_t at, char by, int64_t cut)
{
    char *bytes = NULL;
    int64_t n = 0;

    ok(file_read(path, &bytes, &n));
    bytes[at] = (char)(bytes[at] ^ by);
    ok(file_write(path, bytes, (size_t)(n - cut)));
    free(bytes);
}

static void test_damaged_files(void **state)
{
    struct import_result result = {0};
    struct dataset *read = NULL;
    char out[TEMPORARY_PATH_BYTES], train[TEMPORARY_PATH_BYTES], json[TEMPORARY_PATH_BYTES];

    put_all(*state);
    ok(import(*state, false, 1, &result));
    ok(import_write(&result, temporary_path(*state, "out", out), "here"));
    temporary_path(*state, "out/train_images.bin", train);
    temporary_path(*state, "out/images.json", json);
    change(train, 100, 1, 0);
    fails(dataset_load(DATASET_IMAGES, out, &read), STATUS_BAD_DATA, "…: damaged; import again");
    change(train, 0, 4, 0);
    fails(dataset_load(DATASET_IMAGES, out, &read), STATUS_BAD_DATA,
          "train_images.bin': record 0 (byte 0) has label 4, expected 0 to 1");
    change(train, 0, 0, 5);
    fails(dataset_load(DATASET_IMAGES, out, &read), STATUS_BAD_DATA,
          "train_images.bin' is 574 bytes, 'images.json' says 3 records of 579 in all");
    ok(file_write(json, "{\"format\": \"x\"}", 15));
    fails(dataset_load(DATASET_IMAGES, out, &read), STATUS_BAD_DATA,
          "images.json': 'format' must be \"prunelora-images\"");
    assert_int_equal(unlink(json), 0);
    fails(dataset_load(DATASET_IMAGES, out, &read), STATUS_IO, "images.json");
    assert_null(read);
    import_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_refused_pictures),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_square),
        cmocka_unit_test_setup_teardown(test_import, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_broken_pictures, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_refused_folders, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_damaged_files, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
