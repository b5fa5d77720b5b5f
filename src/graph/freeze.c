/* Pass `freeze`: says which parameters train. Everything downstream (gradients, optimizer state,
 * packed weights) follows from the one flag it sets. */
#include "graph/passes.h"
#include "graph/pattern.h"

static bool keep_matching(struct graph *graph, const struct pattern *pattern)
{
    bool has_match = false;

    for (int64_t i = 0; i < graph->n_params; i++) {
        struct param *param = &graph->params[i];
        if (!pattern_matches(pattern, param->module))
            continue;
        has_match = true;
        param->is_trainable = !param->is_buffer;
    }
    return has_match;
}

enum status pass_freeze_except(struct graph *graph, const char *const *patterns, int n_patterns)
{
    enum status status = STATUS_OK;
    struct pattern *pattern = NULL;

    TRY(graph_check(graph));
    for (int64_t i = 0; i < graph->n_params; i++)
        graph->params[i].is_trainable = false;
    for (int i = 0; i < n_patterns; i++) {
        TRY(pattern_create(patterns[i], &pattern));
        if (!keep_matching(graph, pattern))
            TRY(fail(STATUS_BAD_CONFIG, "pattern '%s' matches no module of the model",
                     patterns[i]));
        pattern_destroy(pattern);
        pattern = NULL;
    }
done:
    pattern_destroy(pattern);
    return status;
}
