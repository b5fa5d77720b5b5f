/* What a command may write over: what others read, a data set or weights, only when told. Asked
 * before the work, so that a refusal costs nothing. Both fail BAD_CONFIG. */
#ifndef CLI_OVERWRITE_H
#define CLI_OVERWRITE_H

#include "base/status.h"

#include <stdbool.h>

#define FORCE_HELP "write over what is there"

CHECKED enum status overwrite_check(const char *path, bool is_forced);
/* Of a folder that is whole once it has the file `last`. */
CHECKED enum status overwrite_check_folder(const char *folder, const char *last, bool is_forced);

#endif
