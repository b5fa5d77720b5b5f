/* One point of a sweep: the value chosen for each setting, and the settings that result. */
#ifndef SWEEP_POINT_H
#define SWEEP_POINT_H

#include "data/dataset.h"
#include "model/model.h"
#include "sweep/points/identity.h"
#include "sweep/spec/spec.h"

struct point {
    const struct tree *chosen[MAX_SETTINGS];         /* NULL: the default */
    const struct expression *formulas[MAX_SETTINGS]; /* where the chosen value is one, else NULL */
    /* chosen, but its condition is false: only exclude still sees it */
    const struct tree *offered[MAX_SETTINGS];
    bool is_said[MAX_SETTINGS]; /* given by an included point: its condition is ignored */
    int64_t seed;
    struct settings settings;
    const char *asked; /* the method's name before its switches counted */
    const struct method *method;
    const struct architecture *architecture;
    struct contents contents; /* once its files have been looked at */
};

/* The place of a setting's value, for messages; the sweep file's top when it is a default. */
const struct position *point_at(const struct point *point, const char *setting,
                                const struct position *top);

/* The kind of forgetting that is chosen; N_FORGET_KINDS when none is. */
enum forget_kind point_forget_kind(const struct point *point);

/* Makes points out of choices: the defaults of the architecture, the constants, what was chosen,
 * and last what follows from other settings. */
struct point_maker;
CHECKED enum status point_maker_create(const struct spec *spec, struct point_maker **out);
void point_maker_destroy(struct point_maker *maker); /* accepts NULL */
/* Chooses the constants and nothing else. */
void point_begin(const struct point_maker *maker, struct point *point);
/* Chooses a number drawn for a setting. */
void point_choose_drawn(struct point_maker *maker, struct point *point, int setting, double number);
/* Fills settings, method and architecture from what is chosen. *is_good is false, with a
 * diagnostic, when a drawn or calculated value is refused. */
CHECKED enum status point_fill(struct point_maker *maker, struct point *point, bool *is_good);

/* What the method's switches compose gets its name, under which it is one run however it was asked
 * for. *is_good is false, with a diagnostic, when the method has no use for them. */
void point_settle_method(struct spec *spec, struct point *point, bool *is_good);

/* Reports recipes that choose an epoch by validation and have no images to validate with. */
void spec_check_selection(struct spec *spec, const struct point *point);
/* Reports batch_norm where a method reads it and the architecture has none. */
void spec_check_batch_norm(struct spec *spec, const struct point *point);

/* Data sets and weights, each loaded once for a whole sweep. */
struct content;
CHECKED enum status content_create(struct spec *spec, bool needs_files, struct content **out);
void content_destroy(struct content *content); /* accepts NULL */
/* Checks a point against its files (diagnostics), resolves its normalisation to numbers if
 * possible, and finds the hashes of what it reads. */
CHECKED enum status content_resolve(struct content *content, struct point *point,
                                    struct contents *out);

/* Checks that an architecture can be built, that weights fit it, that adapters' targets match
 * modules of it: BAD_DATA or BAD_CONFIG if not. */
struct fit_model {
    const struct architecture *architecture;
    struct vit_shape vit;
    struct image_shape image;
};
struct weights;
CHECKED enum status fit_shape(const struct fit_model *model);
CHECKED enum status fit_weights(const struct weights *weights, const char *path,
                                const struct fit_model *model);
CHECKED enum status fit_targets(const char *targets, const struct fit_model *model);

/* Runs of a spec: fills the sweep's runs, points, axes and counts. */
CHECKED enum status expand(struct spec *spec, struct content *content, struct sweep *sweep);

#endif
