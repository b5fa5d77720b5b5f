/* One value of one run. Private to src/report. */
#ifndef REPORT_CELL_H
#define REPORT_CELL_H

#include "base/text.h"

struct cJSON;

enum cell_kind { CELL_MISSING, CELL_TEXT, CELL_INTEGER, CELL_NUMBER, CELL_BOOL, CELL_JSON };
struct cell {
    enum cell_kind kind;
    union {
        const char *text; /* TEXT; JSON: a list, as written */
        int64_t integer;  /* INTEGER, BOOL */
        double number;    /* NUMBER: finite */
    };
};

bool cell_equals(const struct cell *a, const struct cell *b);
/* As people write it: text as it is, numbers shortest round trip, "" when missing. */
void cell_print(const struct cell *cell, struct text *out);
struct cell cell_from_number(double value); /* MISSING when not finite */
/* null is MISSING, lists and objects are kept as written. Text goes to the arena. */
CHECKED enum status cell_from_json(const struct cJSON *item, struct arena *arena, struct cell *out);

#endif
