/* Subcommands: one file each, one row each in the table of cli.c. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/status.h"

#include <stdbool.h>

/* Runs a subcommand; argv[0] is its name. Returns the exit code: 0 done, 1 some runs failed, 2 the
 * input is wrong, 3 the machine is wrong, 75 stopped cleanly with work left. Prints its own
 * messages. */
struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
    bool is_hidden;
    bool computes; /* trains or evaluates in this process */
};

/* Prints the message of a failed status to standard error and returns its exit code. */
int cli_finish(enum status status);

int cli_main(int argc, char **argv);
int cli_version(int argc, char **argv); /* argv[0] is "--version" */

int cli_plan(int argc, char **argv);
int cli_sweep(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_stop(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_train(int argc, char **argv);
int cli_weights(int argc, char **argv);
int cli_data(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_settings(int argc, char **argv);
int cli_complete(int argc, char **argv); /* hidden: asked by the completion of a shell */
int cli_trainer(int argc, char **argv);  /* hidden: started by a rank, or by hand to debug a run */

#endif
