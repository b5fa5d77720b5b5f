/* The rows of results.h5 as cells: the file's columns first, then the settings that only its
 * settings_json column tells. Private to src/report. */
#ifndef REPORT_RECORDS_H
#define REPORT_RECORDS_H

#include "report/cell.h"
#include "store/results/results.h"

struct record_field {
    const char *name;
    bool is_setting;
    bool is_column; /* typed in the file: of the settings, those the sweep varies */
};

struct records {
    int64_t n_rows, n_fields, fields_capacity;
    struct record_field *fields; /* in the arena, as all below */
    struct cell *cells;          /* [n_rows, n_fields] */
};

CHECKED enum status records_create(const struct results *results, struct arena *arena,
                                   struct records *out);
int64_t records_find(const struct records *records, const char *name); /* −1: no such field */
/* MISSING when field is −1. */
struct cell records_cell(const struct records *records, int64_t row, int64_t field);
/* NaN when missing or no number. */
double records_number(const struct records *records, int64_t row, int64_t field);
const char *records_text(const struct records *records, int64_t row, int64_t field); /* or "" */
bool records_is_done(const struct records *records, int64_t row);

/* The three formats. */
struct report_settings;
CHECKED enum status csv_compose(const struct records *records, struct text *out);
CHECKED enum status json_compose(const struct records *records, struct text *out);
CHECKED enum status table_compose(const struct records *records,
                                  const struct report_settings *settings, struct text *out);

#endif
