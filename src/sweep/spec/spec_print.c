/* The resolved sweep as YAML: what the results folder keeps and every rank expands. */
#include "sweep/spec/spec.h"

static void print_text_key(struct text *out, const char *key, const char *value)
{
    const struct tree tree = {.kind = TREE_TEXT, .text = value};

    text_append(out, "%s: ", key);
    tree_print(&tree, out);
    text_append(out, "\n");
}

static void print_config(const struct spec *spec, struct text *out)
{
    text_append(out, "config:\n");
    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &spec->slots[i];
        if (slot->n_values == 0 || slot->order > 0)
            continue;
        text_append(out, "  %s: ", setting_at(i)->name);
        tree_print(slot->values[0], out);
        text_append(out, "\n");
    }
}

static void print_parameters(const struct spec *spec, struct text *out)
{
    text_append(out, "parameters:\n");
    for (int order = 1; order <= spec->n_orders; order++) {
        for (int i = 0; i < setting_count(); i++) {
            const struct slot *slot = &spec->slots[i];
            if (slot->order != order || !slot_is_given(slot))
                continue;
            if (slot->written != NULL) { /* a distribution, with the names it was given by */
                text_append(out, "  %s: ", setting_at(i)->name);
                tree_print(slot->written, out);
                text_append(out, "\n");
                continue;
            }
            text_append(out, "  %s: {values: [", setting_at(i)->name);
            for (int64_t k = 0; k < slot->n_values; k++) {
                text_append(out, "%s", k > 0 ? ", " : "");
                tree_print(slot->values[k], out);
            }
            text_append(out, "]}\n");
        }
    }
}

static void print_matches(const char *key, const struct matches *matches, struct text *out)
{
    if (matches->n > 0)
        text_append(out, "%s:\n", key);
    for (int64_t i = 0; i < matches->n; i++) {
        const struct match *match = &matches->items[i];
        for (int64_t k = 0; k < match->n; k++) {
            text_append(out, "%s%s: ", k == 0 ? "  - {" : ", ",
                        setting_at(match->values[k].setting)->name);
            tree_print(match->values[k].value, out);
        }
        text_append(out, "}\n");
    }
}

static void print_zips(const struct spec *spec, struct text *out)
{
    for (int64_t i = 0; i < spec->n_zips; i++) {
        text_append(out, "%s", i == 0 ? "zip: [[" : ", [");
        for (int k = 0; k < spec->zips[i].n; k++)
            text_append(out, "%s%s", k > 0 ? ", " : "",
                        setting_at(spec->zips[i].settings[k])->name);
        text_append(out, "]%s", i + 1 == spec->n_zips ? "]\n" : "");
    }
}

static void print_conditions(const struct spec *spec, struct text *out)
{
    bool is_first = true;

    for (int i = 0; i < setting_count(); i++) {
        const struct slot *slot = &spec->slots[i];
        if (slot->when == NULL || !slot_is_given(slot))
            continue;
        text_append(out, "%s  %s: ", is_first ? "when:\n" : "", setting_at(i)->name);
        tree_print(slot->condition, out);
        text_append(out, "\n");
        is_first = false;
    }
}

enum status spec_print(const struct spec *spec, const char **out)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    print_text_key(&text, "name", spec->name);
    print_text_key(&text, "description", spec->description);
    print_config(spec, &text);
    text_append(&text, "method: %s\n", sweep_method_names[spec->method]);
    print_parameters(spec, &text);
    print_zips(spec, &text);
    print_conditions(spec, &text);
    print_matches("exclude", &spec->exclude, &text);
    print_matches("include", &spec->include, &text);
    text_append(&text, "seeds: [");
    for (int64_t i = 0; i < spec->n_seeds; i++)
        text_append(&text, "%s%lld", i > 0 ? ", " : "", (long long)spec->seeds[i]);
    text_append(&text, "]\n");
    if (spec->run_cap > 0)
        text_append(&text, "run_cap: %lld\n", (long long)spec->run_cap);
    text_append(&text, "on_failure: {retries: %lld, crash_limit: %lld, ", (long long)spec->retries,
                (long long)spec->crash_limit);
    if (spec->max_fails > 0)
        text_append(&text, "max_fails: %lld, ", (long long)spec->max_fails);
    text_append(&text, "fail_fast: %s}\n", spec->fail_fast ? "true" : "false");
    spec_print_early(spec, &text);
    if (spec->is_published)
        text_append(&text, "compat: lora-unlearn\n");
    TRY(text_finish(&text));
    TRY_ALLOC(*out, arena_strdup(spec->arena, text_value(&text)));
done:
    text_release(&text);
    return status;
}
