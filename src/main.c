/* prunelora: sweeps of machine-unlearning experiments. Picks a subcommand; the only caller of exit.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
