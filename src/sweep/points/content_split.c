/* What the points of a sweep forget: whether their data have it, and the hash that stands for it in
 * their identities. Each split is made once. */
#include "sweep/points/content.h"

#include "base/file.h"
#include "config/settings_table.h"
#include "unlearn/forget.h"

#include <stdio.h>
#include <string.h>

struct split_entry {
    struct split_request request;
    const char *hash;         /* "" when it is refused */
    struct row_counts counts; /* zeros: not known */
    struct split_entry *next;
};

/* ---- what settings alone show ---- */

static bool refuse(struct content *content, const struct point *point, const char *setting,
                   const char *message)
{
    diagnostics_error(content->spec->diagnostics, point_at(point, setting, &content->spec->top),
                      NULL, "%s", message);
    return false;
}

static bool check_something(struct content *content, const struct point *point)
{
    const char *setting = forget_setting(point->settings.forget.kind);
    struct text value = {0};
    char message[256];

    if (!forget_is_nothing(&point->settings) || !method_needs_forget(point->method))
        return true;
    const struct tree *chosen = point->chosen[setting_find(setting)];
    if (chosen != NULL && tree_is_scalar(chosen) && *chosen->text != '\0')
        text_append(&value, "%s", chosen->text);
    else if (chosen != NULL)
        tree_print(chosen, &value);
    snprintf(message, sizeof message, "'%s' is %s, so there is nothing for method '%s' to forget",
             setting, chosen != NULL ? text_value(&value) : "not set", point->method->name);
    text_release(&value);
    return refuse(content, point, setting, message);
}

/* A head has rows of classes, not of images. */
static bool check_whole(struct content *content, const struct point *point,
                        const struct split_request *request)
{
    bool is_whole = request->forget == FORGET_WHOLE_CLASSES || request->forget == FORGET_SUPERCLASS;
    char message[256];

    if (is_whole || !method_needs_classes(point->method) || request->forget == FORGET_NOTHING)
        return true;
    snprintf(message, sizeof message,
             "'%s' forgets single images, but method '%s' needs whole classes: it zeroes their "
             "rows of the head",
             request->setting, point->method->name);
    return refuse(content, point, request->setting, message);
}

static bool check_class(struct content *content, const struct point *point, const char *setting,
                        int64_t class, int n_classes)
{
    const char *verb = point->settings.forget.kind == FORGET_BY_CLASSES ? "has" : "is";
    char message[256];

    if (n_classes == 0 || class < n_classes)
        return true;
    snprintf(message, sizeof message, "'%s' %s %lld, but %s has classes 0 to %d", setting, verb,
             (long long)class, point->settings.data.dataset, n_classes - 1);
    return refuse(content, point, setting, message);
}

static bool check_request(struct content *content, const struct point *point,
                          const struct data_entry *data, const struct split_request *request)
{
    bool is_good = check_something(content, point) && check_whole(content, point, request);

    for (int class = 0; class < SMALL_SET_LIMIT; class ++)
        if (small_set_has(&request->classes, class))
            is_good = check_class(content, point, request->setting, class, data->shape.n_classes) &&
                      is_good;
    if (request->within >= 0)
        is_good =
            check_class(content, point, "forget.within", request->within, data->shape.n_classes) &&
            is_good;
    if (request->forget == FORGET_SUPERCLASS && data->kind != DATASET_CIFAR100)
        is_good =
            refuse(content, point, request->setting,
                   "'forget.superclass' needs cifar100: other data sets have no coarse labels");
    return is_good;
}

/* ---- the hash ---- */

static bool is_same_request(const struct split_request *a, const struct split_request *b)
{
    return a->forget == b->forget && memcmp(&a->classes, &b->classes, sizeof a->classes) == 0 &&
           a->superclass == b->superclass && a->fraction == b->fraction && a->count == b->count &&
           a->within == b->within && a->seed == b->seed && strcmp(a->file, b->file) == 0 &&
           a->validation == b->validation && a->split_seed == b->split_seed;
}

/* The content of a list where there is one. */
static enum status describe_file(const char *path, struct text *out)
{
    enum status status = STATUS_OK;
    char hex[HASH_HEX_BYTES];

    if (!file_exists(path)) {
        text_append(out, ":listed in %s", path);
        return STATUS_OK;
    }
    TRY(hash_file(path, hex));
    text_append(out, ":listed %s", hex);
done:
    return status;
}

static enum status describe_forgotten(const struct split_request *request, struct text *out)
{
    enum status status = STATUS_OK;
    char number[32];

    switch (request->forget) {
    case FORGET_NOTHING:
        text_append(out, ":-1");
        break;
    case FORGET_WHOLE_CLASSES:
        for (int class = 0; class < SMALL_SET_LIMIT; class ++)
            if (small_set_has(&request->classes, class))
                text_append(out, ":%d", class);
        break;
    case FORGET_SUPERCLASS:
        text_append(out, ":superclass %d", request->superclass);
        break;
    case FORGET_DRAWN:
        text_append(out, ":%s or %lld within %d by %llu",
                    text_from_double(request->fraction, number), (long long)request->count,
                    request->within, (unsigned long long)request->seed);
        break;
    case FORGET_LISTED:
        TRY(describe_file(request->file, out));
        break;
    }
done:
    return status;
}

/* What stands for the content of files that are not there. */
static enum status describe_absent(struct content *content, const struct data_entry *data,
                                   const struct split_request *request, const char **out)
{
    enum status status = STATUS_OK;
    struct text text = {0};
    char number[32];

    text_append(&text, "%s", data->absent);
    TRY(describe_forgotten(request, &text));
    if (request->validation != 0)
        text_append(&text, ":validation %s by %llu", text_from_double(request->validation, number),
                    (unsigned long long)request->split_seed);
    TRY(text_finish(&text));
    TRY_ALLOC(*out, arena_strdup(content->spec->arena, text_value(&text)));
done:
    text_release(&text);
    return status;
}

/* A message of a split begins with the setting it is about. */
static const char *refused_setting(void)
{
    for (int i = 0; i < setting_count(); i++) {
        size_t length = strlen(setting_at(i)->name);
        if (strncmp(status_message(), setting_at(i)->name, length) == 0 &&
            status_message()[length] == ' ')
            return setting_at(i)->name;
    }
    return "data.path";
}

static enum status find_hash(struct content *content, const struct point *point,
                             const struct data_entry *data, struct split_entry *entry)
{
    enum status status = STATUS_OK;
    struct split *split = NULL;

    if (data->state != FILE_PRESENT) {
        TRY(describe_absent(content, data, &entry->request, &entry->hash));
        if (entry->request.forget != FORGET_LISTED || file_exists(entry->request.file))
            return STATUS_OK;
        (void)fail(STATUS_IO, "forget.indices '%s' does not exist", entry->request.file);
        return content_report(content, point, "forget.indices", STATUS_IO);
    }
    enum status made = split_create(data->dataset, &entry->request, &split);
    if (made != STATUS_OK)
        TRY(content_report(content, point, refused_setting(), made));
    if (made == STATUS_IO)
        TRY(describe_absent(content, data, &entry->request, &entry->hash));
    else
        TRY_ALLOC(entry->hash,
                  arena_strdup(content->spec->arena, split != NULL ? split->hash : ""));
    if (split != NULL)
        entry->counts = (struct row_counts){split->n_retain, split->n_forget};
done:
    split_destroy(split);
    return status;
}

enum status content_split(struct content *content, const struct point *point, const char **hash,
                          struct row_counts *counts)
{
    enum status status = STATUS_OK;
    struct data_entry *data = NULL;
    const struct split_request request = forget_request(&point->settings);

    TRY(content_data(content, point, &data));
    if (!check_request(content, point, data, &request))
        return STATUS_OK;
    struct split_entry *entry = data->splits;
    while (entry != NULL && !is_same_request(&entry->request, &request))
        entry = entry->next;
    if (entry == NULL) {
        TRY_ALLOC(entry, ARENA_NEW(content->spec->arena, struct split_entry));
        *entry = (struct split_entry){.request = request, .next = data->splits};
        TRY(find_hash(content, point, data, entry));
        data->splits = entry;
    }
    *hash = entry->hash;
    *counts = entry->counts;
done:
    return status;
}
