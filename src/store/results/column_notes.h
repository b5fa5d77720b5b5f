/* Units and long names of things that cannot carry attributes themselves (columns of a compound
 * type, attributes): two JSON objects by name, the attributes `units` and `long_name` of what holds
 * them. */
#ifndef STORE_COLUMN_NOTES_H
#define STORE_COLUMN_NOTES_H

#include "base/arena.h"

#include <cjson/cJSON.h>
#include <hdf5.h>

struct column_notes {
    cJSON *units, *long_names; /* owned */
};
CHECKED enum status column_notes_create(struct column_notes *notes);
void column_notes_release(struct column_notes *notes);
CHECKED enum status column_notes_add(struct column_notes *notes, const char *name,
                                     const char *units, const char *long_name);
CHECKED enum status column_notes_write(const struct column_notes *notes, hid_t object);
CHECKED enum status column_notes_read(struct column_notes *notes, hid_t object);
/* "" where nothing is noted; copies in the arena. */
CHECKED enum status column_notes_find(const struct column_notes *notes, const char *name,
                                      struct arena *arena, const char **units,
                                      const char **long_name);

#endif
