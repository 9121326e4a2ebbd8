/* SPDX-License-Identifier: MIT */
/*
 * Random datagrams, jobs that end late, in any order and now and then badly,
 * a clock that jumps. After each step:
 *
 *  - no two sessions hold conflicting rights on one medium;
 *  - what is counted is what there is;
 *  - a layer that the driver has is of a session, or about to be discarded;
 *  - the fixture has checked replies, media and locks.
 *
 * SEED=n in the environment replays one run; SEEDS=n makes n of them.
 */
#include "fixture.h"

#include "core/admin.h"
#include "core/internal.h"
#include "core/layer.h"
#include "wire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 100000
#define HOSTS 5u
#define PORTS 3u
#define IDS 64u

struct soak {
    struct fx *fx;
    uint16_t ids[IDS]; /* lately given out, and some that never were */
    unsigned id_at;
    int step;
    uint64_t heard; /* replies with status 0 */
};

static uint32_t below(struct soak *soak, uint32_t limit)
{
    return (uint32_t)(fx_random(soak->fx) % limit);
}

static bool one_in(struct soak *soak, uint32_t count)
{
    return below(soak, count) == 0;
}

/*
 * Invariants.
 */

static bool overlap(const struct bh_volume *a, const struct bh_volume *b)
{
    return bh_volume_overlaps(a, b);
}

static bool may_coexist(const struct bh_session *a, const struct bh_session *b)
{
    if (a->access == BH_ACCESS_LOOK || b->access == BH_ACCESS_LOOK)
        return true;
    if ((a->access == BH_ACCESS_READER || bh_layer_is(a->volume)) &&
        (b->access == BH_ACCESS_READER || bh_layer_is(b->volume)))
        return true;
    return a->volume == b->volume && a->volume->facts.mode == BH_MODE_SHARED;
}

static void check_sessions(const struct soak *soak)
{
    const struct bh_server *server = soak->fx->server;
    uint32_t used = 0;

    for (uint32_t i = 0; i < server->config.session_count; i++) {
        const struct bh_session *a = &server->sessions[i];

        if (a->state == BH_SESSION_FREE)
            continue;
        used++;
        assert_int_equal(server->ids.of[a->id].state, BH_ID_PROVEN);
        assert_int_equal(server->ids.of[a->id].slot, i);
        assert_true(a->state == BH_SESSION_PROVEN || a->request_count > 0);
        for (uint32_t k = 0; k < i; k++) {
            const struct bh_session *b = &server->sessions[k];

            if (b->state == BH_SESSION_FREE || !overlap(a->volume, b->volume))
                continue;
            if (!may_coexist(a, b))
                fail_msg("step %d: sessions %u and %u hold one medium",
                         soak->step, a->id, b->id);
        }
    }
    assert_int_equal(used, server->session_count);
}

static void check_pendings(const struct soak *soak)
{
    const struct bh_server *server = soak->fx->server;
    uint32_t used = 0;

    for (uint32_t i = 0; i < BH_PENDING_MAX; i++) {
        const struct bh_pending *pending = &server->pendings[i];

        if (pending->id == 0)
            continue;
        used++;
        assert_int_equal(server->ids.of[pending->id].state, BH_ID_PENDING);
        assert_true(pending->host->pending_count <= BH_PENDING_PER_HOST);
        assert_true(pending->wrong_ids < BH_PENDING_WRONG_IDS);
    }
    assert_int_equal(used, server->pending_used);
}

static void check_volumes(const struct soak *soak)
{
    const struct bh_server *server = soak->fx->server;

    for (uint32_t i = 0; i < server->volumes_used; i++) {
        const struct bh_volume *volume = &server->volumes[i];
        uint32_t holders = 0;

        BH_LIST_EACH (link, &volume->sessions)
            holders++;
        for (int access = 0; access <= BH_ACCESS_WRITER; access++)
            holders -= volume->holders[access];
        assert_int_equal(holders, 0);
        assert_true(volume->running <= server->config.volume_jobs);
        /* Nobody waits for what does not come. */
        if (!volume->service_runs) {
            assert_true(bh_list_empty(&volume->commit_now));
            assert_true(bh_list_empty(&volume->commit_next));
        }
        if (volume->running == 0 && !volume->service_runs)
            assert_int_equal(volume->waiting, 0);
    }
}

static bool is_accounted_for(const struct bh_server *server, uint64_t layer)
{
    for (uint32_t i = 0; i < server->volumes_used; i++)
        if (server->volumes[i].facts.layer == layer &&
            (server->volumes[i].laid || server->volumes[i].service_runs) &&
            (!bh_list_empty(&server->volumes[i].sessions) ||
             server->volumes[i].service_runs))
            return true;
    return false;
}

static void check_layers(const struct soak *soak)
{
    const struct fx_layer *at = soak->fx->layers;

    for (; at != NULL; at = at->next)
        assert_true(is_accounted_for(soak->fx->server, at->name));
}

static void check_requests(const struct soak *soak)
{
    const struct bh_server *server = soak->fx->server;
    uint32_t count = 0, owned;

    BH_LIST_EACH (link, &server->free_requests)
        count++;
    for (uint32_t i = 0; i < server->hosts.used; i++) {
        const struct bh_host *host = &server->hosts.of[i];

        count += host->request_count;
        owned = 0u + host->request_count + host->lookup_count +
                host->session_count + host->pending_count;
        assert_int_equal(host->owned, owned);
    }
    assert_int_equal(count, server->config.request_count);
}

static void check(const struct soak *soak)
{
    check_sessions(soak);
    check_volumes(soak);
    check_layers(soak);
    if (soak->step % 64 == 0) {
        check_pendings(soak);
        check_requests(soak);
    }
}

/*
 * Steps.
 */

static struct bh_path any_peer(struct soak *soak)
{
    return fx_peer(1 + below(soak, HOSTS), (uint16_t)(10 + below(soak, PORTS)));
}

static uint16_t any_id(struct soak *soak)
{
    if (one_in(soak, 50))
        return (uint16_t)fx_random(soak->fx);
    return soak->ids[below(soak, IDS)];
}

/* In a strict session one that is near its window's edges. */
static uint16_t any_number(struct soak *soak, uint16_t id)
{
    const struct bh_server *server = soak->fx->server;
    const struct bh_id *entry = &server->ids.of[id];
    const struct bh_session *session = &server->sessions[entry->slot];

    if (entry->state != BH_ID_PROVEN || session->window == NULL)
        return (uint16_t)below(soak, 8);
    if (one_in(soak, 4))
        return (uint16_t)(session->window->highest - 70 + below(soak, 140));
    return (uint16_t)(session->window->highest - 2 + below(soak, 6));
}

static void send_connect(struct soak *soak)
{
    static const char *const names[] = {"a", "b",     "c", "d",
                                        "e", ":list", "s", "no"};
    enum { STRICT = BH_FLAG_STRICT };
    static const uint8_t flags[] = {FX_PLAIN,  FX_PLAIN, FX_PLAIN | STRICT,
                                    FX_READER, FX_LOOK,  FX_SHARED,
                                    0,         2,        STRICT,
                                    0x04};
    const char *name = names[below(soak, 8)];
    struct bh_path peer = any_peer(soak);
    uint8_t bytes[BH_CONNECT_MAX_LEN] = {
        BH_PACKET_CONNECT, (uint8_t)below(soak, 4), flags[below(soak, 10)]};

    memcpy(bytes + 3, name, strlen(name));
    fx_send(soak->fx, &peer, bytes, 8 + below(soak, 100));
}

static void send_command(struct soak *soak)
{
    static const uint8_t opcodes[] = {
        BH_OP_READ,     BH_OP_READ, BH_OP_WRITE, BH_OP_WRITE, BH_OP_FLUSH,
        BH_OP_IDENTIFY, 9};
    struct bh_path peer = any_peer(soak);
    uint8_t bytes[600] = {BH_PACKET_COMMAND};
    uint8_t opcode = opcodes[below(soak, 7)];
    uint16_t id = any_id(soak), number = any_number(soak, id);

    bytes[1] = (uint8_t)number;
    bytes[9] = (uint8_t)(number >> 8);
    bh_put16(bytes + 2, id);
    bytes[4] = opcode;
    bh_put32(bytes + 5,
             opcode == BH_OP_IDENTIFY ? BH_IDENTIFY_MAGIC : below(soak, 12));
    bytes[10] = (uint8_t)below(soak, 4);
    fx_send(soak->fx, &peer, bytes,
            one_in(soak, 20) ? below(soak, sizeof bytes) : sizeof bytes);
}

/* DISCON or KEEP, strict or not. */
static void send_short(struct soak *soak, uint8_t type)
{
    struct bh_path peer = any_peer(soak);
    uint16_t id = any_id(soak), number = any_number(soak, id);
    uint8_t bytes[BH_STRICT_DISCON_LEN] = {type, (uint8_t)number};

    bh_put16(bytes + 2, id);
    bytes[4] = (uint8_t)(number >> 8);
    fx_send(soak->fx, &peer, bytes,
            one_in(soak, 3) ? BH_DISCON_LEN : BH_STRICT_DISCON_LEN);
}

/* A strict session, if one is found; one with requests under way before
 * others. */
static const struct bh_session *any_strict(struct soak *soak)
{
    const struct bh_server *server = soak->fx->server;
    const struct bh_session *found = NULL;

    for (uint32_t i = 0; i < server->config.session_count; i++) {
        const struct bh_session *session = &server->sessions[i];

        if (session->state == BH_SESSION_PROVEN && session->window != NULL &&
            (found == NULL || session->request_count > 0))
            found = session;
    }
    return found;
}

/* Its numbers go on, whatever of it still runs. */
static void send_keeps(struct soak *soak)
{
    const struct bh_session *session = any_strict(soak);
    uint8_t bytes[BH_STRICT_KEEP_LEN] = {BH_PACKET_KEEP};
    struct bh_path path;
    uint16_t number;

    if (session == NULL)
        return;
    path = (struct bh_path){.peer = session->peer};
    number = (uint16_t)(session->window->highest - below(soak, 8));
    bh_put16(bytes + 2, session->id);
    for (uint32_t i = below(soak, 150); i > 0; i--, number++) {
        bytes[1] = (uint8_t)number;
        bytes[4] = (uint8_t)(number >> 8);
        fx_send(soak->fx, &path, bytes, sizeof bytes);
    }
}

static void send_noise(struct soak *soak)
{
    struct bh_path peer = any_peer(soak);
    uint8_t bytes[64];
    size_t len = below(soak, sizeof bytes);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)fx_random(soak->fx);
    if (len > 0 && one_in(soak, 2))
        bytes[0] = (uint8_t)below(soak, 6);
    fx_send(soak->fx, &peer, bytes, len);
}

/* Some kinds of jobs of some disk are held from now on, or fail, or not. */
static void change_weather(struct soak *soak)
{
    static const uint8_t failures[] = {BH_ERR_STORAGE, BH_ERR_NO_SPACE,
                                       BH_ERR_IN_USE};
    struct fx_disk *disk = soak->fx->disks[below(soak, 6)];
    uint32_t kind = below(soak, FX_JOB_KINDS);

    disk->holds[kind] = kind != BH_JOB_LOOKUP && one_in(soak, 2);
    disk->fails[kind] = one_in(soak, 12) && kind != BH_JOB_DETACH
                            ? failures[below(soak, 3)]
                            : BH_OK;
    soak->fx->hold_lookups = one_in(soak, 4);
    soak->fx->no_random = one_in(soak, 10);
}

static void learn_ids(struct soak *soak)
{
    struct fx *fx = soak->fx;

    for (size_t i = 0; i < fx->reply_count; i++) {
        const struct fx_reply *reply = &fx->replies[i];

        if (reply->len == BH_CONNECT_REPLY_LEN && reply->bytes[2] == BH_OK)
            soak->ids[soak->id_at++ % IDS] = BH_GET16(reply->bytes + 3);
        soak->heard += reply->len > 2 && reply->bytes[2] == BH_OK;
    }
    fx_forget_replies(fx);
}

static void step(struct soak *soak)
{
    struct fx *fx = soak->fx;
    struct bh_event event;

    switch (below(soak, 17)) {
    case 0:
    case 1:
    case 2:
        send_connect(soak);
        break;
    case 3:
        send_short(soak, BH_PACKET_DISCON);
        break;
    case 16:
        if (one_in(soak, 4))
            send_keeps(soak);
        else
            send_short(soak, BH_PACKET_KEEP);
        break;
    case 4:
        send_noise(soak);
        break;
    case 5:
        fx_pass(fx,
                one_in(soak, 50) ? below(soak, 2000000) : below(soak, 1500));
        break;
    case 6:
        change_weather(soak);
        break;
    case 7:
    case 8:
    case 9:
        if (fx->held_count > 0)
            fx_release_at(fx, below(soak, (uint32_t)fx->held_count));
        break;
    case 10:
        if (one_in(soak, 200))
            bh_admin_reopen(fx->server, fx->now, NULL, NULL);
        break;
    case 11: /* a kill, or the administrator describes a volume anew */
        if (one_in(soak, 200))
            fx_kill(fx);
        else if (one_in(soak, 500))
            fx->disks[below(soak, 6)]->facts.idle_ms =
                60000 + 1000 * below(soak, 3);
        break;
    default:
        send_command(soak);
        break;
    }
    fx_pump(fx);
    while (bh_server_next_event(fx->server, &event))
        assert_true(event.kind < BH_EVENT_COUNT);
    learn_ids(soak);
}

/* a and b are names of one file, c overlaps both, d is shared, e grows, s is a
 * scratch volume on c's bytes. */
static void make_disks(struct fx *fx)
{
    struct fx_disk *a = fx_disk(fx, "a", 2048), *b = fx_disk(fx, "b", 2048),
                   *c = fx_disk(fx, "c", 2048), *d = fx_disk(fx, "d", 3000),
                   *e = fx_disk(fx, "e", 1000), *s = fx_disk(fx, "s", 2048);

    b->facts.inode = c->facts.inode = s->facts.inode = a->facts.inode;
    s->facts.first = 1024;
    s->facts.mode = BH_MODE_SCRATCH;
    b->facts.takeover = BH_TAKEOVER_ADDRESS;
    c->facts.first = 1024;
    c->facts.roam = true;
    d->facts.mode = BH_MODE_SHARED;
    d->facts.sync = BH_SYNC_WRITE;
    d->facts.idle_ms = 0;
    e->facts.grow_limit = 2500;
    e->facts.idle_ms = 60000;
}

static void run(uint64_t seed)
{
    struct soak soak = {.fx = fx_new_kept(16, 64, 3)};
    struct fx *fx = soak.fx;

    print_message("seed %llu\n", (unsigned long long)seed);
    fx->random = seed;
    make_disks(fx);
    for (soak.step = 0; soak.step < STEPS; soak.step++) {
        step(&soak);
        check(&soak);
    }
    assert_true(soak.heard > STEPS / 100); /* it was not all refusals */
    fx->no_random = false;
    bh_server_stop(fx->server, fx->now);
    fx_pump(fx);
    fx_release_all(fx);
    assert_true(bh_server_idle(fx->server));
    assert_null(fx->media);
    fx_free(fx);
}

static void no_datagram_brings_the_server_out_of_order(void **state)
{
    const char *seed = getenv("SEED"), *seeds = getenv("SEEDS");
    uint64_t count = seeds == NULL ? 2 : strtoull(seeds, NULL, 10);

    (void)state;
    if (seed != NULL) {
        run(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= count; i++)
        run(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_datagram_brings_the_server_out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
