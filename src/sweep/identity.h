/* What a run means, as text and as a hash: two points with the same text are one run. */
#ifndef SWEEP_IDENTITY_H
#define SWEEP_IDENTITY_H

#include "base/hash.h"
#include "sweep/sweep.h"
#include "unlearn/method.h"

/* Content that stands for paths: hashes, or "absent:<path>" while a file is missing. */
struct contents {
    const char *split;   /* data and what is forgotten */
    const char *weights; /* NULL when the method does not read them */
};

struct meaning {
    const struct settings *settings;
    const struct method *method;
    const char *lora_targets; /* with "default" resolved */
    struct contents contents;
};

/* "identity=1", then "name=value" lines sorted by name: the settings in groups the method reads,
 * without paths, without settings that its other settings make meaningless (momentum without
 * sgd). */
CHECKED enum status identity_text(const struct meaning *meaning, struct text *out);
/* The run's id is the first 16 digits. */
CHECKED enum status identity_hash(const struct meaning *meaning, char hex[HASH_HEX_BYTES]);
/* The part in which a run and what it is compared with must agree, whatever their methods: split,
 * model.arch, normalisation, eval.*, seed. */
CHECKED enum status identity_comparable_hash(const struct meaning *meaning,
                                             char hex[HASH_HEX_BYTES]);

#endif
