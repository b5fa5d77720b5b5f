/* What a run forgets and sets aside: its settings as a request of the data's split. */
#ifndef UNLEARN_FORGET_H
#define UNLEARN_FORGET_H

#include "config/settings.h"
#include "data/dataset.h"

struct split_request forget_request(const struct settings *settings);

#endif
