/* Whether everything that a results folder says it has is there, unchanged. Only reads. */
#ifndef DISPATCH_VERIFY_H
#define DISPATCH_VERIFY_H

#include "base/text.h"

#include <stdint.h>

struct verify_counts {
    int64_t n_runs;       /* done or stopped early */
    int64_t n_files;      /* of those */
    int64_t n_bytes;      /* of those files */
    int64_t n_unmeasured; /* runs older than checksums: their run.h5 was read instead */
    int64_t n_damaged;    /* files that are gone or changed, lines of journals */
    int64_t n_unreadable; /* files that the machine does not give */
};
/* Appends a line for each file that is not intact. A damaged file is set aside as "<file>.damaged"
 * with `sets_aside`, so that the next start of the sweep repeats its run. IO when the folder is no
 * results folder. */
CHECKED enum status folder_verify(const char *folder, bool sets_aside, struct text *out,
                                  struct verify_counts *counts);

#endif
