/* The table of methods: adding one is one file and one line here. */
#include "unlearn/method.h"

#include "unlearn/methods.h"

#include <string.h>

static const struct method *const table[] = {
    &method_original,
    &method_retrain,
    &method_finetune,
    &method_prune_finetune,
    &method_lora,
    &method_prune_lora,
    &method_zero_head, /* a control */
    NULL,
};

const struct method *method_at(int i)
{
    for (int k = 0; table[k] != NULL; k++)
        if (k == i)
            return table[k];
    return NULL;
}

const struct method *method_find(const char *name)
{
    for (int i = 0; method_at(i) != NULL; i++)
        if (strcmp(method_at(i)->name, name) == 0)
            return method_at(i);
    return method_composition_find(name);
}

bool method_changes_weights(const struct method *method)
{
    return method->training != TRAIN_NOTHING || method->zeroes_head || method->prunes;
}
