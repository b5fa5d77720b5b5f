/* Choosing an epoch by validation needs images to validate with. */
#include "sweep/points/point.h"

static void refuse(struct spec *spec, const struct point *point, const char *setting,
                   const char *value)
{
    diagnostics_error(spec->diagnostics, point_at(point, setting, &spec->top),
                      "data.validation: 0.1 sets a tenth of the training images aside",
                      "'%s' is %s, which needs images to validate with, but data.validation is 0",
                      setting, value);
}

void spec_check_selection(struct spec *spec, const struct point *point)
{
    bool is_base = point->method->training == TRAIN_BASE_RECIPE;
    const struct recipe *recipe = is_base ? &point->settings.base_train : &point->settings.train;
    char patience[32];

    if (point->method->training == TRAIN_NOTHING || point->settings.data.validation > 0)
        return;
    if (recipe->select == SELECT_BEST)
        refuse(spec, point, is_base ? "base.train.select" : "train.select", "best");
    if (recipe->patience > 0)
        refuse(spec, point, is_base ? "base.train.patience" : "train.patience",
               text_from_double((double)recipe->patience, patience));
}
