/* Which arithmetic this program does. Raise it with every change after which any bit of a result
 * may differ on the same processor with the same libraries: results of different versions must not
 * stand in one table unnoticed. */
#ifndef BASE_NUMERICS_H
#define BASE_NUMERICS_H

enum { NUMERICS_VERSION = 1 };

#endif
