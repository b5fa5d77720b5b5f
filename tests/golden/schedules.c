/* Learning rates of every step against PyTorch's schedulers, to 1e-12 of the highest: PyTorch's
 * cosine goes from one step to the next and gathers roundings on the way. */
#include "golden/golden.h"
#include "support/cmocka.h"
#include "unlearn/schedule.h"

#include <math.h>
#include <stdlib.h>

enum { EPOCHS = 12, PER_EPOCH = 7 };

static const struct schedule_case {
    const char *name;
    struct recipe recipe; /* batches of one image */
    int64_t n_images;
} cases[] = {
    {"cosine", {.epochs = EPOCHS, .lr = 0.1, .schedule = SCHEDULE_COSINE}, PER_EPOCH},
    {"cosine_by_step",
     {.epochs = EPOCHS, .lr = 0.1, .schedule = SCHEDULE_COSINE, .schedule_unit = SCHEDULE_PER_STEP},
     PER_EPOCH},
    {"step",
     {.epochs = EPOCHS,
      .lr = 0.1,
      .schedule = SCHEDULE_STEP,
      .milestones = {4, 9},
      .n_milestones = 2,
      .gamma = 0.3},
     PER_EPOCH},
    {"warmup",
     {.epochs = EPOCHS,
      .lr = 1e-3,
      .schedule = SCHEDULE_COSINE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .warmup = 20},
     PER_EPOCH},
    {"one_cycle",
     {.epochs = EPOCHS,
      .lr = 0.1,
      .schedule = SCHEDULE_ONE_CYCLE,
      .pct_start = 0.3,
      .div_factor = 25,
      .final_div_factor = 1e4},
     PER_EPOCH},
    {"one_cycle_by_step",
     {.epochs = EPOCHS,
      .lr = 0.1,
      .schedule = SCHEDULE_ONE_CYCLE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .pct_start = 0.3,
      .div_factor = 25,
      .final_div_factor = 1e4},
     PER_EPOCH},
    {"one_cycle_steep",
     {.epochs = EPOCHS,
      .lr = 0.1,
      .schedule = SCHEDULE_ONE_CYCLE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .pct_start = 0.15,
      .div_factor = 10,
      .final_div_factor = 100},
     PER_EPOCH},
    {"one_cycle_falling",
     {.epochs = 1,
      .lr = 0.1,
      .schedule = SCHEDULE_ONE_CYCLE,
      .schedule_unit = SCHEDULE_PER_STEP,
      .pct_start = 0.3,
      .div_factor = 25,
      .final_div_factor = 1e4},
     3},
};

static struct golden *golden;

static void test_schedules(void **state)
{
    double worst = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct recipe recipe = cases[i].recipe;
        int64_t n = 0;
        double *wanted = golden_read(golden, cases[i].name, &n);
        recipe.batch_size = 1;
        struct schedule schedule = recipe_schedule(&recipe, cases[i].n_images);
        assert_int_equal(n, schedule.n_steps);
        for (int64_t step = 0; step < n; step++) {
            double error = fabs(recipe_lr(&recipe, &schedule, step) - wanted[step]) / recipe.lr;
            if (!(error <= 1e-12))
                fail_msg("%s, step %lld: %.17g, PyTorch %.17g", cases[i].name, (long long)step,
                         recipe_lr(&recipe, &schedule, step), wanted[step]);
            worst = fmax(worst, error);
        }
        free(wanted);
    }
    print_message("worst error %.2g of the highest rate\n", worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedules)};

    golden = golden_open("schedules");
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(golden);
    return n_failed;
}
