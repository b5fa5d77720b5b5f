/* Runs one job in this process and shows how it goes. */
#include "cli/foreground.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/results/run_file.h"
#include "store/results/run_paths.h"
#include "trainer/backend_choice.h"

#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct display {
    double last;   /* when a line was printed */
    int64_t epoch; /* of the last line */
    bool is_terminal;
    int signals; /* signalfd of SIGINT, SIGTERM, SIGUSR1 */
    bool is_stopping;
};

int default_threads(void)
{
    const char *wish = getenv("OMP_NUM_THREADS");
    int n = wish != NULL ? (int)strtol(wish, NULL, 10) : 0;
    cpu_set_t allowed;

    if (n > 0)
        return n;
    CPU_ZERO(&allowed);
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

static void show(void *context, const struct train_progress *progress)
{
    struct display *display = context;
    double now = clock_seconds();
    bool is_due = now - display->last >= (display->is_terminal ? 0.2 : 10.0);

    if (strcmp(progress->phase, "train") != 0) {
        bool is_brief = strcmp(progress->phase, "validate") == 0; /* after every epoch */
        if (!is_brief || display->is_terminal)
            fprintf(stderr, "%s%s …%s", display->is_terminal ? "\r\033[K" : "", progress->phase,
                    is_brief ? "" : "\n");
        return;
    }
    bool is_last = progress->step == progress->n_steps;
    if (!is_due && !is_last && (display->is_terminal || progress->epoch == display->epoch))
        return;
    display->last = now;
    display->epoch = progress->epoch;
    fprintf(stderr, "%sepoch %lld/%lld  step %lld/%lld", display->is_terminal ? "\r\033[K" : "",
            (long long)progress->epoch + 1, (long long)progress->n_epochs,
            (long long)progress->step, (long long)progress->n_steps);
    if (!isnan(progress->accuracy)) /* a device may not have told yet */
        fprintf(stderr, "  loss %.4f  accuracy %.3f", progress->loss, progress->accuracy);
    fprintf(stderr, "  %.0f images/s%s", progress->images_per_second,
            display->is_terminal && !is_last ? "" : "\n");
}

static bool stop_asked(void *context)
{
    struct display *display = context;
    struct signalfd_siginfo info;

    if (read(display->signals, &info, sizeof info) == (ssize_t)sizeof info)
        display->is_stopping = true;
    return display->is_stopping;
}

static enum status print_result(const struct train_job *job)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct run_file run = {0};
    char *path = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, path_join(arena, job->folder, RUN_RESULT_NAME));
    TRY(run_file_read(path, false, arena, &run));
    for (int64_t i = 0; i < run.n_values; i++)
        if (!isnan(run.values[i].value))
            printf("%-24s %.6g %s\n", run.values[i].name, run.values[i].value,
                   strcmp(run.values[i].units, "1") == 0 ? "" : run.values[i].units);
done:
    arena_destroy(arena);
    return status;
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum status foreground_run(struct train_job *job, const char *device, int device_index,
                           int n_threads)
{
    enum status status = STATUS_OK;
    const struct backend *backend = NULL;
    struct trainer *trainer = NULL;
    struct display display = {.is_terminal = isatty(STDERR_FILENO) != 0,
                              .signals = watch_signals()};
    const struct device_settings settings = {.n_threads =
                                                 n_threads > 0 ? n_threads : default_threads(),
                                             .index = device_index,
                                             .precision = settings_precision(job->settings)};

    TRY(backend_choose(device, &backend));
    TRY(trainer_create(backend, &settings, &trainer));
    job->observer =
        (struct train_observer){.context = &display, .progress = show, .wants_stop = stop_asked};
    TRY(trainer_execute(trainer, job));
    TRY(print_result(job));
done:
    trainer_destroy(trainer);
    if (display.signals >= 0)
        close(display.signals);
    return status;
}
