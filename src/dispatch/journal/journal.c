/* Lines of the journal: made, checked, replayed. The summary of a run that is done is the last
 * member before the checksum, written and taken as the text it is: cJSON would lose bits. */
#include "dispatch/journal/journal.h"

#include "store/json_members.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kind_names[N_JOURNAL_KINDS] = {
    [JOURNAL_START] = "start",       [JOURNAL_ASSIGNED] = "assigned",
    [JOURNAL_DONE] = "done",         [JOURNAL_FAILED] = "failed",
    [JOURNAL_RETRIED] = "retried",   [JOURNAL_CRASHED] = "crashed",
    [JOURNAL_END] = "end",           [JOURNAL_INTERRUPTED] = "interrupted",
    [JOURNAL_REOPENED] = "reopened", [JOURNAL_REACHED] = "reached",
    [JOURNAL_PROMOTED] = "promoted", [JOURNAL_STOPPED] = "stopped_early",
    [JOURNAL_PAUSED] = "paused",
};

/* ,"crc":"01234567"}  ends every line */
enum { CRC_TAIL_BYTES = 18, JOURNAL_FORMAT = 2 }; /* 1: without summaries, versions, threads */
static const char crc_start[] = ",\"crc\":\"", summary_start[] = ",\"summary\":{";

struct journal {
    char *path;
    int fd;
};

static cJSON *event_object(const struct journal_event *event)
{
    cJSON *object = cJSON_CreateObject();
    bool is_made = cJSON_AddStringToObject(object, "event", kind_names[event->kind]) != NULL &&
                   cJSON_AddStringToObject(object, "time", event->time) != NULL;

    if (event->run_id[0] != '\0')
        is_made = is_made && cJSON_AddStringToObject(object, "run", event->run_id) != NULL &&
                  cJSON_AddNumberToObject(object, "attempt", (double)event->attempt) != NULL &&
                  cJSON_AddNumberToObject(object, "rank", event->rank) != NULL;
    if (event->host[0] != '\0')
        is_made = is_made && cJSON_AddStringToObject(object, "host", event->host) != NULL;
    if (event->status != STATUS_OK)
        is_made = is_made && cJSON_AddNumberToObject(object, "status", event->status) != NULL;
    if (event->signal != 0)
        is_made = is_made && cJSON_AddNumberToObject(object, "signal", event->signal) != NULL;
    if (event->epoch != 0)
        is_made = is_made && cJSON_AddNumberToObject(object, "epoch", (double)event->epoch) &&
                  json_add_exact(object, "value", event->value) &&
                  json_add_exact(object, "threshold", event->threshold);
    if (event->text[0] != '\0')
        is_made = is_made && cJSON_AddStringToObject(object, "text", event->text) != NULL;
    if (event->kind == JOURNAL_START)
        is_made = is_made && cJSON_AddNumberToObject(object, "format", JOURNAL_FORMAT) != NULL &&
                  cJSON_AddNumberToObject(object, "threads", (double)event->n_threads) != NULL;
    if (event->numerics > 0)
        is_made =
            is_made && cJSON_AddNumberToObject(object, "numerics", (double)event->numerics) != NULL;
    if (is_made)
        return object;
    cJSON_Delete(object);
    return NULL;
}

enum status journal_print(const struct journal_event *event, struct text *line)
{
    cJSON *object = event_object(event);
    int64_t before = line->length;
    char *body = object == NULL ? NULL : cJSON_PrintUnformatted(object);

    cJSON_Delete(object);
    if (body == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory composing a journal line");
    size_t n = strlen(body) - 1; /* without the closing brace */
    text_append_bytes(line, body, (int64_t)n);
    cJSON_free(body);
    if (event->summary != NULL && event->summary[0] == '{')
        text_append(line, "%s%s", summary_start, event->summary + 1);
    uint32_t crc = crc32_bytes(text_value(line) + before, (size_t)(line->length - before));
    text_append(line, "%s%08" PRIx32 "\"}\n", crc_start, crc);
    return text_finish(line);
}

static bool has_sound_crc(const char *line, size_t n)
{
    char tail[CRC_TAIL_BYTES + 1];

    if (n < CRC_TAIL_BYTES + 1)
        return false;
    struct text wanted = {0};
    text_append(&wanted, "%s%08" PRIx32 "\"}", crc_start, crc32_bytes(line, n - CRC_TAIL_BYTES));
    memcpy(tail, line + n - CRC_TAIL_BYTES, CRC_TAIL_BYTES);
    tail[CRC_TAIL_BYTES] = '\0';
    bool is_sound = strcmp(tail, text_value(&wanted)) == 0;
    text_release(&wanted);
    return is_sound;
}

static bool fill_event(const cJSON *object, struct journal_event *event)
{
    const char *kind = json_text(object, "event");
    int found = 0;

    while (found < N_JOURNAL_KINDS && strcmp(kind, kind_names[found]) != 0)
        found++;
    if (found == N_JOURNAL_KINDS)
        return false;
    *event = (struct journal_event){
        .kind = (enum journal_kind)found,
        .run = -1,
        .attempt = json_integer(object, "attempt"),
        .rank = (int)json_integer(object, "rank"),
        .signal = (int)json_integer(object, "signal"),
        .status = (enum status)json_integer(object, "status"),
        .epoch = json_integer(object, "epoch"),
        .value = json_number(object, "value"),
        .threshold = json_number(object, "threshold"),
        .n_threads = json_integer(object, "threads"),
        .numerics = json_integer(object, "numerics"),
        .format = json_integer(object, "format"),
        .summary = "",
    };
    copy_text(event->run_id, sizeof event->run_id, json_text(object, "run"));
    copy_text(event->time, sizeof event->time, json_text(object, "time"));
    copy_text(event->host, sizeof event->host, json_text(object, "host"));
    copy_text(event->text, sizeof event->text, json_text(object, "text"));
    return true;
}

/* The summary of the line, if it has one: both end in place, and *n is what is before it. */
static char *split_summary(char *line, size_t *n)
{
    char *at = memmem(line, *n, summary_start, sizeof summary_start - 1);

    if (at == NULL)
        return NULL;
    line[*n - CRC_TAIL_BYTES] = '\0';
    *at = '}';
    *n = (size_t)(at - line) + 1;
    return at + sizeof summary_start - 2; /* at its brace */
}

/* Changes the line; the event's summary stays in it. */
static bool parse_line(char *line, size_t n, struct journal_event *event)
{
    if (!has_sound_crc(line, n))
        return false;
    char *summary = split_summary(line, &n);
    cJSON *object = cJSON_ParseWithLength(line, n);
    bool is_sound = object != NULL && fill_event(object, event);
    cJSON_Delete(object);
    if (is_sound && summary != NULL)
        event->summary = summary;
    return is_sound;
}

static enum status read_from(const char *path, int64_t at, char **out, int64_t *n)
{
    enum status status = STATUS_OK;
    struct text data = {0};
    char piece[65536];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
    while ((got = pread(fd, piece, sizeof piece, at + data.length)) > 0 && !data.is_failed)
        text_append_bytes(&data, piece, got);
    if (got < 0)
        TRY(fail(STATUS_IO, "cannot read '%s': %s", path, strerror(errno)));
    TRY(text_finish(&data));
    *out = data.data;
    *n = data.length;
    data.data = NULL;
done:
    close(fd);
    text_release(&data);
    return status;
}

enum status journal_follow(const char *path, journal_visit *visit, void *context,
                           struct journal_place *place)
{
    enum status status = STATUS_OK;
    char *data = NULL;
    int64_t n = 0, at = 0;

    if (!file_exists(path))
        return STATUS_OK;
    TRY(read_from(path, place->bytes, &data, &n));
    while (at < n) {
        struct journal_event event;
        char *end = memchr(data + at, '\n', (size_t)(n - at));
        bool is_last = end == NULL || end + 1 == data + n;
        if (end == NULL || !parse_line(data + at, (size_t)(end - data - at), &event)) {
            if (is_last)
                break; /* a write cut short by a crash: its event is repeated */
            TRY(fail(STATUS_BAD_DATA,
                     "journal '%s' line %" PRId64 " is damaged (its checksum does not match); "
                     "`prunelora verify --repair` on its folder keeps what is sound and rebuilds "
                     "the rest from the runs' files",
                     path, place->lines + 1));
        }
        if (event.format > JOURNAL_FORMAT)
            TRY(fail(STATUS_BAD_DATA,
                     "journal '%s' has format %" PRId64 ", this program reads up to %d; go on with "
                     "the newer program that wrote it",
                     path, event.format, JOURNAL_FORMAT));
        visit(context, &event);
        place->bytes += end + 1 - data - at;
        place->lines++;
        at = end + 1 - data;
    }
done:
    free(data);
    return status;
}

enum status journal_salvage(const char *path, journal_visit *visit, void *context,
                            struct text *sound, int64_t *n_lost)
{
    enum status status = STATUS_OK;
    char *data = NULL;
    int64_t n = 0;

    TRY(read_from(path, 0, &data, &n));
    for (int64_t at = 0, next = 0; at < n; at = next) {
        struct journal_event event;
        const char *end = memchr(data + at, '\n', (size_t)(n - at));
        int64_t length = end != NULL ? end - data - at : n - at;
        const int64_t before = sound != NULL ? sound->length : 0;
        next = at + length + 1;
        if (end == NULL)
            break; /* a write cut short by a crash: its event is repeated */
        if (sound != NULL)
            text_append_bytes(sound, data + at, length);
        if (!parse_line(data + at, (size_t)length, &event)) {
            ++*n_lost;
            if (sound != NULL)
                sound->length = before;
            continue;
        }
        if (sound != NULL)
            text_append(sound, "\n");
        visit(context, &event);
    }
    TRY(sound != NULL ? text_finish(sound) : STATUS_OK);
done:
    free(data);
    return status;
}

enum status journal_replay(const char *path, journal_visit *visit, void *context,
                           int64_t *good_bytes)
{
    struct journal_place place = {0};
    enum status status = journal_follow(path, visit, context, &place);

    if (status == STATUS_OK)
        *good_bytes = place.bytes;
    return status;
}

enum status journal_open(const char *path, int64_t good_bytes, struct journal **out)
{
    enum status status = STATUS_OK;
    struct journal *journal = NULL;

    TRY_ALLOC(journal, heap_alloc(1, sizeof *journal));
    journal->fd = -1;
    TRY_ALLOC(journal->path, heap_alloc((int64_t)strlen(path) + 1, 1));
    memcpy(journal->path, path, strlen(path));
    journal->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (journal->fd < 0)
        TRY(fail(file_write_status(errno), "cannot write '%s': %s", path, strerror(errno)));
    if (ftruncate(journal->fd, good_bytes) != 0)
        TRY(fail(file_write_status(errno), "cannot cut '%s' to its sound part: %s", path,
                 strerror(errno)));
    *out = journal;
    journal = NULL;
done:
    journal_close(journal);
    return status;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal->path);
    free(journal);
}

enum status journal_append(struct journal *journal, const struct journal_event *event)
{
    enum status status = STATUS_OK;
    struct text line = {0};

    TRY(journal_print(event, &line));
    ssize_t written = write(journal->fd, line.data, (size_t)line.length);
    if (written < 0)
        TRY(fail(file_write_status(errno), "cannot write '%s': %s", journal->path,
                 strerror(errno)));
    if (written < line.length)
        TRY(fail(STATUS_STORAGE,
                 "cannot write '%s': only %zd of %" PRId64 " bytes were written, is the "
                 "disk full?",
                 journal->path, written, line.length));
done:
    text_release(&line);
    return status;
}

enum status journal_sync(struct journal *journal)
{
    if (fdatasync(journal->fd) != 0)
        return fail(file_write_status(errno), "cannot sync '%s': %s", journal->path,
                    strerror(errno));
    return STATUS_OK;
}
