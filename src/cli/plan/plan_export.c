/* For programs: JSON with everything, CSV with one row per run, ids alone. */
#include "cli/plan/plan_view.h"

#include "unlearn/composition.h"

#include "config/settings_table.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* ---- JSON ---- */

static void put_text(struct text *out, const char *text)
{
    text_append(out, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            text_append(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            text_append(out, "\\u%04x", (unsigned)*c);
        else
            text_append_bytes(out, c, 1);
    }
    text_append(out, "\"");
}

static void put_number(struct text *out, double value)
{
    char buffer[32];
    text_append(out, "%s", isfinite(value) ? text_from_double(value, buffer) : "null");
}

/* Six digits are more than an estimate has, and quick to print. */
static void put_seconds(struct text *out, double seconds)
{
    text_append(out, "%.6g", seconds);
}

static void put_points(const struct sweep *sweep, struct text *out)
{
    text_append(out, " \"n_points\": %lld, \"n_excluded\": %lld, \"n_included\": %lld,\n",
                (long long)sweep->n_points, (long long)sweep->n_excluded,
                (long long)sweep->n_included);
    text_append(out, " \"axes\": [");
    for (int64_t i = 0; i < sweep->n_axes; i++) {
        text_append(out, "%s", i > 0 ? ", " : "");
        put_text(out, sweep->axes[i]);
    }
    text_append(out, "],\n \"points\": [");
    for (int64_t i = 0; i < sweep->n_points; i++)
        text_append(out, "%s%lld", i > 0 ? ", " : "", (long long)sweep->points[i]);
    text_append(out, "],\n");
}

static void put_composed(const struct plan_view *view, struct text *out)
{
    const struct sweep *sweep = view->sweep;

    text_append(out, " \"composed\": [");
    for (int64_t i = 0; i < sweep->n_composed; i++)
        text_append(out, "%s{\"asked\": \"%s\", \"method\": \"%s\"}", i > 0 ? ", " : "",
                    sweep->composed[i].asked, sweep->composed[i].method);
    text_append(out, "],\n");
}

static void put_merged(const struct plan_view *view, struct text *out)
{
    text_append(out, " \"merged\": [");
    for (int64_t i = 0; i < view->n_merged; i++) {
        const struct unread_settings *row = &view->merged[i];
        text_append(
            out, "%s\n  {\"method\": \"%s\", \"points\": %lld, \"runs\": %lld, \"unread\": [",
            i > 0 ? "," : "", row->method, (long long)row->n_points, (long long)row->n_runs);
        for (int64_t j = 0; j < row->n_unread; j++)
            text_append(out, "%s\"%s\"", j > 0 ? ", " : "", row->unread[j]);
        text_append(out, "]}");
    }
    text_append(out, "],\n");
}

static void put_difference(const struct plan_view *view, struct text *out)
{
    const struct folder_difference *difference = &view->difference;

    text_append(out, " \"folder\": ");
    put_text(out, view->folder);
    text_append(out, ", \"folder_exists\": %s, \"shards\": %d,\n",
                difference->exists ? "true" : "false", difference->n_shards);
    for (int i = 0; i < N_DIFFERENCE_STATES; i++)
        text_append(out, "%s\"n_%s\": %lld", i > 0 ? ", " : " ", difference_names[i],
                    (long long)difference->counts[i]);
    text_append(out, ",\n \"changed\": [");
    for (int64_t i = 0; i < difference->n_changed; i++) {
        const struct changed_setting *changed = &difference->changed[i];
        text_append(out, "%s{\"setting\": ", i > 0 ? ", " : "");
        put_text(out, changed->name);
        text_append(out, ", \"before\": %s, \"after\": %s, \"runs\": %lld}", /* JSON already */
                    changed->before[0] != '\0' ? changed->before : "null",
                    changed->after[0] != '\0' ? changed->after : "null",
                    (long long)changed->n_runs);
    }
    text_append(out, "],\n \"orphaned\": [");
    for (int64_t i = 0; i < difference->n_lost; i++) {
        const struct lost_run *lost = &difference->lost[i];
        text_append(out, "%s\n  {\"id\": \"%s\", \"name\": ", i > 0 ? "," : "", lost->id);
        put_text(out, lost->name);
        text_append(out, ", \"state\": \"%s\"}", run_phase_name(lost->phase));
    }
    text_append(out, "],\n");
}

static void put_time(const struct plan_view *view, struct text *out)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"runs", (double)view->n_to_do},
        {"seconds", view->total_seconds},
        {"disk_bytes", view->disk_bytes},
        {"seconds_least", view->least_seconds},
        {"seconds_most", view->most_seconds},
        {"trainers", (double)view->request.n_trainers},
        {"makespan_seconds", view->makespan_seconds},
        {"measured_runs", (double)view->n_measured},
        {"assumed_gflops", view->n_measured == 0 ? view->assumed_gflops : (double)NAN},
        {"walltime_seconds", view->request.walltime > 0 ? view->request.walltime : (double)NAN},
        {"trainers_needed",
         view->request.walltime > 0 ? (double)view->n_trainers_needed : (double)NAN},
    };

    text_append(out, " \"time\": {\"measured_on\": ");
    put_text(out, view->measured_on);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        text_append(out, ", \"%s\": ", numbers[i].name);
        put_number(out, numbers[i].value);
    }
    if (view->request.walltime > 0)
        text_append(out, ", \"fits\": %s",
                    view->makespan_seconds <= view->request.walltime ? "true" : "false");
    text_append(out, "},\n");
}

static enum status put_runs(const struct plan_view *view, struct text *out)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = view->sweep;

    text_append(out, " \"runs\": [\n");
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const struct run *run = &sweep->runs[i];
        text_append(out, "  {\"id\": \"%s\", \"name\": \"%s\", \"state\": \"%s\", \"seconds\": ",
                    run->id, run->name, difference_names[view->difference.states[i]]);
        put_seconds(out, view->estimates[i].seconds);
        text_append(out, ", \"basis\": \"%s\", \"settings\": ",
                    estimate_basis_name(view->estimates[i].basis));
        TRY(settings_to_json(&run->settings, out));
        text_append(out, "}%s\n", i + 1 < sweep->n_runs ? "," : "");
    }
    text_append(out, " ]}\n");
done:
    return status;
}

enum status plan_json(const struct plan_view *view, struct text *out)
{
    enum status status = STATUS_OK;

    text_append(out, "{\"name\": ");
    put_text(out, view->sweep->name);
    text_append(out, ",\n");
    put_points(view->sweep, out);
    put_composed(view, out);
    put_merged(view, out);
    put_difference(view, out);
    put_time(view, out);
    TRY(put_runs(view, out));
    TRY(text_finish(out));
done:
    return status;
}

/* ---- CSV ---- */

static void put_cell(struct text *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        text_append(out, ",%s", text);
        return;
    }
    text_append(out, ",\"");
    for (const char *c = text; *c != '\0'; c++)
        text_append(out, *c == '"' ? "\"\"" : "%c", *c);
    text_append(out, "\"");
}

/* A text of the settings stands in the table as it is, anything else as JSON writes it. */
static enum status put_setting(const struct run *run, int setting, struct text *out)
{
    enum status status = STATUS_OK;
    struct text json = {0};
    cJSON *value = NULL;

    struct settings shown = run->settings;

    unlearn_spell_out(&shown);
    setting_print(setting_at(setting), &shown, &json);
    TRY(text_finish(&json));
    if (text_value(&json)[0] == '"')
        value = cJSON_Parse(text_value(&json));
    const char *plain = cJSON_GetStringValue(value);
    put_cell(out, plain != NULL ? plain : text_value(&json));
done:
    cJSON_Delete(value);
    text_release(&json);
    return status;
}

static bool is_always_there(const char *axis)
{
    return strcmp(axis, "model.arch") == 0 || strcmp(axis, "unlearn.method") == 0;
}

static enum status put_row(const struct plan_view *view, int64_t i, struct text *out)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = view->sweep;
    const struct run *run = &sweep->runs[i];

    text_append(out, "%s,%s,%s,%s,%s", run->id, run->name,
                difference_names[view->difference.states[i]], run->settings.model.arch,
                run->settings.unlearn.method);
    for (int64_t j = 0; j < sweep->n_axes; j++) {
        int found = setting_find(sweep->axes[j]);
        if (found < 0 || is_always_there(sweep->axes[j]))
            continue;
        if (setting_is_read(run->settings.unlearn.method, sweep->axes[j]))
            TRY(put_setting(run, found, out));
        else
            text_append(out, ",");
    }
    text_append(out, ",");
    put_seconds(out, view->estimates[i].seconds);
    text_append(out, ",%s\n", estimate_basis_name(view->estimates[i].basis));
done:
    return status;
}

enum status plan_csv(const struct plan_view *view, struct text *out)
{
    enum status status = STATUS_OK;

    text_append(out, "id,name,state,model.arch,unlearn.method");
    for (int64_t j = 0; j < view->sweep->n_axes; j++)
        if (!is_always_there(view->sweep->axes[j]))
            text_append(out, ",%s", view->sweep->axes[j]);
    text_append(out, ",seconds,basis\n");
    for (int64_t i = 0; i < view->sweep->n_runs; i++)
        TRY(put_row(view, i, out));
    TRY(text_finish(out));
done:
    return status;
}

enum status plan_ids(const struct plan_view *view, struct text *out)
{
    for (int64_t i = 0; i < view->sweep->n_runs; i++)
        text_append(out, "%s\n", view->sweep->runs[i].id);
    return text_finish(out);
}
