/* What others ask of a method, answered from its program. */
#include "unlearn/program.h"

#include "config/settings_table.h"
#include "unlearn/method.h"

#include <assert.h>
#include <string.h>

static bool draws_labels(const struct phase *phase)
{
    for (int i = 0; i < phase->n_streams; i++)
        if (phase->streams[i].objective.target == TARGET_RANDOM)
            return true;
    return false;
}

unsigned method_reads(const struct method *method)
{
    const struct program *program = method->program;
    const struct phase *phase = method_phase(method);
    unsigned reads = GROUP_MODEL;

    reads |= program->starts_from_weights ? GROUP_WEIGHTS : 0;
    reads |= program->prunes ? GROUP_PRUNE : 0;
    reads |= program->adapts ? GROUP_LORA : 0;
    if (phase == NULL)
        return reads;
    reads |= phase->recipe == RECIPE_BASE_TRAIN ? GROUP_BASE_TRAIN : GROUP_TRAIN;
    reads |= draws_labels(phase) ? GROUP_RELABEL : 0;
    return reads | GROUP_SEED;
}

bool method_starts_from_weights(const struct method *method)
{
    return method->program->starts_from_weights;
}

bool method_is_reference(const struct method *method)
{
    return method->program->is_reference;
}

bool method_needs_forget(const struct method *method)
{
    const struct phase *phase = method_phase(method);

    return method->program->zeroes_head || (phase != NULL && phase->recipe == RECIPE_TRAIN);
}

bool method_needs_classes(const struct method *method)
{
    return method->program->zeroes_head;
}

bool method_changes_weights(const struct method *method)
{
    const struct program *program = method->program;

    return program->phase.n_streams > 0 || program->zeroes_head || program->prunes;
}

int method_composition(const struct method *method)
{
    return method->program->prunes + 2 * method->program->adapts;
}

const struct phase *method_phase(const struct method *method)
{
    return method->program->phase.n_streams > 0 ? &method->program->phase : NULL;
}

const struct recipe *method_recipe(const struct method *method, const struct settings *settings)
{
    const struct phase *phase = method_phase(method);

    return phase != NULL ? phase_recipe(phase, settings) : NULL;
}

const char *method_default(const struct method *method, const char *setting)
{
    const struct method_default *rows = method->program->defaults;

    for (int i = 0; i < MOST_METHOD_DEFAULTS && rows[i].setting != NULL; i++)
        if (strcmp(rows[i].setting, setting) == 0)
            return rows[i].text;
    return NULL;
}

bool method_has_defaults(const struct method *method)
{
    return method->program->defaults[0].setting != NULL;
}

enum status method_defaults(const struct method *method, struct arena *arena,
                            struct settings *settings)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < MOST_METHOD_DEFAULTS; i++) {
        const struct method_default *row = &method->program->defaults[i];
        if (row->setting == NULL)
            break;
        int setting = setting_find(row->setting);
        assert(setting >= 0); /* a test reads them all */
        TRY(setting_read_text(arena, setting_at(setting), row->text, settings));
    }
done:
    return status;
}
