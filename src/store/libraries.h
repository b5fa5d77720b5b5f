/* Versions of the libraries that files are read and written with, as loaded now. */
#ifndef STORE_LIBRARIES_H
#define STORE_LIBRARIES_H

#include <stdbool.h>

enum { LIBRARY_VERSION_BYTES = 32 };

/* False when the library loaded is another than this program was compiled for. */
bool hdf5_library_version(char text[LIBRARY_VERSION_BYTES]);
const char *zip_library_version(void);

#endif
