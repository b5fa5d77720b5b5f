/* Ranks as MPI processes; the only file that knows MPI. After start-up only small eager sends,
 * never a collective: one lost rank must not hang the rest. */
#include "dispatch/talk/transport.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_TAG = 7, MAX_OUTSTANDING = 4096, START_SECONDS = 600 };
static const double send_deadline_seconds = 30.0;
static const double close_deadline_seconds = 5.0;

struct outgoing {
    struct outgoing *next;
    MPI_Request request;
    double deadline;
    int to;
    char bytes[TRANSPORT_MAX_BYTES];
};

struct mpi_transport {
    struct transport base;
    struct outgoing *outgoing;
    int n_outgoing;
};

static enum status check(int code, const char *expression)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;

    if (code == MPI_SUCCESS)
        return STATUS_OK;
    MPI_Error_string(code, text, &length);
    return fail(STATUS_COMM, "%s failed: %.*s", expression, length, text);
}
#define mpi_check(call) check((call), #call)

/* Frees sends that are through. */
static enum status reap(struct mpi_transport *mpi)
{
    double now = clock_seconds();

    mpi->base.has_overdue = false;
    for (struct outgoing **at = &mpi->outgoing; *at != NULL;) {
        struct outgoing *item = *at;
        int is_done = 0;
        enum status status = mpi_check(MPI_Test(&item->request, &is_done, MPI_STATUS_IGNORE));
        if (status != STATUS_OK)
            return status;
        if (is_done) {
            *at = item->next;
            free(item);
            mpi->n_outgoing--;
            continue;
        }
        if (now > item->deadline)
            mpi->base.has_overdue = true; /* the silence of that rank is noticed elsewhere */
        at = &item->next;
    }
    return STATUS_OK;
}

static enum status mpi_send(struct transport *transport, int to, const void *bytes, size_t n)
{
    struct mpi_transport *mpi = (struct mpi_transport *)transport;
    enum status status = reap(mpi);

    if (status != STATUS_OK)
        return status;
    if (mpi->n_outgoing >= MAX_OUTSTANDING)
        return fail(STATUS_COMM,
                    "%d messages wait to be sent, the next one to rank %d: it no "
                    "longer receives",
                    mpi->n_outgoing, to);
    struct outgoing *item = heap_alloc(1, sizeof *item);
    if (item == NULL)
        return STATUS_OUT_OF_MEMORY;
    memcpy(item->bytes, bytes, n);
    item->to = to;
    item->deadline = clock_seconds() + send_deadline_seconds;
    status = mpi_check(
        MPI_Isend(item->bytes, (int)n, MPI_BYTE, to, MESSAGE_TAG, MPI_COMM_WORLD, &item->request));
    if (status != STATUS_OK) {
        free(item);
        return status;
    }
    item->next = mpi->outgoing;
    mpi->outgoing = item;
    mpi->n_outgoing++;
    return STATUS_OK;
}

static enum status mpi_receive(struct transport *transport, int *from, void *buffer, size_t *n)
{
    enum status status = STATUS_OK;
    int has_message = 0, count = 0;
    MPI_Status info;

    *from = -1;
    TRY(reap((struct mpi_transport *)transport));
    TRY(mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MESSAGE_TAG, MPI_COMM_WORLD, &has_message, &info)));
    if (!has_message)
        return STATUS_OK;
    TRY(mpi_check(MPI_Recv(buffer, TRANSPORT_MAX_BYTES, MPI_BYTE, info.MPI_SOURCE, MESSAGE_TAG,
                           MPI_COMM_WORLD, &info)));
    TRY(mpi_check(MPI_Get_count(&info, MPI_BYTE, &count)));
    *from = info.MPI_SOURCE;
    *n = (size_t)count;
done:
    return status;
}

static enum status mpi_broadcast(struct transport *transport, char **bytes, int64_t *n)
{
    enum status status = STATUS_OK;
    long long length = transport->rank == 0 ? *n : 0;
    char *memory = NULL;

    TRY(mpi_check(MPI_Bcast(&length, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD)));
    if (length > INT_MAX)
        TRY(fail(STATUS_UNSUPPORTED, "broadcast of %lld bytes, at most %d fit one message", length,
                 INT_MAX));
    if (transport->rank != 0)
        TRY_ALLOC(memory, heap_alloc(length + 1, 1));
    TRY(mpi_check(MPI_Bcast(transport->rank == 0 ? *bytes : memory, (int)length, MPI_BYTE, 0,
                            MPI_COMM_WORLD)));
    if (transport->rank != 0) {
        *bytes = memory;
        *n = length;
        memory = NULL;
    }
done:
    free(memory);
    return status;
}

static void mpi_abort(struct transport *transport, int exit_code)
{
    (void)transport;
    MPI_Abort(MPI_COMM_WORLD, exit_code);
}

static void mpi_close(struct transport *transport)
{
    struct mpi_transport *mpi = (struct mpi_transport *)transport;
    double deadline = clock_seconds() + close_deadline_seconds;

    while (mpi->outgoing != NULL && clock_seconds() < deadline) {
        if (reap(mpi) != STATUS_OK)
            break;
        if (mpi->outgoing != NULL)
            clock_sleep(0.001);
    }
    if (mpi->outgoing == NULL && !transport->has_lost_peer)
        MPI_Finalize();
    free(mpi); /* what is still under way keeps its buffers until the process ends */
}

static const struct transport_ops mpi_ops = {
    .name = "MPI",
    .send = mpi_send,
    .receive = mpi_receive,
    .broadcast = mpi_broadcast,
    .abort = mpi_abort,
    .close = mpi_close,
};

static enum status find_place(struct transport *transport)
{
    enum status status = STATUS_OK;
    MPI_Comm node = MPI_COMM_NULL;

    TRY(mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)));
    TRY(mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &transport->rank)));
    TRY(mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &transport->size)));
    TRY(mpi_check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, transport->rank,
                                      MPI_INFO_NULL, &node)));
    TRY(mpi_check(MPI_Comm_rank(node, &transport->node_rank)));
    TRY(mpi_check(MPI_Comm_size(node, &transport->node_size)));
    TRY(mpi_check(MPI_Comm_free(&node)));
done:
    return status;
}

void transport_mpi_library(char text[MPI_TEXT_BYTES])
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "unknown";
    int length = 0;

    MPI_Get_library_version(version, &length); /* allowed before MPI_Init */
    snprintf(text, MPI_TEXT_BYTES, "%.*s", (int)strcspn(version, "\n"), version);
    for (char *tab = text; (tab = strchr(tab, '\t')) != NULL;) /* MPICH's between name and number */
        *tab = ' ';
}

/* Nothing but what a signal handler may do. */
static void give_up_waiting(int signal)
{
    static const char text[] =
        "error: the other ranks of this job did not start in time: was one of them killed, or does "
        "a node hang?\nEnd the job and start it again; PRUNELORA_START_SECONDS sets another "
        "limit.\n";

    (void)signal;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(status_exit_code(STATUS_COMM));
}

static enum status limit_start(void)
{
    const char *variable = getenv("PRUNELORA_START_SECONDS");
    struct sigaction action = {.sa_handler = give_up_waiting};
    int64_t seconds = START_SECONDS;

    if (variable != NULL && (!text_to_int64(variable, &seconds) || seconds < 1 || seconds > 86400))
        return fail(STATUS_BAD_CONFIG,
                    "PRUNELORA_START_SECONDS expects 1 to 86400 whole seconds, got '%s'", variable);
    if (sigaction(SIGALRM, &action, NULL) != 0)
        return fail(STATUS_COMM, "cannot set a limit to the start: %s", strerror(errno));
    alarm((unsigned)seconds);
    return STATUS_OK;
}

void transport_started(void)
{
    alarm(0);
}

enum status transport_open_mpi(struct transport **out)
{
    enum status status = STATUS_OK;
    struct mpi_transport *mpi = NULL;
    int provided = 0;

    TRY(limit_start());
    TRY_ALLOC(mpi, heap_alloc(1, sizeof *mpi));
    mpi->base.ops = &mpi_ops;
    TRY(mpi_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided)));
    if (provided < MPI_THREAD_FUNNELED)
        TRY(fail(STATUS_COMM, "this MPI was built without threads, MPI_THREAD_FUNNELED is needed"));
    TRY(find_place(&mpi->base));
    *out = &mpi->base;
    mpi = NULL;
done:
    free(mpi);
    return status;
}
