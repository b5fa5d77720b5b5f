/* `prunelora data`: makes data sets, and says what a folder of one holds. */
#include "cli/data/data.h"

#include "base/file.h"
#include "cli/cli.h"
#include "cli/options/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct synth_options {
    const char *out;
    int64_t n_train, n_test, seed;
    bool is_forced;
};

static enum status synth(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    bool is_help = false;
    struct synth_options wanted = {.n_train = 5000, .n_test = 1000, .seed = 0};
    const struct option_row rows[] = {
        {"out", 'o', OPTION_NEEDED_TEXT, &wanted.out, "DIR", "folder to write; created"},
        {"train", 0, OPTION_INTEGER, &wanted.n_train, "N", "training images (default 5000)"},
        {"test", 0, OPTION_INTEGER, &wanted.n_test, "N", "test images (default 1000)"},
        {"seed", 0, OPTION_INTEGER, &wanted.seed, "S", "another seed, other images (default 0)"},
        {"force", 0, OPTION_FLAG, &wanted.is_forced, NULL,
         "replace a set that was generated there"},
    };
    const struct options options = {
        .usage = "prunelora data synth --out DIR [--train N] [--test N] [--seed S] [--force]",
        .summary = "Generates ten classes of 32x32 pictures in CIFAR-10's file format.",
        .example = "prunelora data synth --out data/synth --train 5000 --test 1000",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
    };

    TRY(options_parse(&options, argc, argv, &positionals, &is_help));
    if (is_help)
        return STATUS_OK;
    if (wanted.seed < 0)
        TRY(fail(STATUS_BAD_CONFIG, "--seed must be at least 0, got %" PRId64, wanted.seed));
    struct synth_settings settings = {wanted.n_train, wanted.n_test, (uint64_t)wanted.seed,
                                      wanted.is_forced};
    TRY(synth_write(&settings, wanted.out));
    printf("%s: %" PRId64 " training and %" PRId64 " test images, seed %" PRId64 "\n", wanted.out,
           wanted.n_train, wanted.n_test, wanted.seed);
done:
    return status;
}

static enum status print_files(enum dataset_kind kind, const char *folder)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    for (int i = 0; dataset_file(kind, i) != NULL; i++) {
        char *path = NULL;
        TRY_ALLOC(path, path_join(arena, folder, dataset_file(kind, i)));
        printf("%-20s %12" PRId64 " bytes\n", dataset_file(kind, i), file_size(path));
    }
done:
    arena_destroy(arena);
    return status;
}

static int64_t count_label(const struct image_table *table, int32_t label)
{
    int64_t n = 0;

    for (int64_t i = 0; i < table->n; i++)
        n += table->labels[i] == label;
    return n;
}

static void print_classes(const struct dataset *dataset)
{
    printf("\n%5s  %-20s %8s %8s\n", "class", "name", "train", "test");
    for (int32_t label = 0; label < dataset->n_classes; label++)
        printf("%5d  %-20s %8" PRId64 " %8" PRId64 "\n", label,
               dataset->class_names != NULL ? dataset->class_names[label] : "-",
               count_label(&dataset->train, label), count_label(&dataset->test, label));
    printf("%5s  %-20s %8" PRId64 " %8" PRId64 "\n", "all", "", dataset->train.n, dataset->test.n);
}

/* Of one channel of the training images, pixels in [0, 1]; sums of bytes are exact. */
static void channel_moments(const struct dataset *dataset, int channel, double *mean, double *std)
{
    int64_t plane = (int64_t)dataset->height * dataset->width, sum = 0, squares = 0;

    for (int64_t i = 0; i < dataset->train.n; i++) {
        const uint8_t *pixels = dataset->train.images + (i * dataset->channels + channel) * plane;
        for (int64_t p = 0; p < plane; p++) {
            sum += pixels[p];
            squares += pixels[p] * pixels[p];
        }
    }
    double n = (double)(dataset->train.n * plane);
    *mean = (double)sum / n / 255.0;
    *std = sqrt(fmax((double)squares / n / (255.0 * 255.0) - *mean * *mean, 0.0)); /* rounding */
}

static void print_moments(const struct dataset *dataset)
{
    double mean[3], std[3];

    for (int c = 0; c < 3; c++)
        channel_moments(dataset, c, &mean[c], &std[c]);
    printf("\nmean of the training pixels  %.4f,%.4f,%.4f\n", mean[0], mean[1], mean[2]);
    printf("their standard deviation     %.4f,%.4f,%.4f\n", std[0], std[1], std[2]);
}

void data_print(const struct dataset *dataset)
{
    print_classes(dataset);
    print_moments(dataset);
    printf("sha256 of the content        %s\n", dataset->hash);
}

static enum status verify(int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    bool is_help = false;
    const char *name = "cifar10", *folder = NULL;
    struct dataset *dataset = NULL;
    enum dataset_kind kind = DATASET_CIFAR10;
    const struct option_row rows[] = {
        {"dataset", 0, OPTION_TEXT, &name, "NAME", "cifar10 (default), cifar100 or images"},
    };
    const struct options options = {
        .usage = "prunelora data verify [--dataset cifar10|cifar100|images] DIR",
        .summary = "Reads every record and prints sizes, images per class and the content's hash.",
        .example = "prunelora data verify data/cifar-10-batches-bin",
        .rows = rows,
        .n_rows = 1,
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, &is_help));
    if (is_help)
        return STATUS_OK;
    folder = positionals.items[0];
    TRY(dataset_kind_find(name, &kind));
    TRY(dataset_load(kind, folder, &dataset));
    TRY(print_files(kind, folder));
    data_print(dataset);
done:
    dataset_destroy(dataset);
    return status;
}

static const struct verb {
    const char *name, *summary;
    enum status (*run)(int argc, char **argv);
} verbs[] = {
    {"synth", "generate a data set", synth},
    {"import", "make a data set from a folder of pictures", data_import},
    {"verify", "check a data set's files and count their images", verify},
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static void print_verbs(FILE *to)
{
    fprintf(to, "usage: prunelora data VERB ...\n\n");
    for (int i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(to, "\nprunelora data VERB --help says more.\nexample: prunelora data synth --out "
                "data/synth\n");
}

static void print_words(void)
{
    for (int i = 0; i < N_VERBS; i++)
        printf("command %s\n", verbs[i].name);
}

static enum status unknown_verb(const char *name)
{
    return name == NULL
               ? fail(STATUS_BAD_CONFIG, "a verb is missing, want synth, import or verify")
               : fail(STATUS_BAD_CONFIG, "unknown verb '%s', want synth, import or verify", name);
}

int cli_data(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    enum status (*run)(int, char **) = NULL;

    if (name != NULL && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)) {
        print_verbs(stdout);
        return 0;
    }
    if (name != NULL && strcmp(name, "--help=words") == 0) {
        print_words();
        return 0;
    }
    for (int i = 0; i < N_VERBS && name != NULL; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            run = verbs[i].run;
    }
    enum status status = run != NULL ? run(argc - 1, argv + 1) : unknown_verb(name);
    return cli_finish(status);
}
