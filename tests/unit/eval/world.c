#include "world.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/split_of_class.h"

#include <math.h>

void predict(struct predictions *predictions, int64_t image, double p)
{
    int32_t label = predictions->labels[image];
    float *row = predictions->probability + image * N_CLASSES;

    for (int k = 0; k < N_CLASSES; k++)
        row[k] = (float)(k == label ? p : (1 - p) / (N_CLASSES - 1));
    predictions->loss[image] = -log(p);
    predictions->argmax[image] = p > 1.0 / N_CLASSES ? label : (label + 1) % N_CLASSES;
}

void world_init(struct world *world, int64_t n_train, int64_t n_test, int forget_class)
{
    struct image_table *tables[] = {&world->dataset.train, &world->dataset.test};
    struct predictions *predictions[] = {&world->train, &world->test};
    const int64_t counts[] = {n_train, n_test};

    *world = (struct world){.dataset = {.n_classes = N_CLASSES}};
    ok(arena_create(&world->arena));
    for (int t = 0; t < 2; t++) {
        tables[t]->n = counts[t];
        ok(predictions_create(world->arena, counts[t], N_CLASSES, predictions[t]));
        tables[t]->labels = predictions[t]->labels;
        for (int64_t i = 0; i < counts[t]; i++) {
            predictions[t]->labels[i] = (int32_t)(i % N_CLASSES);
            predict(predictions[t], i, t == 0 ? 0.99 : 0.6);
        }
    }
    ok(split_of_class(&world->dataset, forget_class, &world->split));
}

void world_release(struct world *world)
{
    split_destroy(world->split);
    arena_destroy(world->arena);
}

void features_fill(double *member, int64_t n_member, double *non_member, int64_t n_non_member)
{
    for (int64_t i = 0; i < n_member; i++)
        member[i] = (double)(37 * i % 101) / 64;
    for (int64_t j = 0; j < n_non_member; j++)
        non_member[j] = (double)(53 * j % 97) / 32 + 0.25;
}
