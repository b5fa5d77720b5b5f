/* No operation of any model may fall to a library's reference implementation: it would compute the
 * right values, a hundred times more slowly. */
#include "unit/model/training_graph.h"

#include "graph/executor.h"
#include "support/outcome.h"

#include "support/cmocka.h"

#include <string.h>

/* Prepared, never run: the arena's pages are not touched. */
static int64_t count_prepared(struct device *device, struct graph *graph, const char *arch,
                              double sparsity)
{
    const struct prune_settings prune = {.sparsity = sparsity, .mask = PRUNE_BAKED};
    struct parameters *parameters = NULL;
    struct executor *executor = NULL;
    int64_t n = 0;

    ok(parameters_create(graph, device_queue(device), 1, &parameters));
    if (sparsity > 0)
        ok(parameters_prune(parameters, &prune));
    struct executor_settings settings = {.queue = device_queue(device), .parameters = parameters};
    ok(executor_create(graph, &settings, &executor));
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        const char *name = executor_implementation(executor, i);
        if (strncmp(name, "ref", 3) == 0)
            fail_msg("%s, batch %lld, sparsity %g: %s '%s' falls to '%s'", arch,
                     (long long)graph->settings.batch_size, sparsity, op_info(node->kind)->name,
                     node->module, name);
        n += name[0] != '\0';
    }
    executor_destroy(executor);
    parameters_destroy(parameters);
    return n;
}

static void test_no_reference_implementation(void **state)
{
    const char *names[] = {"resnet20", "resnet18", "resnet50"};
    const int64_t batch_sizes[] = {128, 72, 1}, ranks[] = {0, 8, 1, 8, 8};
    const double sparsities[] = {0, 0, 0, 0.5, 0.3};
    const struct device_settings settings = {.n_threads = 2};
    struct device *device = NULL;

    (void)state;
    ok(device_open(backend_find("cpu"), &settings, &device));
    for (int i = 0; i < 9; i++)
        for (int r = 0; r < 5; r++) {
            const char *name = names[i / 3];
            struct graph *graph = training_graph(name, batch_sizes[i % 3], ranks[r], DTYPE_F32);
            assert_int_equal(count_prepared(device, graph, name, sparsities[r]),
                             graph->n_nodes - 1);
            graph_destroy(graph); /* all but the gather, which has no images */
        }
    device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_reference_implementation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
