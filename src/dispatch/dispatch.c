/* The sweep of one rank: rank 0 leads, the others follow until they are sent home. */
#include "dispatch/dispatch.h"

#include "dispatch/leader.h"
#include "dispatch/start_header.h"
#include "dispatch/stop_signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status dispatch_block_signals(void)
{
    return stop_signals_block();
}

/* "auto" leaves it to the sweep's settings, as long as they all say the same. */
static const char *device_for(const struct sweep *sweep, const char *device)
{
    const char *first = sweep->n_runs > 0 ? sweep->runs[0].settings.resources.device : device;

    if (strcmp(device, "auto") != 0)
        return device;
    for (int64_t i = 1; i < sweep->n_runs; i++)
        if (strcmp(sweep->runs[i].settings.resources.device, first) != 0)
            return device;
    return first;
}

static struct member_settings member_settings_for(struct transport *transport,
                                                  const struct sweep *sweep,
                                                  const struct dispatch_settings *settings)
{
    int64_t threads = sweep->n_runs > 0 ? sweep->runs[0].settings.resources.threads : 0;

    return (struct member_settings){
        .transport = transport,
        .sweep = sweep,
        .folder = settings->folder,
        .shard = settings->shard,
        .complaint = "",
        .supervisor = {.program = settings->program,
                       .device = device_for(sweep, settings->device),
                       .node_rank = transport->node_rank,
                       .node_size = transport->node_size,
                       .n_threads = (int)threads},
    };
}

static enum status follow(struct transport *transport, struct member *member, int signal_fd)
{
    enum status status = STATUS_OK;

    while (!member_is_finished(member)) {
        struct message message;
        int from = -1;
        TRY(message_receive(transport, &from, &message));
        if (from >= 0) {
            TRY(member_receive(member, &message));
            continue;
        }
        TRY(member_poll(member));
        if (stop_signals_next(signal_fd) != 0)
            TRY(member_request_stop(member));
        member_wait(member, signal_fd);
    }
done:
    if (status != STATUS_OK)
        transport->has_lost_peer = true; /* rank 0 will not say goodbye */
    return status;
}

static enum status run_follower(struct member_settings *settings)
{
    enum status status = STATUS_OK;
    struct transport *transport = settings->transport;
    struct start_header *header = NULL;
    struct member *member = NULL;
    char hash[HASH_HEX_BYTES], *bytes = NULL;
    int64_t n = 0;
    int signal_fd = -1;

    TRY(stop_signals_open(&signal_fd));
    TRY(transport_broadcast(transport, &bytes, &n));
    if (n != (int64_t)sizeof *header)
        TRY(fail(STATUS_COMM, "rank 0 runs another build"));
    header = (struct start_header *)bytes;
    if (header->status != STATUS_OK)
        TRY(fail((enum status)header->status, "rank 0: %s", header->message));
    if (!header->has_work)
        goto done;
    TRY(start_header_hash(settings->sweep, hash));
    if (strcmp(hash, header->hash) != 0)
        settings->complaint = "the sweep expands to other runs here than on rank 0; do all "
                              "nodes have the same program and files?";
    else if (access(settings->folder, W_OK) != 0)
        settings->complaint = "the results folder cannot be written from here; it must lie "
                              "on a file system that all nodes share";
    TRY(member_create(settings, &member));
    TRY(follow(transport, member, signal_fd));
done:
    member_destroy(member);
    if (signal_fd >= 0)
        close(signal_fd);
    free(bytes);
    return status;
}

enum status dispatch_run(struct transport *transport, const struct sweep *sweep,
                         const struct dispatch_settings *settings, struct dispatch_outcome *out)
{
    struct member_settings member = member_settings_for(transport, sweep, settings);

    *out = (struct dispatch_outcome){0};
    return transport->rank == 0 ? leader_run(&member, settings, out) : run_follower(&member);
}
