/* The one table of settings: reading, printing, defaults, JSON, identity and the reference page
 * all walk its rows. Adding a setting is one row of its section (config/sections) and one member of
 * struct settings. */
#ifndef CONFIG_SETTINGS_TABLE_H
#define CONFIG_SETTINGS_TABLE_H

#include "config/settings.h"
#include "config/yaml_tree.h"

enum setting_kind {
    SETTING_INTEGER,       /* int64_t */
    SETTING_NUMBER,        /* double */
    SETTING_AMOUNT,        /* double, a share below 1 or a whole number */
    SETTING_BOOL,          /* bool */
    SETTING_ENUM,          /* an enum of `names` */
    SETTING_SWITCH,        /* as ENUM; was a BOOL: false means the first name, true the last */
    SETTING_CHOICE,        /* const char *, one of `names` */
    SETTING_ARCHITECTURE,  /* const char *, one of setting_reader's architectures */
    SETTING_METHOD,        /* const char *, one of setting_reader's methods */
    SETTING_TEXT,          /* const char * */
    SETTING_REGEX,         /* const char *, a POSIX extended regular expression */
    SETTING_DURATION,      /* double, seconds; written 90, 90s, 5m, 1h */
    SETTING_NORMALISATION, /* struct normalisation */
    SETTING_EPOCHS,        /* recipe's milestones and their count */
    SETTING_CLASSES,       /* struct small_set */
    SETTING_ATTACKS,       /* struct attack_list */
};

/* How a setting counts for a run's identity, provided that the method reads its group. */
enum setting_counts {
    COUNTS_AS_VALUE,   /* by its value */
    COUNTS_NEVER,      /* says how a run is computed, not what */
    COUNTS_AS_SPLIT,   /* by the hash of the split, whatever the method reads */
    COUNTS_IN_SPLIT,   /* through that hash, which depends on it */
    COUNTS_AS_CONTENT, /* by the hash of the file */
    COUNTS_AS_METHOD,  /* by its value, but runs that differ in it can be compared */
    COUNTS_IN_METHOD,  /* through the method's name, which says what it comes to */
    COUNTS_AS_TARGETS, /* by its value, with the architecture's for "default" */
    COUNTS_AS_CLASS,   /* by the class that is forgotten, if it is exactly one */
    /* by its value, if … */
    COUNTS_WITH_RELEARNING, /* relearning is measured */
    COUNTS_WITH_SGD,        /* its recipe's optimizer is sgd */
    COUNTS_WITH_DECAY,      /* its recipe's weight_decay is above 0 */
    COUNTS_WITH_STEP,       /* its recipe's schedule is step */
    COUNTS_WITH_ONE_CYCLE,  /* its recipe's schedule is one_cycle */
    COUNTS_WITH_FALLING_LR, /* its recipe's schedule is cosine or one_cycle */
};

enum { MAX_SETTINGS = 128, N_BASE_RECIPES = 3 };

/* Names of the architectures' base recipes, and which of them `name` is (NULL: the first). */
extern const char *const base_recipe_names[N_BASE_RECIPES];
int base_recipe_index(const char *name);

/* A row of the table; in brackets, what differs in a row of a section. */
struct setting {
    const char *name; /* dotted [without the section's prefix] */
    enum setting_kind kind;
    enum setting_group group; /* [0: the section's] */
    enum setting_counts counts;
    size_t offset; /* in struct settings [from the section's offset] */
    double minimum, maximum;
    bool is_maximum_open;     /* [minimum, maximum) */
    const char *const *names; /* of ENUM, SWITCH and CHOICE, NULL-terminated */
    const char *word;         /* of INTEGER: the word for −1, or NULL */
    const char *unit;         /* "" when it has none */
    const char *standard;     /* default as YAML; NULL: must be given */
    /* default for the architecture's base recipe; NULL: `standard` */
    const char *by_recipe[N_BASE_RECIPES];
    const char *only_recipe; /* read only with this base recipe; NULL: with all */
    const char *published;   /* default under compat: lora-unlearn; NULL: as without */
    /* The value, as printed, that means what runs meant before this setting existed: it adds
     * nothing to an identity, and settings JSON without this setting is read as having it. NULL:
     * every value counts, and JSON must have one. */
    const char *neutral;
    const char *limit; /* why other values are refused; NULL: that is obvious */
    const char *help;
};

int setting_count(void);
const struct setting *setting_at(int i);
int setting_find(const char *name); /* index, or −1 */
/* True when settings named "<name>.…" exist: "train", "base.train". */
bool setting_is_section(const char *name);
/* True for a setting that is documented and that this version lacks. */
bool setting_is_planned(const char *name);
/* All names, NULL-terminated, in the arena; NULL when memory ran out. */
const char *const *setting_names(struct arena *arena);

/* What values are read with. Where names are NULL, every architecture or method is accepted. */
struct setting_reader {
    struct arena *arena;                               /* owns texts that settings point to */
    struct diagnostics *diagnostics;                   /* NULL: silent */
    const char *const *architectures, *const *methods; /* NULL-terminated, or NULL */
    bool is_again; /* the value was read before: costly checks are skipped */
};
/* Stores a value; false, with a diagnostic at the value, when type or range is wrong. */
bool setting_read(const struct setting_reader *reader, const struct setting *setting,
                  const struct tree *value, struct settings *out);
/* As setting_read, of YAML that this program wrote itself: it must be right. */
CHECKED enum status setting_read_text(struct arena *arena, const struct setting *setting,
                                      const char *text, struct settings *out);
/* Copies one setting's value. */
void setting_copy(const struct setting *setting, const struct settings *from, struct settings *to);
/* The bytes that hold a value, texts as their addresses: equal bytes are equal values as long as
 * the texts live. Returns how many. */
enum { SETTING_MOST_BYTES = 64 };
size_t setting_bytes(const struct setting *setting, const struct settings *settings,
                     unsigned char out[SETTING_MOST_BYTES]);
/* Whether both hold the same value, however it was written. */
bool setting_is_same(const struct setting *setting, const struct settings *a,
                     const struct settings *b);
/* As JSON (which is YAML), numbers shortest round trip; a normalisation as its word or numbers. */
void setting_print(const struct setting *setting, const struct settings *settings,
                   struct text *out);

/* Defaults for an architecture's base recipe (NULL: the first).
 * Settings without default are left empty (class −1). */
CHECKED enum status settings_default(struct arena *arena, const char *base_recipe,
                                     bool is_published, struct settings *out);

/* Normalisation of the published unlearning scripts. */
extern const double published_mean[3], published_std[3];

#endif
