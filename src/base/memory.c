/* Reads what the kernel says in text files; every group up to the root may have a limit. */
#include "base/memory.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct memory_sources memory_of_system = {"/proc/meminfo", "/proc/self/cgroup",
                                                "/sys/fs/cgroup"};

/* The number after `key` at the beginning of a line. */
static bool number_after(const char *text, const char *key, uint64_t *out)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (text_starts_with(line, key))
            return sscanf(line + strlen(key), "%" SCNu64, out) == 1;
    }
    return false;
}

/* False when the file is not there or has no such number ("max": no limit). */
static bool group_number(const char *group, const char *file, const char *key, uint64_t *out)
{
    char path[4096], *text = NULL;
    int64_t n = 0;

    snprintf(path, sizeof path, "%s/%s", group, file);
    if (file_read(path, &text, &n) != STATUS_OK)
        return false;
    bool is_found = number_after(text, key, out);
    free(text);
    return is_found;
}

static uint64_t group_leaves(const char *group)
{
    uint64_t limit = 0, used = 0, inactive = 0;

    if (!group_number(group, "memory.max", "", &limit) ||
        !group_number(group, "memory.current", "", &used))
        return UINT64_MAX;
    if (group_number(group, "memory.stat", "inactive_file ", &inactive))
        used -= inactive < used ? inactive : used;
    return used < limit ? limit - used : 0;
}

static uint64_t groups_leave(const struct memory_sources *sources)
{
    char *text = NULL, group[4096];
    int64_t n = 0;
    uint64_t least = UINT64_MAX;

    if (file_read(sources->membership, &text, &n) != STATUS_OK)
        return least;
    const char *own = strstr(text, "0::/");
    if (own != NULL) {
        int root = snprintf(group, sizeof group, "%s", sources->groups);
        int length = (int)strcspn(own + strlen("0::"), "\n");
        snprintf(group + root, sizeof group - (size_t)root, "%.*s", length, own + strlen("0::"));
        for (char *end = group + strlen(group); end != NULL && end >= group + root;
             end = strrchr(group, '/')) {
            *end = '\0';
            uint64_t leaves = group_leaves(group);
            least = leaves < least ? leaves : least;
        }
    }
    free(text);
    return least;
}

enum status memory_available(const struct memory_sources *sources, size_t *bytes)
{
    enum status status = STATUS_OK;
    char *text = NULL;
    int64_t n = 0;
    uint64_t kibibytes = 0;

    TRY(file_read(sources->meminfo, &text, &n));
    if (!number_after(text, "MemAvailable:", &kibibytes))
        TRY(fail(STATUS_BAD_DATA, "'%s' does not say MemAvailable", sources->meminfo));
    uint64_t available = 1024 * kibibytes, leaves = groups_leave(sources);
    *bytes = (size_t)(leaves < available ? leaves : available);
done:
    free(text);
    return status;
}
