/* The rows of forget.*, for the table of settings alone: what is forgotten, by which of them. */
#ifndef CONFIG_SETTINGS_FORGET_H
#define CONFIG_SETTINGS_FORGET_H

#define FORGET_SETTINGS                                                                            \
    {.name = "forget.class",                                                                       \
     .kind = SETTING_INTEGER,                                                                      \
     .group = GROUP_MODEL,                                                                         \
     .offset = AT(forget.class_index),                                                             \
     .minimum = -1,                                                                                \
     .maximum = 99,                                                                                \
     .word = "none",                                                                               \
     .unit = "",                                                                                   \
     .help = "class to forget, from 0; none: nothing (base training is retrain of nothing). "      \
             "Another forget.* may stand instead"},                                                \
        {.name = "forget.kind",                                                                    \
         .kind = SETTING_ENUM,                                                                     \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.kind),                                                                \
         .names = forget_kind_names,                                                               \
         .unit = "",                                                                               \
         .standard = "class",                                                                      \
         .neutral = "\"class\"",                                                                   \
         .is_in_split = true,                                                                      \
         .help =                                                                                   \
             "what is forgotten: forget.<kind> says which; follows from which of them is given"},  \
        {.name = "forget.classes",                                                                 \
         .kind = SETTING_CLASSES,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.classes),                                                             \
         .minimum = 0,                                                                             \
         .maximum = 99,                                                                            \
         .unit = "",                                                                               \
         .standard = "[]",                                                                         \
         .neutral = "[]",                                                                          \
         .is_in_split = true,                                                                      \
         .help = "several classes to forget at once"},                                             \
        {.name = "forget.superclass",                                                              \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.superclass),                                                          \
         .minimum = -1,                                                                            \
         .maximum = 19,                                                                            \
         .word = "none",                                                                           \
         .unit = "",                                                                               \
         .standard = "none",                                                                       \
         .neutral = "-1",                                                                          \
         .is_in_split = true,                                                                      \
         .help = "coarse label of cifar100 to forget: its five classes"},                          \
        {.name = "forget.fraction",                                                                \
         .kind = SETTING_NUMBER,                                                                   \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.fraction),                                                            \
         .minimum = 0,                                                                             \
         .maximum = 1,                                                                             \
         .unit = "of 1",                                                                           \
         .standard = "0",                                                                          \
         .neutral = "0",                                                                           \
         .is_in_split = true,                                                                      \
         .help = "share of the training images to forget, drawn by forget.seed"},                  \
        {.name = "forget.count",                                                                   \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.count),                                                               \
         .minimum = 0,                                                                             \
         .maximum = MOST_IMAGES,                                                                   \
         .unit = "images",                                                                         \
         .standard = "0",                                                                          \
         .neutral = "0",                                                                           \
         .is_in_split = true,                                                                      \
         .help = "number of training images to forget, drawn by forget.seed"},                     \
        {.name = "forget.within",                                                                  \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.within),                                                              \
         .minimum = -1,                                                                            \
         .maximum = 99,                                                                            \
         .word = "none",                                                                           \
         .unit = "",                                                                               \
         .standard = "none",                                                                       \
         .neutral = "-1",                                                                          \
         .is_in_split = true,                                                                      \
         .help = "class that forget.fraction and forget.count draw from; none: all"},              \
        {.name = "forget.seed",                                                                    \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(forget.seed),                                                                \
         .minimum = 0,                                                                             \
         .maximum = MOST,                                                                          \
         .unit = "",                                                                               \
         .standard = "0",                                                                          \
         .neutral = "0",                                                                           \
         .is_in_split = true,                                                                      \
         .help = "draws what forget.fraction and forget.count forget, the same for every method"}, \
    {                                                                                              \
        .name = "forget.indices", .kind = SETTING_TEXT, .group = GROUP_MODEL,                      \
        .offset = AT(forget.indices), .unit = "path", .standard = "''", .neutral = "\"\"",         \
        .is_in_split = true,                                                                       \
        .help =                                                                                    \
            "text file with the indices of training images to forget, from 0, one a line; its "    \
            "content is part of a run's id"                                                        \
    }

#endif
