/* Values written in one line, as behind --set and in the table's defaults. */
#ifndef CONFIG_FLOW_VALUE_H
#define CONFIG_FLOW_VALUE_H

#include "config/yaml_tree.h"

struct flow_values {
    struct tree *const *items;
    int64_t n;
    struct position at; /* of the whole text */
};

/* Hydra's words: `0.5`, `0.3,0.5` (several values), `[1, 2, 3]` (one list), `choice(a, b)`,
 * `range(0, 10)` or `range(0, 10, 2)` (half-open), quotes for text with commas. `at` is where
 * `text` starts. n is 0 after a mistake. */
CHECKED enum status flow_parse(const char *text, const struct position *at, struct arena *arena,
                               struct diagnostics *diagnostics, struct flow_values *out);

#endif
