/* SPDX-License-Identifier: MIT */
/* How bad it is, and the blows that fall now and then. */
#include "world.h"

#include <string.h>

static uint32_t share(struct world *world, uint32_t likely, uint32_t most)
{
    return rng_hits(&world->rng, likely) ? rng_below(&world->rng, most + 1) : 0;
}

static void draw_path(struct world *world, struct path *path)
{
    struct rng *rng = &world->rng;
    uint64_t clogged = path->clogged_ms, parted = path->parted_ms;

    *path = (struct path){.lose = rng_between(rng, 0, PERCENT(20)),
                          .twice = rng_between(rng, 0, PERCENT(40)),
                          .overtake = rng_between(rng, 0, PERCENT(25)),
                          .late = share(world, PERCENT(60), PERMILLE(15)),
                          .damage = share(world, PERCENT(50), PERCENT(3)),
                          .delay_ms = rng_below(rng, 4),
                          .jitter_ms = rng_below(rng, 8),
                          .overtake_ms = rng_between(rng, 5, 300),
                          .late_ms = rng_hits(rng, PERCENT(30)) ? 60000 : 8000,
                          .clogged_ms = clogged,
                          .parted_ms = parted};
    if (rng_hits(rng, PERCENT(10)))
        path->lose = PERCENT(30);
    if (rng_hits(rng, PERCENT(10)))
        path->twice = PERCENT(50);
}

void weather_draw(struct world *world)
{
    struct weather *w = &world->weather;
    struct rng *rng = &world->rng;

    *w = (struct weather){
        .greedy = rng_hits(rng, PERCENT(40)),
        .slow = rng_between(rng, 0, PERCENT(30)),
        .slow_ms = rng_hits(rng, PERCENT(30)) ? 3000 : rng_between(rng, 1, 60),
        .io_error = share(world, PERCENT(40), PERMILLE(10)),
        .no_space = share(world, PERCENT(40), PERMILLE(10)),
        .short_io = share(world, PERCENT(40), PERMILLE(10)),
        .sync_error = share(world, PERCENT(15), PERMILLE(30)),
        .attach_error = share(world, PERCENT(30), PERCENT(10)),
        .lookup_error = share(world, PERCENT(30), PERCENT(10)),
        .fate_ms = rng_between(rng, 10, 150),
        .kill = share(world, PERCENT(60), PERMILLE(20)),
        .power = share(world, PERCENT(30), PERMILLE(10)),
        .stop = share(world, PERCENT(30), PERMILLE(3)),
        .jump = share(world, PERCENT(30), PERMILLE(10)),
        .clog = PERCENT(5),
        .part = PERCENT(3),
        .reset = PERCENT(4),
        .replay = PERCENT(10),
        .forge = PERCENT(5),
        .noise = PERCENT(10),
        .flood = share(world, PERCENT(30), PERCENT(3)),
        .admin = share(world, PERCENT(60), PERCENT(5))};
    if (world->drives)
        w->change = rng_between(rng, PERCENT(2), PERCENT(40));
    if (world->gentle) {
        w->power = w->sync_error = w->attach_error = w->stop = 0;
        w->jump = 0;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        draw_path(world, &world->clients[i].path);
    }
}

void weather_calm(struct world *world, bool greedy)
{
    world->calm = 0;
    world->weather = (struct weather){.calm = true,
                                      .greedy = greedy,
                                      .slow = PERCENT(5),
                                      .slow_ms = 20,
                                      .fate_ms = 60,
                                      .flood = greedy ? PERCENT(50) : 0,
                                      .admin = PERCENT(3)};
    if (world->drives)
        world->weather.change = PERCENT(20);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &world->clients[i];

        client->path = (struct path){.delay_ms = 1, .jitter_ms = 2};
        client->unflushed_count = 0;
    }
    node_reopen(world);
}

static struct client *any_client(struct world *world)
{
    return &world->clients[rng_below(&world->rng, CLIENTS)];
}

/* Starting a server costs as much as some thousand operations. */
#define KILL_EVERY 2500u

/* Those with a window have the most to lose, and the most numbers. */
static void reset(struct world *world, struct client *client)
{
    if (!world->gentle || client->kind != CLIENT_WINDOW)
        client_reset(world, client);
}

static void stop_server(struct world *world, bool power)
{
    if (world->stats.operations < world->kill_after)
        return;
    if (!world->node.up || world->node.doom != DOOM_NONE)
        return;
    world->kill_after =
        world->stats.operations + rng_below(&world->rng, 2 * KILL_EVERY);
    if (!power && rng_hits(&world->rng, PERCENT(70))) {
        world->stats.half_calls++;
        node_doom(world, rng_hits(&world->rng, PERCENT(70)) ? DOOM_IN_CALL
                                                            : DOOM_AFTER_CALL);
        return;
    }
    world->stats.power_losses += power;
    node_kill(world, power);
}

void weather_kill(struct world *world)
{
    stop_server(world, false);
}

/* The machine was suspended. What was under way to it is lost if it slept for
 * longer than a datagram lives. */
static void jump(struct world *world)
{
    uint64_t ms = rng_hits(&world->rng, PERCENT(50))
                      ? rng_between(&world->rng, 100, 20000)
                      : rng_between(&world->rng, 20000, 4000000);

    world->stats.jumps++;
    world_note(world, "the clock jumps by %", ms, 0, 0);
    if (ms > 20000)
        world->net.cut_ms = world->now_ms + 1;
    world->now_ms += ms;
}

/* Several of a kind of blow may fall at once. */
void weather_blow(struct world *world)
{
    const struct weather *w = &world->weather;
    struct rng *rng = &world->rng;

    if (rng_hits(rng, w->clog))
        any_client(world)->path.clogged_ms =
            world->now_ms + rng_between(rng, 100, 5000);
    if (rng_hits(rng, w->part))
        any_client(world)->path.parted_ms =
            world->now_ms +
            rng_between(rng, 100, rng_hits(rng, PERCENT(20)) ? 60000 : 8000);
    if (rng_hits(rng, w->reset))
        reset(world, any_client(world));
    if (rng_hits(rng, w->replay))
        hostile_replay(world);
    if (rng_hits(rng, w->forge))
        hostile_forge(world);
    if (rng_hits(rng, w->noise))
        hostile_noise(world);
    if (rng_hits(rng, w->flood))
        hostile_flood(world);
    if (rng_hits(rng, w->kill))
        stop_server(world, false);
    if (rng_hits(rng, w->stop) && world->stats.operations >= world->kill_after)
        node_stop(world);
    if (rng_hits(rng, w->power))
        stop_server(world, true);
    if (rng_hits(rng, w->jump))
        jump(world);
    if (rng_hits(rng, w->admin))
        admin_comes(world);
    if (rng_hits(rng, w->change))
        changer_comes(world);
}
