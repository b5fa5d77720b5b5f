/* A point's settings: the defaults of its architecture, then every value chosen for it. */
#include "sweep/point.h"

#include "sweep/expand.h"

#include <string.h>

const struct position *point_at(const struct point *point, const char *setting,
                                const struct position *top)
{
    const struct tree *chosen = point->chosen[setting_find(setting)];

    return chosen != NULL ? &chosen->at : top;
}

enum status defaults_create(const struct spec *spec, struct settings defaults[N_BASE_RECIPES])
{
    static const char *const recipes[N_BASE_RECIPES] = {"resnet", "resnet_option_a"};
    enum status status = STATUS_OK;

    for (int i = 0; i < N_BASE_RECIPES; i++)
        TRY(settings_default(spec->arena, recipes[i], spec->is_published, &defaults[i]));
done:
    return status;
}

void point_fill(const struct spec *spec, const struct settings defaults[N_BASE_RECIPES],
                struct point *point)
{
    const struct setting_reader reader = {.arena = spec->arena};
    const struct tree *arch = point->chosen[setting_find("model.arch")];

    point->architecture = architecture_find(arch->text);
    bool is_option_a = strcmp(point->architecture->base_recipe, "resnet_option_a") == 0;
    point->settings = defaults[is_option_a ? 1 : 0];
    for (int i = 0; i < setting_count(); i++)
        if (point->chosen[i] != NULL)
            (void)setting_read(&reader, setting_at(i), point->chosen[i], &point->settings);
    point->settings.seed = point->seed;
    point->method = method_find(point->settings.unlearn.method);
}
