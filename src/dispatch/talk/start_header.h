/* What rank 0 tells the others before the first run. */
#ifndef DISPATCH_START_HEADER_H
#define DISPATCH_START_HEADER_H

#include "base/hash.h"
#include "protocol/event.h"
#include "sweep/sweep.h"

struct start_header {
    int32_t status;
    int32_t has_work;
    int32_t n_threads; /* of every trainer */
    char hash[HASH_HEX_BYTES];
    char ids[HASH_HEX_BYTES]; /* over the ids: what the files hold as well */
    char message[EVENT_TEXT_BYTES];
};

/* Every rank must mean the same by "run 17": the build, the names and all settings. The ids stay
 * out, they hash files that this rank may not see; they travel with each assignment. */
CHECKED enum status start_header_hash(const struct sweep *sweep, char hex[HASH_HEX_BYTES]);

#endif
