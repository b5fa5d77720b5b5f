/* Methods by name and by place. */
#include "unlearn/methods.h"

#include <string.h>

#define METHOD_ROW(name) &method_##name,
static const struct method *const table[] = {METHODS(METHOD_ROW) NULL};
#undef METHOD_ROW

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
