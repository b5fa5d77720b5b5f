/* prune.* and lora.*: what methods that prune, and that train adapters, read. */
#include "config/sections/sections.h"

static const char *const prune_mask_names[] = {"held", "held_merged", "baked", NULL};
static const char *const mha_out_proj_names[] = {"adapt", "ignore", NULL};

static const struct setting prune_rows[] = {
    {.name = "sparsity",
     .kind = SETTING_NUMBER,
     .offset = offsetof(struct settings, prune.sparsity),
     .minimum = 0,
     .maximum = 1,
     .is_maximum_open = true,
     .unit = "of 1",
     .standard = "0.5",
     .help = "share of every target's output channels"},
    {.name = "mask",
     .kind = SETTING_ENUM,
     .offset = offsetof(struct settings, prune.mask),
     .names = prune_mask_names,
     .unit = "",
     .standard = "held",
     .published = "baked",
     .help = "held: pruned base weights stay zero; held_merged: so do merged ones; baked: they may "
             "grow back, as published"},
    {.name = "protect_head",
     .kind = SETTING_BOOL,
     .offset = offsetof(struct settings, prune.protect_head),
     .only_recipe = "vit",
     .unit = "",
     .standard = "true",
     .published = "false",
     .help = "prune simple_vit's last projection alone; false: the rows of its classes as well, as "
             "published"},
};
const struct setting_section prune_section = {
    .prefix = "prune.",
    .rows = prune_rows,
    .n_rows = sizeof prune_rows / sizeof *prune_rows,
    .group = GROUP_PRUNE,
};

static const struct setting lora_rows[] = {
    {.name = "rank",
     .kind = SETTING_INTEGER,
     .offset = offsetof(struct settings, lora.rank),
     .minimum = 1,
     .maximum = 4096,
     .unit = "",
     .standard = "8",
     .by_recipe = {NULL, NULL, "16"},
     .help = "rank of the adapters"},
    {.name = "alpha",
     .kind = SETTING_NUMBER,
     .offset = offsetof(struct settings, lora.alpha),
     .minimum = 0,
     .maximum = 1e6,
     .unit = "",
     .standard = "16",
     .by_recipe = {NULL, NULL, "32"},
     .help = "adapters are scaled by alpha / rank"},
    {.name = "dropout",
     .kind = SETTING_NUMBER,
     .offset = offsetof(struct settings, lora.dropout),
     .minimum = 0,
     .maximum = 1,
     .is_maximum_open = true,
     .unit = "of 1",
     .standard = "0.1",
     .help = "on the adapters' branch only"},
    {.name = "targets",
     .kind = SETTING_REGEX,
     .offset = offsetof(struct settings, lora.targets),
     .unit = "",
     .standard = "default",
     .counts = COUNTS_AS_TARGETS,
     .help = "POSIX extended regular expression over whole module names; default: the "
             "architecture's"},
    {.name = "mha_out_proj",
     .kind = SETTING_ENUM,
     .offset = offsetof(struct settings, lora.mha_out_proj),
     .names = mha_out_proj_names,
     .only_recipe = "vit",
     .unit = "",
     .standard = "adapt",
     .published = "ignore",
     .help = "adapters of attention's output projection; ignore: they exist without effect, as "
             "published"},
};
const struct setting_section lora_section = {
    .prefix = "lora.",
    .rows = lora_rows,
    .n_rows = sizeof lora_rows / sizeof *lora_rows,
    .group = GROUP_LORA,
    .is_by_recipe = true,
};
