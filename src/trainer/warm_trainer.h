/* The trainer that a process keeps from run to run, with its device, data and weights. */
#ifndef CLI_WARM_TRAINER_H
#define CLI_WARM_TRAINER_H

#include "train/train.h"
#include "trainer/session.h"

struct warm_trainer {        /* zeroed: none yet */
    struct trainer *trainer; /* owned */
    const struct backend *backend;
    int n_threads;
    enum precision precision;
};

/* Runs may differ in device, threads and precision; the trainer with its caches is kept while they
 * do not. *out is borrowed. */
CHECKED enum status warm_trainer_for(struct warm_trainer *warm,
                                     const struct trainer_session_settings *session,
                                     const struct settings *settings, struct trainer **out);
void warm_trainer_release(struct warm_trainer *warm);

#endif
