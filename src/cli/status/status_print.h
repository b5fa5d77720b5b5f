/* How a sweep stands, as plain lines. */
#ifndef CLI_STATUS_PRINT_H
#define CLI_STATUS_PRINT_H

#include "cli/status/status_view.h"

void status_append(const struct status_view *view, struct text *out); /* all of it */
/* "18 runs: 5 done (0 before this start), …"; without the line's end. */
void status_append_counts(const struct status_view *view, struct text *out);
/* "2026-01-01T12:00:00 crashed 0001-lora, attempt 1: why"; without the line's end. */
void status_append_trouble(const struct status_view *view, const struct journal_event *event,
                           struct text *out);

#endif
