/* A trainer that speaks the real protocol and trains nothing. What goes wrong is told by the
 * environment: FAKE_TRAINER="3:kill:1,5:kill:9" makes run 3 die in its first attempt and run 5 in
 * attempts 1 to 9. FAKE_TRAINER_SECONDS: how long a run takes. FAKE_TRAINER_STEPS: how often it
 * says how far it is, 10 if not given. FAKE_TRAINER_EPOCHS: rows of its history, 0 if not given.
 * FAKE_TRAINER_LOG: a file that gets one line "run attempt pid ppid" per run begun.
 * FAKE_TRAINER_LEAVES: how many trainers end right after they said hello; they count themselves by
 * making files beside FAKE_TRAINER_LOG. FAKE_TRAINER_BUILD: another build than this one. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "dispatch/supervise/cores.h"
#include "protocol/event.h"
#include "protocol/frame.h"
#include "protocol/order.h"
#include "store/results/run_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { IN_FD = 3, OUT_FD = 4, MAX_EPOCHS = 1000 };

struct fake {
    struct frame_reader reader;
    struct arena *arena;            /* of the run that was given last */
    const struct assigned_run *run; /* under way, in the arena */
    bool is_stopped;
};

/* What is planned for this attempt, "" when nothing. */
static void planned(int64_t run, int64_t attempt, char verb[32])
{
    const char *plan = getenv("FAKE_TRAINER");
    char copy[512], *rest = copy, *item;

    verb[0] = '\0';
    snprintf(copy, sizeof copy, "%s", plan != NULL ? plan : "");
    while ((item = strsep(&rest, ",")) != NULL) {
        long long which = 0, last = 0;
        char found[32] = "";
        if (sscanf(item, "%lld:%31[a-z]:%lld", &which, found, &last) == 3 && which == run &&
            attempt <= last)
            snprintf(verb, 32, "%s", found);
    }
}

static bool say(const struct event *event)
{
    struct text text = {0};
    bool is_said = event_encode(event, &text) == STATUS_OK &&
                   frame_write(OUT_FD, text.data, text.length, 5) == STATUS_OK;

    text_release(&text);
    return is_said;
}

static int64_t number_from(const char *variable, int64_t standard)
{
    const char *value = getenv(variable);
    return value != NULL ? strtol(value, NULL, 10) : standard;
}

static bool say_state(const struct fake *fake, enum event_kind kind, int64_t step)
{
    const struct event event = {.kind = kind,
                                .run = fake->run->run,
                                .attempt = fake->run->attempt,
                                .progress = {.n_epochs = 1,
                                             .step = step,
                                             .n_steps = number_from("FAKE_TRAINER_STEPS", 10),
                                             .loss = 0.5,
                                             .phase = "train",
                                             .ticks = step}};
    return say(&event);
}

/* The attempt has its folder before anybody hears of it, as a real trainer's has: a rank that is
 * killed may not have written down yet that it was given out. */
static void log_run(const struct assigned_run *run)
{
    const char *path = getenv("FAKE_TRAINER_LOG");
    char line[128];
    int n = snprintf(line, sizeof line, "%" PRId64 " %" PRId64 " %ld %ld\n", run->run, run->attempt,
                     (long)getpid(), (long)getppid());
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (folder_create(run->folder) != STATUS_OK)
        log_error("%s", status_message());
    if (fd < 0)
        return;
    if (write(fd, line, (size_t)n) != n)
        log_error("cannot write '%s'", path);
    close(fd);
}

/* Loss and two accuracies of each epoch. */
static int64_t make_history(struct run_series series[4], double values[4][MAX_EPOCHS])
{
    static const char *const names[] = {"epoch", "loss", "RA", "TA"};
    int64_t n = number_from("FAKE_TRAINER_EPOCHS", 0);

    n = n > MAX_EPOCHS ? MAX_EPOCHS : n;
    for (int c = 0; c < 4; c++) {
        for (int64_t i = 0; i < n; i++)
            values[c][i] = c == 0 ? (double)i + 1 : 1.0 / (double)(i + c);
        series[c] = (struct run_series){names[c], "1", values[c], n};
    }
    return n > 0 ? 4 : 0;
}

static enum status write_result(const struct assigned_run *run)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *path = NULL;
    struct run_value values[] = {{"UA", "1", "unlearning accuracy", 0.25},
                                 {"RA", "1", "retain accuracy", 0.01 * (double)run->run}};
    struct run_series history[4];
    double rows[4][MAX_EPOCHS];
    struct run_file file = {
        .id = run->id,
        .name = run->name,
        .state = "done",
        .message = "",
        .attempt = run->attempt,
        .host = "fake",
        .started = "2026-01-01T00:00:00.000Z",
        .settings_json = run->settings,
        .values = values,
        .n_values = 2,
        .history = history,
        .n_history = make_history(history, rows),
    };

    TRY(arena_create(&arena));
    TRY_ALLOC(path, path_join(arena, run->folder, "run.h5"));
    TRY(run_file_write(path, &file));
done:
    arena_destroy(arena);
    return status;
}

/* While a run is under way, only "stop" is obeyed. */
static bool obey(struct fake *fake, const char *bytes, int64_t n)
{
    struct order order;

    if (fake->run == NULL)
        arena_reset(fake->arena);
    if (order_decode(bytes, n, fake->arena, &order) != STATUS_OK)
        return false;
    if (order.kind == ORDER_STOP)
        fake->is_stopped = true;
    if (order.kind == ORDER_ASSIGN && fake->run == NULL) {
        fake->run = &order.assignment.lanes[0].runs[0];
        fake->is_stopped = false; /* a stop from now on means this run */
    }
    return true;
}

/* Reads what has come within `seconds`. False at the end. */
static bool listen(struct fake *fake, double seconds)
{
    struct pollfd in = {.fd = IN_FD, .events = POLLIN};
    const char *bytes = NULL;
    int64_t n = 0;

    poll(&in, 1, (int)(seconds * 1e3));
    if (frame_fill(&fake->reader, IN_FD) != STATUS_OK)
        return false;
    while (frame_next(&fake->reader, &bytes, &n) == STATUS_OK && bytes != NULL)
        if (!obey(fake, bytes, n))
            return false;
    return !fake->reader.is_closed;
}

static void misbehave(const struct fake *fake, const char *verb)
{
    if (strcmp(verb, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(verb, "abort") == 0)
        raise(SIGABRT);
    if (strcmp(verb, "exit") == 0)
        _exit(7);
    if (strcmp(verb, "hang") == 0)
        clock_sleep(3600);
    if (strcmp(verb, "babble") == 0 && write(OUT_FD, "\377\377\377\377babble", 10) == 10)
        clock_sleep(3600);
    if (strcmp(verb, "stuck") == 0)
        for (;;) { /* alive, and never a step further */
            if (!say_state(fake, EVENT_HEARTBEAT, 2))
                _exit(1);
            clock_sleep(0.05);
        }
}

static bool answer(struct fake *fake, enum status outcome, const char *message)
{
    struct event event = {.kind = outcome == STATUS_OK ? EVENT_DONE : EVENT_FAILED,
                          .run = fake->run->run,
                          .attempt = fake->run->attempt,
                          .status = outcome,
                          .scores = {0.25, NAN, NAN, NAN}};
    const struct event ready = {.kind = EVENT_READY};

    copy_text(event.text, sizeof event.text, message);
    fake->run = NULL;
    return say(&event) && say(&ready);
}

static bool work(struct fake *fake)
{
    const char *seconds = getenv("FAKE_TRAINER_SECONDS");
    int64_t n_steps = number_from("FAKE_TRAINER_STEPS", 10);
    double each = (seconds != NULL ? strtod(seconds, NULL) : 0.05) / (double)n_steps;
    char verb[32];

    planned(fake->run->run, fake->run->attempt, verb);
    log_run(fake->run);
    for (int64_t step = 1; step <= n_steps; step++) {
        if (!listen(fake, each) || !say_state(fake, EVENT_PROGRESS, step))
            return false;
        if (fake->is_stopped)
            return answer(fake, STATUS_CANCELLED, "stopped on request");
        if (step == 3)
            misbehave(fake, verb);
    }
    if (strcmp(verb, "diverge") == 0)
        return answer(fake, STATUS_DIVERGED, "loss is NaN at step 3");
    if (strcmp(verb, "full") == 0)
        return answer(fake, STATUS_STORAGE, "cannot write 'x': No space left on device");
    if (strcmp(verb, "io") == 0)
        return answer(fake, STATUS_IO, "cannot read 'somewhere'");
    enum status status = write_result(fake->run);
    return answer(fake, status, status_message());
}

static bool leaves(void)
{
    const char *log = getenv("FAKE_TRAINER_LOG");
    char path[4096];

    for (int64_t i = 0; log != NULL && i < number_from("FAKE_TRAINER_LEAVES", 0); i++) {
        snprintf(path, sizeof path, "%s.left-%" PRId64, log, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            continue; /* an earlier one's */
        close(fd);
        return true;
    }
    return false;
}

static bool has_launcher_variables(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
                                        "PMIX_RANK",
                                        "PMI_RANK",
                                        "PMI_SIZE",
                                        "PMI_FD",
                                        "HYDI_CONTROL_FD",
                                        "MPI_LOCALRANKID",
                                        "MPI_LOCALNRANKS",
                                        "MPIR_CVAR_CH3_INTERFACE_HOSTNAME"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i]) != NULL)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct fake fake = {0};
    struct event hello = {.kind = EVENT_HELLO};
    bool goes_on = true;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getenv("FAKE_TRAINER_BROKEN") != NULL)
        return 9;
    if (argc < 2 || strcmp(argv[1], "trainer") != 0 || has_launcher_variables())
        return 8;
    if (fcntl(IN_FD, F_SETFL, O_NONBLOCK) != 0)
        return 1;
    bool is_leaving = leaves();
    if (is_leaving) /* takes nothing from here on, however long its end takes */
        close(IN_FD);
    copy_text(hello.build, sizeof hello.build,
              getenv("FAKE_TRAINER_BUILD") != NULL ? getenv("FAKE_TRAINER_BUILD") : build_name());
    if (arena_create(&fake.arena) != STATUS_OK || !say(&hello))
        return 1;
    if (is_leaving)
        return 0;
    while (goes_on) {
        goes_on = listen(&fake, 10);
        if (fake.run != NULL)
            goes_on = work(&fake);
    }
    frame_reader_release(&fake.reader);
    arena_destroy(fake.arena);
    return 0;
}
