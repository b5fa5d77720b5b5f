/* Reads golden files with HDF5, and builds what they describe. */
#include "golden/golden.h"

#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 1024, LORA_RANK = 8, LORA_ALPHA = 16 };

struct golden {
    hid_t file;
};

struct golden *golden_open(const char *name)
{
    const char *folder = getenv("GOLDEN_FILES");
    char path[PATH_BYTES];
    struct golden *golden = calloc(1, sizeof *golden);

    assert_non_null(golden);
    if (folder == NULL) {
        printf("skipped: GOLDEN_FILES names no folder\n");
        exit(77);
    }
    snprintf(path, sizeof path, "%s/%s.h5", folder, name);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    cmocka_set_test_filter(getenv("GOLDEN_ONLY")); /* a pattern of test names; NULL: all of them */
    golden->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (golden->file < 0) {
        printf("skipped: no golden file '%s'\n", path);
        exit(77);
    }
    return golden;
}

void golden_close(struct golden *golden)
{
    if (golden == NULL)
        return;
    H5Fclose(golden->file);
    free(golden);
}

bool golden_has(struct golden *golden, const char *path)
{
    return H5Lexists(golden->file, path, H5P_DEFAULT) > 0;
}

static hid_t dataset_open(struct golden *golden, const char *path)
{
    hid_t dataset = H5Dopen2(golden->file, path, H5P_DEFAULT);

    if (dataset < 0)
        fail_msg("golden file has no '%s'", path);
    return dataset;
}

int64_t golden_elements(struct golden *golden, const char *path)
{
    hid_t dataset = dataset_open(golden, path), space = H5Dget_space(dataset);
    int64_t n = H5Sget_simple_extent_npoints(space);

    H5Sclose(space);
    H5Dclose(dataset);
    return n;
}

static void *read_as(struct golden *golden, const char *path, hid_t type, int64_t *n)
{
    *n = golden_elements(golden, path);
    hid_t dataset = dataset_open(golden, path);
    void *values = calloc((size_t)*n + 1, H5Tget_size(type));

    assert_non_null(values);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    return values;
}

double *golden_read(struct golden *golden, const char *path, int64_t *n)
{
    return read_as(golden, path, H5T_NATIVE_DOUBLE, n);
}

uint8_t *golden_read_bytes(struct golden *golden, const char *path, int64_t *n)
{
    return read_as(golden, path, H5T_NATIVE_UINT8, n);
}

double golden_attribute(struct golden *golden, const char *path, const char *name)
{
    double value = 0;
    hid_t attribute = H5Aopen_by_name(golden->file, path, name, H5P_DEFAULT, H5P_DEFAULT);

    if (attribute < 0)
        fail_msg("'%s' has no attribute '%s'", path, name);
    assert_true(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(attribute);
    return value;
}

/* ---- networks ---- */

char *golden_read_text(struct golden *golden, const char *path)
{
    int64_t n = 0;
    char *text = (char *)golden_read_bytes(golden, path, &n);

    assert_true(n > 0 && text[n - 1] == '\0');
    return text;
}

static struct vit_shape vit_of(struct golden *golden)
{
    struct vit_shape shape = {0};
    int64_t n = 0;

    if (!golden_has(golden, "vit"))
        return shape;
    double *sizes = golden_read(golden, "vit", &n);
    assert_int_equal(n, 5);
    shape = (struct vit_shape){.patch = (int64_t)sizes[0],
                               .layers = (int64_t)sizes[1],
                               .heads = (int64_t)sizes[2],
                               .width = (int64_t)sizes[3],
                               .mlp = (int64_t)sizes[4]};
    free(sizes);
    return shape;
}

static struct graph_settings settings_of(struct golden *golden, const struct golden_setup *setup)
{
    hid_t dataset = dataset_open(golden, "images"), space = H5Dget_space(dataset);
    hsize_t shape[4];

    assert_int_equal(H5Sget_simple_extent_dims(space, shape, NULL), 4);
    H5Sclose(space);
    H5Dclose(dataset);
    return (struct graph_settings){
        .mode = setup->is_train ? GRAPH_TRAIN : GRAPH_EVAL,
        .real = setup->backend->real,
        .batch_size = setup->batch_size > 0 ? setup->batch_size : (int64_t)shape[0],
        .height = (int64_t)shape[2],
        .width = (int64_t)shape[3],
        .channels = 3,
        .n_images = (int64_t)shape[0],
        .n_classes = 10,
        .mean = {0.4914, 0.4822, 0.4465},
        .std = {0.2471, 0.2435, 0.2616},
        .vit = vit_of(golden),
        .is_mixed = setup->is_mixed,
        .label_smoothing = setup->label_smoothing,
        .freezes_batch_norm = setup->freezes_batch_norm,
    };
}

static int threads_wanted(void)
{
    const char *text = getenv("GOLDEN_THREADS");

    return text == NULL ? 2 : text[0] - '0';
}

void golden_load_parameters(struct golden *golden, struct parameters *parameters)
{
    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        char path[PATH_BYTES];
        struct tensor tensor = parameters_tensor(parameters, i);
        int64_t n = 0;
        snprintf(path, sizeof path, "parameters/%s", parameters_row(parameters, i)->name);
        double *values = golden_read(golden, path, &n);
        assert_int_equal(n, tensor_elements(&tensor));
        ok(parameters_set(parameters, i, values));
        free(values);
    }
}

static void adapt(struct golden *golden, const struct architecture *architecture,
                  struct graph *graph)
{
    bool has_own = golden_has(golden, "lora");
    struct lora_inject lora = {
        .targets = architecture->lora_targets, .lora_rank = LORA_RANK, .alpha = LORA_ALPHA};
    char *targets = NULL;
    int64_t n = 0;

    if (has_own) {
        double *sizes = golden_read(golden, "lora", &n);
        targets = golden_read_text(golden, "lora_targets");
        assert_int_equal(n, 2);
        lora = (struct lora_inject){
            .targets = targets, .lora_rank = (int64_t)sizes[0], .alpha = sizes[1]};
        free(sizes);
    }
    ok(pass_freeze_except(graph, &architecture->head, architecture->head != NULL ? 1 : 0));
    ok(pass_lora_inject(graph, &lora));
    free(targets);
}

void golden_network_open(struct golden *golden, const struct golden_setup *setup,
                         struct golden_network *out)
{
    const struct architecture *architecture = architecture_find(setup->arch);
    struct graph_settings settings = settings_of(golden, setup);
    struct device_settings device = {.n_threads = threads_wanted()};

    *out = (struct golden_network){0};
    ok(device_open(setup->backend, &device, &out->device));
    ok(model_build(architecture, &settings, &out->graph));
    if (setup->has_lora)
        adapt(golden, architecture, out->graph);
    if (!setup->is_forward_only)
        ok(pass_autodiff(out->graph));
    ok(pass_fuse(out->graph));
    ok(parameters_create(out->graph, device_queue(out->device), 1, &out->parameters));
    golden_load_parameters(golden, out->parameters);
}

void golden_network_execute(struct golden *golden, struct golden_network *network)
{
    const struct graph *graph = network->graph;
    struct executor_settings settings = {.queue = device_queue(network->device),
                                         .parameters = network->parameters};
    int64_t n = 0, n_labels = 0, batch_size = graph->settings.batch_size;
    uint8_t *images = golden_read_bytes(golden, "images", &n);
    double *labels = golden_read(golden, "labels", &n_labels);
    int32_t *numbers = calloc((size_t)(n_labels > batch_size ? n_labels : batch_size), 4);
    int32_t epoch = 0;

    assert_non_null(numbers);
    assert_int_equal(n_labels, graph->settings.n_images);
    ok(executor_create(network->graph, &settings, &network->executor));
    ok(executor_upload(network->executor, graph->images, images));
    for (int64_t i = 0; i < n_labels; i++)
        numbers[i] = (int32_t)labels[i];
    ok(executor_upload(network->executor, graph->image_labels, numbers));
    for (int64_t i = 0; i < batch_size; i++)
        numbers[i] = (int32_t)i;
    ok(executor_upload(network->executor, graph->indices, numbers));
    ok(executor_upload(network->executor, graph->epoch, &epoch));
    ok(queue_synchronize(device_queue(network->device)));
    free(images);
    free(labels);
    free(numbers);
}

void golden_network_close(struct golden_network *network)
{
    executor_destroy(network->executor);
    parameters_destroy(network->parameters);
    graph_destroy(network->graph);
    device_close(network->device);
}
