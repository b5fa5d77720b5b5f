/* How much memory this process may still take: the kernel's estimate, less what the control groups
 * above it (version 2: containers, Slurm) leave. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>

struct memory_sources {
    const char *meminfo;    /* "MemAvailable: 1234 kB" */
    const char *membership; /* "0::/path" names this process's group */
    const char *groups;     /* folder of the groups; a group's folder has memory.max and others */
};
extern const struct memory_sources memory_of_system;

/* The least that any of them leaves; a group without limit or files leaves all. What a group holds
 * as inactive pages of files counts as free. Fails IO when meminfo cannot be read, BAD_DATA when it
 * does not say. */
CHECKED enum status memory_available(const struct memory_sources *sources, size_t *bytes);

#endif
