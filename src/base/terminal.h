/* What a file descriptor can show. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>

struct terminal {
    bool is_terminal; /* with a size: mpirun gives its ranks one of 0 x 0 */
    bool has_colour;  /* not when NO_COLOR is set */
    bool has_utf8;    /* by the locale */
    int columns, rows;
};
void terminal_look(int fd, struct terminal *out);
/* Its size now, as windows change; false when it has none any more. */
bool terminal_size(int fd, int *columns, int *rows);

#endif
