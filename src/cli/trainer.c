/* `prunelora trainer`: the process that trains. A rank starts it with the ends of two pipes; by
 * hand it runs one run in the foreground, for debugging. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/foreground.h"
#include "cli/options/options.h"
#include "dispatch/supervise/cores.h"
#include "trainer/backend_choice.h"
#include "trainer/log.h"
#include "trainer/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct trainer_options {
    const char *log;
    const char *device, *cores, *settings, *folder;
    int64_t in, out, parent, threads, gpu;
};

static enum status parse(int argc, char **argv, struct trainer_options *wanted, bool *is_help)
{
    struct positionals positionals;
    const struct option_row rows[] = {
        {"settings", 0, OPTION_TEXT, &wanted->settings, "FILE",
         "settings of one run as JSON (a run of plan.json)"},
        {"folder", 0, OPTION_TEXT, &wanted->folder, "DIR", "where its files go"},
        {"device", 0, OPTION_TEXT, &wanted->device, "NAME", DEVICE_CHOICES},
        {"gpu", 0, OPTION_INTEGER, &wanted->gpu, "N", GPU_CHOICE},
        {"threads", 0, OPTION_INTEGER, &wanted->threads, "N", "default: the allowed cores"},
        {"cores", 0, OPTION_TEXT, &wanted->cores, "LIST", "cores to stay on, e.g. 0-3"},
        {"in", 0, OPTION_INTEGER, &wanted->in, "FD", "a rank's pipe: where runs come from"},
        {"out", 0, OPTION_INTEGER, &wanted->out, "FD", "a rank's pipe: where answers go"},
        {"log", 0, OPTION_TEXT, &wanted->log, "FILE", "takes standard output and error"},
        {"parent", 0, OPTION_INTEGER, &wanted->parent, "PID", "the rank; ends with it"},
    };
    const struct options options = {
        .usage = "prunelora trainer --settings FILE.json --folder DIR [options]",
        .summary = "Executes one run in the foreground. Ranks start it with --in and --out.",
        .example = "prunelora trainer --settings run.json --folder debug/a1 --device ref",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
    };

    return options_parse(&options, argc, argv, &positionals, is_help);
}

/* The first act: no trainer outlives its rank. */
static enum status follow_parent(int64_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return fail(STATUS_COMM, "cannot tie this trainer to its rank: %s", strerror(errno));
    if ((int64_t)getppid() != parent)
        return fail(STATUS_COMM, "the rank that started this trainer is gone");
    return STATUS_OK;
}

static enum status run_for_rank(const struct trainer_options *wanted)
{
    enum status status = STATUS_OK;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct trainer_log log = {.path = ""};
    struct trainer_session_settings settings = {
        .in_fd = (int)wanted->in,
        .out_fd = (int)wanted->out,
        .device = wanted->device,
        .device_index = (int)wanted->gpu,
        .n_threads = wanted->threads > 0 ? (int)wanted->threads : default_threads(),
    };

    if (wanted->parent > 0)
        TRY(follow_parent(wanted->parent));
    if (sigaction(SIGPIPE, &ignore, NULL) != 0)
        TRY(fail(STATUS_COMM, "cannot ignore SIGPIPE: %s", strerror(errno)));
    if (wanted->log != NULL)
        TRY(trainer_log_begin(&log, wanted->log));
    log_open(LOG_INFO, "trainer");
    log_info("process %ld, device %s, %d threads on cores %s", (long)getpid(), settings.device,
             settings.n_threads, wanted->cores != NULL ? wanted->cores : "of its choice");
    TRY(trainer_session_run(&settings));
done:
    trainer_log_end(&log);
    return status;
}

static enum status run_by_hand(const struct trainer_options *wanted)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct settings settings;
    char *json = NULL;
    int64_t n = 0;

    if (wanted->settings == NULL || wanted->folder == NULL)
        return fail(STATUS_BAD_CONFIG,
                    "give --settings and --folder; see prunelora trainer --help");
    TRY(arena_create(&arena));
    TRY(file_read(wanted->settings, &json, &n));
    TRY(settings_from_json(json, arena, &settings));
    struct train_job job = {.settings = &settings,
                            .id = "by-hand",
                            .name = path_base(wanted->settings),
                            .attempt = 1,
                            .folder = wanted->folder};
    TRY(foreground_run(&job, wanted->device, (int)wanted->gpu, (int)wanted->threads));
done:
    free(json);
    arena_destroy(arena);
    return status;
}

static enum status bind_cores(const char *text)
{
    struct cores cores;
    enum status status = cores_from_text(text, &cores);

    return status == STATUS_OK ? cores_bind(&cores) : status;
}

static enum status run(const struct trainer_options *wanted)
{
    enum status status = wanted->cores != NULL ? bind_cores(wanted->cores) : STATUS_OK;

    if (status != STATUS_OK)
        return status;
    if (wanted->in >= 0 && wanted->out >= 0)
        return run_for_rank(wanted);
    return run_by_hand(wanted);
}

int cli_trainer(int argc, char **argv)
{
    struct trainer_options wanted = {.device = "auto", .in = -1, .out = -1};
    bool is_help = false;

    enum status status = parse(argc, argv, &wanted, &is_help);
    if (status == STATUS_OK && !is_help)
        status = run(&wanted);
    if (status == STATUS_COMM && wanted.in >= 0)
        return status_exit_code(status); /* its rank is gone: nobody is left who should read why */
    return cli_finish(status);
}
