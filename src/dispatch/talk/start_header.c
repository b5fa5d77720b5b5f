/* The hash over all runs, by which ranks see that they speak of the same ones. */
#include "dispatch/talk/start_header.h"

enum status start_header_hash(const struct sweep *sweep, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct hash *hash = NULL;
    struct text json = {0};

    TRY(hash_create(&hash));
    hash_update_text(hash, build_name());
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        json.length = 0;
        TRY(settings_to_json(&sweep->runs[i].settings, &json));
        hash_update_text(hash, sweep->runs[i].name);
        hash_update_text(hash, text_value(&json));
    }
    hash_finish(hash, hex);
done:
    hash_destroy(hash);
    text_release(&json);
    return status;
}
