/* The verbs of `prunelora weights`, one file each. */
#ifndef CLI_WEIGHTS_H
#define CLI_WEIGHTS_H

#include "store/weights/weights.h"

/* argv[0] is the verb. Each returns the exit code and prints its own messages. */
int weights_inspect(int argc, char **argv);
int weights_convert(int argc, char **argv);
int weights_merge(int argc, char **argv);
int weights_diff(int argc, char **argv);

/* Writes weights at `path`, and beside them the manifest that `from` has beside it, if any: what
 * the network is and how its images are normalised holds for them too. */
CHECKED enum status weights_save_like(const struct weights *from, const char *from_path,
                                      const char *path, const struct weight_tensor *tensors,
                                      int64_t n);

#endif
