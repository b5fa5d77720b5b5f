/* Inside train/: what a trainer keeps warm across runs. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "data/dataset.h"
#include "kernels/kernels.h"
#include "store/weights/weights.h"
#include "train/train.h"

/* The data set on the host and, train then test in one table, on the device: training image i is
 * row i, test image j row train.n + j. */
struct resident_data {
    struct dataset *dataset; /* owned */
    char *path;              /* owned; the key, with kind */
    enum dataset_kind kind;
    void *images, *labels; /* owned, device: [n, 3, height, width] u8 and [n] i32 */
    int64_t n;
    int64_t n_users;
    struct resident_data *next;
};

struct base_weights {
    struct weights *weights; /* owned */
    char *path;              /* owned; the key */
    char hash[HASH_HEX_BYTES];
    int64_t bytes;
    double modified; /* of the file when it was read */
};

struct trainer {
    struct device *device;      /* owned */
    struct resident_data *data; /* owned list */
    struct base_weights base;
    bool is_unfused; /* as in struct network */
};

/* A data set stays loaded, with a user or without, until another is asked for that is not there:
 * then those without users go. Borrowed until trainer_data_leave. */
CHECKED enum status trainer_data(struct trainer *trainer, const struct settings *settings,
                                 const struct resident_data **out);
void trainer_data_leave(struct trainer *trainer, const struct resident_data *data); /* or NULL */
/* The last weights stay loaded; asking for others replaces them. Borrowed until then. */
CHECKED enum status trainer_weights(struct trainer *trainer, const char *path,
                                    const struct weights **out);

#endif
