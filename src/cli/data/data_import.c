/* `prunelora data import`: a folder of pictures becomes a data set. */
#include "cli/data/data.h"

#include "base/file.h"
#include "cli/foreground.h"
#include "cli/options/options.h"
#include "cli/overwrite.h"
#include "data/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct import_options {
    const char *in, *out;
    int64_t size, threads;
    bool skips_broken, is_forced;
};

static enum status parse(int argc, char **argv, struct import_options *wanted, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"out", 'o', OPTION_NEEDED_TEXT, &wanted->out, "FOLDER", "data set to write; created"},
        {"size", 0, OPTION_INTEGER, &wanted->size, "N",
         "pictures become N x N pixels (default 32)"},
        {"skip-broken", 0, OPTION_FLAG, &wanted->skips_broken, NULL,
         "leave out pictures that cannot be read, and name them"},
        {"threads", 0, OPTION_INTEGER, &wanted->threads, "N", "default: the allowed cores"},
        {"force", 0, OPTION_FLAG, &wanted->is_forced, NULL, FORCE_HELP},
    };
    const struct options options = {
        .usage = "prunelora data import DIR --out FOLDER [--size N] [--skip-broken] [--force]",
        .summary =
            "Reads DIR/train/<class>/ and DIR/test/<class>/ (*.jpg, *.jpeg, *.png), classes and\n"
            "pictures in the order of their names. The shorter side is scaled to N by an\n"
            "antialiased triangle filter (PIL's and torchvision's bilinear), the middle cut out.\n"
            "Use the result with data.dataset: images.",
        .example = "prunelora data import pictures --out data/pictures --size 32",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (*is_help)
        return STATUS_OK;
    wanted->in = positionals.items[0];
    if (!folder_exists(wanted->in))
        TRY(fail(STATUS_IO, "there is no folder '%s'", wanted->in));
    TRY(overwrite_check_folder(wanted->out, "images.json", wanted->is_forced));
done:
    return status;
}

struct shown {
    bool is_terminal;
    int64_t tenths; /* shown so far, where lines stay */
};

static void show_progress(void *context, int64_t n_done, int64_t n)
{
    struct shown *shown = context;
    int64_t tenths = 10 * n_done / n;

    if (shown->is_terminal)
        fprintf(stderr, "\r%" PRId64 " of %" PRId64 " pictures%s", n_done, n,
                n_done == n ? "\n" : "");
    else if (tenths > shown->tenths)
        fprintf(stderr, "%" PRId64 " of %" PRId64 " pictures\n", n_done, n);
    shown->tenths = tenths;
}

enum status data_import(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct import_options wanted = {.size = 32};
    struct import_result result = {0};
    struct shown shown = {.is_terminal = isatty(STDERR_FILENO) != 0};
    bool is_help = false;

    TRY(parse(argc, argv, &wanted, &is_help));
    if (is_help)
        return STATUS_OK;
    const struct import_settings settings = {
        .size = wanted.size,
        .skips_broken = wanted.skips_broken,
        .n_threads = wanted.threads > 0 ? (int)wanted.threads : default_threads(),
        .context = &shown,
        .progress = show_progress,
    };
    TRY(import_pictures(wanted.in, &settings, &result));
    TRY(import_write(&result, wanted.out, wanted.in));
    for (int64_t i = 0; i < result.n_broken; i++)
        fprintf(stderr, "left out: %s\n", result.broken[i]);
    printf("%s: %" PRId64 " training and %" PRId64 " test images of %d x %d pixels, %" PRId64
           " left out\n",
           wanted.out, result.dataset->train.n, result.dataset->test.n, result.dataset->width,
           result.dataset->height, result.n_broken);
    data_print(result.dataset);
done:
    import_release(&result);
    return status;
}
