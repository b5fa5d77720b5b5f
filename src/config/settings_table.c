/* The table: the rows of all sections under their whole names. */
#include "config/settings_table.h"

#include "config/sections/sections.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_NAME = 48 };

const char *const base_recipe_names[] = {"resnet", "resnet_option_a", "vit"};

/* In the order of the reference page, of JSON and of Sobol's dimensions. */
static const struct setting_section *const sections[] = {
    &model_section, &data_section,       &forget_section,    &unlearn_section,
    &train_section, &base_train_section, &prune_section,     &lora_section,
    &eval_section,  &run_section,        &resources_section, &checkpoint_section,
    NULL,
};

/* Composed by whoever asks first, and constant from then on. */
static struct {
    struct setting rows[MAX_SETTINGS];
    char names[MAX_SETTINGS][LONGEST_NAME];
    int n;
} table;

static void add_row(const struct setting_section *section, const struct setting *row)
{
    assert(table.n < MAX_SETTINGS);
    struct setting *setting = &table.rows[table.n];
    char *name = table.names[table.n++];

    int length = snprintf(name, LONGEST_NAME, "%s%s", section->prefix, row->name);
    assert(length < LONGEST_NAME);
    (void)length;
    *setting = *row;
    setting->name = name;
    setting->offset += section->offset;
    if (setting->group == 0)
        setting->group = section->group;
    for (int i = 0; i < N_BASE_RECIPES; i++)
        setting->by_recipe[i] = section->is_by_recipe ? row->by_recipe[i] : NULL;
    if (setting->by_recipe[0] != NULL)
        setting->standard = setting->by_recipe[0];
}

static void compose(void)
{
    for (int i = 0; sections[i] != NULL; i++)
        for (int k = 0; k < sections[i]->n_rows; k++)
            add_row(sections[i], &sections[i]->rows[k]);
}

static void ensure_composed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, compose);
}

/* Described in the documents, not here yet: an error that says so, not one that says unknown. */
static const char *const planned[] = {
    "prune.kind",
    "prune.dim",
    NULL,
};

int setting_count(void)
{
    ensure_composed();
    return table.n;
}

const struct setting *setting_at(int i)
{
    ensure_composed();
    return &table.rows[i];
}

int setting_find(const char *name)
{
    int n = setting_count();

    for (int i = 0; i < n; i++)
        if (strcmp(table.rows[i].name, name) == 0)
            return i;
    return -1;
}

bool setting_is_section(const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; i < setting_count(); i++)
        if (strncmp(setting_at(i)->name, name, length) == 0 && setting_at(i)->name[length] == '.')
            return true;
    return false;
}

bool setting_is_planned(const char *name)
{
    for (int i = 0; planned[i] != NULL; i++)
        if (strcmp(planned[i], name) == 0)
            return true;
    return false;
}

const char *const *setting_names(struct arena *arena)
{
    const char **names = ARENA_ARRAY(arena, setting_count() + 1, const char *);

    for (int i = 0; names != NULL && i < setting_count(); i++)
        names[i] = setting_at(i)->name;
    return names;
}
