/* Sending and receiving of messages, and the fixed-size texts in them. */
#include "dispatch/talk/message.h"

#include <string.h>
#include <unistd.h>

enum status message_send(struct transport *transport, int to, const struct message *message)
{
    return transport_send(transport, to, message, sizeof *message);
}

enum status message_receive(struct transport *transport, int *from, struct message *message)
{
    char buffer[TRANSPORT_MAX_BYTES];
    size_t n = 0;
    enum status status = transport_receive(transport, from, buffer, &n);

    if (status != STATUS_OK || *from < 0)
        return status;
    if (n != sizeof *message)
        return fail(STATUS_COMM, "rank %d sent %zu bytes, a message has %zu", *from, n,
                    sizeof *message);
    memcpy(message, buffer, n);
    message->run_id[sizeof message->run_id - 1] = '\0';
    message->host[HOST_BYTES - 1] = '\0';
    message->text[MESSAGE_TEXT_BYTES - 1] = '\0';
    message->progress.phase[sizeof message->progress.phase - 1] = '\0';
    return STATUS_OK;
}

void copy_text(char *to, size_t capacity, const char *from)
{
    size_t n = strlen(from);

    if (n >= capacity) {
        n = capacity - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xC0) == 0x80)
            n--; /* from[n] continues a character: cut before its first byte */
    }
    memmove(to, from, n);
    to[n] = '\0';
}

void host_name(char host[HOST_BYTES])
{
    if (gethostname(host, HOST_BYTES) != 0)
        copy_text(host, HOST_BYTES, "unknown");
    host[HOST_BYTES - 1] = '\0';
}
