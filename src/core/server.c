/* SPDX-License-Identifier: MIT */
/* The core's front door: memory, dispatch, what the driver pulls. */
#include "core/server.h"

#include "core/hash.h"
#include "core/internal.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

/*
 * Memory: one block, cut into tables at start.
 */

/* Takes `count` objects of `len` bytes from `*at`, which may be a mere count
 * of bytes when `base` is NULL. */
static void *carve(uint8_t *base, size_t *at, size_t count, size_t len)
{
    size_t start =
        (*at + alignof(max_align_t) - 1) & ~(size_t)(alignof(max_align_t) - 1);

    *at = start + count * len;
    return base == NULL ? NULL : base + start;
}

/* Invariant 2 of core/host.h. */
static uint32_t host_count(const struct bh_server_config *config)
{
    return config->session_count + config->request_count + BH_PENDING_MAX +
           BH_LOOKUPS_MAX + BH_HOSTS_SPARE;
}

struct tables {
    struct bh_server *server;
    struct bh_session *sessions;
    struct bh_window *windows;
    uint8_t (*statuses)[BH_WINDOW_MAX];
    struct bh_pending *pendings;
    struct bh_volume *volumes;
    struct bh_volume **volume_buckets;
    struct bh_request *requests;
    uint8_t *buffers;
    struct bh_host *hosts;
    struct bh_host **host_buckets;
};

/* Lays the tables out and returns their total length. */
static size_t lay_out(const struct bh_server_config *config, uint8_t *base,
                      struct tables *t)
{
    uint32_t volumes = bh_volumes_count(config), hosts = host_count(config);
    size_t at = 0;

    t->server = carve(base, &at, 1, sizeof *t->server);
    t->sessions = carve(base, &at, config->session_count, sizeof *t->sessions);
    t->windows = carve(base, &at, config->session_count, sizeof *t->windows);
    t->statuses = carve(base, &at, config->session_count, sizeof *t->statuses);
    t->pendings = carve(base, &at, BH_PENDING_MAX, sizeof *t->pendings);
    t->volumes = carve(base, &at, volumes, sizeof *t->volumes);
    t->volume_buckets = carve(base, &at, bh_hosts_bucket_count(volumes),
                              sizeof *t->volume_buckets);
    t->requests = carve(base, &at, config->request_count, sizeof *t->requests);
    t->buffers = carve(base, &at, config->request_count, BH_REQUEST_BUFFER_LEN);
    t->hosts = carve(base, &at, hosts, sizeof *t->hosts);
    t->host_buckets =
        carve(base, &at, bh_hosts_bucket_count(hosts), sizeof *t->host_buckets);
    return at;
}

size_t bh_server_size(const struct bh_server_config *config)
{
    struct tables t;

    return lay_out(config, NULL, &t);
}

/* Every volume has a service job, every request and look-up one of its own; and
 * there are the doubt's and the swap's. */
size_t bh_server_job_count(const struct bh_server_config *config)
{
    return (size_t)bh_volumes_count(config) + config->request_count +
           BH_LOOKUPS_MAX + 2;
}

static void init_rings(struct bh_server *server)
{
    bh_list_init(&server->free_sessions);
    bh_list_init(&server->free_pendings);
    bh_list_init(&server->pending_ages);
    bh_list_init(&server->proving);
    bh_list_init(&server->idle_volumes);
    bh_list_init(&server->unstable);
    bh_list_init(&server->unsettled);
    bh_list_init(&server->free_requests);
    bh_list_init(&server->free_lookups);
    bh_swaps_init(server);
    bh_list_init(&server->sends);
    server->last_job = &server->first_job;
}

static void fill_rings(struct bh_server *server, uint8_t *buffers)
{
    for (uint32_t i = 0; i < server->config.session_count; i++)
        bh_list_append(&server->free_sessions, &server->sessions[i].of_volume);
    for (uint32_t i = 0; i < BH_PENDING_MAX; i++)
        bh_list_append(&server->free_pendings, &server->pendings[i].age);
    for (uint32_t i = 0; i < BH_LOOKUPS_MAX; i++)
        bh_list_append(&server->free_lookups, &server->lookups[i].link);
    for (uint32_t i = 0; i < server->config.request_count; i++) {
        server->requests[i].buffer =
            buffers + (size_t)i * BH_REQUEST_BUFFER_LEN;
        bh_list_append(&server->free_requests, &server->requests[i].link);
    }
}

/* What the call has made possible elsewhere: sessions that waited for a lock,
 * volumes to attach, sync or detach. Done last, so that nothing is decided on
 * a state that is only half there. What a killed server has left to be synced
 * is attached before a swap may hold it. */
BH_COLD static void settle_all(struct bh_server *server)
{
    while (server->due) {
        server->due = false;
        if (server->proving_due)
            bh_proving_advance(server);
        bh_volumes_settle(server);
        bh_swaps_advance(server);
    }
}

void bh_settle(struct bh_server *server)
{
    if (server->due)
        settle_all(server);
}

size_t bh_server_table_size(const struct bh_server_config *config)
{
    struct bh_table_shape shapes[BH_TABLE_KINDS];

    bh_keep_shape(config, shapes);
    return bh_table_size(shapes);
}

enum bh_table_state bh_server_table_check(const struct bh_server_config *config,
                                          const void *table)
{
    struct bh_table_shape shapes[BH_TABLE_KINDS];

    bh_keep_shape(config, shapes);
    return bh_table_check(shapes, table);
}

/* The instance and the key, by which the table is read, are its own. */
static void open_table(struct bh_server *server, void *memory)
{
    struct bh_table_shape shapes[BH_TABLE_KINDS];
    struct bh_server_config *config = &server->config;
    uint8_t owner[sizeof config->instance + sizeof config->hash_key];

    memcpy(owner, &config->instance, sizeof config->instance);
    memcpy(owner + sizeof config->instance, config->hash_key,
           sizeof config->hash_key);
    bh_keep_shape(config, shapes);
    bh_table_open(&server->table, shapes, memory, owner);
    memcpy(&config->instance, owner, sizeof config->instance);
    memcpy(config->hash_key, owner + sizeof config->instance,
           sizeof config->hash_key);
}

struct bh_server *bh_server_init(void *memory,
                                 const struct bh_server_config *config,
                                 uint64_t now, void *table)
{
    struct tables t;
    struct bh_server *server;

    lay_out(config, memory, &t);
    server = t.server;
    server->config = *config;
    server->now = now;
    if (table != NULL)
        open_table(server, table);
    server->sessions = t.sessions;
    server->windows = t.windows;
    server->statuses = t.statuses;
    server->pendings = t.pendings;
    server->volumes = t.volumes;
    server->volume_buckets = t.volume_buckets;
    server->volume_count = bh_volumes_count(config);
    server->volume_bucket_count = bh_hosts_bucket_count(server->volume_count);
    server->requests = t.requests;
    bh_hosts_init(&server->hosts, t.hosts, t.host_buckets, host_count(config),
                  server->config.hash_key);
    init_rings(server);
    fill_rings(server, t.buffers);
    bh_keep_restore(server);
    bh_settle(server);
    return server;
}

size_t bh_server_random_wanted(const struct bh_server *server)
{
    return bh_random_wanted(&server->random);
}

void bh_server_add_random(struct bh_server *server, const uint8_t *bytes,
                          size_t len)
{
    bh_random_add(&server->random, bytes, len);
}

void bh_server_set_time(struct bh_server *server, uint64_t utc_seconds,
                        int16_t zone_minutes)
{
    server->utc_seconds = utc_seconds;
    server->zone_minutes = zone_minutes;
}

/*
 * In.
 */

uint16_t bh_owner_of(const struct bh_server *server, const struct bh_peer *peer)
{
    return (uint16_t)bh_hash(server->config.hash_key, peer->host, BH_HOST_LEN);
}

void bh_text_copy(char *out, size_t room, const char *text)
{
    size_t len = strnlen(text, room - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

void bh_malformed(struct bh_server *server, const struct bh_path *path,
                  size_t len)
{
    server->counters.malformed++;
    bh_event_note(server, BH_EVENT_DATAGRAM_MALFORMED, &path->peer, NULL)
        ->detail = len;
}

static void refuse_id(struct bh_server *server, const struct bh_path *path,
                      const struct bh_command *command, bool discon,
                      bool strict)
{
    uint8_t bytes[BH_REPLY_HEADER_LEN];
    size_t len;

    if (strict && bh_strict_owner(server, &path->peer, command->session)) {
        bh_strict_answer(server, path, command, BH_ERR_SESSION);
        return;
    }
    len = discon ? bh_discon_reply_encode(bytes, command->seq, BH_ERR_SESSION)
                 : bh_command_reply_encode(bytes, command->seq, BH_ERR_SESSION,
                                           command->pad);
    bh_reply(server, path, bytes, len);
}

void bh_wrong_id(struct bh_server *server, const struct bh_path *path,
                 const struct bh_command *command, bool discon, bool strict)
{
    struct bh_host *host = bh_host_find(&server->hosts, &path->peer);

    server->counters.wrong_ids++;
    bh_event_note(server, BH_EVENT_ID_UNKNOWN, &path->peer, NULL)->id =
        command->session;
    if (bh_ids_rest(&server->ids, command->session, server->now))
        bh_keep_closed(server, command->session);
    bh_pending_guessed(server, host);
    if (bh_host_may(&host->wrong_id_due_ms, server->now, BH_WRONG_ID_BURST,
                    BH_WRONG_ID_INTERVAL_MS))
        refuse_id(server, path, command, discon, strict);
    else
        server->counters.silenced++;
}

/* The KEEP of a strict session renews its lease. */
static void session_kept(struct bh_server *server, struct bh_session *session,
                         const struct bh_path *path,
                         const struct bh_command *keep)
{
    uint64_t number;
    bool again;

    if (!bh_number_passes(server, session, path, keep, false, &number, &again))
        return;
    bh_session_record(server, session, number, 1, BH_OK, true);
    bh_strict_answer(server, path, keep, BH_OK);
}

/* Whether this was the KEEP of a strict session, present or past. A plain one
 * may be padded to its length; then it names no such session. */
static bool strict_keep(struct bh_server *server, const struct bh_path *path,
                        const uint8_t *bytes, size_t len)
{
    struct bh_session *session;
    struct bh_command command;
    struct bh_discon keep;

    if (len < BH_STRICT_KEEP_LEN ||
        bh_discon_decode(bytes, len, &keep) != BH_OK)
        return false;
    command = (struct bh_command){
        .seq = keep.seq, .pad = keep.pad, .session = keep.session};
    session = bh_session_find(server, keep.session, &path->peer);
    if (session != NULL && session->window != NULL &&
        session->state == BH_SESSION_PROVEN) {
        session_kept(server, session, path, &command);
        return true;
    }
    if (!bh_strict_owner(server, &path->peer, keep.session))
        return false;
    bh_wrong_id(server, path, &command, false, true);
    return true;
}

/* The rate keeps two servers, one of them with a forged address, from
 * answering each other for ever. */
BH_COLD static void keep_received(struct bh_server *server,
                                  const struct bh_path *path,
                                  const uint8_t *bytes, size_t len)
{
    static const uint8_t answer[BH_KEEP_LEN] = {BH_PACKET_KEEP};
    struct bh_host *host;

    if (strict_keep(server, path, bytes, len))
        return;
    host = bh_host_find(&server->hosts, &path->peer);
    if (bh_host_may(&host->keep_due_ms, server->now, BH_KEEP_BURST,
                    BH_KEEP_INTERVAL_MS))
        bh_reply(server, path, answer, sizeof answer);
    else
        server->counters.silenced++;
}

void bh_server_receive(struct bh_server *server, uint64_t now,
                       const struct bh_path *path, const uint8_t *bytes,
                       size_t len)
{
    server->now = now;
    server->counters.received++;
    if (server->stopping || len == 0) {
        server->counters.ignored++;
        return;
    }
    switch (bytes[0]) {
    case BH_PACKET_COMMAND:
        bh_command_received(server, path, bytes, len);
        break;
    case BH_PACKET_CONNECT:
        bh_connect_received(server, path, bytes, len);
        break;
    case BH_PACKET_DISCON:
        bh_discon_received(server, path, bytes, len);
        break;
    case BH_PACKET_KEEP:
        keep_received(server, path, bytes, len);
        break;
    default: /* a REPLY among them: answering one could go on for ever */
        server->counters.ignored++;
        break;
    }
    bh_settle(server);
}

void bh_server_finish(struct bh_server *server, uint64_t now,
                      struct bh_job *job, uint8_t status)
{
    assert(server->jobs_out > 0);
    server->now = now;
    server->jobs_out--;
    if (job == &server->doubt.job) {
        bh_doubt_examined(server, status);
        bh_settle(server);
        return;
    }
    if (bh_job_is_request(job))
        bh_command_done(server, BH_OWNER(job, struct bh_request, job), status);
    else if (job->kind == BH_JOB_LOOKUP)
        bh_connect_looked_up(server, BH_OWNER(job, struct bh_lookup, job),
                             status);
    else if (job->kind == BH_JOB_SWAP)
        bh_slot_asked(server, status);
    else
        bh_volume_served(server, job, status);
    bh_settle(server);
}

void bh_server_expire(struct bh_server *server, uint64_t now)
{
    server->now = now;
    bh_volumes_expire(server);
    bh_swaps_expire(server);
    bh_settle(server);
}

/*
 * Out.
 */

void bh_job_post(struct bh_server *server, struct bh_job *job)
{
    job->next = NULL;
    *server->last_job = job;
    server->last_job = &job->next;
}

struct bh_job *bh_server_next_job(struct bh_server *server)
{
    struct bh_job *job = server->first_job;

    if (job == NULL)
        return NULL;
    server->first_job = job->next;
    if (server->first_job == NULL)
        server->last_job = &server->first_job;
    server->jobs_out++;
    return job;
}

bool bh_server_next_send(struct bh_server *server, struct bh_send *out)
{
    struct bh_request *request;

    if (bh_list_empty(&server->sends))
        return false;
    request = BH_OWNER(bh_list_take(&server->sends), struct bh_request, link);
    *out = (struct bh_send){.path = &request->path,
                            .bytes = request->buffer,
                            .len = request->reply_len,
                            .count = request->reply_count,
                            .token = request};
    return true;
}

void bh_server_sent(struct bh_server *server, const struct bh_send *send)
{
    server->counters.replied += send->count;
    bh_request_free(server, send->token);
}

uint64_t bh_server_deadline(const struct bh_server *server)
{
    uint64_t swap = server->swap.again_ms;
    uint64_t volumes = bh_volumes_deadline(server);

    return swap < volumes ? swap : volumes;
}

/*
 * The administrator.
 */

static void end_sessions(struct bh_server *server, struct bh_volume *volume)
{
    BH_LIST_EACH (link, &volume->sessions)
        bh_session_end(server, BH_OWNER(link, struct bh_session, of_volume),
                       BH_END_STOPPED);
}

bool bh_server_poisoned(const struct bh_server *server)
{
    for (uint32_t i = 0; i < server->volumes_used; i++)
        if (server->volumes[i].poisoned)
            return true;
    return false;
}

void bh_server_stop(struct bh_server *server, uint64_t now)
{
    server->now = now;
    server->stopping = true;
    while (!bh_list_empty(&server->pending_ages))
        bh_pending_end(
            server, BH_OWNER(server->pending_ages.next, struct bh_pending, age),
            BH_ERR_SESSION);
    for (uint32_t i = 0; i < server->volumes_used; i++)
        end_sessions(server, &server->volumes[i]);
    server->due = true;
    bh_settle(server);
}

bool bh_left_to_next(const struct bh_server *server)
{
    return server->stopping && server->table.head != NULL;
}

bool bh_server_idle(const struct bh_server *server)
{
    return server->jobs_out == 0 && server->first_job == NULL &&
           bh_list_empty(&server->sends) && server->session_count == 0;
}

bool bh_server_in_use(const struct bh_server *server, uint64_t device,
                      uint64_t inode)
{
    struct bh_volume_facts facts = {.device = device, .inode = inode};

    BH_MEDIUM_EACH (volume, server, &facts)
        if (volume->holders[BH_ACCESS_READER] +
                volume->holders[BH_ACCESS_WRITER] >
            0)
            return true;
    return false;
}

uint32_t bh_server_session_count(const struct bh_server *server)
{
    return server->session_count;
}

const struct bh_counters *bh_server_counters(const struct bh_server *server)
{
    return &server->counters;
}
