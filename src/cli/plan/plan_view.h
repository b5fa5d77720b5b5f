/* What `prunelora plan` shows: a sweep, what a results folder already holds of it, and how long the
 * rest will take. */
#ifndef CLI_PLAN_VIEW_H
#define CLI_PLAN_VIEW_H

#include "dispatch/folder/folder_difference.h"
#include "sweep/plan/estimate.h"
#include "sweep/points/unread_settings.h"

struct plan_request {
    const char *folder; /* NULL: results/NAME */
    const char *device; /* only runs measured there count; "auto": all */
    double gflops;      /* assumed rate of a trainer when nothing was measured; 0: ours */
    int64_t n_trainers;
    double walltime; /* seconds; 0: none given */
};

/* Runs to do of one architecture and method. */
struct time_row {
    const char *arch, *method;
    int64_t n_runs;
    double seconds;           /* of all of them on one trainer */
    struct estimate estimate; /* of the first */
};

struct plan_view {
    const struct sweep *sweep; /* borrowed, as the request's texts */
    struct plan_request request;
    struct arena *arena; /* owned: everything below */
    const char *folder;
    struct folder_difference difference;
    struct unread_settings *merged;
    int64_t n_merged;
    struct estimate *estimates; /* [n_runs] */
    struct time_row *times;
    int64_t n_times;
    int64_t n_measured;
    const char *measured_on; /* the device of the measured runs; "several devices"; "" */
    double assumed_gflops;
    /* of the runs to do; failed ones stay as they are */
    int64_t n_to_do;
    double total_seconds, least_seconds, most_seconds; /* on one trainer */
    double disk_bytes;                                 /* that they leave when done */
    double makespan_seconds;                           /* on the trainers asked for */
    int64_t n_trainers_needed; /* to end within walltime; 0: the longest run does not */
};

CHECKED enum status plan_view_create(const struct sweep *sweep, const struct plan_request *request,
                                     struct plan_view *out);
void plan_view_release(struct plan_view *view);
bool plan_view_is_to_do(const struct plan_view *view, int64_t run);
const char *estimate_basis_name(enum estimate_basis basis); /* "method", "architecture", … */

CHECKED enum status plan_table(const struct plan_view *view, bool has_all, struct text *out);
CHECKED enum status plan_json(const struct plan_view *view, struct text *out);
CHECKED enum status plan_csv(const struct plan_view *view, struct text *out);
CHECKED enum status plan_ids(const struct plan_view *view, struct text *out);

#endif
