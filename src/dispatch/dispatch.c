/* The sweep of one rank: rank 0 leads, the others follow until they are sent home. */
#include "dispatch/dispatch.h"

#include "base/log.h"
#include "dispatch/folder/shards.h"
#include "dispatch/lead/rank_0.h"
#include "dispatch/lead/stop_signals.h"
#include "dispatch/talk/start_header.h"

#include <stdio.h>
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

static struct rank_side_settings rank_side_settings_for(struct transport *transport,
                                                        const struct sweep *sweep,
                                                        const struct dispatch_settings *settings)
{
    int64_t threads = sweep->n_runs > 0 ? sweep->runs[0].settings.resources.threads : 0;

    return (struct rank_side_settings){
        .transport = transport,
        .sweep = sweep,
        .folder = settings->folder,
        .shard = settings->shard,
        .supervisor = {.program = settings->program,
                       .device = device_for(sweep, settings->device),
                       .node_rank = transport->node_rank,
                       .node_size = transport->node_size,
                       .n_threads = (int)threads},
    };
}

static enum status follow(struct transport *transport, struct rank_side *side, int signal_fd)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL; /* of the order under way */

    TRY(arena_create(&arena));
    while (!rank_side_is_finished(side)) {
        struct mail mail;
        TRY(mail_receive(transport, arena, &mail));
        if (mail.from >= 0) {
            if (mail.is_order)
                TRY(rank_side_receive(side, &mail.order));
            arena_reset(arena);
            continue;
        }
        TRY(rank_side_poll(side));
        if (stop_signals_next(signal_fd) != 0)
            TRY(rank_side_request_stop(side));
        rank_side_wait(side, signal_fd);
    }
done:
    if (status != STATUS_OK)
        transport->has_lost_peer = true; /* rank 0 will not say goodbye */
    arena_destroy(arena);
    return status;
}

/* The first file that this rank cannot read or, when it reads all, NULL. */
static const char *absent_file(const struct sweep *sweep)
{
    static const char mark[] = "absent:";

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const char *hashes[] = {sweep->runs[i].weights_hash, sweep->runs[i].split_hash};
        for (int k = 0; k < 2; k++)
            if (hashes[k] != NULL && text_starts_with(hashes[k], mark))
                return hashes[k] + sizeof mark - 1;
    }
    return NULL;
}

/* Trainers would find out as well, after they have begun. */
static enum status compare_contents(struct rank_side_settings *settings, const char *ids)
{
    enum status status = STATUS_OK;
    const char *absent = absent_file(settings->sweep);
    char hash[HASH_HEX_BYTES];

    TRY(shards_hash(settings->sweep, hash));
    if (strcmp(hash, ids) == 0)
        goto done;
    settings->complaint_status = STATUS_CHANGED_INPUT;
    if (absent != NULL)
        snprintf(settings->complaint, sizeof settings->complaint,
                 "'%s' cannot be read from here, and rank 0 reads it; it must lie where all nodes "
                 "see it",
                 absent);
    else
        copy_text(settings->complaint, sizeof settings->complaint,
                  "the data, weights or index lists here hold something else than on rank 0; give "
                  "all nodes the same files");
done:
    return status;
}

/* *out is NULL when rank 0 has no work for anybody; else free it. */
static enum status receive_header(struct transport *transport, struct start_header **out)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    int64_t n = 0;

    *out = NULL;
    TRY(transport_broadcast(transport, &bytes, &n));
    transport_started();
    if (n != (int64_t)sizeof **out)
        TRY(fail(STATUS_COMM, "rank 0 runs another build"));
    struct start_header *header = (struct start_header *)bytes;
    if (header->status != STATUS_OK)
        TRY(fail((enum status)header->status, "rank 0: %s", header->message));
    if (!header->has_work)
        goto done;
    *out = header;
    bytes = NULL;
done:
    free(bytes);
    return status;
}

static enum status look_around(struct rank_side_settings *settings,
                               const struct start_header *header)
{
    enum status status = STATUS_OK;
    char hash[HASH_HEX_BYTES];

    TRY(start_header_hash(settings->sweep, hash));
    /* a file that is missing changes settings as well: the base model has the normalisation */
    if (strcmp(hash, header->hash) != 0 && absent_file(settings->sweep) == NULL)
        copy_text(settings->complaint, sizeof settings->complaint,
                  "the sweep expands to other runs here than on rank 0; do all nodes have the same "
                  "program and files?");
    else if (access(settings->folder, W_OK) != 0)
        copy_text(settings->complaint, sizeof settings->complaint,
                  "the results folder cannot be written from here; it must lie on a file system "
                  "that all nodes share");
    else
        TRY(compare_contents(settings, header->ids));
done:
    return status;
}

/* With a complaint, only to make it. */
static enum status run_follower(struct rank_side_settings *settings)
{
    enum status status = STATUS_OK;
    struct start_header *header = NULL;
    struct rank_side *side = NULL;
    int signal_fd = -1;

    TRY(stop_signals_open(&signal_fd));
    TRY(receive_header(settings->transport, &header));
    if (header == NULL)
        goto done;
    settings->supervisor.n_threads = header->n_threads;
    if (settings->complaint[0] == '\0')
        TRY(look_around(settings, header));
    TRY(rank_side_create(settings, &side));
    TRY(follow(settings->transport, side, signal_fd));
done:
    rank_side_destroy(side);
    if (signal_fd >= 0)
        close(signal_fd);
    free(header);
    return status;
}

enum status dispatch_decline(struct transport *transport, enum status why)
{
    struct rank_side_settings side = {
        .transport = transport, .folder = "", .complaint_status = why};
    char reason[EVENT_TEXT_BYTES];

    copy_text(reason, sizeof reason, status_message());
    snprintf(side.complaint, sizeof side.complaint, "cannot read the sweep as rank 0 does: %.400s",
             reason);
    if (run_follower(&side) != STATUS_OK)
        log_info("while declining: %s", status_message());
    return fail(why, "%s", reason);
}

enum status dispatch_run(struct transport *transport, const struct sweep *sweep,
                         const struct dispatch_settings *settings, struct dispatch_outcome *out)
{
    struct rank_side_settings side = rank_side_settings_for(transport, sweep, settings);

    *out = (struct dispatch_outcome){0};
    return transport->rank == 0 ? rank_0_run(&side, settings, out) : run_follower(&side);
}
