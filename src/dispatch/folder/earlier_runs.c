/* The journal's word against the files: a done run must have its result, whole, and an attempt that
 * the journal missed (power lost before its line was on disk) keeps its folder to itself. */
#include "dispatch/folder/earlier_runs.h"

#include "base/file.h"
#include "base/log.h"
#include "base/numerics.h"
#include "dispatch/folder/attempts.h"
#include "dispatch/folder/stopped_run.h"
#include "dispatch/journal/replay.h"
#include "store/results/run_paths.h"
#include "sweep/plan/shard_runs.h"

#include <inttypes.h>

/* ---- what the journals say ---- */

static enum status replay_rung(void *context, const struct journal_event *event)
{
    return rungs_replay(((struct results_folder *)context)->rungs, event);
}

/* Said, for what the dropped bytes told is done again. */
static void tell_dropped(const struct results_folder *folder)
{
    int64_t n = file_size(folder->journal_path) - folder->journal_good_bytes;

    if (n > 0)
        log_warning("journal '%s': the last %" PRId64 " bytes are cut short or damaged and "
                    "dropped; a run whose end they told is repeated",
                    folder->journal_path, n);
}

/* Of a replay of the whole sweep: run `number` of it is run i of the folder's. */
static enum status take_run(struct results_folder *folder, const struct replay *replay, int64_t i,
                            int64_t number)
{
    enum status status = STATUS_OK;
    const char *json = replay_summary(replay, number);

    folder->states[i] = replay_states(replay)[number];
    if (folder->states[i].phase != RUN_DONE || json == NULL)
        return STATUS_OK;
    TRY_ALLOC(folder->summaries[i], ARENA_NEW(folder->arena, struct run_summary));
    TRY(run_summary_parse(json, folder->arena, folder->summaries[i]));
done:
    return status != STATUS_OK ? fail_context(status, "journal '%s', run %s", folder->journal_path,
                                              folder->sweep->runs[i].id)
                               : STATUS_OK;
}

/* Of a shard, the journal may speak of runs that an edit has dealt to another one: they are no
 * orphans, and not ours. */
static enum status replay_own_journal(struct results_folder *folder)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = folder->sweep;
    struct replay *replay = NULL;
    const struct orphan *orphans = NULL;

    TRY(replay_create(sweep_whole(sweep), &replay));
    if (sweep->whole == NULL) /* shards have no rungs */
        replay_watch(replay, replay_rung, folder);
    TRY(replay_read(replay, folder->journal_path, &folder->journal_good_bytes));
    tell_dropped(folder);
    for (int64_t i = 0; i < sweep->n_runs; i++)
        TRY(take_run(folder, replay, i, sweep_number(sweep, i)));
    folder->n_threads = replay_threads(replay);
    folder->counts.n_orphaned = replay_orphans(replay, &orphans);
done:
    replay_destroy(replay);
    return status;
}

static bool is_over(const struct run_state *state)
{
    return state->phase >= RUN_DONE;
}

/* Runs that another shard finished before an edit of the sweep dealt them to this one, unless this
 * shard has begun them itself. */
static enum status adopt_from_shards(struct results_folder *folder)
{
    enum status status = STATUS_OK;
    struct replay *replay = NULL;

    if (folder->shard.count == 0)
        return STATUS_OK;
    TRY(replay_create(folder->sweep, &replay));
    TRY(shards_replay_others(folder->path, folder->shard, replay));
    for (int64_t i = 0; i < folder->sweep->n_runs; i++)
        if (folder->states[i].attempt == 0 && is_over(&replay_states(replay)[i]))
            TRY(take_run(folder, replay, i, i));
    if (folder->n_threads == 0)
        folder->n_threads = replay_threads(replay);
done:
    replay_destroy(replay);
    return status;
}

/* ---- what the files say ---- */

static void repeat(struct results_folder *folder, int64_t run, const char *path,
                   enum written_state found)
{
    log_warning("run %s was %s and '%s' %s: it is repeated", folder->sweep->runs[run].name,
                run_phase_name(folder->states[run].phase), path, written_state_words(found));
    folder->states[run].phase = RUN_PENDING;
    folder->summaries[run] = NULL;
}

/* Of a run whose files nobody wrote down, run.h5 alone. */
static enum status check_files(struct results_folder *folder, int64_t run)
{
    enum status status = STATUS_OK;
    struct run_state *state = &folder->states[run];
    const struct run_summary *summary = folder->summaries[run];
    const struct written_file unknown = {.name = RUN_RESULT_NAME};
    const struct written_file *files = summary != NULL ? summary->files : &unknown;
    int64_t n = summary != NULL ? summary->n_files : 1;
    const char *attempt = NULL;

    TRY_ALLOC(attempt, run_attempt_folder(folder->arena, folder->path, folder->sweep->runs[run].id,
                                          state->attempt));
    for (int64_t i = 0; i < n; i++) {
        enum written_state found = WRITTEN_INTACT;
        const char *path = NULL;
        TRY(written_file_check(attempt, &files[i], true, &found));
        if (found == WRITTEN_INTACT || (summary == NULL && found != WRITTEN_MISSING))
            continue;
        TRY_ALLOC(path, path_join(folder->arena, attempt, files[i].name));
        repeat(folder, run, path, found);
        break;
    }
    state->was_done_before = state->phase == RUN_DONE || state->phase == RUN_STOPPED;
done:
    return status;
}

static enum status compare_with_files(struct results_folder *folder, int64_t run)
{
    enum status status = STATUS_OK;
    struct run_state *state = &folder->states[run];

    if (state->phase == RUN_RUNNING)
        state->phase = RUN_PENDING; /* the earlier start ended under it */
    if (state->phase == RUN_DONE || state->phase == RUN_STOPPED || state->phase == RUN_PAUSED)
        TRY(check_files(folder, run));
    if (state->phase == RUN_STOPPED) /* rank 0 may have died between its line and this */
        TRY(stopped_run_clean(folder->path, folder->sweep->runs[run].id, state->attempt));
    if (state->phase == RUN_PENDING || state->phase == RUN_PAUSED)
        TRY(attempts_newest(folder->path, folder->sweep->runs[run].id, folder->arena,
                            &state->newest_folder));
    if (state->phase == RUN_PENDING && state->newest_folder > state->attempt)
        state->attempt = state->newest_folder; /* of a paused one it is that of its result */
done:
    return status;
}

/* ---- one arithmetic per folder ---- */

/* Whatever another arithmetic computed of a run, its end or a checkpoint, would stand beside ours
 * or go on in it. */
static enum status check_numerics(const struct results_folder *folder)
{
    int64_t n = 0, found = 0, run = -1;

    for (int64_t i = 0; i < folder->sweep->n_runs; i++) {
        const struct run_state *state = &folder->states[i];
        if (state->attempt == 0 || state->phase == RUN_FAILED || state->is_held ||
            state->numerics == NUMERICS_VERSION)
            continue;
        found = state->numerics;
        run = run < 0 ? i : run;
        n++;
    }
    if (n == 0)
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG,
                "%" PRId64 " runs in '%s', the first %s, were computed with version %" PRId64
                " of the arithmetic%s, this program has version %d: their last digits would "
                "differ; begin anew with --fresh or another --out, go on with the program that "
                "began, or give --mix-numerics (the column `numerics` of results.h5 tells rows "
                "apart)",
                n, folder->path, folder->sweep->runs[run].name, found,
                found == 0 ? " (older than its numbering)" : "", NUMERICS_VERSION);
}

static void reopen_failed(struct results_folder *folder)
{
    for (int64_t i = 0; i < folder->sweep->n_runs; i++) {
        struct journal_event event = {.kind = JOURNAL_REOPENED, .run = i};
        if (folder->states[i].phase != RUN_FAILED || folder->states[i].is_held)
            continue;
        run_state_apply(&folder->states[i], &event);
        folder->is_reopened[i] = true;
    }
}

enum status earlier_runs_find(struct results_folder *folder,
                              const struct dispatch_settings *settings)
{
    enum status status = STATUS_OK;

    TRY(replay_own_journal(folder));
    TRY(adopt_from_shards(folder));
    for (int64_t i = 0; settings->is_asked != NULL && i < folder->sweep->n_runs; i++)
        folder->states[i].is_held = !settings->is_asked[i];
    if (!settings->mixes_numerics)
        TRY(check_numerics(folder));
    if (settings->retries_failed)
        reopen_failed(folder);
    TRY(rungs_begin(folder->rungs, folder->states));
    for (int64_t i = 0; i < folder->sweep->n_runs; i++)
        TRY(compare_with_files(folder, i));
done:
    return status;
}
