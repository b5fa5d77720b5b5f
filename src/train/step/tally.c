/* Totals on a device, and at most one copy of them on its way to the host. */
#include "train/step/tally.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Often enough to be shown as progress, seldom enough to cost nothing; also what keeps the host
 * from running ahead of the device by more than twice that. */
enum { STEPS_PER_COPY = 32 };

struct tally {
    struct queue *queue; /* borrowed */
    /* owned */
    void *totals; /* device: f64 [N_STEP_TOTALS] */
    struct readback *copies;
    int n_uncopied; /* steps since the last copy was asked for */
    bool is_on_its_way;
    double newest[N_STEP_TOTALS]; /* of the copies that arrived */
    bool is_new;                  /* nobody has read it */
};

enum status tally_create(struct queue *queue, struct tally **out)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    const size_t bytes = N_STEP_TOTALS * sizeof(double);

    TRY_ALLOC(tally, heap_alloc(1, sizeof *tally));
    tally->queue = queue;
    TRY(device_alloc(queue_device(queue), bytes, &tally->totals));
    TRY(readback_create(queue, bytes, 1, &tally->copies));
    *out = tally;
    tally = NULL;
done:
    tally_destroy(tally);
    return status;
}

void tally_destroy(struct tally *tally)
{
    if (tally == NULL)
        return;
    readback_destroy(tally->copies);
    device_free(queue_device(tally->queue), tally->totals);
    free(tally);
}

struct tensor tally_totals(const struct tally *tally)
{
    return (struct tensor){tally->totals, DTYPE_F64, 1, {N_STEP_TOTALS}};
}

/* Takes the copy that is on its way, if it has arrived or `waits`. */
static enum status receive(struct tally *tally, bool waits)
{
    enum status status = STATUS_OK;
    bool has_value = false;

    if (!tally->is_on_its_way)
        return STATUS_OK;
    TRY(readback_pop(tally->copies, waits, tally->newest, &has_value));
    tally->is_on_its_way = !has_value;
    tally->is_new |= has_value;
done:
    return status;
}

static enum status ask(struct tally *tally)
{
    enum status status = STATUS_OK;

    TRY(receive(tally, true));
    TRY(readback_push(tally->copies, tally->totals));
    tally->is_on_its_way = true;
    tally->n_uncopied = 0;
done:
    return status;
}

enum status tally_begin(struct tally *tally, double loss_sum)
{
    const double totals[N_STEP_TOTALS] = {[TOTAL_LOSS] = loss_sum};

    assert(!tally->is_on_its_way);
    tally->n_uncopied = 0;
    tally->is_new = false;
    return queue_upload(tally->queue, tally->totals, totals, sizeof totals);
}

enum status tally_step(struct tally *tally)
{
    const int every = device_is_asynchronous(queue_device(tally->queue)) ? STEPS_PER_COPY : 1;

    return ++tally->n_uncopied < every ? STATUS_OK : ask(tally);
}

enum status tally_read(struct tally *tally, bool waits, double totals[N_STEP_TOTALS], bool *is_new)
{
    enum status status = STATUS_OK;

    if (waits && tally->n_uncopied > 0)
        TRY(ask(tally));
    TRY(receive(tally, waits));
    *is_new = tally->is_new;
    if (tally->is_new)
        memcpy(totals, tally->newest, sizeof tally->newest);
    tally->is_new = false;
done:
    return status;
}
