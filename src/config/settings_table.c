/* The rows. Ranges are what the arithmetic allows, not what is sensible. */
#include "config/settings_table.h"
#include "config/settings_forget.h"

#include "config/settings_selection.h"

#include "config/settings_inspection.h"
#include "config/settings_recipe.h"

#include <string.h>

const char *const forget_kind_names[] = {"class", "classes", "superclass", "fraction",
                                         "count", "indices", NULL};
const char *const prune_mask_names[] = {"held", "held_merged", "baked", NULL};
const char *const mha_out_proj_names[] = {"adapt", "ignore", NULL};
const char *const base_recipe_names[] = {"resnet", "resnet_option_a", "vit"};
const char *const attack_names[] = {[ATTACK_LOSS_LR] = "loss_lr",
                                    [ATTACK_CONFIDENCE_SVC] = "confidence_svc",
                                    [ATTACK_CORRECTNESS_SVC] = "correctness_svc",
                                    [ATTACK_ENTROPY_SVC] = "entropy_svc",
                                    [ATTACK_M_ENTROPY_SVC] = "m_entropy_svc",
                                    [ATTACK_ENTROPY_LR] = "entropy_lr",
                                    [ATTACK_CLASS_MIA] = "class_mia",
                                    [N_ATTACKS] = NULL};
const char *const optimizer_names[] = {"sgd", "adam", "adamw", NULL};
const char *const schedule_names[] = {"constant", "cosine", "step", "one_cycle", NULL};
static const char *const schedule_unit_names[] = {"epoch", "step", NULL};
static const char *const decay_on_names[] = {"all", "weights", NULL};
static const char *const augment_names[] = {"none", "flip", "crop_flip", NULL};
static const char *const dataset_names[] = {"cifar10", "cifar100", "images", NULL};
static const char *const precision_names[] = {"fp32", "tf32", "bf16", NULL};
static const char *const device_names[] = {"auto", "cuda", "cpu", "ref", NULL};
static const char *const gpus_names[] = {"1", "auto", NULL};
static const char *const keep_names[] = {"none", "final", "all", NULL};

const double published_mean[3] = {0.4914, 0.4822, 0.4465};
const double published_std[3] = {0.2471, 0.2435, 0.2616};

#define MOST 9007199254740992.0  /* 2^53: integers that every JSON reader keeps exact */
#define MOST_IMAGES 2147483647.0 /* their indices are int32 */
#define AT(member) offsetof(struct settings, member)

static const struct setting table[] = {
    {.name = "model.arch",
     .kind = SETTING_ARCHITECTURE,
     .group = GROUP_MODEL,
     .offset = AT(model.arch),
     .unit = "",
     .help = "architecture"},
    {.name = "model.weights",
     .kind = SETTING_TEXT,
     .group = GROUP_WEIGHTS,
     .offset = AT(model.weights),
     .unit = "path",
     .standard = "''",
     .help = "weights of the base model; their content, not the path, is part of a run's id"},
    {.name = "model.vit.patch",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(model.vit.patch),
     .minimum = 1,
     .maximum = 1024,
     .only_recipe = "vit",
     .unit = "pixels",
     .standard = "4",
     .help = "side of simple_vit's square patches; divides the images'"},
    {.name = "model.vit.layers",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(model.vit.layers),
     .minimum = 1,
     .maximum = 1000,
     .only_recipe = "vit",
     .unit = "",
     .standard = "12",
     .help = "simple_vit's encoder layers"},
    {.name = "model.vit.heads",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(model.vit.heads),
     .minimum = 1,
     .maximum = 1024,
     .only_recipe = "vit",
     .unit = "",
     .standard = "6",
     .help = "simple_vit's attention heads; divide the width"},
    {.name = "model.vit.width",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(model.vit.width),
     .minimum = 8,
     .maximum = 65536,
     .only_recipe = "vit",
     .unit = "",
     .standard = "384",
     .help = "channels of simple_vit's tokens; a multiple of 4"},
    {.name = "model.vit.mlp",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(model.vit.mlp),
     .minimum = 1,
     .maximum = 1048576,
     .only_recipe = "vit",
     .unit = "",
     .standard = "1536",
     .help = "hidden width of simple_vit's perceptrons"},

    {.name = "data.dataset",
     .kind = SETTING_CHOICE,
     .group = GROUP_MODEL,
     .offset = AT(data.dataset),
     .names = dataset_names,
     .unit = "",
     .standard = "cifar10",
     .help = "which data set the files hold; images: made by `prunelora data import`"},
    {.name = "data.path",
     .kind = SETTING_TEXT,
     .group = GROUP_MODEL,
     .offset = AT(data.path),
     .unit = "path",
     .help = "folder of its binary files; their content is part of a run's id"},
    {.name = "data.mean",
     .kind = SETTING_NORMALISATION,
     .group = GROUP_MODEL,
     .offset = AT(data.mean),
     .minimum = -10,
     .maximum = 10,
     .unit = "of 1",
     .standard = "base",
     .published = "published",
     .help = "subtracted per channel: base (what the base model was trained with), published, or "
             "three numbers"},
    {.name = "data.std",
     .kind = SETTING_NORMALISATION,
     .group = GROUP_MODEL,
     .offset = AT(data.std),
     .minimum = 1e-6,
     .maximum = 10,
     .unit = "of 1",
     .standard = "base",
     .published = "published",
     .help = "divided by per channel, as data.mean"},
    {.name = "data.validation",
     .kind = SETTING_AMOUNT,
     .group = GROUP_MODEL,
     .offset = AT(data.validation),
     .minimum = 0,
     .maximum = MOST_IMAGES,
     .unit = "of 1, or images",
     .standard = "0",
     .neutral = "0",
     .is_in_split = true,
     .help = "training images set aside, neither trained on nor forgotten: below 1 a share of "
             "every class, else a number; 0: none"},
    {.name = "data.split_seed",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(data.split_seed),
     .minimum = 0,
     .maximum = MOST,
     .unit = "",
     .standard = "0",
     .neutral = "0",
     .is_in_split = true,
     .help = "draws the images of data.validation, the same for every run"},

    FORGET_SETTINGS,
    {.name = "unlearn.method",
     .kind = SETTING_METHOD,
     .group = GROUP_MODEL,
     .offset = AT(unlearn.method),
     .unit = "",
     .help = "how it is forgotten"},

    /* the unlearning methods read these */
    RECIPE_ROWS("train", AT(train), GROUP_TRAIN),
    SELECTION("train", AT(train), GROUP_TRAIN),
    /* base training and retrain read these */
    RECIPE_ROWS("base.train", AT(base_train), GROUP_BASE_TRAIN),
    SELECTION("base.train", AT(base_train), GROUP_BASE_TRAIN),

    {.name = "prune.sparsity",
     .kind = SETTING_NUMBER,
     .group = GROUP_PRUNE,
     .offset = AT(prune.sparsity),
     .minimum = 0,
     .maximum = 1,
     .is_maximum_open = true,
     .unit = "of 1",
     .standard = "0.5",
     .help = "share of every target's output channels"},
    {.name = "prune.mask",
     .kind = SETTING_ENUM,
     .group = GROUP_PRUNE,
     .offset = AT(prune.mask),
     .names = prune_mask_names,
     .unit = "",
     .standard = "held",
     .published = "baked",
     .help = "held: pruned base weights stay zero; held_merged: so do merged ones; baked: they may "
             "grow back, as published"},
    {.name = "prune.protect_head",
     .kind = SETTING_BOOL,
     .group = GROUP_PRUNE,
     .offset = AT(prune.protect_head),
     .only_recipe = "vit",
     .unit = "",
     .standard = "true",
     .published = "false",
     .help = "prune simple_vit's last projection alone; false: the rows of its classes as well, as "
             "published"},

    {.name = "lora.rank",
     .kind = SETTING_INTEGER,
     .group = GROUP_LORA,
     .offset = AT(lora.rank),
     .minimum = 1,
     .maximum = 4096,
     .unit = "",
     .standard = "8",
     .by_recipe = {NULL, NULL, "16"},
     .help = "rank of the adapters"},
    {.name = "lora.alpha",
     .kind = SETTING_NUMBER,
     .group = GROUP_LORA,
     .offset = AT(lora.alpha),
     .minimum = 0,
     .maximum = 1e6,
     .unit = "",
     .standard = "16",
     .by_recipe = {NULL, NULL, "32"},
     .help = "adapters are scaled by alpha / rank"},
    {.name = "lora.dropout",
     .kind = SETTING_NUMBER,
     .group = GROUP_LORA,
     .offset = AT(lora.dropout),
     .minimum = 0,
     .maximum = 1,
     .is_maximum_open = true,
     .unit = "of 1",
     .standard = "0.1",
     .help = "on the adapters' branch only"},
    {.name = "lora.targets",
     .kind = SETTING_REGEX,
     .group = GROUP_LORA,
     .offset = AT(lora.targets),
     .unit = "",
     .standard = "default",
     .help = "POSIX extended regular expression over whole module names; default: the "
             "architecture's"},
    {.name = "lora.mha_out_proj",
     .kind = SETTING_ENUM,
     .group = GROUP_LORA,
     .offset = AT(lora.mha_out_proj),
     .names = mha_out_proj_names,
     .only_recipe = "vit",
     .unit = "",
     .standard = "adapt",
     .published = "ignore",
     .help = "adapters of attention's output projection; ignore: they exist without effect, as "
             "published"},

    {.name = "eval.mia",
     .kind = SETTING_ATTACKS,
     .group = GROUP_MODEL,
     .offset = AT(eval.mia),
     .unit = "",
     .standard = "[loss_lr]",
     .help = "membership attacks, see docs/metrics.md; the first is MIA"},
    {.name = "eval.seed",
     .kind = SETTING_INTEGER,
     .group = GROUP_MODEL,
     .offset = AT(eval.seed),
     .minimum = 0,
     .maximum = MOST,
     .unit = "",
     .standard = "0",
     .help = "draws the attacks' samples, the same for every run of a sweep"},
    EVAL_INSPECTION,
    {.name = "eval.batch_size",
     .kind = SETTING_INTEGER,
     .group = GROUP_EXECUTION,
     .offset = AT(eval.batch_size),
     .minimum = 1,
     .maximum = 65536,
     .word = "auto",
     .unit = "images",
     .standard = "auto",
     .help = "images per evaluation step; auto: as many as are worth while, fewer where "
             "memory is refused; which, says run.h5"},

    {.name = "seed",
     .kind = SETTING_INTEGER,
     .group = GROUP_SEED,
     .offset = AT(seed),
     .minimum = 0,
     .maximum = MOST,
     .unit = "",
     .standard = "0",
     .help = "of shuffles, dropout, augmentation and initial values; given by 'seeds'"},

    {.name = "precision",
     .kind = SETTING_CHOICE,
     .group = GROUP_MODEL,
     .offset = AT(precision),
     .names = precision_names,
     .unit = "",
     .standard = "fp32",
     .neutral = "\"fp32\"",
     .help = "of the factors of matrix products and convolutions, bf16 also of maps; tf32 and "
             "bf16 want a GPU"},
    {.name = "resources.threads",
     .kind = SETTING_INTEGER,
     .group = GROUP_EXECUTION,
     .offset = AT(resources.threads),
     .minimum = 0,
     .maximum = 4096,
     .unit = "threads",
     .standard = "0",
     .help = "per trainer; 0: allowed cores of the node / its ranks. A results folder keeps the "
             "number it "
             "began with"},
    {.name = "resources.device",
     .kind = SETTING_CHOICE,
     .group = GROUP_EXECUTION,
     .offset = AT(resources.device),
     .names = device_names,
     .unit = "",
     .standard = "auto",
     .help = "where runs compute; auto: a GPU where one can be used, else the CPU"},
    {.name = "resources.gpus",
     .kind = SETTING_ENUM,
     .group = GROUP_EXECUTION,
     .offset = AT(resources.gpus),
     .names = gpus_names,
     .unit = "",
     .standard = "auto",
     .limit = "several GPUs for one run are not in this version",
     .help = "GPUs of one run; auto: what the program finds best, which is 1"},
    {.name = "checkpoint.every",
     .kind = SETTING_DURATION,
     .group = GROUP_EXECUTION,
     .offset = AT(checkpoint.every_seconds),
     .minimum = 0,
     .maximum = 1e9,
     .unit = "s",
     .standard = "60s",
     .help = "time between checkpoints: 90, 90s, 5m, 1h"},
    {.name = "checkpoint.keep",
     .kind = SETTING_ENUM,
     .group = GROUP_EXECUTION,
     .offset = AT(checkpoint.keep),
     .names = keep_names,
     .unit = "",
     .standard = "final",
     .help = "weights kept of a run: none, the final ones, or those after every epoch as well"},
};

/* Described in the documents, not here yet: an error that says so, not one that says unknown. */
static const char *const planned[] = {
    "batch_norm",
    "prune.kind",
    "prune.dim",
    NULL,
};

int setting_count(void)
{
    return (int)(sizeof table / sizeof *table);
}

const struct setting *setting_at(int i)
{
    return &table[i];
}

int setting_find(const char *name)
{
    for (int i = 0; i < setting_count(); i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

bool setting_is_section(const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; i < setting_count(); i++)
        if (strncmp(table[i].name, name, length) == 0 && table[i].name[length] == '.')
            return true;
    return false;
}

bool setting_is_planned(const char *name)
{
    for (int i = 0; planned[i] != NULL; i++)
        if (strcmp(planned[i], name) == 0)
            return true;
    return false;
}

const char *const *setting_names(struct arena *arena)
{
    const char **names = ARENA_ARRAY(arena, setting_count() + 1, const char *);

    for (int i = 0; names != NULL && i < setting_count(); i++)
        names[i] = table[i].name;
    return names;
}
