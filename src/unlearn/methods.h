/* Every method's row; the table in method.c lists them all. */
#ifndef UNLEARN_METHODS_H
#define UNLEARN_METHODS_H

#include "unlearn/method.h"

extern const struct method method_original, method_zero_head, method_retrain, method_finetune,
    method_prune_finetune, method_lora, method_prune_lora;

/* Of composition.c, for method_find. */
const struct method *method_composition_find(const char *name);

#endif
