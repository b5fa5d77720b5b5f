/* What a run means, as text and as a hash: two points with the same text are one run. */
#ifndef SWEEP_IDENTITY_H
#define SWEEP_IDENTITY_H

#include "base/hash.h"
#include "sweep/sweep.h"
#include "unlearn/method.h"

/* Content that stands for paths: hashes, or "absent:<path>" while a file is missing. */
struct contents {
    const char *split;   /* data and what is forgotten */
    const char *weights; /* NULL when the run does not read them */
};

struct meaning {
    const struct settings *settings;
    const struct method *method;
    const char *lora_targets; /* with "default" resolved */
    const char *base_recipe;  /* of the architecture */
    struct contents contents;
};

/* The first line of a meaning's text: the version of what it says. */
#define IDENTITY_LINE "identity=1\n"

/* Prints meanings and remembers the lines it printed, as points of a sweep differ in few of them.
 * Texts that settings point to must outlive it. */
struct identity_writer;
CHECKED enum status identity_writer_create(struct identity_writer **out);
void identity_writer_destroy(struct identity_writer *writer); /* accepts NULL */

/* Hashes of what a point means: all of it (the run's id is the first 16 digits), and the part in
 * which a run and what it is compared with must agree, whatever their methods: split, model.arch,
 * normalisation, eval.*, seed. They are hashes of a text: IDENTITY_LINE, then "name=value" lines
 * sorted by name, for the settings in groups the method reads, without paths and without settings
 * that other settings make meaningless (momentum without sgd). */
struct identity {
    char all[HASH_HEX_BYTES], comparable[HASH_HEX_BYTES];
};
CHECKED enum status identity_find(struct identity_writer *writer, const struct meaning *meaning,
                                  struct identity *out);

#endif
