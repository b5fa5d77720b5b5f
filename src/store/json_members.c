/* Lookups by name that never fail. */
#include "store/json_members.h"

#include "base/text.h"

#include <math.h>

static const double exact_integers = 9e15; /* below 2^53 */

const char *json_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

double json_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

int64_t json_integer(const cJSON *object, const char *name)
{
    double value = json_number(object, name);
    return fabs(value) < exact_integers ? (int64_t)value : 0; /* false for NaN too */
}

bool json_add_exact(cJSON *object, const char *name, double value)
{
    char text[32];

    if (!isfinite(value))
        return cJSON_AddNullToObject(object, name) != NULL;
    return cJSON_AddRawToObject(object, name, text_from_double(value, text)) != NULL;
}
