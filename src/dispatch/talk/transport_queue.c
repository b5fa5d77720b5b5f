/* Ranks inside one process: a mailbox each, behind one lock. With one rank it is the transport of
 * a sweep without mpirun; with several it lets a test run the coordinator against played ranks. */
#include "dispatch/talk/transport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct envelope {
    struct envelope *next;
    int from;
    size_t n;
    char bytes[TRANSPORT_MAX_BYTES];
};

struct mailbox {
    struct envelope *first, *last;
};

struct hub {
    pthread_mutex_t lock;
    pthread_cond_t has_broadcast;
    int n_open;
    int n_readers_left; /* of the broadcast under way */
    char *broadcast;
    int64_t broadcast_bytes;
    struct mailbox *mailboxes; /* owned, one per rank */
};

struct queue_transport {
    struct transport base;
    struct hub *hub;
};

static struct hub *hub_of(struct transport *transport)
{
    return ((struct queue_transport *)transport)->hub;
}

static enum status queue_send(struct transport *transport, int to, const void *bytes, size_t n)
{
    struct hub *hub = hub_of(transport);
    struct envelope *envelope = heap_alloc(1, sizeof *envelope);

    if (envelope == NULL)
        return STATUS_OUT_OF_MEMORY;
    envelope->from = transport->rank;
    envelope->n = n;
    memcpy(envelope->bytes, bytes, n);
    pthread_mutex_lock(&hub->lock);
    struct mailbox *box = &hub->mailboxes[to];
    if (box->last != NULL)
        box->last->next = envelope;
    else
        box->first = envelope;
    box->last = envelope;
    pthread_mutex_unlock(&hub->lock);
    return STATUS_OK;
}

static enum status queue_receive(struct transport *transport, int *from, void *buffer, size_t *n)
{
    struct hub *hub = hub_of(transport);

    *from = -1;
    pthread_mutex_lock(&hub->lock);
    struct mailbox *box = &hub->mailboxes[transport->rank];
    struct envelope *envelope = box->first;
    if (envelope != NULL) {
        box->first = envelope->next;
        if (box->first == NULL)
            box->last = NULL;
    }
    pthread_mutex_unlock(&hub->lock);
    if (envelope == NULL)
        return STATUS_OK;
    *from = envelope->from;
    *n = envelope->n;
    memcpy(buffer, envelope->bytes, envelope->n);
    free(envelope);
    return STATUS_OK;
}

static enum status publish(struct hub *hub, int n_readers, const char *bytes, int64_t n)
{
    char *copy = heap_alloc(n, 1);

    if (copy == NULL)
        return STATUS_OUT_OF_MEMORY;
    memcpy(copy, bytes, (size_t)n);
    while (hub->n_readers_left > 0)
        pthread_cond_wait(&hub->has_broadcast, &hub->lock);
    hub->broadcast = copy;
    hub->broadcast_bytes = n;
    hub->n_readers_left = n_readers;
    pthread_cond_broadcast(&hub->has_broadcast);
    return STATUS_OK;
}

static enum status queue_broadcast(struct transport *transport, char **bytes, int64_t *n)
{
    enum status status = STATUS_OK;
    struct hub *hub = hub_of(transport);

    pthread_mutex_lock(&hub->lock);
    if (transport->rank == 0) {
        TRY(publish(hub, transport->size - 1, *bytes, *n));
        goto done;
    }
    while (hub->n_readers_left == 0)
        pthread_cond_wait(&hub->has_broadcast, &hub->lock);
    TRY_ALLOC(*bytes, heap_alloc(hub->broadcast_bytes + 1, 1));
    memcpy(*bytes, hub->broadcast, (size_t)hub->broadcast_bytes);
    *n = hub->broadcast_bytes;
    if (--hub->n_readers_left == 0) {
        free(hub->broadcast);
        hub->broadcast = NULL;
        pthread_cond_broadcast(&hub->has_broadcast);
    }
done:
    pthread_mutex_unlock(&hub->lock);
    return status;
}

static void queue_abort(struct transport *transport, int exit_code)
{
    (void)transport;
    (void)exit_code; /* the ranks are this process: its own return ends them */
}

static void hub_destroy(struct hub *hub, int size)
{
    for (int i = 0; i < size; i++) {
        while (hub->mailboxes[i].first != NULL) {
            struct envelope *next = hub->mailboxes[i].first->next;
            free(hub->mailboxes[i].first);
            hub->mailboxes[i].first = next;
        }
    }
    free(hub->broadcast);
    free(hub->mailboxes);
    pthread_mutex_destroy(&hub->lock);
    pthread_cond_destroy(&hub->has_broadcast);
    free(hub);
}

static void queue_close(struct transport *transport)
{
    struct hub *hub = hub_of(transport);

    pthread_mutex_lock(&hub->lock);
    int n_left = --hub->n_open;
    pthread_mutex_unlock(&hub->lock);
    if (n_left == 0)
        hub_destroy(hub, transport->size);
    free(transport);
}

static const struct transport_ops queue_ops = {
    .name = "in-process",
    .send = queue_send,
    .receive = queue_receive,
    .broadcast = queue_broadcast,
    .abort = queue_abort,
    .close = queue_close,
};

static struct hub *hub_create(int size)
{
    struct hub *hub = heap_alloc(1, sizeof *hub);

    if (hub == NULL)
        return NULL;
    hub->mailboxes = heap_alloc(size, sizeof *hub->mailboxes);
    if (hub->mailboxes == NULL) {
        free(hub);
        return NULL;
    }
    pthread_mutex_init(&hub->lock, NULL);
    pthread_cond_init(&hub->has_broadcast, NULL);
    return hub;
}

enum status transport_open_queues(int size, struct transport *out[])
{
    struct hub *hub = hub_create(size);

    if (hub == NULL)
        return STATUS_OUT_OF_MEMORY;
    for (int i = 0; i < size; i++) {
        struct queue_transport *made = heap_alloc(1, sizeof *made);
        if (made == NULL) {
            for (int j = 0; j < i; j++)
                free(out[j]);
            hub_destroy(hub, size);
            return STATUS_OUT_OF_MEMORY;
        }
        made->base = (struct transport){
            .ops = &queue_ops, .rank = i, .size = size, .node_rank = i, .node_size = size};
        made->hub = hub;
        hub->n_open++;
        out[i] = &made->base;
    }
    return STATUS_OK;
}
