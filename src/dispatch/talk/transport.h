/* How ranks talk: small messages with a deadline, and a broadcast at start-up. A rank may send to
 * itself. Three kinds: MPI, one rank in this process, and several ranks in this process (tests). */
#ifndef DISPATCH_TRANSPORT_H
#define DISPATCH_TRANSPORT_H

#include "base/text.h"
#include "dispatch/talk/ranks.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TRANSPORT_MAX_BYTES = 1024
}; /* above this, a send to a dead Open MPI rank never completes */

struct transport_ops {
    const char *name;
    /* Copies the bytes and returns at once. */
    enum status (*send)(struct transport *transport, int to, const void *bytes, size_t n);
    /* *from is -1 when nothing has arrived. buffer holds TRANSPORT_MAX_BYTES. */
    enum status (*receive)(struct transport *transport, int *from, void *buffer, size_t *n);
    enum status (*broadcast)(struct transport *transport, char **bytes, int64_t *n);
    void (*abort)(struct transport *transport, int exit_code); /* ends every rank */
    void (*close)(struct transport *transport);
};

struct transport_letter { /* to oneself */
    struct transport_letter *next;
    size_t n;
    char bytes[TRANSPORT_MAX_BYTES];
};

struct transport { /* implementations embed it first */
    const struct transport_ops *ops;
    int rank, size;
    int node_rank, node_size; /* among the ranks of this machine */
    bool has_lost_peer;       /* then closing must not wait for the others */
    bool has_overdue;         /* a send that should long have ended: the same */
    struct transport_letter *first, *last;
    /* of mail.h and parts_receive, kept from call to call */
    struct text outgoing; /* owned */
    char letter[TRANSPORT_MAX_BYTES];
    struct text *gathered; /* owned: [size], or NULL */
    struct text whole;     /* owned */
};

/* The MPI library's words about itself, one line; at any time. */
enum { MPI_TEXT_BYTES = 256 };
void transport_mpi_library(char text[MPI_TEXT_BYTES]);
/* Until transport_started, the process ends itself when the other ranks keep it waiting for longer
 * than PRUNELORA_START_SECONDS (600): a rank that died meanwhile would be waited for for ever. */
CHECKED enum status transport_open_mpi(struct transport **out);
void transport_started(void); /* nothing collective comes any more */
/* `size` transports that reach each other through queues in memory; safe to use from `size`
 * threads. transport_close each. */
CHECKED enum status transport_open_queues(int size, struct transport *out[]);

/* One letter, of at most TRANSPORT_MAX_BYTES. */
CHECKED enum status transport_send(struct transport *transport, int to, const void *bytes,
                                   size_t n);
CHECKED enum status transport_receive(struct transport *transport, int *from, void *buffer,
                                      size_t *n);

#endif
