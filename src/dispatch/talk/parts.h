/* Bytes of any length between two ranks: what is larger than a letter goes in several, which arrive
 * in order, and is received when it is whole. */
#ifndef DISPATCH_PARTS_H
#define DISPATCH_PARTS_H

#include "dispatch/talk/transport.h"

CHECKED enum status parts_send(struct transport *transport, int to, const char *bytes, int64_t n);
/* *from is -1 when nothing whole has arrived. `bytes` are borrowed until the next call. COMM for
 * letters that do not follow each other. */
CHECKED enum status parts_receive(struct transport *transport, int *from, const char **bytes,
                                  int64_t *n);

#endif
