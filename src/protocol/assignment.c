/* Lists are their length and their items. */
#include "protocol/assignment.h"

#include "protocol/wire.h"

/* What was read is borrowed from bytes that will not stay. */
static void pass_text(struct wire *wire, const char **text, struct arena *arena)
{
    wire_text(wire, text);
    if (arena == NULL)
        return;
    *text = arena_strdup(arena, *text);
    wire->is_bad = wire->is_bad || *text == NULL;
}

/* The list's items, made when it is read; NULL when memory ran out. */
static void *make_items(struct wire *wire, void *items, int64_t *n, size_t bytes_each,
                        struct arena *arena)
{
    wire_count(wire, n);
    if (arena == NULL)
        return items;
    items = arena_alloc(arena, *n, bytes_each);
    if (items == NULL) {
        wire->is_bad = true;
        *n = 0;
    }
    return items;
}

static void pass_rungs(struct wire *wire, struct assigned_run *run, struct arena *arena)
{
    int64_t *epochs = NULL;

    wire_count(wire, &run->n_passed_rungs);
    if (arena != NULL) {
        epochs = ARENA_ARRAY(arena, run->n_passed_rungs, int64_t);
        wire->is_bad = wire->is_bad || epochs == NULL;
    }
    for (int64_t i = 0; i < run->n_passed_rungs && !wire->is_bad; i++) {
        int64_t epoch = arena == NULL ? run->passed_rungs[i] : 0;
        wire_integer(wire, &epoch);
        if (arena != NULL)
            epochs[i] = epoch;
    }
    if (arena != NULL)
        run->passed_rungs = epochs;
}

static void pass_run(struct wire *wire, struct assigned_run *run, struct arena *arena)
{
    wire_integer(wire, &run->run);
    wire_integer(wire, &run->attempt);
    wire_integer(wire, &run->rung_epoch);
    pass_text(wire, &run->id, arena);
    pass_text(wire, &run->name, arena);
    pass_text(wire, &run->folder, arena);
    pass_text(wire, &run->settings, arena);
    pass_text(wire, &run->split_hash, arena);
    pass_text(wire, &run->weights_hash, arena);
    pass_text(wire, &run->metric, arena);
    pass_rungs(wire, run, arena);
}

static void pass_lane(struct wire *wire, struct assigned_lane *lane, struct arena *arena)
{
    lane->runs = make_items(wire, lane->runs, &lane->n_runs, sizeof *lane->runs, arena);
    for (int64_t i = 0; i < lane->n_runs && !wire->is_bad; i++) {
        struct assigned_run run = lane->runs[i];
        pass_run(wire, &run, arena);
        if (arena != NULL)
            lane->runs[i] = run;
    }
}

void assignment_pass(struct wire *wire, struct assignment *assignment, struct arena *arena)
{
    assignment->lanes =
        make_items(wire, assignment->lanes, &assignment->n_lanes, sizeof *assignment->lanes, arena);
    for (int64_t i = 0; i < assignment->n_lanes && !wire->is_bad; i++) {
        struct assigned_lane lane = assignment->lanes[i];
        pass_lane(wire, &lane, arena);
        if (arena != NULL)
            assignment->lanes[i] = lane;
    }
}
