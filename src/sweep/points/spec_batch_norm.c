/* Freezing or recalibrating batch norm needs one. */
#include "sweep/points/point.h"

#include "unlearn/run_network.h"

void spec_check_batch_norm(struct spec *spec, const struct point *point)
{
    if (run_check_batch_norm(&point->settings, point->method, point->architecture) != STATUS_OK)
        diagnostics_error(spec->diagnostics, point_at(point, "batch_norm", &spec->top), NULL, "%s",
                          status_message());
}
