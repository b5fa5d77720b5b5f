/* The canonical text of a run. Changing what it says changes every id: raise the version then. */
#include "sweep/points/identity.h"

#include "config/settings_table.h"
#include "unlearn/forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MEMORIES = 64, MAX_LINES = MAX_SETTINGS + 1, LONGEST_NAME = 64 };

/* When a line is part of the text. */
enum line_kind {
    LINE_SPLIT,   /* always; stands for data.path and for settings that are in the split */
    LINE_WEIGHTS, /* when the run reads them; stands for model.weights */
    LINE_SETTING, /* when the method reads its group */
    LINE_METHOD,  /* not among what runs are compared by */
    LINE_TARGETS, /* with "default" resolved */
    LINE_RELEARN, /* what says how, when it is measured */
    LINE_CLASS,   /* forget.class, or the one of forget.classes */
    /* of a recipe, when another of its settings makes it count */
    LINE_SGD_ONLY,
    LINE_DECAY_ONLY,
    LINE_STEP_ONLY,
    LINE_ONE_CYCLE_ONLY,
    LINE_FALLING_ONLY, /* cosine and one_cycle */
};

struct memory { /* a value that was printed, by its bytes */
    unsigned char bytes[SETTING_MOST_BYTES];
    size_t n;
    bool is_read;
    struct text line; /* owned; empty: the value is the neutral one */
};

struct line {
    char name[LONGEST_NAME]; /* with '=' */
    enum line_kind kind;
    const struct setting *setting;
    struct memory *memories; /* [N_MEMORIES] owned; the hash of the bytes chooses */
};

struct identity_writer {
    struct line lines[MAX_LINES]; /* in the order of the text */
    int n_lines;
    struct text text;
};

/* Of a setting of a recipe, by its last word. */
static enum line_kind recipe_kind_of(const char *word)
{
    static const struct {
        const char *word;
        enum line_kind kind;
    } rows[] = {
        {".momentum", LINE_SGD_ONLY},
        {".nesterov", LINE_SGD_ONLY},
        {".decay_on", LINE_DECAY_ONLY},
        {".milestones", LINE_STEP_ONLY},
        {".gamma", LINE_STEP_ONLY},
        {".pct_start", LINE_ONE_CYCLE_ONLY},
        {".div_factor", LINE_ONE_CYCLE_ONLY},
        {".final_div_factor", LINE_ONE_CYCLE_ONLY},
        {".schedule_unit", LINE_FALLING_ONLY},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].kind;
    return LINE_SETTING;
}

static enum line_kind kind_of(const struct setting *setting)
{
    bool is_recipe = setting->group == GROUP_TRAIN || setting->group == GROUP_BASE_TRAIN;

    if (strcmp(setting->name, "data.path") == 0)
        return LINE_SPLIT;
    if (strcmp(setting->name, "model.weights") == 0)
        return LINE_WEIGHTS;
    if (strcmp(setting->name, "unlearn.method") == 0)
        return LINE_METHOD;
    if (strncmp(setting->name, "eval.relearn.", strlen("eval.relearn.")) == 0)
        return LINE_RELEARN;
    if (strcmp(setting->name, "lora.targets") == 0)
        return LINE_TARGETS;
    if (strcmp(setting->name, "forget.class") == 0)
        return LINE_CLASS;
    return is_recipe ? recipe_kind_of(strrchr(setting->name, '.')) : LINE_SETTING;
}

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
        if (setting->group == GROUP_EXECUTION || setting->is_in_split)
            continue;
        struct line *line = &writer->lines[writer->n_lines++];
        *line = (struct line){.kind = kind_of(setting), .setting = setting};
        snprintf(line->name, sizeof line->name,
                 "%s=", line->kind == LINE_SPLIT ? "data.split" : setting->name);
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

static bool is_part(const struct meaning *meaning, struct scope scope, const struct line *line)
{
    const struct recipe *recipe = line->setting->group == GROUP_BASE_TRAIN
                                      ? &meaning->settings->base_train
                                      : &meaning->settings->train;

    bool relearns = meaning->settings->eval.relearn.max_steps > 0;

    if (line->kind == LINE_WEIGHTS && scope.has_method && relearns)
        return true; /* it is the base model that is relearned */
    if (line->kind != LINE_SPLIT && (line->setting->group & scope.groups) == 0)
        return false;
    if (line->setting->only_recipe != NULL &&
        strcmp(line->setting->only_recipe, meaning->base_recipe) != 0)
        return false;
    switch (line->kind) {
    case LINE_METHOD:
        return scope.has_method;
    case LINE_SGD_ONLY:
        return recipe->optimizer == OPTIMIZER_SGD;
    case LINE_DECAY_ONLY:
        return recipe->weight_decay > 0;
    case LINE_RELEARN:
        return relearns;
    case LINE_STEP_ONLY:
        return recipe->schedule == SCHEDULE_STEP;
    case LINE_ONE_CYCLE_ONLY:
        return recipe->schedule == SCHEDULE_ONE_CYCLE;
    case LINE_FALLING_ONLY:
        return recipe->schedule == SCHEDULE_COSINE || recipe->schedule == SCHEDULE_ONE_CYCLE;
    case LINE_SPLIT:
    case LINE_WEIGHTS:
    case LINE_SETTING:
    case LINE_TARGETS:
    case LINE_CLASS:
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

    if (line->kind == LINE_SPLIT || line->kind == LINE_WEIGHTS) {
        text_append(out, "%s%s\n", line->name,
                    line->kind == LINE_SPLIT ? meaning->contents.split : meaning->contents.weights);
    } else if (line->kind == LINE_TARGETS) {
        resolved.lora.targets = meaning->lora_targets;
        append_setting(line, &resolved, out);
    } else if (line->kind == LINE_CLASS) {
        const struct small_set classes = forget_classes(meaning->settings);
        bool is_one = small_set_count(&classes) == 1;
        resolved.forget.class_index = is_one ? small_set_first(&classes) : -1;
        append_setting(line, &resolved, out);
    } else {
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
        if (is_part(meaning, scope, &writer->lines[i]))
            append_line(&writer->lines[i], meaning, text);
    return text_finish(text);
}

enum status identity_text(struct identity_writer *writer, const struct meaning *meaning,
                          const char **out)
{
    enum status status = compose(writer, meaning, (struct scope){meaning->method->reads, true});

    *out = text_value(&writer->text);
    return status;
}

enum status identity_find(struct identity_writer *writer, const struct meaning *meaning,
                          struct identity *out)
{
    enum status status = STATUS_OK;
    const struct text *text = &writer->text;

    TRY(compose(writer, meaning, (struct scope){meaning->method->reads, true}));
    TRY(hash_bytes(text_value(text), (size_t)text->length, out->all));
    TRY(compose(writer, meaning, (struct scope){GROUP_MODEL | GROUP_SEED, false}));
    TRY(hash_bytes(text_value(text), (size_t)text->length, out->comparable));
done:
    return status;
}
