/* The whole run: its seed, batch norm and arithmetic, and how it is computed, resources.* and
 * checkpoint.*. */
#include "config/sections/sections.h"

static const char *const precision_names[] = {"fp32", "tf32", "bf16", NULL};
static const char *const batch_norm_names[] = {"train", "freeze", "recalibrate", NULL};
static const char *const device_names[] = {"auto", "cuda", "cpu", "ref", NULL};
static const char *const gpus_names[] = {"1", "auto", NULL};
static const char *const keep_names[] = {"none", "final", "all", NULL};

static const struct setting run_rows[] = {
    {.name = "seed",
     .kind = SETTING_INTEGER,
     .group = GROUP_SEED,
     .offset = offsetof(struct settings, seed),
     .minimum = 0,
     .maximum = MOST_SEED,
     .unit = "",
     .standard = "0",
     .help = "of shuffles, dropout, augmentation and initial values; given by 'seeds'"},
    {.name = "batch_norm",
     .kind = SETTING_ENUM,
     .group = GROUP_TRAIN,
     .offset = offsetof(struct settings, batch_norm),
     .names = batch_norm_names,
     .unit = "",
     .standard = "train",
     .neutral = "\"train\"",
     .help = "normalises training by each batch's statistics; freeze: by the running ones of the "
             "weights it starts from, which stay; recalibrate: as train, then running ones anew "
             "over the retained images"},
    {.name = "precision",
     .kind = SETTING_CHOICE,
     .group = GROUP_MODEL,
     .offset = offsetof(struct settings, precision),
     .names = precision_names,
     .unit = "",
     .standard = "fp32",
     .neutral = "\"fp32\"",
     .help = "of the factors of matrix products and convolutions, bf16 also of maps; tf32 and "
             "bf16 need a GPU"},
};
const struct setting_section run_section = {
    .prefix = "",
    .rows = run_rows,
    .n_rows = sizeof run_rows / sizeof *run_rows,
};

static const struct setting resources_rows[] = {
    {.name = "threads",
     .kind = SETTING_INTEGER,
     .offset = offsetof(struct settings, resources.threads),
     .minimum = 0,
     .maximum = 4096,
     .unit = "threads",
     .standard = "0",
     .counts = COUNTS_NEVER,
     .help = "per trainer; 0: allowed cores of the node / its ranks. A results folder keeps the "
             "number it began with"},
    {.name = "device",
     .kind = SETTING_CHOICE,
     .offset = offsetof(struct settings, resources.device),
     .names = device_names,
     .unit = "",
     .standard = "auto",
     .counts = COUNTS_NEVER,
     .help = "where runs compute; auto: a GPU where one can be used, else the CPU"},
    {.name = "gpus",
     .kind = SETTING_ENUM,
     .offset = offsetof(struct settings, resources.gpus),
     .names = gpus_names,
     .unit = "",
     .standard = "auto",
     .limit = "several GPUs for one run are not in this version",
     .counts = COUNTS_NEVER,
     .help = "GPUs of one run; auto: what the program finds best, which is 1"},
};
const struct setting_section resources_section = {
    .prefix = "resources.",
    .rows = resources_rows,
    .n_rows = sizeof resources_rows / sizeof *resources_rows,
    .group = GROUP_EXECUTION,
};

static const struct setting checkpoint_rows[] = {
    {.name = "every",
     .kind = SETTING_DURATION,
     .offset = offsetof(struct settings, checkpoint.every_seconds),
     .minimum = 0,
     .maximum = 1e9,
     .unit = "s",
     .standard = "60s",
     .counts = COUNTS_NEVER,
     .help = "time between checkpoints: 90, 90s, 5m, 1h"},
    {.name = "keep",
     .kind = SETTING_ENUM,
     .offset = offsetof(struct settings, checkpoint.keep),
     .names = keep_names,
     .unit = "",
     .standard = "final",
     .counts = COUNTS_NEVER,
     .help = "weights kept of a run: none, the final ones, or those after every epoch as well"},
};
const struct setting_section checkpoint_section = {
    .prefix = "checkpoint.",
    .rows = checkpoint_rows,
    .n_rows = sizeof checkpoint_rows / sizeof *checkpoint_rows,
    .group = GROUP_EXECUTION,
};
