/* Files in layers: a sweep file's bases first, left to right, then its own keys, then --set. */
#include "base/file.h"
#include "sweep/spec/spec.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 8 };

struct layer_file {
    const struct source *source;
    int depth; /* 0: the sweep file itself */
};

static enum status read_layer(struct spec *spec, const struct layer_file *file);

/* The text of a file as a source in the arena; *out NULL, with a diagnostic, when it is unreadable.
 */
static enum status open_source(struct spec *spec, const char *path, const struct position *at,
                               const struct source **out)
{
    enum status status = STATUS_OK;
    struct source *source = NULL;
    char *text = NULL;
    int64_t n_bytes = 0;

    *out = NULL;
    status = file_read(path, &text, &n_bytes);
    if (status == STATUS_IO) {
        diagnostics_error(spec->diagnostics, at, NULL, "%s", status_message());
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        goto done;
    if ((int64_t)strlen(text) != n_bytes) {
        diagnostics_error(spec->diagnostics, at, NULL,
                          "'%s' contains a zero byte, so it is not text", path);
        goto done;
    }
    TRY_ALLOC(source, ARENA_NEW(spec->arena, struct source));
    TRY_ALLOC(source->name, arena_strdup(spec->arena, path));
    TRY_ALLOC(source->text, arena_strdup(spec->arena, text));
    *out = source;
done:
    free(text);
    return status;
}

static enum status read_base(struct spec *spec, const struct layer_file *from,
                             const struct tree *name)
{
    enum status status = STATUS_OK;
    const struct source *source = NULL;
    const char *folder = "", *path = NULL;

    if (name->kind != TREE_TEXT || *name->text == '\0') {
        diagnostics_error(spec->diagnostics, &name->at, NULL, "'base' expects file names, got %s",
                          tree_describe(spec->arena, name));
        return STATUS_OK;
    }
    if (from->depth >= DEEPEST) {
        diagnostics_error(spec->diagnostics, &name->at, NULL,
                          "bases are nested more than %d files deep: does one name itself?",
                          DEEPEST);
        return STATUS_OK;
    }
    if (strchr(from->source->name, '/') != NULL)
        TRY_ALLOC(folder, path_parent(spec->arena, from->source->name));
    TRY_ALLOC(path, path_join(spec->arena, folder, name->text));
    TRY(open_source(spec, path, &name->at, &source));
    if (source == NULL)
        spec->is_incomplete = true;
    else
        TRY(read_layer(spec, &(struct layer_file){source, from->depth + 1}));
done:
    return status;
}

static enum status read_bases(struct spec *spec, const struct layer_file *file,
                              const struct tree *bases)
{
    enum status status = STATUS_OK;

    if (bases == NULL || bases->kind == TREE_MAP)
        return STATUS_OK;
    if (bases->kind != TREE_LIST)
        return read_base(spec, file, bases);
    for (int64_t i = 0; i < bases->n; i++)
        TRY(read_base(spec, file, bases->items[i]));
done:
    return status;
}

static enum status read_layer(struct spec *spec, const struct layer_file *file)
{
    enum status status = STATUS_OK;
    struct tree *tree = NULL;

    TRY(tree_parse(file->source, spec->arena, spec->diagnostics, &tree));
    if (tree == NULL || tree->kind != TREE_MAP)
        spec->is_incomplete = true;
    if (tree == NULL)
        return STATUS_OK;
    if (tree->kind != TREE_MAP) {
        diagnostics_error(spec->diagnostics, &tree->at, NULL,
                          "a sweep file is a map of keys such as 'config' and 'parameters', got %s",
                          tree_describe(spec->arena, tree));
        return STATUS_OK;
    }
    for (int64_t i = 0; file->depth == 0 && i < tree->n; i++)
        if (strcmp(tree->entries[i].key, "config") == 0)
            spec->top = tree->entries[i].at; /* what is missing is missed here */
    TRY(read_bases(spec, file, tree_member(tree, "base")));
    spec->layer++;
    TRY(spec_read_tree(spec, tree, file->depth > 0));
done:
    return status;
}

/* "sweeps/x.yaml" → "x" */
static enum status name_after_file(struct spec *spec)
{
    enum status status = STATUS_OK;
    char *name = NULL;

    TRY_ALLOC(name, arena_strdup(spec->arena, path_base(spec->path)));
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name)
        *dot = '\0';
    spec->name = *name == '\0' || *name == '.' || *name == '-' ? "sweep" : name;
done:
    return status;
}

enum status spec_load(const struct sweep_source *from, struct spec *spec)
{
    enum status status = STATUS_OK;
    struct source *given = NULL;
    const struct source *source = NULL;

    spec->run_cap = -1;
    spec->retries = 2;
    spec->crash_limit = 2;
    spec->description = "";
    spec->path = from->path;
    TRY(name_after_file(spec));
    if (from->text == NULL) {
        TRY(open_source(spec, from->path, NULL, &source));
    } else {
        TRY_ALLOC(given, ARENA_NEW(spec->arena, struct source));
        TRY_ALLOC(given->name, arena_strdup(spec->arena, from->path));
        TRY_ALLOC(given->text, arena_strdup(spec->arena, from->text));
        source = given;
    }
    spec->is_incomplete = source == NULL;
    if (source == NULL)
        return STATUS_OK;
    spec->top = (struct position){source, 1, 1, 1};
    TRY(read_layer(spec, &(struct layer_file){source, 0}));
    spec->layer++;
    TRY(spec_read_sets(spec, from->sets, from->n_sets));
    if (spec->n_seeds == 0) {
        TRY_ALLOC(spec->seeds, ARENA_ARRAY(spec->arena, 1, int64_t));
        spec->n_seeds = 1;
    }
    spec_check(spec);
done:
    return status;
}

void spec_release(struct spec *spec)
{
    free(spec->exclude.items);
    free(spec->include.items);
    free(spec->zips);
    spec->zips = NULL;
    spec->exclude.items = NULL;
    spec->include.items = NULL;
}
