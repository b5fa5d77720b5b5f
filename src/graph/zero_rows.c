/* Rows of one parameter become zero, on values; nothing holds them there. */
#include "graph/parameters.h"

#include <stdlib.h>
#include <string.h>

enum status parameters_zero_rows(struct parameters *parameters, int64_t i, const int32_t *rows,
                                 int64_t n_rows)
{
    enum status status = STATUS_OK;
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t n = tensor_elements(&tensor), row_elements = n / tensor.shape[0];
    double *values = NULL;

    TRY_ALLOC(values, heap_alloc(n, sizeof *values));
    TRY(parameters_get(parameters, i, values));
    for (int64_t k = 0; k < n_rows; k++) {
        if (rows[k] < 0 || rows[k] >= tensor.shape[0])
            TRY(fail(STATUS_BAD_CONFIG, "'%s' has %lld rows, row %lld cannot become zero",
                     parameters_row(parameters, i)->name, (long long)tensor.shape[0],
                     (long long)rows[k]));
        memset(values + rows[k] * row_elements, 0, (size_t)row_elements * sizeof *values);
    }
    TRY(parameters_set(parameters, i, values));
done:
    free(values);
    return status;
}
