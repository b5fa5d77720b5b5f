/* A JSON object as a whole file. */
#ifndef STORE_JSON_FILE_H
#define STORE_JSON_FILE_H

#include "base/status.h"

struct cJSON;
/* Replaces `path` as file_write does, with a line end behind the object. NULL is what cJSON returns
 * when memory ran out: OUT_OF_MEMORY naming the file. */
CHECKED enum status json_file_write(const char *path, const struct cJSON *object);

#endif
