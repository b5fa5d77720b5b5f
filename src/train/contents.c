/* A run's id stands for what its files held when the sweep was planned; paths are only where they
 * were. What is in memory counts, so both are asked after it was read. */
#include "train/execution.h"

#include "train/trainer.h"
#include "unlearn/forget.h"

#include <string.h>

static bool is_other(const char *found, const char *wanted)
{
    return wanted != NULL && wanted[0] != '\0' && strcmp(found, wanted) != 0;
}

static enum status refuse(const char *what, const char *path, const char *found, const char *wanted)
{
    return fail(STATUS_CHANGED_INPUT,
                "%s '%s' is not what the sweep was planned with (its hash begins with %.12s, "
                "expected %.12s): put it back, or start the sweep again to plan with what is there",
                what, path, found, wanted);
}

enum status execution_split(struct execution *execution)
{
    enum status status = STATUS_OK;
    const struct settings *settings = execution->job->settings;
    const struct split_request request = forget_request(settings);
    const char *wanted = execution->job->contents.split;

    TRY(trainer_data(execution->trainer, settings, &execution->network.data));
    TRY(split_create(execution->network.data->dataset, &request, &execution->split));
    bool is_listed = request.forget == FORGET_LISTED;
    if (is_other(execution->split->hash, wanted))
        TRY(refuse(is_listed ? "data with the list" : "data",
                   is_listed ? request.file : settings->data.path, execution->split->hash, wanted));
done:
    return status;
}

enum status execution_weights(const struct execution *execution, const struct weights **out)
{
    enum status status = STATUS_OK;
    const char *path = execution->job->settings->model.weights;
    const struct weights *weights = NULL;

    TRY(trainer_weights(execution->trainer, path, &weights));
    if (is_other(execution->trainer->base.hash, execution->job->contents.weights))
        TRY(refuse("model.weights", path, execution->trainer->base.hash,
                   execution->job->contents.weights));
    *out = weights;
done:
    return status;
}
