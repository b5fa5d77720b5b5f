/* Every setting of a run, typed. Their names, bounds, defaults and documentation are in
 * settings_table.h. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/arena.h"
#include "base/network_words.h"
#include "base/small_set.h"
#include "base/text.h"

#include <stdbool.h>

enum prune_switch { PRUNE_AS_METHOD, PRUNE_OFF, PRUNE_ON };
enum adapt_switch { ADAPT_AS_METHOD, ADAPT_NONE, ADAPT_LORA };
enum relabel_kind { RELABEL_OTHER, RELABEL_ANY };
enum mha_out_proj { MHA_OUT_PROJ_ADAPT, MHA_OUT_PROJ_IGNORE };
enum optimizer_kind { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW };
enum checkpoint_keep { KEEP_NONE, KEEP_FINAL, KEEP_ALL };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_STEP, SCHEDULE_ONE_CYCLE };
enum schedule_unit { SCHEDULE_PER_EPOCH, SCHEDULE_PER_STEP };
enum decay_on { DECAY_ALL, DECAY_WEIGHTS };
enum batch_norm_mode { BATCH_NORM_TRAIN, BATCH_NORM_FREEZE, BATCH_NORM_RECALIBRATE };
enum augment { AUGMENT_NONE, AUGMENT_FLIP, AUGMENT_CROP_FLIP };
enum select_kind { SELECT_LAST, SELECT_BEST };
/* In the order of forget_kind_names: forget.<name> says what. */
enum forget_kind {
    FORGET_BY_CLASS,
    FORGET_BY_CLASSES,
    FORGET_BY_SUPERCLASS,
    FORGET_BY_FRACTION,
    FORGET_BY_COUNT,
    FORGET_BY_INDICES,
    N_FORGET_KINDS
};
enum gpus_per_run { GPUS_ONE, GPUS_AUTO };
enum normalisation_kind { NORMALISATION_BASE, NORMALISATION_PUBLISHED, NORMALISATION_GIVEN };

enum { MAX_MILESTONES = 8 };
struct recipe { /* train.* and base.train.* */
    int64_t epochs, batch_size;
    bool drop_last; /* no partial batch */
    enum optimizer_kind optimizer;
    double lr, momentum;
    bool nesterov;
    double weight_decay;
    enum decay_on decay_on;
    double clip_norm; /* 0: no clipping */
    enum schedule_kind schedule;
    enum schedule_unit schedule_unit;
    int64_t warmup;                     /* steps */
    int64_t milestones[MAX_MILESTONES]; /* epochs after which lr is multiplied by gamma (step) */
    int64_t n_milestones;
    double gamma;
    double pct_start, div_factor, final_div_factor; /* of one_cycle */
    enum augment augment;
    int64_t cutout;                   /* pixels, 0: none */
    double mixup;                     /* alpha, 0: none */
    double label_smoothing;           /* [0, 1) */
    enum select_kind select;          /* which epoch's weights a run ends with */
    int64_t patience, validate_every; /* epochs; patience 0: trains to the end */
};

struct normalisation {
    enum normalisation_kind kind;
    double values[3];
};

/* Membership attacks of eval.mia; src/eval fits them. */
enum attack_kind {
    ATTACK_LOSS_LR,
    ATTACK_CONFIDENCE_SVC,
    ATTACK_CORRECTNESS_SVC,
    ATTACK_ENTROPY_SVC,
    ATTACK_M_ENTROPY_SVC,
    ATTACK_ENTROPY_LR,
    ATTACK_CLASS_MIA,
    N_ATTACKS
};
struct attack_list {
    int n; /* at least 1 */
    /* The first is the metric MIA, the others follow in the enum's order: lists that measure the
     * same are the same bytes (those past n are 0; no padding, as all are ints). */
    enum attack_kind items[N_ATTACKS];
};
/* Adds an attack; the first stays first. False when the list already has it. */
bool attack_list_add(struct attack_list *list, enum attack_kind kind);

struct settings {
    struct {
        const char *arch;
        const char *weights; /* path; "" when the method does not start from weights */
        struct vit_shape vit;
    } model;
    struct {
        const char *dataset; /* "cifar10", "cifar100", "images" */
        const char *path;
        struct normalisation mean, std;
        double validation;  /* of the training images: below 1 a share, from 1 a number; 0: none */
        int64_t split_seed; /* draws them */
    } data;
    struct {
        enum forget_kind kind;
        int64_t class_index; /* forget.class; −1: none. Of the other members only the one of `kind`
                                is set */
        struct small_set classes;
        int64_t superclass; /* −1: none */
        double fraction;    /* of the training images, or of those of one class; 0: none */
        int64_t count;
        const char *indices; /* path; "": none */
        int64_t within;      /* a class that fraction and count draw from; −1: all */
        int64_t seed;        /* draws them */
    } forget;
    struct {
        const char *method; /* unlearn.method: a row of the methods table, or a composition */
        enum prune_switch prune;
        enum adapt_switch adapt;
        enum relabel_kind relabel; /* what a random label may be */
    } unlearn;
    struct recipe train; /* train.*: what unlearning methods read */
    struct recipe
        base_train; /* base.train.*: what `train` and `retrain` read; defaults by architecture */
    struct {
        double sparsity;
        enum prune_mask mask;
        bool protect_head; /* of a vision transformer */
    } prune;
    struct {
        int64_t rank;
        double alpha, dropout;
        const char *targets; /* "default": the architecture's */
        enum mha_out_proj mha_out_proj;
    } lora;
    struct {
        int64_t seed, batch_size; /* batch_size: −1 is auto */
        struct attack_list mia;
        bool probe;
        struct {               /* eval.relearn.* */
            int64_t max_steps; /* 0: not measured */
            int64_t every, batch_size;
            double distance, lr;
        } relearn;
    } eval;
    int64_t seed;
    enum batch_norm_mode batch_norm;
    const char
        *precision;      /* of the factors of products and convolutions: an enum precision's name */
    struct {             /* not part of identity */
        int64_t threads; /* 0: allowed cores ÷ ranks of the node */
        const char *device; /* auto, cuda, cpu, ref */
        enum gpus_per_run gpus;
    } resources;
    struct { /* not part of identity */
        double every_seconds;
        enum checkpoint_keep keep;
    } checkpoint;
};

/* Who reads a setting: methods list the groups they read; only those enter a run's identity. */
enum setting_group {
    GROUP_MODEL = 1 << 0,   /* model.arch, data.*, forget.*, unlearn.method, eval.*, precision: read
                               by every method */
    GROUP_WEIGHTS = 1 << 1, /* model.weights (its content) */
    GROUP_TRAIN = 1 << 2,   /* train.*, batch_norm */
    GROUP_BASE_TRAIN = 1 << 3, /* base.train.* */
    GROUP_PRUNE = 1 << 4,
    GROUP_LORA = 1 << 5,
    GROUP_SEED = 1 << 6,
    GROUP_EXECUTION = 1 << 7, /* resources.*, checkpoint.*: read by no method */
    GROUP_RELABEL = 1 << 8,   /* unlearn.relabel: read where labels are drawn */
};

/* In the order of the enums, NULL-terminated. */
extern const char *const forget_kind_names[];
extern const char *const attack_names[];

/* All settings as a JSON object under dotted names, and back. settings_from_json also reads JSON
 * that is older than a setting, if the setting has a neutral value. */
CHECKED enum status settings_to_json(const struct settings *settings, struct text *out);
CHECKED enum status settings_from_json(const char *json, struct arena *arena, struct settings *out);

#endif
