/* What journals say of each run at last: given out, done, or stopped early. For who has no sweep to
 * hold them against. */
#ifndef DISPATCH_LAST_WORDS_H
#define DISPATCH_LAST_WORDS_H

#include "dispatch/journal/journal.h"

struct last_word {
    char id[RUN_ID_BYTES];
    int64_t order, attempt;
    enum journal_kind kind; /* ASSIGNED, DONE or STOPPED */
    const char *summary;    /* of DONE; in the arena, "" when there is none */
};
struct last_words {
    struct last_word *items; /* owned; by id once they are sorted */
    int64_t n, capacity;
    struct arena *arena; /* borrowed */
    enum status status;  /* of what happened in the middle of a journal */
    struct text *sound;  /* borrowed; takes the sound lines, unless NULL */
    int64_t n_lost;      /* lines that are not sound, so far */
};
/* Adds a journal, as far as it is sound (journal_salvage). */
CHECKED enum status last_words_read(struct last_words *words, const char *path);
/* Keeps the last of each run. */
void last_words_sort(struct last_words *words);
const struct last_word *last_words_find(const struct last_words *words,
                                        const char *id); /* or NULL */
void last_words_release(struct last_words *words);

#endif
