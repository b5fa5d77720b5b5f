/* The /runs table: typed columns ↔ one compound data set. */
#ifndef STORE_RESULTS_ROWS_H
#define STORE_RESULTS_ROWS_H

#include "store/results/results.h"

#include <hdf5.h>

CHECKED enum status results_rows_put(hid_t file, const struct results *results);
/* Fills n_rows, n_columns and columns. */
CHECKED enum status results_rows_get(hid_t file, struct arena *arena, struct results *out);

#endif
