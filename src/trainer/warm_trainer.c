/* One trainer at a time: a GPU's memory would not hold two. */
#include "trainer/warm_trainer.h"

#include "trainer/backend_choice.h"

#include <string.h>

static bool fits(const struct warm_trainer *warm, const struct backend *backend,
                 const struct device_settings *device)
{
    return warm->trainer != NULL && warm->backend == backend &&
           warm->n_threads == device->n_threads && warm->precision == device->precision;
}

enum status warm_trainer_for(struct warm_trainer *warm,
                             const struct trainer_session_settings *session,
                             const struct settings *settings, struct trainer **out)
{
    enum status status = STATUS_OK;
    bool is_given = strcmp(session->device, "auto") != 0;
    const struct backend *backend = NULL;
    const struct device_settings device = {.n_threads =
                                               session->n_threads, /* as the folder has it */
                                           .index = session->device_index,
                                           .precision = settings_precision(settings)};

    TRY(backend_choose(is_given ? session->device : settings->resources.device, &backend));
    if (!fits(warm, backend, &device)) {
        warm_trainer_release(warm);
        TRY(trainer_create(backend, &device, &warm->trainer));
        warm->backend = backend;
        warm->n_threads = device.n_threads;
        warm->precision = device.precision;
    }
    *out = warm->trainer;
done:
    return status;
}

void warm_trainer_release(struct warm_trainer *warm)
{
    trainer_destroy(warm->trainer);
    *warm = (struct warm_trainer){0};
}
