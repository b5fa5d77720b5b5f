/* A results folder whose journal is damaged, made whole again. */
#ifndef DISPATCH_REPAIR_H
#define DISPATCH_REPAIR_H

#include "base/text.h"

/* Every damaged journal of the folder is kept as "<journal>.damaged" and replaced by its sound
 * lines and, of runs that these do not tell the end of, what whole run.h5 files say. Takes the
 * folder's locks meanwhile: BAD_CONFIG when a sweep works there. Appends a line for each journal
 * repaired. */
CHECKED enum status folder_repair(const char *folder, struct text *out);

#endif
