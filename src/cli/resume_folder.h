/* Where a run that was begun before left off. */
#ifndef CLI_RESUME_FOLDER_H
#define CLI_RESUME_FOLDER_H

#include "base/arena.h"

/* The newest earlier attempt beside `folder`, "…/a<attempt>", that left a checkpoint, or NULL. */
CHECKED enum status resume_folder_find(struct arena *arena, const char *folder, int64_t attempt,
                                       const char **out);

#endif
