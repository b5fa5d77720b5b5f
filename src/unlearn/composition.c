/* What no row of the table is, is made of one, once: three compositions for each. */
#include "unlearn/composition.h"

#include "unlearn/methods.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MOST_METHODS = 64, N_COMPOSITIONS = 4, NAME_BYTES = 64 }; /* by prunes + 2 · adapts */

static struct composition_row {
    struct method method;
    struct program program;
    char name[NAME_BYTES];
} made[MOST_METHODS][N_COMPOSITIONS]; /* written once, then read only */
static pthread_once_t is_made = PTHREAD_ONCE_INIT;

static bool is_same_phase(const struct phase *a, const struct phase *b)
{
    bool is_same = a->recipe == b->recipe && a->order == b->order && a->n_streams == b->n_streams;

    for (int i = 0; is_same && i < a->n_streams; i++) {
        const struct phase_stream *left = &a->streams[i], *right = &b->streams[i];
        is_same = left->rows == right->rows && left->objective.target == right->objective.target &&
                  left->objective.weight == right->objective.weight;
    }
    return is_same;
}

/* But for what it prunes and adapts. */
static bool is_same_program(const struct program *a, const struct program *b)
{
    return a->starts_from_weights == b->starts_from_weights && a->zeroes_head == b->zeroes_head &&
           a->is_reference == b->is_reference && is_same_phase(&a->phase, &b->phase);
}

static const struct method *find_row(const struct method *method, bool prunes, bool adapts)
{
    for (int i = 0; method_at(i) != NULL; i++)
        if (is_same_program(method_at(i)->program, method->program) &&
            method_at(i)->program->prunes == prunes && method_at(i)->program->adapts == adapts)
            return method_at(i);
    return NULL;
}

static void make(int i, int which)
{
    const struct method *method = method_at(i);
    struct composition_row *row = &made[i][which];

    row->method = *method;
    row->program = *method->program;
    row->program.prunes = (which & 1) != 0;
    row->program.adapts = (which & 2) != 0;
    row->method.program = &row->program;
    snprintf(row->name, sizeof row->name, "%s%s%s", method->name,
             row->program.prunes ? "+prune" : "", row->program.adapts ? "+lora" : "");
    row->method.name = row->name;
}

static void make_all(void)
{
    for (int i = 0; i < MOST_METHODS && method_at(i) != NULL; i++)
        for (int which = 0; which < N_COMPOSITIONS; which++)
            make(i, which);
}

/* The row of the table that a composition is named after: the one that does neither. */
static int plain_index(const struct method *method)
{
    const struct method *plain = find_row(method, false, false);

    for (int i = 0; method_at(i) != NULL; i++)
        if (method_at(i) == plain)
            return i;
    return -1;
}

static bool is_open(const struct method *method, bool prunes, bool adapts)
{
    const struct program *program = method->program;

    return !program->is_reference && (!adapts || program->phase.n_streams > 0) &&
           (!prunes || program->starts_from_weights);
}

const struct method *method_with(const struct method *method, bool prunes, bool adapts)
{
    const struct method *row = find_row(method, prunes, adapts);
    int plain = plain_index(method);

    if (row != NULL)
        return row;
    if (plain >= 0 && is_open(method, prunes, adapts)) {
        pthread_once(&is_made, make_all);
        return &made[plain][prunes + 2 * adapts].method;
    }
    (void)fail(STATUS_BAD_CONFIG, "method '%s' %s: leave unlearn.%s out", method->name,
               method->program->is_reference ? "is what the others are compared with"
                                             : "trains nothing, so that adapters stay zero",
               method->program->is_reference && prunes ? "prune" : "adapt");
    return NULL;
}

const struct method *method_composition_find(const char *name)
{
    pthread_once(&is_made, make_all);
    for (int i = 0; method_at(i) != NULL; i++)
        for (int which = 1; strchr(name, '+') != NULL && which < N_COMPOSITIONS; which++)
            if (strcmp(made[i][which].name, name) == 0 &&
                method_with(method_at(i), which & 1, which & 2) == &made[i][which].method)
                return &made[i][which].method;
    return NULL;
}

enum status unlearn_settle(struct settings *settings, const char **setting)
{
    if (settings->unlearn.prune == PRUNE_AS_METHOD && settings->unlearn.adapt == ADAPT_AS_METHOD)
        return STATUS_OK;
    const struct method *method = method_find(settings->unlearn.method);
    bool prunes = method->program->prunes, adapts = method->program->adapts;

    if (settings->unlearn.prune != PRUNE_AS_METHOD)
        prunes = settings->unlearn.prune == PRUNE_ON;
    if (settings->unlearn.adapt != ADAPT_AS_METHOD)
        adapts = settings->unlearn.adapt == ADAPT_LORA;
    *setting = prunes && method->program->is_reference ? "unlearn.prune" : "unlearn.adapt";
    method = method_with(method, prunes, adapts);
    if (method == NULL)
        return STATUS_BAD_CONFIG;
    settings->unlearn.method = method->name;
    settings->unlearn.prune = PRUNE_AS_METHOD;
    settings->unlearn.adapt = ADAPT_AS_METHOD;
    return STATUS_OK;
}

void unlearn_spell_out(struct settings *settings)
{
    const struct method *method = method_find(settings->unlearn.method);

    if (method == NULL)
        return;
    settings->unlearn.prune = method->program->prunes ? PRUNE_ON : PRUNE_OFF;
    settings->unlearn.adapt = method->program->adapts ? ADAPT_LORA : ADAPT_NONE;
}
