/* Choosing an epoch by validation needs images to validate with. */
#include "sweep/points/point.h"

#include <stdio.h>

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
    const struct recipe *recipe = method_recipe(point->method, &point->settings);
    char setting[32], patience[32];

    if (recipe == NULL || point->settings.data.validation > 0)
        return;
    const char *section = phase_section(method_phase(point->method));
    snprintf(setting, sizeof setting, "%s.select", section);
    if (recipe->select == SELECT_BEST)
        refuse(spec, point, setting, "best");
    snprintf(setting, sizeof setting, "%s.patience", section);
    if (recipe->patience > 0)
        refuse(spec, point, setting, text_from_double((double)recipe->patience, patience));
}
