/* Printed for people as well: indented. */
#include "store/json_file.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <string.h>

enum status json_file_write(const char *path, const struct cJSON *object)
{
    char *text = object != NULL ? cJSON_Print(object) : NULL;

    if (text == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory composing '%s'", path);
    size_t n = strlen(text);
    text[n] = '\n'; /* a text file ends with one; it takes the terminating zero's place */
    enum status status = file_write(path, text, n + 1);
    cJSON_free(text);
    return status;
}
