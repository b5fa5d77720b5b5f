/* Why there are fewer runs than points: the swept settings that a method does not read. */
#ifndef SWEEP_UNREAD_SETTINGS_H
#define SWEEP_UNREAD_SETTINGS_H

#include "sweep/sweep.h"

struct unread_settings {
    const char *method;
    int64_t n_points, n_runs;
    const char **unread; /* swept settings, in the order of the axes */
    int64_t n_unread;
};
/* One row per method of the sweep, in the order of the methods table; in the arena. */
CHECKED enum status unread_settings_find(const struct sweep *sweep, struct arena *arena,
                                         struct unread_settings **out, int64_t *n);
/* False when a sweep over the setting makes no difference to the method; `name` as in sweep->axes.
 */
bool setting_is_read(const char *method, const char *name);

#endif
