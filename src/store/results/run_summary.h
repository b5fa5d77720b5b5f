/* What the journal keeps of a finished run, as one JSON object: where, when and with what it was
 * computed, its measures, its history, and size and checksum of each of its files. results.h5 is
 * composed of these; run.h5 is the backup. */
#ifndef STORE_RUN_SUMMARY_H
#define STORE_RUN_SUMMARY_H

#include "base/text.h"
#include "store/results/run_file.h"

struct written_file { /* in the attempt's folder */
    const char *name; /* "run.h5" */
    int64_t bytes;
    uint32_t crc; /* CRC-32 of its content */
};
struct run_summary {
    struct run_file
        run; /* of which id, name, settings_json, samples, classes and forget stay out */
    struct written_file *files;
    int64_t n_files;
};
/* Every file directly in the attempt's folder, by name, but its log, what a killed writer left and
 * what was set aside as damaged.
 * In the arena. IO naming the file that cannot be read. */
CHECKED enum status written_files_find(const char *folder, struct arena *arena,
                                       struct written_file **out, int64_t *n);
/* Appends the object; doubles come back the same, NaN as null. */
CHECKED enum status run_summary_print(const struct run_summary *summary, struct text *out);
/* In the arena. BAD_DATA for what is no such object. */
CHECKED enum status run_summary_parse(const char *json, struct arena *arena,
                                      struct run_summary *out);

/* How a file is now, against how it was written. */
enum written_state { WRITTEN_INTACT, WRITTEN_MISSING, WRITTEN_RESIZED, WRITTEN_CHANGED };
/* Sizes alone with `is_quick`. IO when the file cannot be looked at or read. */
CHECKED enum status written_file_check(const char *folder, const struct written_file *file,
                                       bool is_quick, enum written_state *out);
const char *written_state_words(enum written_state state); /* "is missing" */

#endif
