/* HDF5 and libzip about themselves. */
#include "store/libraries.h"

#include <hdf5.h>
#include <stdio.h>
#include <zip.h>

bool hdf5_library_version(char text[LIBRARY_VERSION_BYTES])
{
    unsigned major = 0, minor = 0, release = 0;

    if (H5get_libversion(&major, &minor, &release) < 0)
        return false;
    snprintf(text, LIBRARY_VERSION_BYTES, "%u.%u.%u", major, minor, release);
    return major == H5_VERS_MAJOR && minor == H5_VERS_MINOR;
}

const char *zip_library_version(void)
{
    return zip_libzip_version();
}
