/* Arenas: memory that is given back all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct arena;

CHECKED enum status arena_create(struct arena **out);
void arena_destroy(struct arena *arena); /* accepts NULL */
void arena_reset(struct arena *arena); /* forgets everything, keeps nothing but the arena itself */

/* Zeroed memory for `count` elements of `bytes_each`, aligned to 64 bytes; owned by the arena.
 * NULL after fail(STATUS_OUT_OF_MEMORY), also when the product overflows. count 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *arena, int64_t count, size_t bytes_each);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, count, type) ((type *)arena_alloc((arena), (count), sizeof(type)))

/* Heap counterparts with the same checks; free() gives them back. */
void *heap_alloc(int64_t count, size_t bytes_each); /* zeroed */
/* Makes room for at least `needed` elements in the heap array *items, growing by half; new room is
 * zeroed. */
CHECKED enum status heap_grow(void *items, int64_t *capacity, int64_t needed, size_t bytes_each);

#endif
