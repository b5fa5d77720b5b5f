/* JSON made member by member. */
#include "dispatch/supervise/orders.h"

static cJSON *finish(cJSON *body, bool is_made)
{
    if (is_made)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static bool add_passed_rungs(cJSON *body, const struct supervisor_job *job)
{
    cJSON *epochs = cJSON_AddArrayToObject(body, "passed_rungs");
    bool is_made = epochs != NULL;

    for (int64_t i = 0; is_made && i < job->n_passed_rungs; i++)
        is_made = cJSON_AddItemToArray(epochs, cJSON_CreateNumber((double)job->passed_rungs[i]));
    return is_made;
}

cJSON *order_assign(const struct supervisor_job *job)
{
    cJSON *body = record_create("assign");
    bool is_made = cJSON_AddStringToObject(body, "run", job->id) != NULL &&
                   cJSON_AddStringToObject(body, "name", job->name) != NULL &&
                   cJSON_AddStringToObject(body, "folder", job->folder) != NULL &&
                   cJSON_AddStringToObject(body, "settings", job->settings_json) != NULL &&
                   cJSON_AddNumberToObject(body, "run_number", (double)job->run) != NULL &&
                   cJSON_AddNumberToObject(body, "attempt", (double)job->attempt) != NULL;

    if (is_made && job->split_hash != NULL)
        is_made = cJSON_AddStringToObject(body, "split_hash", job->split_hash) != NULL;
    if (is_made && job->weights_hash != NULL)
        is_made = cJSON_AddStringToObject(body, "weights_hash", job->weights_hash) != NULL;
    if (is_made && job->metric != NULL)
        is_made = cJSON_AddNumberToObject(body, "rung_epoch", (double)job->rung_epoch) != NULL &&
                  cJSON_AddStringToObject(body, "metric", job->metric) != NULL &&
                  add_passed_rungs(body, job);
    return finish(body, is_made);
}

cJSON *order_verdict(const struct message *verdict)
{
    static const char *const words[] = {
        [VERDICT_NONE] = "pause", [VERDICT_GO_ON] = "go_on", [VERDICT_STOP] = "stop"};
    cJSON *body = record_create("verdict");
    bool is_made = cJSON_AddNumberToObject(body, "run_number", (double)verdict->run) != NULL &&
                   cJSON_AddNumberToObject(body, "attempt", (double)verdict->attempt) != NULL &&
                   cJSON_AddStringToObject(body, "verdict", words[verdict->verdict]) != NULL &&
                   cJSON_AddNumberToObject(body, "rung_epoch", (double)verdict->rung_epoch) != NULL;

    return finish(body, is_made);
}
