/* What standard output can show. */
#include "base/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Asked of a locale of its own: the program's stays "C", so that numbers keep their point. */
static bool locale_has_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

    if (locale == (locale_t)0)
        return false;
    bool is_utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return is_utf8;
}

bool terminal_size(int fd, int *columns, int *rows)
{
    struct winsize size = {0};

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

void terminal_look(int fd, struct terminal *out)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool is_dumb = term == NULL || strcmp(term, "dumb") == 0;

    *out = (struct terminal){.has_utf8 = locale_has_utf8()};
    if (is_dumb || !isatty(fd) || !terminal_size(fd, &out->columns, &out->rows))
        return;
    out->is_terminal = true;
    out->has_colour = no_colour == NULL || no_colour[0] == '\0';
}
