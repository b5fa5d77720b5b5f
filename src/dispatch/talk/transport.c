/* The front of every transport: choice by the launcher's variables, letters to oneself, and
 * argument checks. */
#include "dispatch/talk/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* mpirun, `srun --mpi=pmix` and `srun --mpi=pmi2` set one of these for each rank. Slurm's own
 * variables do not count: a batch script has them as well, and what it starts directly is one
 * process without MPI. */
static bool has_launcher(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                            "PMI_FD"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (getenv(variables[i]) != NULL)
            return true;
    return false;
}

/* srun without MPI: the tasks would know nothing of each other and each run the whole sweep. */
static enum status check_alone(void)
{
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS"); /* srun sets it, sbatch does not */

    if (tasks == NULL || strtol(tasks, NULL, 10) <= 1)
        return STATUS_OK;
    return fail(STATUS_DEVICE,
                "srun started %s tasks that cannot reach each other; use `srun --mpi=pmix`, with "
                "MPICH `srun --mpi=pmi2` (`srun --mpi=list` shows what this Slurm has), or mpirun",
                tasks);
}

/* How many ranks the launcher says it started; 0 when it says nothing. */
static long launched_ranks(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                            "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL)
            return strtol(value, NULL, 10);
    }
    return 0;
}

/* A rank that another MPI's launcher started takes itself for the only one. */
static enum status check_together(const struct transport *transport)
{
    char library[MPI_TEXT_BYTES];

    if (transport->size > 1 || launched_ranks() <= 1)
        return STATUS_OK;
    transport_mpi_library(library);
    return fail(
        STATUS_DEVICE,
        "%ld ranks were started, and not by the launcher of this program's MPI (%.*s): they "
        "cannot reach each other; see `prunelora doctor`",
        launched_ranks(), (int)strcspn(library, ","), library);
}

enum status transport_open(struct transport **out)
{
    enum status status = STATUS_OK;
    struct transport *transport = NULL;

    if (has_launcher()) {
        TRY(transport_open_mpi(&transport));
        TRY(check_together(transport));
    } else {
        TRY(check_alone());
        TRY(transport_open_queues(1, &transport));
    }
    *out = transport;
    transport = NULL;
done:
    transport_close(transport);
    return status;
}

int transport_rank(const struct transport *transport)
{
    return transport->rank;
}

int transport_size(const struct transport *transport)
{
    return transport->size;
}

enum status transport_broadcast(struct transport *transport, char **bytes, int64_t *n)
{
    return transport->size == 1 ? STATUS_OK : transport->ops->broadcast(transport, bytes, n);
}

static enum status send_to_self(struct transport *transport, const void *bytes, size_t n)
{
    struct transport_letter *letter = heap_alloc(1, sizeof *letter);

    if (letter == NULL)
        return STATUS_OUT_OF_MEMORY;
    memcpy(letter->bytes, bytes, n);
    letter->n = n;
    if (transport->last != NULL)
        transport->last->next = letter;
    else
        transport->first = letter;
    transport->last = letter;
    return STATUS_OK;
}

enum status transport_send(struct transport *transport, int to, const void *bytes, size_t n)
{
    assert(n <= TRANSPORT_MAX_BYTES && to >= 0 && to < transport->size);
    if (to == transport->rank)
        return send_to_self(transport, bytes, n);
    return transport->ops->send(transport, to, bytes, n);
}

enum status transport_receive(struct transport *transport, int *from, void *buffer, size_t *n)
{
    struct transport_letter *letter = transport->first;

    if (letter == NULL)
        return transport->ops->receive(transport, from, buffer, n);
    transport->first = letter->next;
    if (transport->first == NULL)
        transport->last = NULL;
    memcpy(buffer, letter->bytes, letter->n);
    *n = letter->n;
    *from = transport->rank;
    free(letter);
    return STATUS_OK;
}

static void drop_letters(struct transport *transport)
{
    while (transport->first != NULL) {
        struct transport_letter *next = transport->first->next;
        free(transport->first);
        transport->first = next;
    }
    transport->last = NULL;
}

static void drop_parts(struct transport *transport)
{
    for (int i = 0; transport->gathered != NULL && i < transport->size; i++)
        text_release(&transport->gathered[i]);
    free(transport->gathered);
    transport->gathered = NULL;
    text_release(&transport->whole);
    text_release(&transport->outgoing);
}

void transport_close(struct transport *transport)
{
    if (transport == NULL)
        return;
    drop_letters(transport);
    drop_parts(transport);
    transport->ops->close(transport);
}

void transport_finish(struct transport *transport, int exit_code)
{
    if (transport != NULL && (transport->has_lost_peer || transport->has_overdue))
        transport->ops->abort(transport, exit_code); /* MPI_Finalize would wait for the dead */
    transport_close(transport);
}
