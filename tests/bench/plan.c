/* How long planning takes: a grid of 10 000 points, then of 100 000, no two the same run; reading
 * and expanding it, then what `plan` adds, then each format. Processor time, since the machine may
 * be shared. Prints one line each; `bench_plan N` stops after N points. */
#include "cli/plan/plan_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char grid[] =
    "name: bench\n"
    "config:\n"
    "  model: {arch: resnet20, weights: w.h5}\n"
    "  data: {path: none, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}\n"
    "parameters:\n"
    "  unlearn.method: [prune_lora]\n"
    "  forget.class: {range: [0, 9]}\n"
    "  prune.sparsity: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9]\n"
    "  lora.rank: [1, 2, 4, 6, 8, 12, 16, 24, 32, 64]\n"
    "  train.lr: [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1]\n";

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum status print_table(const struct plan_view *view, struct text *out)
{
    return plan_table(view, false, out);
}

static enum status time_formats(const struct plan_view *view)
{
    static const struct {
        const char *name;
        enum status (*print)(const struct plan_view *, struct text *);
    } formats[] = {{"table", print_table}, {"csv", plan_csv}, {"json", plan_json}};
    enum status status = STATUS_OK;

    for (size_t i = 0; i < sizeof formats / sizeof *formats && status == STATUS_OK; i++) {
        struct text text = {0};
        double start = processor_seconds();
        status = formats[i].print(view, &text);
        printf("  %s %.3f s (%.1f MB)", formats[i].name, processor_seconds() - start,
               1e-6 * (double)text.length);
        text_release(&text);
    }
    printf("\n");
    return status;
}

static enum status bench(const char *seeds)
{
    enum status status = STATUS_OK;
    const struct sweep_source source = {.path = "grid", .text = grid, .sets = &seeds, .n_sets = 1};
    const struct plan_request request = {.device = "auto", .n_trainers = 64, .walltime = 36000};
    struct sweep *sweep = NULL;
    struct plan_view view = {0};
    struct text diagnostics = {0};
    double start = processor_seconds();

    TRY(sweep_load(&source, &diagnostics, &sweep));
    double loaded = processor_seconds();
    TRY(plan_view_create(sweep, &request, &view));
    printf("%7lld points: expanded in %.3f s, planned in %.3f s;", (long long)sweep->n_points,
           loaded - start, processor_seconds() - loaded);
    TRY(time_formats(&view));
done:
    plan_view_release(&view);
    sweep_destroy(sweep);
    text_release(&diagnostics);
    return status;
}

int main(int argc, char **argv)
{
    long most = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    enum status status = bench("seeds=1");

    if (status == STATUS_OK && most > 10000)
        status = bench("seeds=10");
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", status_message());
    return status == STATUS_OK ? 0 : 1;
}
