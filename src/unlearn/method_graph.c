#include "unlearn/method_graph.h"

#include "graph/passes.h"
#include "unlearn/method.h"

#include <string.h>

const char *method_lora_targets(const struct architecture *architecture,
                                const struct settings *settings, char text[PATTERN_BYTES])
{
    if (strcmp(settings->lora.targets, "default") != 0)
        return settings->lora.targets;
    return architecture_pattern(architecture, &settings->model.vit, architecture->lora_targets,
                                text);
}

static enum status adapt(const struct architecture *architecture, const struct settings *settings,
                         struct graph *graph)
{
    enum status status = STATUS_OK;
    char text[PATTERN_BYTES];
    struct lora_inject inject = {
        .targets = method_lora_targets(architecture, settings, text),
        .lora_rank = settings->lora.rank,
        .alpha = settings->lora.alpha,
        .dropout = settings->lora.dropout,
        .ignores_out_proj = settings->lora.mha_out_proj == MHA_OUT_PROJ_IGNORE,
    };

    TRY(pass_freeze_except(graph, &architecture->head, architecture->head != NULL ? 1 : 0));
    TRY(pass_lora_inject(graph, &inject));
done:
    return status;
}

enum status method_graph(const struct settings *settings,
                         const struct graph_settings *graph_settings, struct graph **out)
{
    enum status status = STATUS_OK;
    const struct architecture *architecture = architecture_find(settings->model.arch);
    const struct method *method = method_find(settings->unlearn.method);
    struct graph *graph = NULL;

    if (architecture == NULL || method == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown architecture '%s' or method '%s'",
                    settings->model.arch, settings->unlearn.method);
    TRY(model_build(architecture, graph_settings, &graph));
    if (method->adapts)
        TRY(adapt(architecture, settings, graph));
    if (graph_settings->mode == GRAPH_TRAIN)
        TRY(pass_autodiff(graph));
    *out = graph;
    graph = NULL;
done:
    graph_destroy(graph);
    return status;
}
