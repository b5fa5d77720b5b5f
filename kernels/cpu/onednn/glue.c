/* Engine, streams and threads of oneDNN, and what it returns as a status of ours. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum status dnnl_check_at(dnnl_status_t result, const char *expression)
{
    switch (result) {
    case dnnl_success:
        return STATUS_OK;
    case dnnl_out_of_memory:
        return fail(STATUS_OUT_OF_MEMORY, "oneDNN has no memory for %.120s", expression);
    case dnnl_unimplemented:
        return fail(STATUS_UNSUPPORTED, "oneDNN does not implement %.120s", expression);
    default:
        return fail(STATUS_DEVICE, "oneDNN error %d from %.120s", (int)result, expression);
    }
}

void glue_use_threads(const struct glue *glue)
{
    omp_set_num_threads(glue->n_threads);
}

static void destroy(void *context, void *plan)
{
    (void)context;
    plan_destroy(plan);
}

enum status glue_create(int n_threads, struct glue **out)
{
    enum status status = STATUS_OK;
    struct glue *glue = NULL;

    TRY_ALLOC(glue, heap_alloc(1, sizeof *glue));
    glue->n_threads = n_threads;
    glue_use_threads(glue);
    TRY(dnnl_check(dnnl_engine_create(&glue->engine, dnnl_cpu, 0)));
    TRY(dnnl_check(dnnl_primitive_attr_create(&glue->attributes)));
    TRY(dnnl_check(
        dnnl_primitive_attr_set_scratchpad_mode(glue->attributes, dnnl_scratchpad_mode_user)));
    TRY(dnnl_check(/* whatever ONEDNN_DEFAULT_FPMATH_MODE says: precision is a setting of ours */
                   dnnl_primitive_attr_set_fpmath_mode(glue->attributes, dnnl_fpmath_mode_strict)));
    TRY(plan_cache_create(destroy, NULL, &glue->plans));
    *out = glue;
    glue = NULL;
done:
    glue_destroy(glue);
    return status;
}

void glue_destroy(struct glue *glue)
{
    if (glue == NULL)
        return;
    plan_cache_destroy(glue->plans);
    DESTROY(primitive_attr, glue->attributes);
    DESTROY(engine, glue->engine);
    free(glue);
}

enum status glue_queue_create(struct glue *glue, struct glue_queue **out)
{
    enum status status = STATUS_OK;
    struct glue_queue *queue = NULL;

    TRY_ALLOC(queue, heap_alloc(1, sizeof *queue));
    queue->glue = glue;
    TRY(dnnl_check(dnnl_stream_create(&queue->stream, glue->engine, dnnl_stream_default_flags)));
    *out = queue;
    queue = NULL;
done:
    glue_queue_destroy(queue);
    return status;
}

void glue_queue_destroy(struct glue_queue *queue)
{
    if (queue == NULL)
        return;
    plan_memories_release_all(queue);
    DESTROY(stream, queue->stream);
    free(queue);
}

void glue_describe(char *text, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();

    snprintf(text, bytes, "oneDNN %d.%d.%d, %s", version->major, version->minor, version->patch,
             library_isa());
}
