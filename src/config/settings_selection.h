/* Rows of the settings table: which epoch of a recipe's training a run ends with. */
#ifndef CONFIG_SETTINGS_SELECTION_H
#define CONFIG_SETTINGS_SELECTION_H

#include "config/settings_table.h"

static const char *const select_names[] = {"last", "best", NULL};

/* For train.* and base.train.* alike. */
#define SELECTION(prefix, place, reader)                                                           \
    {.name = prefix ".select",                                                                     \
     .kind = SETTING_ENUM,                                                                         \
     .group = (reader),                                                                            \
     .offset = (place) + offsetof(struct recipe, select),                                          \
     .names = select_names,                                                                        \
     .unit = "",                                                                                   \
     .standard = "last",                                                                           \
     .by_recipe = {"last", "last", "last"},                                                        \
     .neutral = "\"last\"",                                                                        \
     .help = "weights that a run ends with: the last epoch's, or the best by validation "          \
             "accuracy, ties the earlier; best wants data.validation"},                            \
        {.name = prefix ".patience",                                                               \
         .kind = SETTING_INTEGER,                                                                  \
         .group = (reader),                                                                        \
         .offset = (place) + offsetof(struct recipe, patience),                                    \
         .minimum = 0,                                                                             \
         .maximum = 1e6,                                                                           \
         .unit = "epochs",                                                                         \
         .standard = "0",                                                                          \
         .by_recipe = {"0", "0", "0"},                                                             \
         .neutral = "0",                                                                           \
         .help = "training ends after so many epochs without a better validation accuracy; 0: "    \
                 "never; wants data.validation"},                                                  \
    {                                                                                              \
        .name = prefix ".validate_every", .kind = SETTING_INTEGER, .group = (reader),              \
        .offset = (place) + offsetof(struct recipe, validate_every), .minimum = 1, .maximum = 1e6, \
        .unit = "epochs", .standard = "1", .by_recipe = {"1", "1", "1"}, .neutral = "1",           \
        .help =                                                                                    \
            "epochs from one validation to the next, where there is data.validation; the last "    \
            "epoch has one"                                                                        \
    }

#endif
