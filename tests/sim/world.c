/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALM_AFTER_MS 8000u /* what is under way has arrived or is done */
#define CALM_LIMIT_MS 60000u
#define STUCK_STEPS 2000000u

_Noreturn void world_fail(struct world *world, const char *format, ...)
{
    va_list arguments;

    if (world->tracing)
        trace_print(&world->trace, 80000);
    printf("VIOLATION: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\nseed %llu, step %llu, operation %llu, commit %s\n",
           (unsigned long long)world->seed, (unsigned long long)world->step,
           (unsigned long long)world->stats.operations, world->commit);
    fflush(stdout);
    _Exit(1);
}

struct world *world_new(uint64_t seed, const char *commit, bool tracing)
{
    struct world *world = calloc(1, sizeof *world);

    if (world == NULL)
        abort();
    world->seed = seed;
    world->rng.state = seed * 0x9E3779B97F4A7C15u + 1;
    world->commit = commit;
    world->tracing = tracing;
    world->now_ms = 1000000;
    world->gentle = seed % 3 == 0;
    world->drives = seed % 4 == 0;
    disks_init(world);
    net_init(world);
    node_init(world);
    clients_init(world);
    queue_push(&world->queue, world->now_ms, EVENT_FATE, 0, 0);
    return world;
}

void world_free(struct world *world)
{
    node_free(world);
    net_free(world);
    free(world);
}

static void fate(struct world *world)
{
    queue_push(&world->queue,
               world->now_ms + 1 +
                   rng_below(&world->rng, 2 * world->weather.fate_ms),
               EVENT_FATE, 0, 0);
    weather_blow(world);
}

static void timer(struct world *world, const struct event *event)
{
    struct client *client = &world->clients[event->who];

    if ((uint32_t)client->timer_ms != event->what)
        return; /* an earlier one took its place */
    client->timer_ms = 0;
    client_timer(world, client);
}

static void happen(struct world *world, const struct event *event)
{
    switch (event->kind) {
    case EVENT_AT_SERVER:
        net_arrived(world, event->what, true);
        break;
    case EVENT_AT_CLIENT:
        net_arrived(world, event->what, false);
        break;
    case EVENT_JOB:
        disk_due(world, event->what, event->who);
        break;
    case EVENT_TIMER:
        timer(world, event);
        break;
    case EVENT_KILL:
        weather_kill(world);
        break;
    case EVENT_RESTART:
        node_restart(world);
        break;
    case EVENT_ADMIN:
        admin_goes_on(world, event->what);
        break;
    case EVENT_CHANGER:
        changer_looks(world, event->what);
        break;
    default:
        fate(world);
        break;
    }
}

/* One event, or the core's own timer if that is due first. */
static void step(struct world *world)
{
    uint64_t due = queue_due_ms(&world->queue);
    uint64_t deadline =
        world->node.up ? bh_server_deadline(world->node.server) : UINT64_MAX;
    struct event event;

    world->step++;
    if (deadline < due) {
        if (deadline > world->now_ms)
            world->now_ms = deadline;
        node_expire(world);
        return;
    }
    event = queue_pop(&world->queue);
    if (due > world->now_ms)
        world->now_ms = due;
    happen(world, &event);
}

/* The first polite client from `first` on that has not got on; POLITE: all
 * have. */
static uint32_t behind(const struct world *world, uint32_t first)
{
    while (first < POLITE && world->clients[first].answered >=
                                 client_quota(&world->clients[first]))
        first++;
    return first;
}

static void wake_all(struct world *world)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];

        client->answered = 0;
        client->waits = false;
        client->wake_ms = world->now_ms;
        client_need(world, client, world->now_ms + 1);
    }
}

/* First what is left of the storm ends; then nothing may go wrong. */
static void calm(struct world *world, bool greedy)
{
    uint64_t limit;
    uint32_t slow = 0;

    weather_calm(world, greedy);
    wake_all(world);
    limit = world->now_ms + CALM_AFTER_MS;
    while (world->now_ms < limit || !world->node.up || world->node.stopping) {
        step(world);
        if (world->now_ms > limit + CALM_LIMIT_MS)
            world_fail(world, "the server was told to stop, and does not end");
    }
    wake_all(world);
    world->calm = world->stamp;
    limit = world->now_ms + CALM_LIMIT_MS;
    while ((slow = behind(world, slow)) < POLITE) {
        for (uint32_t i = 0; i < 64; i++)
            step(world);
        if (world->now_ms > limit && behind(world, slow) < POLITE)
            world_fail(world, "client %u gets nowhere in calm weather%s",
                       behind(world, slow),
                       greedy ? ", beside a greedy host" : "");
    }
}

static void storm(struct world *world, uint64_t operations)
{
    uint64_t seen = world->stats.operations;
    uint64_t stuck = world->step + STUCK_STEPS;

    world->calm = 0;
    weather_draw(world);
    wake_all(world);
    while (world->stats.operations < operations) {
        step(world);
        if (world->stats.operations != seen) {
            seen = world->stats.operations;
            stuck = world->step + STUCK_STEPS;
        } else if (world->step > stuck) {
            world_fail(world, "nothing gets done any more");
        }
    }
}

void world_run(struct world *world, uint64_t operations, uint64_t phase)
{
    while (world->stats.operations < operations) {
        uint64_t left = operations - world->stats.operations;

        storm(world, world->stats.operations + (left < phase ? left : phase));
        calm(world, rng_hits(&world->rng, PERCENT(30)));
        world->stats.phases++;
    }
}
