/* A small generated data set, of 16 x 16 pixels, and base model in a temporary folder, and runs on
 * them. */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include "store/results/run_file.h"
#include "store/weights/weights.h"
#include "train/train.h"

enum { FIXTURE_TRAIN = 100, FIXTURE_TEST = 40 };

struct fixture {
    char folder[64];
    char data[128], weights[128];
    struct trainer *trainer;
};

void fixture_open(struct fixture *fixture, const char *backend); /* asserts on failure */
/* As fixture_open, with so many images. */
void fixture_open_sized(struct fixture *fixture, const char *backend, int n_train, int n_test);
void fixture_close(struct fixture *fixture); /* removes the folder */
/* Another trainer instead of the one before, with two threads. */
void fixture_use(struct fixture *fixture, const char *backend);

/* Short settings that every method can run with: 2 epochs, batch 32 (the last batch is partial). */
struct settings fixture_settings(const struct fixture *fixture, const char *method);

/* Executes into "<folder>/<name>". */
struct fixture_run {
    const char *name;
    const char *resume; /* name of an earlier attempt's folder, or NULL */
    const char *before; /* of one before that, or NULL */
    struct train_contents contents;
    struct train_observer observer;
};
enum { FIXTURE_PATH_BYTES = 160 };
struct fixture_paths { /* what a job borrows */
    char folder[FIXTURE_PATH_BYTES], resume[FIXTURE_PATH_BYTES], before[FIXTURE_PATH_BYTES];
    const char *earlier[2];
};
struct train_job fixture_job(const struct fixture *fixture, const struct settings *settings,
                             const struct fixture_run *run, struct fixture_paths *paths);
enum status fixture_execute(const struct fixture *fixture, const struct settings *settings,
                            const struct fixture_run *run);

struct run_file fixture_result(const struct fixture *fixture, const char *name,
                               struct arena *arena);
double fixture_value(const struct run_file *run, const char *name); /* asserts that it is there */
int64_t fixture_best_epoch(const struct fixture *fixture, const char *name);
struct weights *fixture_weights(const struct fixture *fixture, const char *name);
/* Of two runs: measures, losses of images, the losses of epochs, weights; bit for bit. */
void assert_same_result(const struct fixture *fixture, const char *a, const char *b);
void assert_same_weights(const struct weights *a, const struct weights *b); /* bit for bit */

#endif
