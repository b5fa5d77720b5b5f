/* Longest processing time first, with a heap of the trainers' times. */
#include "sweep/plan/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int longer_first(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left < right) - (left > right);
}

static enum status sorted_copy(const double *seconds, int64_t n, double **out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*out, heap_alloc(n, sizeof **out));
    if (n > 0) {
        memcpy(*out, seconds, (size_t)n * sizeof **out);
        qsort(*out, (size_t)n, sizeof **out, longer_first);
    }
done:
    return status;
}

/* The trainer at the root is the one that is free first; it takes a run and sinks. */
static void take(double *heap, int64_t n, double seconds)
{
    int64_t i = 0;

    heap[0] += seconds;
    for (;;) {
        int64_t least = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < n && heap[child] < heap[least])
                least = child;
        if (least == i)
            return;
        double moved = heap[i];
        heap[i] = heap[least];
        heap[least] = moved;
        i = least;
    }
}

static double deal(const double *sorted, int64_t n, double *heap, int64_t n_trainers)
{
    double last = 0;

    memset(heap, 0, (size_t)n_trainers * sizeof *heap);
    for (int64_t i = 0; i < n; i++)
        take(heap, n_trainers, sorted[i]);
    for (int64_t i = 0; i < n_trainers; i++)
        last = fmax(last, heap[i]);
    return last;
}

enum status makespan(const double *seconds, int64_t n, int64_t n_trainers, double *out)
{
    enum status status = STATUS_OK;
    double *sorted = NULL, *heap = NULL;
    int64_t most = n < n_trainers ? n : n_trainers;

    TRY(sorted_copy(seconds, n, &sorted));
    TRY_ALLOC(heap, heap_alloc(most, sizeof *heap));
    *out = n > 0 ? deal(sorted, n, heap, most) : 0;
done:
    free(heap);
    free(sorted);
    return status;
}

enum status makespan_trainers(const double *seconds, int64_t n, double limit, int64_t *out)
{
    enum status status = STATUS_OK;
    double *sorted = NULL, *heap = NULL, total = 0;

    TRY(sorted_copy(seconds, n, &sorted));
    TRY_ALLOC(heap, heap_alloc(n, sizeof *heap));
    for (int64_t i = 0; i < n; i++)
        total += sorted[i];
    if (n == 0 || sorted[0] > limit) {
        *out = n == 0 ? 1 : 0;
        goto done;
    }
    int64_t low = (int64_t)fmin(fmax(ceil(total / limit), 1), (double)n), high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (deal(sorted, n, heap, middle) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    *out = low;
done:
    free(heap);
    free(sorted);
    return status;
}
