/* Writes the sample results into the folder named on the command line, for read_back.py. */
#include "support/report_folder.h"

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    sample_write(argv[1]);
    return 0;
}
