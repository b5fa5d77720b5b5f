/* What the table of settings is composed of, for src/config alone: sections, each a list of rows.
 * Ranges are what the arithmetic allows, not what is sensible. */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include "config/settings_table.h"

struct setting_section {
    const char *prefix;         /* "base.train."; "" for settings without a section */
    const struct setting *rows; /* [n_rows] */
    int n_rows;
    size_t offset;            /* in struct settings; the rows' offsets are relative to it */
    enum setting_group group; /* of rows that name none */
    /* Whether by_recipe of its rows is used; else their default is `standard` alone. */
    bool is_by_recipe;
};

extern const struct setting_section model_section, data_section, forget_section, unlearn_section,
    train_section, base_train_section, prune_section, lora_section, eval_section, run_section,
    resources_section, checkpoint_section;

#define MOST_SEED 9007199254740992.0 /* 2^53: integers that every JSON reader keeps exact */
#define MOST_IMAGES 2147483647.0     /* their indices are int32 */

#endif
