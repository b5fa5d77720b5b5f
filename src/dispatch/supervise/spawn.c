/* posix_spawn with everything a trainer must not inherit taken away. */
#include "dispatch/supervise/spawn.h"

#include "base/arena.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct pipes {
    int to[2], from[2];
};

/* A trainer that finds a launcher's variables would believe it is a rank. */
static bool is_launcher_variable(const char *entry)
{
    static const char *const prefixes[] = {
        "OMPI_",     "PMIX_",         "PMI_",          "ORTE_",  "OPAL_",   "PRTE_",
        "HYDRA_",    "HYDI_",         "MPIR_",         "MPI_LO", "MPIEXEC", "OMP_NUM_THREADS=",
        "SLURM_PMI", "SLURM_PROCID=", "SLURM_LOCALID="};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (text_starts_with(entry, prefixes[i]))
            return true;
    return false;
}

static char **trainer_environment(struct arena *arena, int n_threads)
{
    int64_t n = 0, kept = 0;

    while (environ[n] != NULL)
        n++;
    char **made = ARENA_ARRAY(arena, n + 2, char *);
    if (made == NULL)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        if (!is_launcher_variable(environ[i]))
            made[kept++] = environ[i];
    made[kept] = arena_format(arena, "OMP_NUM_THREADS=%d", n_threads);
    return made[kept] == NULL ? NULL : made;
}

static char **trainer_arguments(struct arena *arena, const struct spawn_settings *settings)
{
    char **made = ARENA_ARRAY(arena, 16, char *);
    int n = 0;

    if (made == NULL)
        return NULL;
    made[n++] = arena_strdup(arena, settings->program);
    made[n++] = arena_strdup(arena, "trainer");
    made[n++] = arena_format(arena, "--in=%d", TRAINER_IN_FD);
    made[n++] = arena_format(arena, "--out=%d", TRAINER_OUT_FD);
    made[n++] = arena_format(arena, "--parent=%ld", (long)getpid());
    if (settings->log != NULL)
        made[n++] = arena_format(arena, "--log=%s", settings->log);
    made[n++] = arena_format(arena, "--threads=%d", settings->n_threads);
    made[n++] = arena_format(arena, "--cores=%s", settings->cores);
    made[n++] = arena_format(arena, "--device=%s", settings->device);
    made[n++] = arena_format(arena, "--gpu=%d", settings->device_index);
    for (int i = 0; i < n; i++)
        if (made[i] == NULL)
            return NULL;
    return made;
}

static void close_pipes(struct pipes *pipes)
{
    int *ends[] = {&pipes->to[0], &pipes->to[1], &pipes->from[0], &pipes->from[1]};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (*ends[i] >= 0)
            close(*ends[i]);
        *ends[i] = -1;
    }
}

/* Above the numbers the trainer uses, so that no dup2 of the child closes another one's source. */
static enum status lift(int *fd)
{
    int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, 16);

    if (lifted < 0)
        return fail(STATUS_IO, "cannot duplicate a pipe: %s", strerror(errno));
    close(*fd);
    *fd = lifted;
    return STATUS_OK;
}

static enum status open_pipes(struct pipes *pipes)
{
    enum status status = STATUS_OK;

    if (pipe2(pipes->to, O_CLOEXEC) != 0 || pipe2(pipes->from, O_CLOEXEC) != 0)
        return fail(STATUS_IO, "cannot make a pipe: %s", strerror(errno));
    TRY(lift(&pipes->to[0]));
    TRY(lift(&pipes->from[1]));
    if (fcntl(pipes->to[1], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(pipes->from[0], F_SETFL, O_NONBLOCK) != 0)
        TRY(fail(STATUS_IO, "cannot make a pipe non-blocking: %s", strerror(errno)));
done:
    return status;
}

/* Own process group: Ctrl-C on a terminal must reach the rank, which lets the trainer checkpoint.
 * srun passes a warning, USR1, on to every process of a step: trainers leave it to their rank. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t warning, every;
    int code = 0;

    sigemptyset(&warning);
    sigaddset(&warning, SIGUSR1);
    sigfillset(&every);
    code |= posix_spawnattr_setsigmask(attributes, &warning);
    code |= posix_spawnattr_setsigdefault(attributes, &every);
    code |= posix_spawnattr_setpgroup(attributes, 0);
    code |= posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETPGROUP);
    return code;
}

static int set_files(posix_spawn_file_actions_t *actions, const struct pipes *pipes)
{
    int code = 0;

    code |= posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    code |= posix_spawn_file_actions_adddup2(actions, pipes->to[0], TRAINER_IN_FD);
    code |= posix_spawn_file_actions_adddup2(actions, pipes->from[1], TRAINER_OUT_FD);
    code |= posix_spawn_file_actions_addclosefrom_np(actions, TRAINER_OUT_FD + 1);
    return code;
}

enum status spawn_trainer(const struct spawn_settings *settings, struct spawned *out)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct pipes pipes = {{-1, -1}, {-1, -1}};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **arguments = NULL, **environment = NULL;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    TRY(arena_create(&arena));
    TRY_ALLOC(arguments, trainer_arguments(arena, settings));
    TRY_ALLOC(environment, trainer_environment(arena, settings->n_threads));
    TRY(open_pipes(&pipes));
    if (set_attributes(&attributes) != 0 || set_files(&actions, &pipes) != 0)
        TRY(fail(STATUS_OUT_OF_MEMORY, "cannot prepare the start of a trainer"));
    int code = posix_spawn(&pid, settings->program, &actions, &attributes, arguments, environment);
    if (code != 0)
        TRY(fail(STATUS_DEVICE, "cannot start the trainer '%s': %s", settings->program,
                 strerror(code)));
    *out = (struct spawned){.pid = pid, .to_fd = pipes.to[1], .from_fd = pipes.from[0]};
    pipes.to[1] = pipes.from[0] = -1;
done:
    close_pipes(&pipes);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    arena_destroy(arena);
    return status;
}
