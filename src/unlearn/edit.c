/* What a method does to weights before anything is trained. */
#include "unlearn/method.h"
#include "unlearn/program.h"

static enum status zero_head(const struct method *method, const struct edit_subject *subject)
{
    enum status status = STATUS_OK;
    const int heads[] = {subject->head_weight, subject->head_bias};
    int32_t forgotten[SMALL_SET_LIMIT];
    int64_t n = 0;

    for (int class = 0; class < SMALL_SET_LIMIT; class ++)
        if (small_set_has(&subject->split->classes, class))
            forgotten[n++] = class;
    if (n == 0 || subject->head_weight < 0)
        return fail(STATUS_BAD_CONFIG, "method '%s' needs classes to forget and a linear head",
                    method->name);
    for (int i = 0; i < 2; i++)
        if (heads[i] >= 0)
            TRY(parameters_zero_rows(subject->parameters, heads[i], forgotten, n));
done:
    return status;
}

enum status method_edit(const struct method *method, const struct edit_subject *subject)
{
    enum status status = STATUS_OK;

    if (method->program->prunes)
        TRY(parameters_prune(subject->parameters, subject->prune));
    if (method->program->zeroes_head)
        TRY(zero_head(method, subject));
done:
    return status;
}
