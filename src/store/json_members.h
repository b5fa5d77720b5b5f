/* Members of a JSON object, with a default when one is missing or of another type. */
#ifndef STORE_JSON_MEMBERS_H
#define STORE_JSON_MEMBERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

const char *json_text(const cJSON *object, const char *name); /* ""; borrowed */
double json_number(const cJSON *object, const char *name);    /* NaN, which JSON writes as null */
/* 0, also for what a double does not hold exactly. */
int64_t json_integer(const cJSON *object, const char *name);
/* cJSON's own numbers lose the last bits; this one comes back the same. NaN and infinities are
 * null. False when memory ran out. */
bool json_add_exact(cJSON *object, const char *name, double value);

#endif
