/* `prunelora weights diff`: which tensors of two weights files differ, and by how much. */
#include "cli/weights/weights.h"

#include "base/text.h"
#include "cli/cli.h"
#include "cli/options/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct diff_options {
    const char *paths[2];
    double tolerance;
};

struct difference {
    double largest;  /* |a − b|; infinite where one of them alone is NaN */
    double relative; /* L2 of a − b over L2 of a */
    int64_t n_unequal;
};

struct counts {
    int64_t same, near, different, missing;
};

static enum status parse(int argc, char **argv, struct diff_options *wanted, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"tolerance", 0, OPTION_NUMBER, &wanted->tolerance, "T",
         "values up to T apart count as equal (default 0: same bits)"},
    };
    const struct options options = {
        .usage = "prunelora weights diff A B [--tolerance T]",
        .summary =
            "Compares two weights files of any format, tensor by tensor, under the model's own\n"
            "names (without module. and the like). A num_batches_tracked that is absent is 0.\n"
            "Exit code 0 when they are equal, 1 when not.",
        .example = "prunelora weights diff base.pth base.safetensors",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 2,
        .max_positional = 2,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (*is_help)
        return STATUS_OK;
    wanted->paths[0] = positionals.items[0];
    wanted->paths[1] = positionals.items[1];
    if (!(wanted->tolerance >= 0))
        TRY(fail(STATUS_BAD_CONFIG, "--tolerance must be at least 0, got %g", wanted->tolerance));
done:
    return status;
}

static bool same_shape(const struct weight_tensor *a, const struct weight_tensor *b)
{
    return a->n_dims == b->n_dims &&
           memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof *a->shape) == 0;
}

static bool same_bits(const struct weight_tensor *a, const struct weight_tensor *b)
{
    return strcmp(a->stored_dtype, b->stored_dtype) == 0 && a->dtype == b->dtype &&
           memcmp(a->values, b->values, (size_t)weight_elements(a) * dtype_bytes(a->dtype)) == 0;
}

static struct difference measure(const struct weight_tensor *a, const struct weight_tensor *b)
{
    struct difference difference = {0};
    double squares = 0, base = 0;

    for (int64_t i = 0; i < weight_elements(a); i++) {
        double x = weight_value(a, i), y = weight_value(b, i);
        double distance = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y);
        distance = isnan(distance) ? INFINITY : distance;
        difference.largest = fmax(difference.largest, distance);
        difference.n_unequal += distance > 0;
        squares += distance * distance;
        base += x * x;
    }
    difference.relative = squares > 0 ? sqrt(squares / base) : 0;
    return difference;
}

static void print_shape(const struct weight_tensor *tensor)
{
    printf("%s [", tensor->stored_dtype);
    for (int i = 0; i < tensor->n_dims; i++)
        printf("%s%lld", i > 0 ? "," : "", (long long)tensor->shape[i]);
    printf("]");
}

static void compare_pair(const struct weight_tensor *a, const struct weight_tensor *b,
                         double tolerance, struct counts *counts)
{
    if (!same_shape(a, b)) {
        counts->different++;
        printf("%s: ", a->bare);
        print_shape(a);
        printf(" against ");
        print_shape(b);
        printf("\n");
        return;
    }
    if (same_bits(a, b)) {
        counts->same++;
        return;
    }
    struct difference difference = measure(a, b);
    if (tolerance > 0 && difference.largest <= tolerance) {
        counts->near++;
        return;
    }
    counts->different++;
    printf("%s: %lld of %lld values differ, by up to %.3g (relative %.3g)", a->bare,
           (long long)difference.n_unequal, (long long)weight_elements(a), difference.largest,
           difference.relative);
    if (strcmp(a->stored_dtype, b->stored_dtype) != 0)
        printf(", stored as %s against %s", a->stored_dtype, b->stored_dtype);
    printf("\n");
}

/* Files from before PyTorch 0.4.1, and ours, do not count batches: that stands for 0. */
static bool is_missing(const struct weight_tensor *tensor, const struct weights *other)
{
    if (tensor->bare == NULL || weights_find(other, tensor->bare) != NULL)
        return false;
    return !text_ends_with(tensor->bare, "num_batches_tracked") || tensor->n_dims != 0 ||
           weight_value(tensor, 0) != 0;
}

static void list_missing(const struct weights *weights, const struct weights *other,
                         const char *path, struct counts *counts)
{
    for (int64_t i = 0; i < weights->n; i++)
        if (is_missing(&weights->tensors[i], other)) {
            counts->missing++;
            printf("%s: only in %s\n", weights->tensors[i].bare, path);
        }
}

static void compare(const struct weights *a, const struct weights *b,
                    const struct diff_options *wanted, struct counts *counts)
{
    for (int64_t i = 0; i < a->n; i++) {
        const char *name = a->tensors[i].bare;
        const struct weight_tensor *other = name != NULL ? weights_find(b, name) : NULL;
        if (other != NULL)
            compare_pair(&a->tensors[i], other, wanted->tolerance, counts);
    }
    list_missing(a, b, wanted->paths[0], counts);
    list_missing(b, a, wanted->paths[1], counts);
}

static enum status diff(const struct diff_options *wanted, bool *is_equal)
{
    enum status status = STATUS_OK;
    struct weights *files[2] = {NULL, NULL};
    struct counts counts = {0};

    for (int i = 0; i < 2; i++)
        TRY(weights_load(wanted->paths[i], &files[i]));
    compare(files[0], files[1], wanted, &counts);
    *is_equal = counts.different + counts.missing == 0;
    printf("%lld tensors with the same bits", (long long)counts.same);
    if (wanted->tolerance > 0)
        printf(", %lld within %g", (long long)counts.near, wanted->tolerance);
    printf(", %lld different, %lld in one file only\n", (long long)counts.different,
           (long long)counts.missing);
done:
    weights_destroy(files[0]);
    weights_destroy(files[1]);
    return status;
}

int weights_diff(int argc, char **argv)
{
    struct diff_options wanted = {.tolerance = 0};
    bool is_help = false, is_equal = true;
    enum status status = parse(argc, argv, &wanted, &is_help);

    if (status == STATUS_OK && !is_help)
        status = diff(&wanted, &is_equal);
    return status != STATUS_OK ? cli_finish(status) : !is_equal;
}
