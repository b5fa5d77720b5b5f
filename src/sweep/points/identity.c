/* The canonical text of a run. Changing what it says changes every id: raise the version then. */
#include "sweep/points/identity.h"

#include "config/settings_table.h"
#include "unlearn/forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MEMORIES = 64, MAX_LINES = MAX_SETTINGS + 1, LONGEST_NAME = 64 };

struct memory { /* a value that was printed, by its bytes */
    unsigned char bytes[SETTING_MOST_BYTES];
    size_t n;
    bool is_read;
    struct text line; /* owned; empty: the value is the neutral one */
};

struct line {
    char name[LONGEST_NAME]; /* with '=' */
    const struct setting *setting;
    struct memory *memories; /* [N_MEMORIES] owned; the hash of the bytes chooses */
};

struct identity_writer {
    struct line lines[MAX_LINES]; /* in the order of the text */
    int n_lines;
    struct text text;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

enum status identity_writer_create(struct identity_writer **out)
{
    enum status status = STATUS_OK;
    struct identity_writer *writer = NULL;

    TRY_ALLOC(writer, heap_alloc(1, sizeof *writer));
    for (int i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (setting->counts == COUNTS_NEVER || setting->counts == COUNTS_IN_SPLIT ||
            setting->counts == COUNTS_IN_METHOD)
            continue;
        struct line *line = &writer->lines[writer->n_lines++];
        line->setting = setting;
        snprintf(line->name, sizeof line->name,
                 "%s=", setting->counts == COUNTS_AS_SPLIT ? "data.split" : setting->name);
        TRY_ALLOC(line->memories, heap_alloc(N_MEMORIES, sizeof *line->memories));
    }
    qsort(writer->lines, (size_t)writer->n_lines, sizeof *writer->lines, compare_lines);
    *out = writer;
    writer = NULL;
done:
    identity_writer_destroy(writer);
    return status;
}

void identity_writer_destroy(struct identity_writer *writer)
{
    if (writer == NULL)
        return;
    for (int i = 0; i < writer->n_lines; i++) {
        for (int k = 0; writer->lines[i].memories != NULL && k < N_MEMORIES; k++)
            text_release(&writer->lines[i].memories[k].line);
        free(writer->lines[i].memories);
    }
    text_release(&writer->text);
    free(writer);
}

/* Groups of settings that are part of it, and whether the method is. */
struct scope {
    unsigned groups;
    bool has_method;
};

static bool is_part(const struct meaning *meaning, struct scope scope,
                    const struct setting *setting)
{
    const struct recipe *recipe = setting->group == GROUP_BASE_TRAIN
                                      ? &meaning->settings->base_train
                                      : &meaning->settings->train;
    bool relearns = meaning->settings->eval.relearn.max_steps > 0;

    if (setting->counts == COUNTS_AS_CONTENT && scope.has_method && relearns)
        return true; /* it is the base model that is relearned */
    if (setting->counts != COUNTS_AS_SPLIT && (setting->group & scope.groups) == 0)
        return false;
    if (setting->only_recipe != NULL && strcmp(setting->only_recipe, meaning->base_recipe) != 0)
        return false;
    switch (setting->counts) {
    case COUNTS_AS_METHOD:
        return scope.has_method;
    case COUNTS_WITH_RELEARNING:
        return relearns;
    case COUNTS_WITH_SGD:
        return recipe->optimizer == OPTIMIZER_SGD;
    case COUNTS_WITH_DECAY:
        return recipe->weight_decay > 0;
    case COUNTS_WITH_STEP:
        return recipe->schedule == SCHEDULE_STEP;
    case COUNTS_WITH_ONE_CYCLE:
        return recipe->schedule == SCHEDULE_ONE_CYCLE;
    case COUNTS_WITH_FALLING_LR:
        return recipe->schedule == SCHEDULE_COSINE || recipe->schedule == SCHEDULE_ONE_CYCLE;
    case COUNTS_NEVER: /* has no line, as those that count in others */
    case COUNTS_IN_SPLIT:
    case COUNTS_IN_METHOD:
    case COUNTS_AS_VALUE:
    case COUNTS_AS_SPLIT:
    case COUNTS_AS_CONTENT:
    case COUNTS_AS_TARGETS:
    case COUNTS_AS_CLASS:
        break;
    }
    return true;
}

static struct memory *find_memory(const struct line *line, const unsigned char *bytes, size_t n)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return &line->memories[(hash ^ hash >> 16) % N_MEMORIES];
}

/* Values that a setting had when it was true or false are still spelt so: ids stay what they were.
 */
static void print_value(const struct setting *setting, const struct settings *settings,
                        struct text *out)
{
    int value = 0;

    if (setting->kind == SETTING_SWITCH)
        memcpy(&value, (const char *)settings + setting->offset, sizeof value);
    if (setting->kind == SETTING_SWITCH && (value == 0 || setting->names[value + 1] == NULL))
        text_append(out, "%s", value == 0 ? "false" : "true");
    else
        setting_print(setting, settings, out);
}

/* "name=value", or nothing of a value that is the neutral one. */
static void print_line(const struct line *line, const struct settings *settings, struct text *out)
{
    const char *neutral = line->setting->neutral;
    size_t value = strlen(line->name);

    out->length = 0;
    text_append(out, "%s", line->name);
    print_value(line->setting, settings, out);
    if (neutral != NULL && !out->is_failed && strcmp(text_value(out) + value, neutral) == 0)
        out->length = 0;
    else
        text_append(out, "\n");
}

static void append_setting(const struct line *line, const struct settings *settings,
                           struct text *out)
{
    unsigned char bytes[SETTING_MOST_BYTES];
    size_t n = setting_bytes(line->setting, settings, bytes);
    struct memory *memory = find_memory(line, bytes, n);

    if (!memory->is_read || memory->n != n || memcmp(memory->bytes, bytes, n) != 0) {
        memcpy(memory->bytes, bytes, n);
        memory->n = n;
        memory->is_read = true;
        print_line(line, settings, &memory->line);
        out->is_failed = out->is_failed || memory->line.is_failed;
    }
    text_append_bytes(out, text_value(&memory->line), memory->line.length);
}

static void append_line(const struct line *line, const struct meaning *meaning, struct text *out)
{
    struct settings resolved;
    struct small_set classes;

    switch (line->setting->counts) {
    case COUNTS_AS_SPLIT:
        text_append(out, "%s%s\n", line->name, meaning->contents.split);
        break;
    case COUNTS_AS_CONTENT:
        text_append(out, "%s%s\n", line->name, meaning->contents.weights);
        break;
    case COUNTS_AS_TARGETS:
        resolved.lora.targets = meaning->lora_targets;
        append_setting(line, &resolved, out);
        break;
    case COUNTS_AS_CLASS:
        classes = forget_classes(meaning->settings);
        resolved.forget.class_index =
            small_set_count(&classes) == 1 ? small_set_first(&classes) : -1;
        append_setting(line, &resolved, out);
        break;
    default:
        append_setting(line, meaning->settings, out);
    }
}

static enum status compose(struct identity_writer *writer, const struct meaning *meaning,
                           struct scope scope)
{
    struct text *text = &writer->text;

    text->length = 0;
    text_append(text, IDENTITY_LINE);
    for (int i = 0; i < writer->n_lines; i++)
        if (is_part(meaning, scope, writer->lines[i].setting))
            append_line(&writer->lines[i], meaning, text);
    return text_finish(text);
}

enum status identity_find(struct identity_writer *writer, const struct meaning *meaning,
                          struct identity *out)
{
    enum status status = STATUS_OK;
    const struct text *text = &writer->text;

    TRY(compose(writer, meaning, (struct scope){method_reads(meaning->method), true}));
    TRY(hash_bytes(text_value(text), (size_t)text->length, out->all));
    TRY(compose(writer, meaning, (struct scope){GROUP_MODEL | GROUP_SEED, false}));
    TRY(hash_bytes(text_value(text), (size_t)text->length, out->comparable));
done:
    return status;
}
