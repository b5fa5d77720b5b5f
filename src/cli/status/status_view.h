/* How a sweep stands, read from what rank 0 writes into its folder; nothing is changed there. */
#ifndef CLI_STATUS_VIEW_H
#define CLI_STATUS_VIEW_H

#include "base/text.h"
#include "cli/plan/pace.h"
#include "dispatch/folder/status_file.h"
#include "dispatch/journal/journal.h"

#include <cjson/cJSON.h>

enum { N_TROUBLES = 8 };

/* Of the whole sweep, or of one of its shards. */
struct followed_journal {
    struct shard shard;
    struct journal_place place;
};

struct status_view {
    const char *folder; /* borrowed */
    struct sweep_status sweep;
    bool is_alive;
    double age_seconds, now; /* of status.json; when it was looked at, since 1970 */
    struct journal_event troubles[N_TROUBLES]; /* the newest, as a ring */
    int64_t n_troubles;
    struct pace pace;                  /* of runs, since this start */
    struct arena *arena;               /* owned */
    cJSON *plan;                       /* owned; NULL: runs have their ids for names */
    bool has_plan;                     /* read, or not there to be read */
    struct followed_journal *journals; /* owned; as far as they are read */
    int64_t n_journals, journal_capacity;
};

/* Reads all at the first call, what is new afterwards. BAD_CONFIG when the folder is none of a
 * sweep. */
CHECKED enum status status_view_look(struct status_view *view);
void status_view_release(struct status_view *view);

/* The i-th newest trouble, its run's name and what it was: "failed". */
const struct journal_event *status_view_trouble(const struct status_view *view, int i);
const char *status_view_run_name(const struct status_view *view, const char *id);
const char *trouble_name(const struct journal_event *event);

bool status_view_was_killed(const struct status_view *view);
int64_t status_view_n_running(const struct status_view *view);
/* "is running on vm, process 12, since …", "is done, exit code 0, at …" */
void status_view_append_state(const struct status_view *view, struct text *out);

#endif
