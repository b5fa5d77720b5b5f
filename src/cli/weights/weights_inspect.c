/* `prunelora weights inspect`: what is in a weights file, tensor by tensor. */
#include "cli/weights/weights.h"

#include "base/text.h"
#include "cli/cli.h"
#include "cli/options/options.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor_numbers {
    double min, max, mean, l2; /* NaN when empty or when a value is NaN */
    double zero_rows;          /* share of output channels that are all zero; NaN but for convs */
};

struct file_report {
    const char *path;
    struct weights *weights;        /* owned */
    struct arena *arena;            /* owned: manifest */
    struct tensor_numbers *numbers; /* owned, [weights->n] */
    struct manifest manifest;
    bool has_manifest;
    int64_t n_parameters, n_buffers; /* elements */
};

/* State that training does not learn, by the names PyTorch's modules use. */
static bool is_buffer(const char *name)
{
    return text_ends_with(name, "running_mean") || text_ends_with(name, "running_var") ||
           text_ends_with(name, "num_batches_tracked") || text_ends_with(name, "pos_embedding");
}

static double share_of_zero_rows(const struct weight_tensor *tensor)
{
    int64_t n = weight_elements(tensor), n_zero = 0;

    if (tensor->n_dims != 4 || n == 0)
        return NAN;
    int64_t row = n / tensor->shape[0];
    for (int64_t k = 0; k < tensor->shape[0]; k++) {
        bool is_zero = true;
        for (int64_t i = k * row; i < (k + 1) * row && is_zero; i++)
            is_zero = weight_value(tensor, i) == 0;
        n_zero += is_zero;
    }
    return (double)n_zero / (double)tensor->shape[0];
}

static struct tensor_numbers measure(const struct weight_tensor *tensor)
{
    const int64_t n = weight_elements(tensor);
    struct tensor_numbers numbers = {NAN, NAN, NAN, NAN, share_of_zero_rows(tensor)};
    double sum = 0, squares = 0, min = INFINITY, max = -INFINITY;

    for (int64_t i = 0; i < n; i++) {
        double value = weight_value(tensor, i);
        min = value < min ? value : min;
        max = value > max ? value : max;
        sum += value;
        squares += value * value;
    }
    if (n > 0) {
        numbers.mean = sum / (double)n;
        numbers.l2 = sqrt(squares);
    }
    if (n > 0 && !isnan(sum)) {
        numbers.min = min;
        numbers.max = max;
    }
    return numbers;
}

static enum status inspect(struct file_report *report)
{
    enum status status = STATUS_OK;
    struct weights *weights = NULL;

    TRY(weights_load(report->path, &report->weights));
    weights = report->weights;
    TRY(arena_create(&report->arena));
    TRY(manifest_load(report->path, weights->hash, report->arena, &report->manifest,
                      &report->has_manifest));
    TRY_ALLOC(report->numbers, heap_alloc(weights->n, sizeof *report->numbers));
    for (int64_t i = 0; i < weights->n; i++) {
        const struct weight_tensor *tensor = &weights->tensors[i];
        report->numbers[i] = measure(tensor);
        *(is_buffer(tensor->name) ? &report->n_buffers : &report->n_parameters) +=
            weight_elements(tensor);
    }
done:
    return status;
}

static void report_release(struct file_report *report)
{
    weights_destroy(report->weights);
    arena_destroy(report->arena);
    free(report->numbers);
    *report = (struct file_report){0};
}

/* ---- as text ---- */

static const char *shape_text(const struct weight_tensor *tensor, char *buffer, size_t n_buffer)
{
    size_t used = (size_t)snprintf(buffer, n_buffer, "[");

    for (int i = 0; i < tensor->n_dims && used < n_buffer; i++)
        used += (size_t)snprintf(buffer + used, n_buffer - used, "%s%lld", i > 0 ? "," : "",
                                 (long long)tensor->shape[i]);
    if (used < n_buffer)
        snprintf(buffer + used, n_buffer - used, "]");
    return buffer;
}

static void print_manifest(const struct file_report *report)
{
    const struct manifest *manifest = &report->manifest;

    if (!report->has_manifest) {
        printf("  manifest    none\n");
        return;
    }
    printf("  manifest    %s, %s, seed %lld", manifest->arch, manifest->dataset,
           (long long)manifest->seed);
    if (manifest->has_normalisation)
        printf(", mean %g %g %g, std %g %g %g", manifest->mean[0], manifest->mean[1],
               manifest->mean[2], manifest->std[0], manifest->std[1], manifest->std[2]);
    printf("\n");
}

static void print_heading(const struct file_report *report)
{
    const struct weights *weights = report->weights;

    printf("%s\n", report->path);
    printf("  format      %s\n", weights->format);
    printf("  nested in   %s\n", weights->nested_under[0] != '\0' ? weights->nested_under : "-");
    printf("  prefix      %s\n", weights->prefix[0] != '\0' ? weights->prefix : "-");
    printf("  sha256      %s\n", weights->hash);
    print_manifest(report);
    printf("  tensors     %lld\n", (long long)weights->n);
    printf("  parameters  %lld (and %lld elements of buffers)\n\n", (long long)report->n_parameters,
           (long long)report->n_buffers);
}

static void print_text(const struct file_report *report)
{
    const struct weights *weights = report->weights;
    int name_width = (int)strlen("tensor");
    char shape[192];

    print_heading(report);
    for (int64_t i = 0; i < weights->n; i++) {
        int length = (int)strlen(weights->tensors[i].name);
        name_width = length > name_width ? length : name_width;
    }
    printf("%-*s  %-8s  %-16s  %10s  %10s  %10s  %10s  %10s  %9s\n", name_width, "tensor", "dtype",
           "shape", "elements", "min", "max", "mean", "L2", "zero rows");
    for (int64_t i = 0; i < weights->n; i++) {
        const struct weight_tensor *tensor = &weights->tensors[i];
        const struct tensor_numbers *numbers = &report->numbers[i];
        printf("%-*s  %-8s  %-16s  %10lld  %10.4g  %10.4g  %10.4g  %10.4g", name_width,
               tensor->name, tensor->stored_dtype, shape_text(tensor, shape, sizeof shape),
               (long long)weight_elements(tensor), numbers->min, numbers->max, numbers->mean,
               numbers->l2);
        if (isnan(numbers->zero_rows))
            printf("  %9s\n", "-");
        else
            printf("  %8.1f%%\n", 100 * numbers->zero_rows);
    }
}

/* ---- as JSON ---- */

static bool add_text(cJSON *object, const char *key, const char *text)
{
    return cJSON_AddStringToObject(object, key, text) != NULL;
}

/* NaN and infinity become null. */
static bool add_number(cJSON *object, const char *key, double number)
{
    return cJSON_AddNumberToObject(object, key, number) != NULL;
}

static bool add_manifest(cJSON *object, const struct file_report *report)
{
    const struct manifest *manifest = &report->manifest;
    cJSON *item = NULL, *mean = NULL, *std = NULL;

    if (!report->has_manifest)
        return cJSON_AddNullToObject(object, "manifest") != NULL;
    item = cJSON_AddObjectToObject(object, "manifest");
    if (item == NULL || !add_text(item, "arch", manifest->arch) ||
        !add_text(item, "dataset", manifest->dataset) ||
        !add_text(item, "split_hash", manifest->split_hash) ||
        !add_text(item, "licence", manifest->licence) ||
        !add_text(item, "sha256", manifest->sha256) ||
        !add_number(item, "seed", (double)manifest->seed))
        return false;
    if (!manifest->has_normalisation)
        return true;
    mean = cJSON_CreateDoubleArray(manifest->mean, 3);
    std = cJSON_CreateDoubleArray(manifest->std, 3);
    return cJSON_AddItemToObject(item, "mean", mean) && cJSON_AddItemToObject(item, "std", std);
}

static bool add_tensor(cJSON *array, const struct weight_tensor *tensor,
                       const struct tensor_numbers *numbers)
{
    cJSON *item = cJSON_CreateObject(), *shape = NULL;

    if (!cJSON_AddItemToArray(array, item))
        return false;
    if (!add_text(item, "name", tensor->name) || !add_text(item, "dtype", tensor->stored_dtype) ||
        (shape = cJSON_AddArrayToObject(item, "shape")) == NULL)
        return false;
    for (int i = 0; i < tensor->n_dims; i++)
        if (!cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor->shape[i])))
            return false;
    return add_number(item, "elements", (double)weight_elements(tensor)) &&
           add_number(item, "min", numbers->min) && add_number(item, "max", numbers->max) &&
           add_number(item, "mean", numbers->mean) && add_number(item, "L2", numbers->l2) &&
           add_number(item, "zero_rows", numbers->zero_rows);
}

static enum status add_file(cJSON *files, const struct file_report *report)
{
    const struct weights *weights = report->weights;
    cJSON *item = cJSON_CreateObject(), *tensors = NULL;
    bool is_complete = cJSON_AddItemToArray(files, item) && add_text(item, "file", report->path) &&
                       add_text(item, "format", weights->format) &&
                       add_text(item, "nested_under", weights->nested_under) &&
                       add_text(item, "prefix", weights->prefix) &&
                       add_text(item, "sha256", weights->hash) && add_manifest(item, report) &&
                       add_number(item, "parameters", (double)report->n_parameters) &&
                       add_number(item, "buffer_elements", (double)report->n_buffers) &&
                       (tensors = cJSON_AddArrayToObject(item, "tensors")) != NULL;

    for (int64_t i = 0; i < weights->n && is_complete; i++)
        is_complete = add_tensor(tensors, &weights->tensors[i], &report->numbers[i]);
    return is_complete ? STATUS_OK : fail(STATUS_OUT_OF_MEMORY, "out of memory composing JSON");
}

static enum status print_json(const cJSON *files)
{
    char *text = cJSON_Print(files);

    if (text == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory printing JSON");
    printf("%s\n", text);
    cJSON_free(text);
    return STATUS_OK;
}

/* ---- the command ---- */

static enum status parse(int argc, char **argv, bool *is_json, struct positionals *positionals,
                         bool *is_help)
{
    const struct option_row rows[] = {
        {"json", 0, OPTION_FLAG, is_json, NULL, "an array of objects, one per file"},
    };
    const struct options options = {
        .usage = "prunelora weights inspect FILE... [--json]",
        .summary = "What is in weights files (.pth, .pt, .th, .safetensors, .h5): format, hash, "
                   "manifest, and each\ntensor's type, shape, range, norm and share of output "
                   "channels that are zero.",
        .example = "prunelora weights inspect model_weights/base.h5",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = OPTIONS_MAX_TEXTS,
    };

    return options_parse(&options, argc, argv, positionals, is_help);
}

/* A file that cannot be read does not hide the others; the worst exit code counts. */
static int inspect_all(const struct positionals *files, cJSON *json)
{
    int worst = 0;

    for (int i = 0; i < files->n; i++) {
        struct file_report report = {.path = files->items[i]};
        enum status status = inspect(&report);
        if (status == STATUS_OK && json != NULL)
            status = add_file(json, &report);
        else if (status == STATUS_OK)
            print_text(&report);
        int code = status != STATUS_OK ? cli_finish(status) : 0;
        worst = code > worst ? code : worst;
        report_release(&report);
    }
    return worst;
}

int weights_inspect(int argc, char **argv)
{
    struct positionals positionals = {.n = 0};
    bool is_json = false, is_help = false;
    cJSON *json = NULL;
    enum status status = parse(argc, argv, &is_json, &positionals, &is_help);

    if (status != STATUS_OK)
        return cli_finish(status);
    if (is_help)
        return 0;
    if (is_json && (json = cJSON_CreateArray()) == NULL)
        return cli_finish(fail(STATUS_OUT_OF_MEMORY, "out of memory composing JSON"));
    int code = inspect_all(&positionals, json);
    if (json != NULL && (status = print_json(json)) != STATUS_OK)
        code = cli_finish(status);
    cJSON_Delete(json);
    return code;
}
