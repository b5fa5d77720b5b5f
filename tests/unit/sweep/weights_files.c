/* Weights files that fit, for tests. */
#include "weights_files.h"

#include "model/model.h"
#include "store/weights/weights.h"
#include "support/cmocka.h"

#include <stdlib.h>

static void write_model(const char *arch, const struct vit_shape *shape, float value,
                        const char *path)
{
    const struct graph_settings settings = {.mode = GRAPH_EVAL,
                                            .real = DTYPE_F32,
                                            .batch_size = 1,
                                            .height = 32,
                                            .width = 32,
                                            .channels = 3,
                                            .n_images = 1,
                                            .n_classes = 10,
                                            .std = {1, 1, 1},
                                            .vit = *shape};
    struct graph *graph = NULL;

    assert_int_equal(model_build(architecture_find(arch), &settings, &graph), STATUS_OK);
    struct weight_tensor *tensors = calloc((size_t)graph->n_params, sizeof *tensors);
    assert_non_null(tensors);
    for (int64_t i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        const int *order = param->is_conv ? (const int[]){0, 3, 1, 2} : (const int[]){0, 1, 2, 3};
        int64_t n = 1;
        tensors[i] = (struct weight_tensor){
            .name = param->name, .dtype = DTYPE_F32, .n_dims = param->n_dims};
        for (int k = 0; k < param->n_dims; k++) {
            tensors[i].shape[k] = param->shape[order[k]];
            n *= param->shape[k];
        }
        float *values = malloc((size_t)n * sizeof *values);
        assert_non_null(values);
        for (int64_t k = 0; k < n; k++)
            values[k] = value;
        tensors[i].values = values;
    }
    assert_int_equal(weights_save_h5(path, tensors, graph->n_params), STATUS_OK);
    for (int64_t i = 0; i < graph->n_params; i++)
        free(tensors[i].values);
    free(tensors);
    graph_destroy(graph);
}

void write_weights(const char *arch, float value, const char *path)
{
    write_model(arch, &(struct vit_shape){0}, value, path);
}

void write_vit_weights(const struct vit_shape *shape, float value, const char *path)
{
    write_model("simple_vit", shape, value, path);
}
