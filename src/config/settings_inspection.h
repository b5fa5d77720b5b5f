/* Rows of the settings that look behind a model's outputs: eval.probe and eval.relearn.*. */
#ifndef CONFIG_SETTINGS_INSPECTION_H
#define CONFIG_SETTINGS_INSPECTION_H

/* For the table alone, which defines AT. */
#define EVAL_INSPECTION                                                                            \
    {.name = "eval.probe",                                                                         \
     .kind = SETTING_BOOL,                                                                         \
     .group = GROUP_MODEL,                                                                         \
     .offset = AT(eval.probe),                                                                     \
     .unit = "",                                                                                   \
     .standard = "false",                                                                          \
     .neutral = "false",                                                                           \
     .help = "fit a linear probe to what the model's head reads"},                                 \
        {.name = "eval.relearn.max_steps",                                                         \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(eval.relearn.max_steps),                                                     \
         .minimum = 0,                                                                             \
         .maximum = 1e6,                                                                           \
         .unit = "steps",                                                                          \
         .standard = "0",                                                                          \
         .neutral = "0",                                                                           \
         .help =                                                                                   \
             "measure how soon training on the forgotten images brings them back, in at most so "  \
             "many steps; 0: do not; wants model.weights for every method"},                       \
        {.name = "eval.relearn.every",                                                             \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(eval.relearn.every),                                                         \
         .minimum = 1,                                                                             \
         .maximum = 1e6,                                                                           \
         .unit = "steps",                                                                          \
         .standard = "5",                                                                          \
         .neutral = "5",                                                                           \
         .help = "steps between two looks at the accuracy on the forgotten images"},               \
        {.name = "eval.relearn.distance",                                                          \
         .kind = SETTING_NUMBER,                                                                   \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(eval.relearn.distance),                                                      \
         .minimum = 0,                                                                             \
         .maximum = 1,                                                                             \
         .unit = "of 1",                                                                           \
         .standard = "0.05",                                                                       \
         .neutral = "0.05",                                                                        \
         .help = "back is an accuracy that is at most so much below the base model's"},            \
        {.name = "eval.relearn.batch_size",                                                        \
         .kind = SETTING_INTEGER,                                                                  \
         .group = GROUP_MODEL,                                                                     \
         .offset = AT(eval.relearn.batch_size),                                                    \
         .minimum = 2,                                                                             \
         .maximum = 65536,                                                                         \
         .unit = "images",                                                                         \
         .standard = "128",                                                                        \
         .neutral = "128",                                                                         \
         .help = "images per step, half of them forgotten ones"},                                  \
    {                                                                                              \
        .name = "eval.relearn.lr", .kind = SETTING_NUMBER, .group = GROUP_MODEL,                   \
        .offset = AT(eval.relearn.lr), .minimum = 0, .maximum = 1e3, .unit = "",                   \
        .standard = "0.01", .neutral = "0.01",                                                     \
        .help = "learning rate of the SGD with momentum 0.9 that relearns"                         \
    }

#endif
