/* `prunelora weights`: looks into weights files, converts, merges and compares them. */
#include "cli/weights/weights.h"

#include "base/text.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct verb {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"inspect", "show what is in weights files, tensor by tensor", weights_inspect},
    {"convert", "between .pth, .safetensors and .h5; a run's adapters to PEFT's", weights_convert},
    {"merge", "fold LoRA adapters into their base weights", weights_merge},
    {"diff", "compare two weights files, whatever their formats", weights_diff},
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static void print_verbs(void)
{
    printf("usage: prunelora weights VERB ...\n\n");
    for (int i = 0; i < N_VERBS; i++)
        printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
    printf("\nprunelora weights VERB --help says more.\n"
           "example: prunelora weights inspect model_weights/base.h5\n");
}

static void print_words(void)
{
    for (int i = 0; i < N_VERBS; i++)
        printf("command %s\n", verbs[i].name);
}

static enum status unknown_verb(const char *name)
{
    const char *names[N_VERBS];

    if (name == NULL)
        return fail(STATUS_BAD_CONFIG,
                    "a verb is missing after weights, want inspect, convert, merge or diff");
    for (int i = 0; i < N_VERBS; i++)
        names[i] = verbs[i].name;
    const char *nearest = text_nearest(name, names, N_VERBS);
    return fail(STATUS_BAD_CONFIG, "unknown verb '%s' after weights, %s%s%s", name,
                nearest != NULL ? "did you mean '" : "want inspect, convert, merge or diff",
                nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

enum status weights_save_like(const struct weights *from, const char *from_path, const char *path,
                              const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct manifest manifest = {.arch = NULL};
    bool has_manifest = false;
    char sha256[HASH_HEX_BYTES];

    TRY(arena_create(&arena));
    TRY(manifest_load(from_path, from->hash, arena, &manifest, &has_manifest));
    TRY(weights_save(path, tensors, n));
    if (has_manifest) {
        TRY(hash_file(path, sha256));
        manifest.sha256 = sha256;
        TRY(manifest_save(path, &manifest));
    }
done:
    arena_destroy(arena);
    return status;
}

int cli_weights(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name != NULL && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)) {
        print_verbs();
        return 0;
    }
    if (name != NULL && strcmp(name, "--help=words") == 0) {
        print_words();
        return 0;
    }
    for (int i = 0; i < N_VERBS && name != NULL; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cli_finish(unknown_verb(name));
}
