#include "data/stream.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum status stream_create(const int32_t *images, int64_t n, const struct random_key *key,
                          struct stream *out)
{
    enum status status = STATUS_OK;

    *out = (struct stream){.images = images, .n = n, .key = *key};
    TRY_ALLOC(out->order, heap_alloc(n, sizeof *out->order));
    stream_shuffle(out, 0);
done:
    return status;
}

void stream_release(struct stream *stream)
{
    free(stream->order);
    *stream = (struct stream){0};
}

void stream_shuffle(struct stream *stream, uint32_t epoch)
{
    stream->key.epoch = epoch;
    stream->next = 0;
    if (stream->n == 0)
        return;
    memcpy(stream->order, stream->images, (size_t)stream->n * sizeof *stream->order);
    random_shuffle(&stream->key, stream->order, stream->n);
}

int32_t stream_take(struct stream *stream)
{
    if (stream->next == stream->n)
        stream_shuffle(stream, stream->key.epoch + 1);
    return stream->order[stream->next++];
}
