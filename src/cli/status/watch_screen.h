/* What `status --watch` shows, as a function of what is known and of the size alone. */
#ifndef CLI_WATCH_SCREEN_H
#define CLI_WATCH_SCREEN_H

#include "base/screen.h"
#include "cli/status/status_view.h"

/* Draws onto a blank screen, trainers from first_rank on. */
void watch_screen_draw(struct screen *screen, const struct status_view *view, int first_rank);
/* How many trainers it shows at once. */
int watch_screen_n_ranks(const struct screen *screen, const struct status_view *view);

#endif
