/* What the table of settings is composed of, for src/config alone: sections, each a list of rows.
 * Ranges are what the arithmetic allows, not what is sensible. */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include "config/settings_table.h"

struct setting_section {
    const char *prefix;         /* "base.train."; "" where names stand alone */
    const struct setting *rows; /* [n_rows] names are what follows the prefix */
    int n_rows;
    size_t offset;            /* where the rows' offsets begin, in struct settings */
    enum setting_group group; /* of rows that say none */
    /* A row's by_recipe holds, and `standard` where that says nothing; else `standard` alone. */
    bool is_by_recipe;
};

extern const struct setting_section model_section, data_section, forget_section, unlearn_section,
    train_section, base_train_section, prune_section, lora_section, eval_section, run_section,
    resources_section, checkpoint_section;

#define MOST_SEED 9007199254740992.0 /* 2^53: integers that every JSON reader keeps exact */
#define MOST_IMAGES 2147483647.0     /* their indices are int32 */

#endif
