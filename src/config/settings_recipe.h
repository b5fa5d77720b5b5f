/* One row of the settings table per member of struct recipe, for train.* and base.train.* alike. A
 * macro, because the rows differ in their names' beginning, their place and their readers. */
#ifndef CONFIG_SETTINGS_RECIPE_H
#define CONFIG_SETTINGS_RECIPE_H

#define RECIPE_ROWS(prefix, place, reader)                                                         \
    {.name = prefix ".epochs",                                                                     \
     .kind = SETTING_INTEGER,                                                                      \
     .group = (reader),                                                                            \
     .offset = (place) + offsetof(struct recipe, epochs),                                          \
     .minimum = 0,                                                                                 \
     .maximum = 1e6,                                                                               \
     .unit = "epochs",                                                                             \
     .standard = "5",                                                                              \
     .by_recipe = {"200", "200", "90"},                                                            \
     .help = "passes over the training images"},                                                   \
        {.name = prefix ".batch_size",                                                             \
         .kind = SETTING_INTEGER,                                                                  \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, batch_size),                                  \
         .minimum = 1,                                                                             \
         .maximum = 65536,                                                                         \
         .unit = "images",                                                                         \
         .standard = "128",                                                                        \
         .by_recipe = {"128", "128", "128"},                                                       \
         .help = "images per step; of the last, smaller batch see drop_last"},                     \
        {.name = prefix ".drop_last",                                                              \
         .kind = SETTING_BOOL,                                                                     \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, drop_last),                                   \
         .unit = "",                                                                               \
         .standard = "false",                                                                      \
         .by_recipe = {"false", "false", "true"},                                                  \
         .neutral = "false",                                                                       \
         .help = "leave out an epoch's last batch when it is smaller than the others"},            \
        {.name = prefix ".optimizer",                                                              \
         .kind = SETTING_ENUM,                                                                     \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, optimizer),                                   \
         .names = optimizer_names,                                                                 \
         .unit = "",                                                                               \
         .standard = "adam",                                                                       \
         .by_recipe = {"sgd", "sgd", "adamw"},                                                     \
         .help = "update rule"},                                                                   \
        {.name = prefix ".lr",                                                                     \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, lr),                                          \
         .minimum = 0,                                                                             \
         .maximum = 1e3,                                                                           \
         .unit = "",                                                                               \
         .standard = "1e-3",                                                                       \
         .by_recipe = {"0.1", "0.1", "1e-3"},                                                      \
         .help = "learning rate at the start; where warmup or one_cycle raises it, the highest"},  \
        {.name = prefix ".momentum",                                                               \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, momentum),                                    \
         .minimum = 0,                                                                             \
         .maximum = 1,                                                                             \
         .is_maximum_open = true,                                                                  \
         .unit = "",                                                                               \
         .standard = "0.9",                                                                        \
         .by_recipe = {"0.9", "0.9", "0.9"},                                                       \
         .help = "read by sgd only"},                                                              \
        {.name = prefix ".weight_decay",                                                           \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, weight_decay),                                \
         .minimum = 0,                                                                             \
         .maximum = 1e3,                                                                           \
         .unit = "",                                                                               \
         .standard = "0",                                                                          \
         .by_recipe = {"5e-4", "1e-4", "0.1"},                                                     \
         .help = "L2; decoupled with adamw"},                                                      \
        {.name = prefix ".schedule",                                                               \
         .kind = SETTING_ENUM,                                                                     \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, schedule),                                    \
         .names = schedule_names,                                                                  \
         .unit = "",                                                                               \
         .standard = "constant",                                                                   \
         .by_recipe = {"cosine", "step", "cosine"},                                                \
         .help =                                                                                   \
             "learning rate over the training: cosine falls to 0, step by gamma at milestones, "   \
             "one_cycle rises and falls as PyTorch's OneCycleLR (momentum stays)"},                \
        {.name = prefix ".schedule_unit",                                                          \
         .kind = SETTING_ENUM,                                                                     \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, schedule_unit),                               \
         .names = schedule_unit_names,                                                             \
         .unit = "",                                                                               \
         .standard = "epoch",                                                                      \
         .by_recipe = {"epoch", "epoch", "step"},                                                  \
         .neutral = "\"epoch\"",                                                                   \
         .help = "when cosine and one_cycle change it: after every epoch or every step"},          \
        {.name = prefix ".warmup",                                                                 \
         .kind = SETTING_INTEGER,                                                                  \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, warmup),                                      \
         .minimum = 0,                                                                             \
         .maximum = 1e9,                                                                           \
         .unit = "steps",                                                                          \
         .standard = "0",                                                                          \
         .by_recipe = {"0", "0", "10000"},                                                         \
         .neutral = "0",                                                                           \
         .help = "steps in which the learning rate rises from 0 in a line, before the schedule "   \
                 "takes the rest"},                                                                \
        {.name = prefix ".milestones",                                                             \
         .kind = SETTING_EPOCHS,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place),                                                                        \
         .minimum = 1,                                                                             \
         .maximum = 1e6,                                                                           \
         .unit = "epochs",                                                                         \
         .standard = "[]",                                                                         \
         .by_recipe = {"[]", "[100, 150]", "[]"},                                                  \
         .help = "epochs after which lr is multiplied by gamma; read by step only"},               \
        {.name = prefix ".gamma",                                                                  \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, gamma),                                       \
         .minimum = 0,                                                                             \
         .maximum = 1,                                                                             \
         .unit = "",                                                                               \
         .standard = "0.1",                                                                        \
         .by_recipe = {"0.1", "0.1", "0.1"},                                                       \
         .help = "factor at a milestone; read by step only"},                                      \
        {.name = prefix ".pct_start",                                                              \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, pct_start),                                   \
         .minimum = 0,                                                                             \
         .maximum = 1,                                                                             \
         .is_maximum_open = true,                                                                  \
         .unit = "of 1",                                                                           \
         .standard = "0.3",                                                                        \
         .by_recipe = {"0.3", "0.3", "0.3"},                                                       \
         .neutral = "0.3",                                                                         \
         .help = "share in which one_cycle rises; read by it only"},                               \
        {.name = prefix ".div_factor",                                                             \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, div_factor),                                  \
         .minimum = 1,                                                                             \
         .maximum = 1e9,                                                                           \
         .unit = "",                                                                               \
         .standard = "25",                                                                         \
         .by_recipe = {"25", "25", "25"},                                                          \
         .neutral = "25",                                                                          \
         .help = "one_cycle starts at lr / div_factor; read by it only"},                          \
        {.name = prefix ".final_div_factor",                                                       \
         .kind = SETTING_NUMBER,                                                                   \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, final_div_factor),                            \
         .minimum = 1,                                                                             \
         .maximum = 1e12,                                                                          \
         .unit = "",                                                                               \
         .standard = "1e4",                                                                        \
         .by_recipe = {"1e4", "1e4", "1e4"},                                                       \
         .neutral = "10000",                                                                       \
         .help = "one_cycle ends at its start / final_div_factor; read by it only"},               \
    {                                                                                              \
        .name = prefix ".augment", .kind = SETTING_SWITCH, .group = (reader),                      \
        .offset = (place) + offsetof(struct recipe, augment), .names = augment_names, .unit = "",  \
        .standard = "none", .by_recipe = {"crop_flip", "crop_flip", "flip"},                       \
        .help = "horizontal flip, and random crop after padding by an eighth (32 of 40); true "    \
                "is crop_flip, false none"                                                         \
    }

#endif
