/* The classes a state dict's pickle may mention, and what "calling" each one means here: building a
 * value, never running anything. */
#ifndef STORE_PICKLE_CLASS_H
#define STORE_PICKLE_CLASS_H

#include "store/pickle/pickle.h"

struct pickle_class {
    const char *module, *name;
    /* What REDUCE makes of the arguments (a tuple); NULL: may be mentioned, not called. */
    enum status (*call)(struct arena *arena, const struct pickle_items *arguments,
                        struct pickle_value *out);
    const struct element *element; /* of a storage class; else NULL */
};

/* BAD_DATA "pickle asks for 'os.system', which no state dict needs; refused". */
CHECKED enum status pickle_class_find(struct arena *arena, const char *module, const char *name,
                                      const struct pickle_class **out);
/* The tuple torch.save writes as persistent id → a storage. */
CHECKED enum status pickle_storage_read(const struct pickle_value *id, struct pickle_storage *out);
/* Appends to the items of a list or dict. */
CHECKED enum status pickle_items_add(struct arena *arena, struct pickle_items *items,
                                     struct pickle_value *value);

#endif
