/* The table of methods: adding one is its file, its name here, and its file's line for CMake. */
#ifndef UNLEARN_METHODS_H
#define UNLEARN_METHODS_H

#include "unlearn/method.h"
#include "unlearn/program.h"

/* In the order in which they are listed for people; zero_head is a control. */
#define METHODS(X)                                                                                 \
    X(original)                                                                                    \
    X(retrain)                                                                                     \
    X(finetune)                                                                                    \
    X(prune_finetune)                                                                              \
    X(lora)                                                                                        \
    X(prune_lora)                                                                                  \
    X(gradient_ascent)                                                                             \
    X(random_label)                                                                                \
    X(zero_head)

#define METHOD_DECLARED(name) extern const struct method method_##name;
METHODS(METHOD_DECLARED)
#undef METHOD_DECLARED

/* Of composition.c, for method_find. */
const struct method *method_composition_find(const char *name);

#endif
