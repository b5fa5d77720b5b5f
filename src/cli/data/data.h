/* The verbs of `prunelora data` that are more than a few lines. */
#ifndef CLI_DATA_H
#define CLI_DATA_H

#include "data/dataset.h"

CHECKED enum status data_import(int argc, char **argv);
/* Images per class, mean and deviation of the training pixels, the content's hash. */
void data_print(const struct dataset *dataset);

#endif
