/* Pass `freeze`: whole-name patterns, and what it refuses. */
#include "graph/passes.h"
#include "support/cmocka.h"
#include "support/toy.h"
#include "support/trainable_elements.h"

#include <string.h>

static void test_keeps_only_matches(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    const char *const patterns[] = {"linear", "bn[12]"}; /* bn1, not block1.bn1 */

    (void)state;
    ok(pass_freeze_except(graph, patterns, 2));
    for (int64_t i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        bool is_named = strcmp(param->module, "linear") == 0 || strcmp(param->module, "bn1") == 0;
        assert_int_equal(param->is_trainable, is_named && !param->is_buffer);
    }
    assert_int_equal(trainable_elements(graph), 3 * 5 + 3 + 4 + 4);
    graph_destroy(graph);
}

static void test_refuses(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    const char *part = "block1.con", *broken = "block[", *either = "conv1|linear";

    (void)state;
    fails(pass_freeze_except(graph, &part, 1), STATUS_BAD_CONFIG,
          "pattern 'block1.con' matches no module");
    fails(pass_freeze_except(graph, &broken, 1), STATUS_BAD_CONFIG,
          "pattern 'block[' is not a regular expression: ");
    ok(pass_freeze_except(graph, &either, 1));
    assert_int_equal(trainable_elements(graph), 4 * 27 + 18);
    ok(pass_freeze_except(graph, NULL, 0));
    assert_int_equal(trainable_elements(graph), 0);
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_only_matches),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
