/* Runs against their reference from files written here, with values worked out by hand; what is
 * missing or damaged costs the values that need it, and no more. */
#include "dispatch/results/comparisons.h"

#include "base/file.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { N_RUNS = 3, N_IMAGES = 2, N_CLASSES = 2 };

static const int32_t images[] = {4, 9};
static const float at_one[] = {1, 0, 1, 0}, at_other[] = {1, 0, 0, 1};

struct stage {
    struct temporary_folder folder;
    struct sweep *sweep; /* run 0 is the reference of 1 and 2 */
    struct comparisons *comparisons;
    char paths[N_RUNS][TEMPORARY_PATH_BYTES];
    struct run_value values[N_RUNS][5];
    struct run_file files[N_RUNS];
};

static void write_run(struct stage *stage, int i, const float *probability, double ua)
{
    static const double profiles[2][N_CLASSES] = {{1, 0}, {0.5, 0.5}};
    const struct run_value values[] = {{"UA", "1", "", ua},
                                       {"RA", "1", "", 0.5},
                                       {"TA", "1", "", 1},
                                       {"MIA", "1", "", 0.25},
                                       {"MIA_confidence_svc", "1", "", ua / 2}};
    char name[] = "0.h5";

    name[0] = (char)('0' + i);
    memcpy(stage->values[i], values, sizeof values);
    stage->files[i] = (struct run_file){
        .id = stage->sweep->runs[i].id,
        .name = "x",
        .state = "done",
        .message = "",
        .attempt = 1,
        .host = "",
        .started = "",
        .settings_json = "{}",
        .values = stage->values[i],
        .n_values = 5,
        .forget = {N_IMAGES, N_CLASSES, images, probability, profiles[probability != at_one]}};
    assert_int_equal(
        run_file_write(temporary_path(&stage->folder, name, stage->paths[i]), &stage->files[i]),
        STATUS_OK);
}

static void open_stage(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    temporary_folder_open(&stage->folder);
    stage->sweep = made_sweep_create(N_RUNS);
    assert_non_null(stage->sweep);
    stage->sweep->runs[0].is_reference = true;
    for (int i = 1; i < N_RUNS; i++)
        stage->sweep->runs[i].reference = &stage->sweep->runs[0];
    write_run(stage, 0, at_one, 1.0);
    write_run(stage, 1, at_other, 0.75);
    write_run(stage, 2, at_one, 1.0);
    assert_int_equal(comparisons_create(stage->sweep, &stage->comparisons), STATUS_OK);
    assert_true(comparisons_has_any(stage->comparisons));
}

static void close_stage(struct stage *stage)
{
    comparisons_destroy(stage->comparisons);
    sweep_destroy(stage->sweep);
    temporary_folder_close(&stage->folder);
}

static void update(struct stage *stage, int i, int64_t attempt)
{
    const struct finished_run reference = {&stage->sweep->runs[0], 1, &stage->files[0],
                                           stage->paths[0]};
    const struct finished_run run = {&stage->sweep->runs[i], attempt, &stage->files[i],
                                     stage->paths[i]};

    assert_int_equal(comparisons_update(stage->comparisons, &run, &reference), STATUS_OK);
}

static void expect_values(const struct stage *stage, int i, const double wanted[N_COMPARISON])
{
    const double *found = comparisons_of(stage->comparisons, i);

    for (int k = 0; k < N_COMPARISON; k++)
        if (isnan(wanted[k]) ? !isnan(found[k]) : !(fabs(found[k] - wanted[k]) <= 1e-15))
            fail_msg("run %d: %s is %g, want %g", i, comparison_name(k), found[k], wanted[k]);
}

static void values_by_hand(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    expect_values(&stage, 1, (double[]){NAN, NAN, NAN, NAN, NAN});
    update(&stage, 1, 1);
    update(&stage, 2, 1);
    expect_values(&stage, 0, (double[]){NAN, NAN, NAN, NAN, NAN});
    expect_values(&stage, 1,
                  (double[]){0.25 / 4, 0.75, 0.875, 0.5, 0.5}); /* one of two images differs */
    expect_values(&stage, 2, (double[]){0, 1, 1, 0, 0});
    close_stage(&stage);
}

/* The second time nothing is read; another attempt is. */
static void files_are_read_once(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    update(&stage, 1, 1);
    write_run(&stage, 1, at_one, 1.0);
    assert_int_equal(unlink(stage.paths[0]), 0); /* the reference's is kept */
    update(&stage, 1, 1);
    expect_values(&stage, 1, (double[]){0.25 / 4, 0.75, 0.875, 0.5, 0.5});
    update(&stage, 1, 2);
    expect_values(&stage, 1, (double[]){0, 1, 1, 0, 0});
    close_stage(&stage);
}

static void without_predictions(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    stage.files[1].forget.n = 0; /* as an older version wrote it */
    assert_int_equal(run_file_write(stage.paths[1], &stage.files[1]), STATUS_OK);
    update(&stage, 1, 1);
    expect_values(&stage, 1, (double[]){0.25 / 4, 0.75, 0.875, NAN, NAN});
    assert_int_equal(file_write(stage.paths[2], "torn", 4), STATUS_OK);
    update(&stage, 2, 1);
    expect_values(&stage, 2, (double[]){0, 1, 1, NAN, NAN});
    close_stage(&stage);
}

static void other_images(void **unused)
{
    static const int32_t others[] = {4, 8};
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    stage.files[1].forget.images = others;
    assert_int_equal(run_file_write(stage.paths[1], &stage.files[1]), STATUS_OK);
    update(&stage, 1, 1);
    expect_values(&stage, 1, (double[]){0.25 / 4, 0.75, 0.875, NAN, NAN});
    assert_non_null(strstr(status_message(), "1.h5': its forgotten images are not those of its "
                                             "reference 0000000000000000"));
    stage.files[2].forget = (struct run_forget){1, N_CLASSES, images, at_one, NULL};
    stage.files[2].forget.profile = stage.files[0].forget.profile;
    assert_int_equal(run_file_write(stage.paths[2], &stage.files[2]), STATUS_OK);
    update(&stage, 2, 1);
    assert_non_null(strstr(status_message(), "2.h5': has predictions of 1 forgotten images and 2 "
                                             "classes, its reference 0000000000000000 of 2 and 2"));
    close_stage(&stage);
}

static void missing_reference(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    assert_int_equal(unlink(stage.paths[0]), 0);
    update(&stage, 1, 1);
    expect_values(&stage, 1, (double[]){0.25 / 4, 0.75, 0.875, NAN, NAN});
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_by_hand),      cmocka_unit_test(files_are_read_once),
        cmocka_unit_test(without_predictions), cmocka_unit_test(other_images),
        cmocka_unit_test(missing_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
