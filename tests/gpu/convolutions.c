/* Every convolution of every model, with and without adapters, forward and both gradients, on a
 * named backend against float64: libraries have been wrong for single shapes.
 *   gpu_convolutions BACKEND BATCH [tf32|bf16] [part I N] [log FILE]
 * part: of every N shapes the I-th, so that several processes share the work of the reference. log:
 * lines are appended to FILE, and shapes that it holds a line of are not checked again.
 * The reference computes the first and the last image, and of a weight's gradient the first and the
 * last filter over all images. Tolerance per element: |terms| · (ε(result) + 4·√terms·ε(factors)).
 */
#include "base/arena.h"
#include "base/random.h"
#include "gpu/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256 };
enum { N_NUMBERS = 1048583 }; /* a prime: rows of images do not repeat in step */

/* ---- one shape on the device ---- */

struct host { /* the tensors of an operation in float64; owned */
    double *values[MOST_TENSORS];
};

static int written(enum op_kind kind)
{
    for (int t = 0; t < op_info(kind)->n_tensors; t++)
        if (op_info(kind)->tensors[t].access == ACCESS_WRITTEN)
            return t;
    return -1;
}

static enum status host_create(const struct suite *suite, const struct conv *conv,
                               struct host *host)
{
    enum status status = STATUS_OK;

    for (int t = 0; t < conv->n_tensors; t++) {
        union op_any op = conv->op;
        int64_t n = tensor_elements(op_tensor(conv->kind, &op, t));
        int64_t from = t * (N_NUMBERS / MOST_TENSORS);
        TRY_ALLOC(host->values[t], heap_alloc(n, sizeof(double)));
        for (int64_t e = 0; e < n && t != written(conv->kind); e++)
            host->values[t][e] = number_rounded(suite->numbers[(from + e) % N_NUMBERS],
                                                op_tensor(conv->kind, &op, t)->dtype);
    }
done:
    return status;
}

static void host_release(struct host *host)
{
    for (int t = 0; t < MOST_TENSORS; t++)
        free(host->values[t]);
}

static enum status move(struct device *device, const struct tensor *tensor, double *values,
                        bool is_up)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(tensor);
    char *narrow = NULL;
    size_t each = dtype_bytes(tensor->dtype), skipped = sizeof(float) - each;

    TRY_ALLOC(narrow, heap_alloc(n, each));
    for (int64_t e = 0; e < n && is_up; e++) {
        float value = (float)values[e];
        memcpy(narrow + (size_t)e * each, (char *)&value + skipped, each);
    }
    if (is_up)
        TRY(queue_upload(device_queue(device), tensor->data, narrow, tensor_bytes(tensor)));
    else
        TRY(queue_download(device_queue(device), narrow, tensor->data, tensor_bytes(tensor)));
    for (int64_t e = 0; e < n && !is_up; e++) {
        float value = 0;
        memcpy((char *)&value + skipped, narrow + (size_t)e * each, each);
        values[e] = (double)value;
    }
done:
    free(narrow);
    return status;
}

static void fill_nan(double *values, int64_t n)
{
    for (int64_t e = 0; e < n; e++)
        values[e] = NAN;
}

/* Leaves the result in host->values[written]. */
static enum status run_on_device(struct suite *suite, const struct conv *conv, struct host *host,
                                 char name[64])
{
    enum status status = STATUS_OK;
    union op_any op = conv->op;
    struct prepared *prepared = NULL;
    struct tensor *out = op_tensor(conv->kind, &op, written(conv->kind));

    fill_nan(host->values[written(conv->kind)], tensor_elements(out));
    for (int t = 0; t < conv->n_tensors; t++) {
        struct tensor *tensor = op_tensor(conv->kind, &op, t);
        TRY(device_alloc(suite->device, tensor_bytes(tensor), &tensor->data));
        TRY(move(suite->device, tensor, host->values[t], true));
    }
    TRY(kernel_prepare(suite->device, conv->kind, &op, &prepared));
    op.workspace.bytes = prepared->workspace_bytes;
    TRY(device_alloc(suite->device, prepared->workspace_bytes, &op.workspace.data));
    TRY(kernel_run(device_queue(suite->device), conv->kind, prepared, &op));
    TRY(move(suite->device, out, host->values[written(conv->kind)], false));
    snprintf(name, 64, "%.63s", prepared->implementation);
done:
    kernel_release(suite->device, conv->kind, prepared);
    device_free(suite->device, op.workspace.data);
    for (int t = 0; t < conv->n_tensors; t++)
        device_free(suite->device, op_tensor(conv->kind, &op, t)->data);
    return status;
}

/* ---- the reference on a part ---- */

/* Takes `count` of dimension `axis` from `first` on; 0: images, 3: filters of a map. */
static enum status cut(const struct tensor *whole, const double *values, int axis, int64_t first,
                       struct tensor *out)
{
    enum status status = STATUS_OK;
    int64_t inner = 1, outer = 1;

    *out = *whole;
    out->dtype = DTYPE_F64;
    out->shape[axis] = 1;
    TRY_ALLOC(out->data, heap_alloc(tensor_elements(out), sizeof(double)));
    for (int i = axis + 1; i < whole->n_dims; i++)
        inner *= whole->shape[i];
    for (int i = 0; i < axis; i++)
        outer *= whole->shape[i];
    for (int64_t o = 0; o < outer; o++)
        memcpy((double *)out->data + o * inner, values + (o * whole->shape[axis] + first) * inner,
               (size_t)inner * sizeof(double));
done:
    return status;
}

static enum status run_ref(enum op_kind kind, const union op_any *op)
{
    const struct kernel_ops *ref = &backend_ref.kernels;

    switch (kind) {
    case OP_conv2d_forward:
        return ref->conv2d_forward.run(NULL, NULL, &op->conv2d_forward);
    case OP_conv2d_backward_data:
        return ref->conv2d_backward_data.run(NULL, NULL, &op->conv2d_backward_data);
    default:
        return ref->conv2d_backward_weight.run(NULL, NULL, &op->conv2d_backward_weight);
    }
}

static void make_absolute(const struct tensor *tensor)
{
    for (int64_t e = 0; e < tensor_elements(tensor); e++)
        ((double *)tensor->data)[e] = fabs(((double *)tensor->data)[e]);
}

/* Products that an element of the result is the sum of. */
static double terms_of(const struct conv *conv)
{
    union op_any op = conv->op;
    const int64_t *second = op_tensor(conv->kind, &op, 1)->shape;

    if (conv->kind == OP_conv2d_forward) /* R·S·C of the weight, and the addend */
        return (double)(second[1] * second[2] * second[3] + (conv->n_tensors > 3));
    return (double)(second[0] * second[1] * second[2]); /* K·R·S of it, N·P·Q of d_y */
}

/* Which part of tensor t the check looks at: an image, a filter, or all (−1). */
static int axis_of(enum op_kind kind, int t)
{
    if (kind == OP_conv2d_backward_weight)
        return t == 0 ? -1 : t == 1 ? 3 : 0; /* x, d_y, d_weight */
    return t == 1 ? -1 : 0;                  /* weight; the others are maps */
}

static enum status part_create(const struct conv *conv, const struct host *host, bool is_last,
                               union op_any *part)
{
    enum status status = STATUS_OK;
    union op_any whole = conv->op;

    *part = conv->op;
    for (int t = 0; t < conv->n_tensors; t++) {
        const struct tensor *tensor = op_tensor(conv->kind, &whole, t);
        struct tensor *out = op_tensor(conv->kind, part, t);
        int axis = axis_of(conv->kind, t);
        int64_t n = tensor_elements(tensor);
        if (axis >= 0) {
            TRY(cut(tensor, host->values[t], axis, is_last ? tensor->shape[axis] - 1 : 0, out));
            continue;
        }
        out->dtype = DTYPE_F64;
        TRY_ALLOC(out->data, heap_alloc(n, sizeof(double)));
        memcpy(out->data, host->values[t], (size_t)n * sizeof(double));
    }
done:
    return status;
}

static void part_release(const struct conv *conv, union op_any *part)
{
    for (int t = 0; t < conv->n_tensors; t++)
        free(op_tensor(conv->kind, part, t)->data);
}

/* The reference's result for the part's inputs, or for their absolute values; owned by the caller.
 */
static enum status reference(const struct conv *conv, const union op_any *part, bool is_absolute,
                             double **out)
{
    enum status status = STATUS_OK;
    union op_any op = *part;
    struct tensor *result = op_tensor(conv->kind, &op, written(conv->kind));

    for (int t = 0; t < conv->n_tensors && is_absolute; t++)
        if (t != written(conv->kind))
            make_absolute(op_tensor(conv->kind, &op, t));
    TRY_ALLOC(result->data, heap_alloc(tensor_elements(result), sizeof(double)));
    TRY(run_ref(conv->kind, &op));
    *out = result->data;
done:
    return status;
}

/* Raises *worst to the largest error of the first or last part, as a share of its tolerance. */
static enum status compare_part(struct suite *suite, const struct conv *conv,
                                const struct host *host, bool is_last, double *worst)
{
    enum status status = STATUS_OK;
    union op_any part;
    double *exact = NULL, *magnitude = NULL;
    double epsilon = suite->result_epsilon + 4 * sqrt(terms_of(conv)) * suite->factor_epsilon;

    TRY(part_create(conv, host, is_last, &part));
    TRY(reference(conv, &part, false, &exact));
    TRY(reference(conv, &part, true, &magnitude));
    const struct tensor *out = op_tensor(conv->kind, &part, written(conv->kind));
    for (int64_t e = 0; e < tensor_elements(out); e++) {
        double error = fabs(((double *)out->data)[e] - exact[e]);
        double share = error == 0 ? 0 : error / (epsilon * magnitude[e]);
        if (!(share <= *worst) && !isnan(*worst)) /* a NaN stays */
            *worst = share;
    }
done:
    part_release(conv, &part);
    free(exact);
    free(magnitude);
    return status;
}

/* ---- all of them ---- */

/* Its number makes it unique: frozen weights have shapes of others. */
static void describe(const struct suite *suite, const struct conv *conv, char text[LINE_BYTES])
{
    union op_any op = conv->op;
    const int64_t *x =
        op_tensor(conv->kind, &op, conv->kind == OP_conv2d_backward_data ? 2 : 0)->shape;
    const int64_t *weight =
        op_tensor(conv->kind, &op, conv->kind == OP_conv2d_backward_weight ? 2 : 1)->shape;
    int stride = conv->kind == OP_conv2d_forward         ? op.conv2d_forward.stride
                 : conv->kind == OP_conv2d_backward_data ? op.conv2d_backward_data.stride
                                                         : op.conv2d_backward_weight.stride;

    snprintf(text, LINE_BYTES,
             "#%d %s [%lld, %lld, %lld, %lld] filters %lld of %lldx%lld stride %d",
             (int)(conv - suite->shapes), op_info(conv->kind)->name, (long long)x[0],
             (long long)x[1], (long long)x[2], (long long)x[3], (long long)weight[0],
             (long long)weight[1], (long long)weight[2], stride);
}

static void tell(struct suite *suite, const char *line)
{
    printf("%s", line);
    fflush(stdout);
    if (suite->log != NULL) {
        fputs(line, suite->log);
        fflush(suite->log);
    }
}

static enum status check(struct suite *suite, const struct conv *conv, const char *shape)
{
    enum status status = STATUS_OK;
    struct host host = {{NULL}};
    char name[64] = "", line[2 * LINE_BYTES];
    double worst = 0;

    TRY(host_create(suite, conv, &host));
    TRY(run_on_device(suite, conv, &host, name));
    TRY(compare_part(suite, conv, &host, false, &worst));
    TRY(compare_part(suite, conv, &host, true, &worst));
    suite->n_checked++;
    suite->n_failed += !(worst <= 1);
    snprintf(line, sizeof line, "%s %s (%s, %s): worst error %.2g of its tolerance\n",
             worst <= 1 ? "ok" : "FAILED", shape, conv->arch, name, worst);
    tell(suite, line);
done:
    host_release(&host);
    return status;
}

/* A shape that the library lacks is told and passed over. */
static enum status check_shape(struct suite *suite, const struct conv *conv)
{
    enum status status = STATUS_OK;
    char shape[LINE_BYTES], wanted[LINE_BYTES + 4], line[4 * LINE_BYTES];

    describe(suite, conv, shape);
    snprintf(wanted, sizeof wanted, " %s (", shape);
    if (suite->log_lines != NULL && strstr(suite->log_lines, wanted) != NULL) {
        suite->n_checked++;
        return STATUS_OK;
    }
    status = check(suite, conv, shape);
    if (status != STATUS_UNSUPPORTED)
        return status;
    snprintf(line, sizeof line, "skipped %s (%s): %.600s\n", shape, conv->arch, status_message());
    tell(suite, line);
    return STATUS_OK;
}

static enum status draw_numbers(struct suite *suite)
{
    enum status status = STATUS_OK;
    const struct random_key key = {.seed = 1, .purpose = RANDOM_INITIAL_VALUES};

    TRY_ALLOC(suite->numbers, heap_alloc(N_NUMBERS, sizeof *suite->numbers));
    for (int64_t i = 0; i < N_NUMBERS; i++)
        suite->numbers[i] = random_normal(&key, (uint32_t)i);
done:
    return status;
}

static enum status open_log(struct suite *suite, const char *path)
{
    enum { MOST_BYTES = 1 << 20 };
    enum status status = STATUS_OK;

    suite->log = fopen(path, "a+");
    if (suite->log == NULL)
        return fail(STATUS_IO, "cannot write '%s'", path);
    TRY_ALLOC(suite->log_lines, heap_alloc(MOST_BYTES, 1));
    rewind(suite->log);
    size_t n = fread(suite->log_lines, 1, MOST_BYTES - 1, suite->log);
    suite->log_lines[n] = '\0';
    for (const char *at = suite->log_lines; (at = strstr(at, "FAILED ")) != NULL; at++)
        suite->n_failed++;
done:
    return status;
}

static enum status run(struct suite *suite, const char *name, enum precision precision)
{
    enum status status = STATUS_OK;
    const struct backend *backend = NULL;
    const struct device_settings settings = {.n_threads = 2, .precision = precision};

    /* a factor of tf32 may be cut off instead of rounded: both errors below 2^-10 */
    suite->factor_epsilon = precision == PRECISION_TF32 ? 0x1p-10 : 0x1p-23;
    suite->result_epsilon = precision == PRECISION_BF16 ? 0x1p-8 : 0x1p-23;
    TRY(backend_load(name, &backend));
    TRY(device_open(backend, &settings, &suite->device));
    TRY(suite_collect(suite));
    TRY(draw_numbers(suite));
    for (int i = suite->part; i < suite->n_shapes; i += suite->n_parts)
        TRY(check_shape(suite, &suite->shapes[i]));
    printf("%d convolutions of %d checked, %d wrong\n", suite->n_checked, suite->n_shapes,
           suite->n_failed);
done:
    device_close(suite->device);
    return status;
}

/* The words after `word`, or NULL. */
static char **after(int argc, char **argv, const char *word, int n)
{
    for (int i = 3; i + n < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return &argv[i + 1];
    return NULL;
}

static enum status read_options(struct suite *suite, int argc, char **argv)
{
    char **part = after(argc, argv, "part", 2), **log = after(argc, argv, "log", 1);

    suite->n_parts = 1;
    if (part != NULL) {
        suite->part = (int)strtol(part[0], NULL, 10);
        suite->n_parts = (int)strtol(part[1], NULL, 10);
    }
    if (suite->part < 0 || suite->n_parts <= suite->part)
        return fail(STATUS_BAD_CONFIG, "part %d of %d: wanted are parts from 0 to below N",
                    suite->part, suite->n_parts);
    return log != NULL ? open_log(suite, log[0]) : STATUS_OK;
}

int main(int argc, char **argv)
{
    static struct suite suite;

    if (argc < 3) {
        fprintf(stderr, "usage: gpu_convolutions BACKEND BATCH [tf32|bf16] [part I N] "
                        "[log FILE]\n");
        return 2;
    }
    suite.batch_size = strtoll(argv[2], NULL, 10);
    const char *word = argc > 3 ? argv[3] : "";
    enum precision precision = strcmp(word, "tf32") == 0   ? PRECISION_TF32
                               : strcmp(word, "bf16") == 0 ? PRECISION_BF16
                                                           : PRECISION_FP32;
    enum status status = read_options(&suite, argc, argv);
    if (status == STATUS_OK)
        status = run(&suite, argv[1], precision);
    free(suite.numbers);
    free(suite.log_lines);
    if (suite.log != NULL)
        fclose(suite.log);
    if (status != STATUS_OK)
        fprintf(stderr, "gpu_convolutions: %s (%s)\n", status_message(), status_origin());
    if (status == STATUS_UNSUPPORTED)
        return 77;
    return status != STATUS_OK ? status_exit_code(status) : suite.n_failed > 0;
}
