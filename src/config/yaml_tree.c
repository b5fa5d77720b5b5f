/* libyaml's events → tree. Mistakes of the text itself (syntax, tabs, duplicate keys, aliases that
 * expand without end) are found here, so that everything behind sees a clean tree. */
#include "config/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* Deeper or larger texts are no sweeps; the bound keeps hostile ones from eating the machine. */
enum { DEEPEST = 32, MOST_VALUES = 100000 };

struct anchor {
    const char *name;
    struct tree *tree;
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct diagnostics *diagnostics;
    const struct source *source;
    struct anchor *anchors; /* owned: heap */
    int64_t n_anchors, anchors_capacity;
    int64_t n_values;
    int depth;
};

static struct position position_of(const struct builder *builder, yaml_mark_t start,
                                   yaml_mark_t end)
{
    bool is_one_line = start.line == end.line && end.column > start.column;
    return (struct position){builder->source, (int)start.line + 1, (int)start.column + 1,
                             is_one_line ? (int)(end.column - start.column) : 1};
}

static enum status refuse(struct builder *builder, const struct position *at, const char *hint,
                          const char *message)
{
    diagnostics_error(builder->diagnostics, at, hint, "%s", message);
    return fail(STATUS_BAD_CONFIG, "%s", message);
}

/* Where byte `offset` of the text stands: libyaml gives no mark for bytes that are not UTF-8. */
static struct position position_of_byte(const struct builder *builder, size_t offset)
{
    struct position at = {builder->source, 1, 1, 1};
    const char *text = builder->source->text;

    for (size_t i = 0; i < offset && text[i] != '\0'; i++) {
        at.column++;
        if (text[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return at;
}

static const char *line_at(const char *text, size_t line)
{
    for (; line > 0 && text != NULL; line--) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return text;
}

/* A tab in the indentation of the line at fault, or at the fault itself. */
static bool find_tab(const struct builder *builder, yaml_mark_t mark, struct position *at)
{
    const char *line = line_at(builder->source->text, mark.line);

    if (line == NULL)
        return false;
    size_t blanks = strspn(line, " \t");
    const char *tab = memchr(line, '\t', blanks);
    if (tab == NULL && strlen(line) > mark.column && line[mark.column] == '\t')
        tab = line + mark.column;
    if (tab == NULL)
        return false;
    *at = (struct position){builder->source, (int)mark.line + 1, (int)(tab - line) + 1, 1};
    return true;
}

static enum status refuse_syntax(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "the text is not YAML";
    struct position at = {0};

    if (parser->error == YAML_MEMORY_ERROR)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory reading '%s'", builder->source->name);
    if (parser->error == YAML_READER_ERROR) {
        at = position_of_byte(builder, parser->problem_offset);
        return refuse(builder, &at, NULL, problem);
    }
    if (find_tab(builder, parser->problem_mark, &at))
        return refuse(builder, &at, "use spaces", "a tab cannot indent YAML");
    at = position_of(builder, parser->problem_mark, parser->problem_mark);
    return refuse(builder, &at, parser->context, problem);
}

static enum status next_event(struct builder *builder, yaml_event_t *event)
{
    if (!yaml_parser_parse(&builder->parser, event))
        return refuse_syntax(builder);
    return STATUS_OK;
}

static enum status count_values(struct builder *builder, const struct position *at, int64_t n)
{
    builder->n_values += n;
    if (builder->n_values > MOST_VALUES)
        return refuse(builder, at, NULL, "more than 100000 values once aliases are expanded");
    return STATUS_OK;
}

static enum status add_anchor(struct builder *builder, const char *name, struct tree *tree)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&builder->anchors, &builder->anchors_capacity, builder->n_anchors + 1,
                  sizeof *builder->anchors));
    struct anchor *anchor = &builder->anchors[builder->n_anchors];
    TRY_ALLOC(anchor->name, arena_strdup(builder->arena, name));
    anchor->tree = tree;
    builder->n_anchors++;
done:
    return status;
}

static enum status find_anchor(struct builder *builder, const yaml_event_t *event,
                               struct tree **out)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct position at = position_of(builder, event->start_mark, event->end_mark);

    for (int64_t i = builder->n_anchors - 1; i >= 0; i--) { /* the latest of a name counts */
        if (strcmp(builder->anchors[i].name, name) != 0)
            continue;
        *out = builder->anchors[i].tree;
        return count_values(builder, &at, (*out)->weight);
    }
    return refuse(builder, &at, NULL, "this alias has no anchor before it");
}

static bool has_tag(const yaml_event_t *event)
{
    const yaml_char_t *tag = event->type == YAML_SCALAR_EVENT  ? event->data.scalar.tag
                             : event->type == YAML_ALIAS_EVENT ? NULL
                             : event->type == YAML_SEQUENCE_START_EVENT
                                 ? event->data.sequence_start.tag
                                 : event->data.mapping_start.tag;
    return tag != NULL;
}

static enum status build_scalar(struct builder *builder, const yaml_event_t *event,
                                struct tree **out)
{
    struct position at = position_of(builder, event->start_mark, event->end_mark);
    const char *text = (const char *)event->data.scalar.value;

    if (strlen(text) != event->data.scalar.length)
        return refuse(builder, &at, NULL, "text cannot contain a zero byte");
    return tree_scalar(builder->arena, &at, text,
                       event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, out);
}

static enum status build(struct builder *builder, const yaml_event_t *event, struct tree **out);

static void extend_flow(struct builder *builder, const yaml_event_t *first,
                        const yaml_event_t *last, struct tree *tree)
{
    bool is_flow = first->type == YAML_MAPPING_START_EVENT
                       ? first->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                       : first->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    if (is_flow)
        tree->at = position_of(builder, first->start_mark, last->end_mark);
}

static enum status build_list(struct builder *builder, const yaml_event_t *start, struct tree **out)
{
    enum status status = STATUS_OK;
    struct tree **items = NULL;
    int64_t n = 0, capacity = 0;
    struct position at = position_of(builder, start->start_mark, start->start_mark);
    yaml_event_t event = {0};

    for (;;) {
        TRY(next_event(builder, &event));
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        TRY(heap_grow(&items, &capacity, n + 1, sizeof(struct tree *)));
        TRY(build(builder, &event, &items[n]));
        n++;
        yaml_event_delete(&event);
    }
    TRY(tree_list(builder->arena, &at, items, n, out));
    extend_flow(builder, start, &event, *out);
done:
    yaml_event_delete(&event);
    free(items);
    return status;
}

struct entries {
    struct tree_entry *items; /* owned: heap */
    int64_t n, capacity;
};

static const struct tree_entry *entries_find(const struct entries *entries, const char *key)
{
    for (int64_t i = 0; i < entries->n; i++)
        if (strcmp(entries->items[i].key, key) == 0)
            return &entries->items[i];
    return NULL;
}

static enum status entries_add(struct entries *entries, const struct tree_entry *entry)
{
    enum status status = STATUS_OK;

    TRY(heap_grow(&entries->items, &entries->capacity, entries->n + 1, sizeof *entries->items));
    entries->items[entries->n++] = *entry;
done:
    return status;
}

static enum status merge_map(struct builder *builder, const struct entries *written,
                             const struct tree *map, struct entries *out)
{
    if (map->kind != TREE_MAP)
        return refuse(builder, &map->at, NULL, "'<<' expects a map or a list of maps");
    for (int64_t i = 0; i < map->n; i++) {
        const struct tree_entry *entry = &map->entries[i];
        if (entries_find(written, entry->key) != NULL || entries_find(out, entry->key) != NULL)
            continue;
        enum status status = entries_add(out, entry);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Replaces each `<<` by the entries it stands for that are not written in the map itself. */
static enum status expand_merges(struct builder *builder, const struct entries *written,
                                 struct entries *out)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < written->n; i++) {
        const struct tree_entry *entry = &written->items[i];
        const struct tree *value = entry->value;
        if (strcmp(entry->key, "<<") != 0) {
            TRY(entries_add(out, entry));
        } else if (value->kind == TREE_LIST) {
            for (int64_t k = 0; k < value->n; k++)
                TRY(merge_map(builder, written, value->items[k], out));
        } else {
            TRY(merge_map(builder, written, value, out));
        }
    }
done:
    return status;
}

static enum status read_key(struct builder *builder, const yaml_event_t *event,
                            struct tree_entry *out)
{
    enum status status = STATUS_OK;

    out->at = position_of(builder, event->start_mark, event->end_mark);
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.tag != NULL)
        return refuse(builder, &out->at, NULL, "a key must be a plain word");
    const char *text = (const char *)event->data.scalar.value;
    if (*text == '\0' || strlen(text) != event->data.scalar.length)
        return refuse(builder, &out->at, NULL, "a key is missing before ':'");
    TRY_ALLOC(out->key, arena_strdup(builder->arena, text));
done:
    return status;
}

static enum status add_entry(struct builder *builder, const struct tree_entry *entry,
                             struct entries *entries)
{
    const struct tree_entry *first = entries_find(entries, entry->key);

    if (first == NULL)
        return entries_add(entries, entry);
    diagnostics_error(builder->diagnostics, &entry->at, NULL,
                      "duplicate key '%s', first at line %d column %d", entry->key, first->at.line,
                      first->at.column);
    return STATUS_OK;
}

static enum status make_map(struct builder *builder, const struct position *at,
                            const struct entries *entries, struct tree **out)
{
    enum status status = STATUS_OK;
    struct tree *tree = NULL;

    TRY_ALLOC(tree, ARENA_NEW(builder->arena, struct tree));
    *tree = (struct tree){.kind = TREE_MAP, .at = *at, .weight = 1, .n = entries->n};
    TRY_ALLOC(tree->entries, ARENA_ARRAY(builder->arena, entries->n, struct tree_entry));
    for (int64_t i = 0; i < entries->n; i++) {
        tree->entries[i] = entries->items[i];
        tree->weight += entries->items[i].value->weight;
    }
    *out = tree;
done:
    return status;
}

static enum status build_map(struct builder *builder, const yaml_event_t *start, struct tree **out)
{
    enum status status = STATUS_OK;
    struct entries written = {0}, expanded = {0};
    struct position at = position_of(builder, start->start_mark, start->start_mark);
    yaml_event_t event = {0};

    for (;;) {
        struct tree_entry entry = {0};
        TRY(next_event(builder, &event));
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        TRY(read_key(builder, &event, &entry));
        yaml_event_delete(&event);
        TRY(next_event(builder, &event));
        TRY(build(builder, &event, &entry.value));
        yaml_event_delete(&event);
        TRY(add_entry(builder, &entry, &written));
    }
    TRY(expand_merges(builder, &written, &expanded));
    TRY(make_map(builder, &at, &expanded, out));
    extend_flow(builder, start, &event, *out);
done:
    yaml_event_delete(&event);
    free(written.items);
    free(expanded.items);
    return status;
}

static const char *anchor_of(const yaml_event_t *event)
{
    return (const char *)(event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                          : event->type == YAML_SEQUENCE_START_EVENT
                              ? event->data.sequence_start.anchor
                              : event->data.mapping_start.anchor);
}

static enum status build(struct builder *builder, const yaml_event_t *event, struct tree **out)
{
    enum status status = STATUS_OK;
    struct position at = position_of(builder, event->start_mark, event->end_mark);

    if (event->type == YAML_ALIAS_EVENT)
        return find_anchor(builder, event, out);
    if (has_tag(event))
        return refuse(builder, &at, NULL, "tags ('!…') are not supported");
    if (builder->depth >= DEEPEST)
        return refuse(builder, &at, NULL, "nested deeper than 32 levels");
    TRY(count_values(builder, &at, 1));
    builder->depth++;
    if (event->type == YAML_SCALAR_EVENT)
        status = build_scalar(builder, event, out);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        status = build_list(builder, event, out);
    else
        status = build_map(builder, event, out);
    builder->depth--;
    if (status == STATUS_OK && anchor_of(event) != NULL)
        status = add_anchor(builder, anchor_of(event), *out);
done:
    return status;
}

static enum status build_stream(struct builder *builder, struct tree **out)
{
    enum status status = STATUS_OK;
    struct position top = {builder->source, 1, 1, 1};
    struct tree *tree = NULL;
    yaml_event_t event = {0};

    do {
        yaml_event_delete(&event);
        TRY(next_event(builder, &event));
        if (event.type == YAML_DOCUMENT_START_EVENT && tree != NULL) {
            top = position_of(builder, event.start_mark, event.end_mark);
            TRY(refuse(builder, &top, NULL, "a second document begins here, but a file holds one"));
        }
        if (event.type == YAML_SCALAR_EVENT || event.type == YAML_ALIAS_EVENT ||
            event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            TRY(build(builder, &event, &tree));
    } while (event.type != YAML_STREAM_END_EVENT);
    if (tree == NULL)
        TRY(tree_scalar(builder->arena, &top, "", false, &tree));
    *out = tree;
done:
    yaml_event_delete(&event);
    return status;
}

enum status tree_parse(const struct source *source, struct arena *arena,
                       struct diagnostics *diagnostics, struct tree **out)
{
    struct builder builder = {.arena = arena, .diagnostics = diagnostics, .source = source};

    *out = NULL;
    if (!yaml_parser_initialize(&builder.parser))
        return fail(STATUS_OUT_OF_MEMORY, "out of memory reading '%s'", source->name);
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)source->text,
                                 strlen(source->text));
    enum status status = build_stream(&builder, out);
    yaml_parser_delete(&builder.parser);
    free(builder.anchors);
    return status == STATUS_BAD_CONFIG ? STATUS_OK : status; /* the mistakes are in diagnostics */
}

const char *yaml_library_version(void)
{
    return yaml_get_version_string();
}
