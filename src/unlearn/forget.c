/* Settings to a request of the data's split. */
#include "unlearn/forget.h"

struct split_request forget_request(const struct settings *settings)
{
    return (struct split_request){.forget_class = (int)settings->forget.class_index,
                                  .validation = settings->data.validation,
                                  .split_seed = (uint64_t)settings->data.split_seed};
}
