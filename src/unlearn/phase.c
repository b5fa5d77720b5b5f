#include "unlearn/phase.h"

const struct recipe *phase_recipe(const struct phase *phase, const struct settings *settings)
{
    return phase->recipe == RECIPE_BASE_TRAIN ? &settings->base_train : &settings->train;
}

const char *phase_section(const struct phase *phase)
{
    return phase->recipe == RECIPE_BASE_TRAIN ? "base.train" : "train";
}

int64_t phase_stream_images(const struct phase *phase, int stream, const struct row_counts *counts)
{
    return phase->streams[stream].rows == ROWS_FORGET ? counts->n_forget : counts->n_retain;
}

const int32_t *phase_stream_rows(const struct phase *phase, int stream, const struct split *split,
                                 int64_t *n)
{
    bool is_forget = phase->streams[stream].rows == ROWS_FORGET;

    *n = is_forget ? split->n_forget : split->n_retain;
    return is_forget ? split->forget : split->retain;
}
