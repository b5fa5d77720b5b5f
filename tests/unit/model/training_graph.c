#include "unit/model/training_graph.h"

#include "graph/passes.h"
#include "model/model.h"
#include "support/outcome.h"

#include "support/cmocka.h"

struct graph *training_graph(const char *arch, int64_t batch_size, int64_t lora_rank,
                             enum dtype map)
{
    const struct architecture *architecture = architecture_find(arch);
    struct graph *graph = NULL;
    struct graph_settings settings = {.mode = GRAPH_TRAIN,
                                      .real = DTYPE_F32,
                                      .map = map,
                                      .batch_size = batch_size,
                                      .height = 32,
                                      .width = 32,
                                      .channels = 3,
                                      .n_images = batch_size,
                                      .n_classes = 10,
                                      .std = {1, 1, 1}};
    struct lora_inject lora = {
        .targets = architecture->lora_targets, .lora_rank = lora_rank, .alpha = 16, .dropout = 0.1};

    ok(model_build(architecture, &settings, &graph));
    if (lora_rank > 0) {
        ok(pass_freeze_except(graph, &architecture->head, 1));
        ok(pass_lora_inject(graph, &lora));
    }
    ok(pass_autodiff(graph));
    ok(pass_fuse(graph));
    return graph;
}
