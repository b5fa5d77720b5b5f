/* The reading thread ends when the pipe does, or when it is woken for that. */
#include "trainer/rank_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "protocol/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static const double heartbeat_every_seconds = 2.0;
static const double write_deadline_seconds = 60.0;

enum status rank_link_send(struct rank_link *link, const struct event *event)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    TRY(event_encode(event, &text));
    pthread_mutex_lock(&link->write_lock);
    status = frame_write(link->out_fd, text.data, text.length, write_deadline_seconds);
    pthread_mutex_unlock(&link->write_lock);
done:
    text_release(&text);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

enum status rank_link_send_state(struct rank_link *link, struct event event)
{
    pthread_mutex_lock(&link->lock);
    event.run = link->run;
    event.attempt = link->attempt;
    event.progress = link->progress;
    pthread_mutex_unlock(&link->lock);
    event.progress.cpu_seconds = cpu_seconds();
    return rank_link_send(link, &event);
}

bool rank_link_progress(struct rank_link *link, const struct run_progress *progress)
{
    pthread_mutex_lock(&link->lock);
    bool is_new_phase = strcmp(link->progress.phase, progress->phase) != 0;
    int64_t ticks = link->progress.ticks + 1;
    link->progress = *progress;
    link->progress.ticks = ticks;
    pthread_mutex_unlock(&link->lock);
    return is_new_phase;
}

/* ---- the reading thread ---- */

void given_run_release(struct given_run *given)
{
    if (given != NULL)
        arena_destroy(given->arena);
}

/* The order lies in the arena of `given`, which passes to the training thread. */
static enum status take_assignment(struct rank_link *link, const struct assignment *assignment,
                                   struct arena *arena)
{
    enum status status = STATUS_OK;
    struct given_run *given = NULL;

    if (assignment->n_lanes != 1 || assignment->lanes[0].n_runs != 1)
        TRY(fail(STATUS_COMM, "a trainer takes one run at a time"));
    TRY_ALLOC(given, ARENA_NEW(arena, struct given_run));
    *given = (struct given_run){arena, &assignment->lanes[0].runs[0]};
    atomic_store(&link->wants_stop, false); /* a stop from now on means this run */
    verdict_box_begin(&link->verdicts, given->run->run, given->run->attempt);
    pthread_mutex_lock(&link->lock);
    given_run_release(link->given);
    link->given = given;
    pthread_cond_signal(&link->changed);
    pthread_mutex_unlock(&link->lock);
done:
    return status;
}

static enum status hear(struct rank_link *link, const char *bytes, int64_t n)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct order order;

    TRY(arena_create(&arena));
    TRY(order_decode(bytes, n, arena, &order));
    if (order.kind == ORDER_ASSIGN) {
        TRY(take_assignment(link, &order.assignment, arena));
        arena = NULL;
    } else if (order.kind == ORDER_STOP) {
        atomic_store(&link->wants_stop, true);
        verdict_box_cancel(&link->verdicts);
    } else if (order.kind == ORDER_VERDICT) {
        verdict_box_put(&link->verdicts, &order.verdict);
    }
done:
    arena_destroy(arena);
    return status;
}

static enum status listen_once(struct rank_link *link, struct frame_reader *reader)
{
    enum status status = STATUS_OK;
    struct pollfd fds[] = {{.fd = link->in_fd, .events = POLLIN},
                           {.fd = link->wake_fd, .events = POLLIN}};

    if (poll(fds, 2, (int)(heartbeat_every_seconds * 1e3)) < 0 && errno != EINTR)
        TRY(fail(STATUS_COMM, "cannot wait for the rank: %s", strerror(errno)));
    if (fds[1].revents != 0)
        TRY(fail(STATUS_CANCELLED, "this trainer is shutting down"));
    TRY(frame_fill(reader, link->in_fd));
    for (;;) {
        const char *bytes = NULL;
        int64_t n = 0;
        TRY(frame_next(reader, &bytes, &n));
        if (bytes == NULL)
            break;
        TRY(hear(link, bytes, n));
    }
    if (reader->is_closed)
        TRY(fail(STATUS_COMM, "the rank has closed the pipe"));
done:
    return status;
}

static void *talk(void *context)
{
    struct rank_link *link = context;
    struct frame_reader reader = {0};
    double last = 0;

    while (listen_once(link, &reader) == STATUS_OK) {
        pthread_mutex_lock(&link->lock);
        bool is_busy = link->is_busy;
        pthread_mutex_unlock(&link->lock);
        if (!is_busy || clock_seconds() - last < heartbeat_every_seconds * 0.9)
            continue;
        last = clock_seconds();
        if (rank_link_send_state(link, (struct event){.kind = EVENT_HEARTBEAT}) != STATUS_OK)
            break;
    }
    atomic_store(&link->wants_stop, true);
    verdict_box_cancel(&link->verdicts);
    pthread_mutex_lock(&link->lock);
    link->is_closed = true;
    pthread_cond_signal(&link->changed);
    pthread_mutex_unlock(&link->lock);
    frame_reader_release(&reader);
    return NULL;
}

/* ---- the training thread ---- */

struct given_run *rank_link_next(struct rank_link *link)
{
    pthread_mutex_lock(&link->lock);
    while (link->given == NULL && !link->is_closed)
        pthread_cond_wait(&link->changed, &link->lock);
    struct given_run *given = link->is_closed ? NULL : link->given;
    if (given != NULL) {
        link->given = NULL;
        link->is_busy = true;
        link->run = given->run->run;
        link->attempt = given->run->attempt;
        link->progress = (struct run_progress){.loss = NAN};
    }
    pthread_mutex_unlock(&link->lock);
    return given;
}

void rank_link_rest(struct rank_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->is_busy = false;
    pthread_mutex_unlock(&link->lock);
}

enum status rank_link_open(int in_fd, int out_fd, struct rank_link *out)
{
    *out = (struct rank_link){.in_fd = in_fd, .out_fd = out_fd};
    pthread_mutex_init(&out->write_lock, NULL);
    pthread_mutex_init(&out->lock, NULL);
    pthread_cond_init(&out->changed, NULL);
    verdict_box_init(&out->verdicts);
    if (fcntl(in_fd, F_SETFL, O_NONBLOCK) != 0)
        return fail(STATUS_COMM, "--in=%d is not a pipe: %s", in_fd, strerror(errno));
    out->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (out->wake_fd < 0)
        return fail(STATUS_COMM, "cannot make an eventfd: %s", strerror(errno));
    if (pthread_create(&out->thread, NULL, talk, out) == 0)
        return STATUS_OK;
    close(out->wake_fd);
    return fail(STATUS_DEVICE, "cannot start the thread that talks to the rank");
}

static void wake_talker(struct rank_link *link)
{
    const uint64_t one = 1;
    if (write(link->wake_fd, &one, sizeof one) < 0)
        log_warning("cannot wake the talking thread: %s", strerror(errno));
}

void rank_link_close(struct rank_link *link)
{
    wake_talker(link);
    pthread_join(link->thread, NULL);
    close(link->wake_fd);
    given_run_release(link->given);
}
