/* The data of a sweep's points: each set loaded once, and how a file that cannot be read is told.
 */
#include "sweep/points/content.h"

#include "base/file.h"

#include <string.h>

enum status content_report(struct content *content, const struct point *point, const char *setting,
                           enum status failed)
{
    const struct position *at = point_at(point, setting, &content->spec->top);

    if (failed == STATUS_OUT_OF_MEMORY)
        return failed;
    if (failed == STATUS_IO && !content->needs_files)
        diagnostics_warning(content->spec->diagnostics, at,
                            "the ids of its runs change once it is there", "%s", status_message());
    else
        diagnostics_error(content->spec->diagnostics, at, NULL, "%s", status_message());
    return STATUS_OK;
}

enum file_state file_state_after(enum status failed)
{
    return failed == STATUS_OK ? FILE_PRESENT : failed == STATUS_IO ? FILE_ABSENT : FILE_BROKEN;
}

enum status content_data(struct content *content, const struct point *point,
                         struct data_entry **out)
{
    enum status status = STATUS_OK;
    struct arena *arena = content->spec->arena;
    struct data_entry *entry = content->data;
    const char *path = point->settings.data.path;
    enum dataset_kind kind = DATASET_CIFAR10;

    TRY(dataset_kind_find(point->settings.data.dataset, &kind));
    while (entry != NULL && (entry->kind != kind || strcmp(entry->path, path) != 0))
        entry = entry->next;
    *out = entry;
    if (entry != NULL)
        return STATUS_OK;
    TRY_ALLOC(entry, ARENA_NEW(arena, struct data_entry));
    *entry = (struct data_entry){.path = path, .kind = kind, .next = content->data};
    TRY_ALLOC(entry->absent, arena_format(arena, "absent:%s", path));
    content->data = entry;
    enum status loaded = folder_exists(path)
                             ? dataset_load(kind, path, &entry->dataset)
                             : fail(STATUS_IO, "data folder '%s' does not exist", path);
    entry->state = file_state_after(loaded);
    entry->shape = dataset_shape(kind);
    if (loaded != STATUS_OK)
        TRY(content_report(content, point, "data.path", loaded));
    else
        entry->shape = (struct image_shape){entry->dataset->n_classes, entry->dataset->height,
                                            entry->dataset->width};
    *out = entry;
done:
    return status;
}
