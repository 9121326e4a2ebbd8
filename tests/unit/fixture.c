/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "wire/bytes.h"
#include "wire/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Beginning and end.
 */

static void bring_random(struct fx *fx)
{
    while (!fx->no_random && bh_server_random_wanted(fx->server) > 0) {
        uint64_t bits = fx_random(fx);
        uint8_t bytes[8];

        memcpy(bytes, &bits, sizeof bytes);
        bh_server_add_random(fx->server, bytes, sizeof bytes);
    }
}

static void discard_layer(struct fx *fx, uint64_t name)
{
    struct fx_layer **at = &fx->layers, *layer;

    while (*at != NULL && (*at)->name != name)
        at = &(*at)->next;
    layer = *at;
    if (layer == NULL)
        return;
    *at = layer->next;
    free(layer);
}

/* What no session has any more. */
static void sweep_layers(struct fx *fx)
{
    struct fx_layer *at = fx->layers;

    while (at != NULL) {
        uint64_t name = at->name;

        at = at->next;
        if (!bh_server_has_layer(fx->server, name))
            discard_layer(fx, name);
    }
}

static void start_server(struct fx *fx)
{
    fx->memory = calloc(1, bh_server_size(&fx->config));
    assert_non_null(fx->memory);
    fx->server = bh_server_init(fx->memory, &fx->config, fx->now, fx->table);
    bring_random(fx);
    sweep_layers(fx);
    fx_pump(fx);
}

static struct fx *make(uint32_t sessions, uint32_t requests, uint32_t jobs,
                       bool kept)
{
    struct fx *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    fx->config = (struct bh_server_config){.session_count = sessions,
                                           .request_count = requests,
                                           .volume_jobs = jobs,
                                           .instance = 0x0123456789ABCDEFu,
                                           .hash_key = {1, 2, 3},
                                           .name = "fixture"};
    if (kept) {
        fx->table = calloc(1, bh_server_table_size(&fx->config));
        assert_non_null(fx->table);
    }
    fx->now = 1000000;
    fx->random = 42;
    fx->path_len = 1472;
    start_server(fx);
    return fx;
}

struct fx *fx_new(uint32_t sessions, uint32_t requests, uint32_t jobs)
{
    return make(sessions, requests, jobs, false);
}

struct fx *fx_new_kept(uint32_t sessions, uint32_t requests, uint32_t jobs)
{
    return make(sessions, requests, jobs, true);
}

static void forget_media(struct fx *fx)
{
    while (fx->media != NULL) {
        struct fx_medium *next = fx->media->next;

        free(fx->media);
        fx->media = next;
    }
}

void fx_kill(struct fx *fx)
{
    forget_media(fx);
    fx->held_count = 0;
    free(fx->memory);
    fx->config.instance++; /* not to be used if the table has one */
    assert_int_equal(bh_server_table_check(&fx->config, fx->table),
                     BH_TABLE_GOOD);
    start_server(fx);
}

void fx_free(struct fx *fx)
{
    forget_media(fx);
    for (size_t i = 0; i < fx->disk_count; i++)
        free(fx->disks[i]);
    while (fx->layers != NULL)
        discard_layer(fx, fx->layers->name);
    fx_forget_replies(fx);
    free(fx->requests);
    free(fx->memory);
    free(fx->table);
    free(fx);
}

int fx_set_up(void **state)
{
    *state = make(BH_SESSIONS_MIN, BH_REQUESTS_MIN, 4, false);
    return 0;
}

int fx_set_up_kept(void **state)
{
    *state = make(BH_SESSIONS_MIN, BH_REQUESTS_MIN, 4, true);
    return 0;
}

int fx_tear_down(void **state)
{
    fx_free(*state);
    return 0;
}

struct fx_disk *fx_disk(struct fx *fx, const char *name, uint64_t len)
{
    struct fx_disk *disk = calloc(1, sizeof *disk);

    assert_non_null(disk);
    assert_true(fx->disk_count < FX_DISKS_MAX);
    fx->disks[fx->disk_count++] = disk;
    for (size_t i = 0; i < FX_DISK_LEN; i++)
        disk->bytes[i] = (uint8_t)(i / 256 + i);
    disk->facts = (struct bh_volume_facts){
        .device = 7,
        .inode = 100 + fx->disk_count,
        .byte_count = len,
        .idle_ms = BH_IDLE_DEFAULT_MS,
        .number = (uint32_t)fx->disk_count,
        .mode = BH_MODE_EXCLUSIVE,
        .takeover = BH_TAKEOVER_HOST,
        .sync = BH_SYNC_FLUSH,
        .exponent = BH_ANY_EXPONENT,
    };
    snprintf(disk->facts.name, sizeof disk->facts.name, "%s", name);
    return disk;
}

size_t fx_layers(const struct fx *fx)
{
    size_t count = 0;

    for (const struct fx_layer *at = fx->layers; at != NULL; at = at->next)
        count++;
    return count;
}

struct bh_path fx_peer(uint32_t host, uint16_t port)
{
    struct bh_path path;

    memset(&path, 0, sizeof path);
    path.peer.host[0] = 1;
    bh_put32(path.peer.host + 1, host);
    bh_put16(path.peer.port, port);
    return path;
}

const struct bh_path *fx_host(struct fx *fx, uint32_t host)
{
    assert_true(host < FX_HOSTS);
    fx->hosts[host] = fx_peer(host, 10);
    return &fx->hosts[host];
}

uint64_t fx_random(struct fx *fx)
{
    uint64_t z = fx->random += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/*
 * Jobs.
 */

static struct fx_disk *disk_of(struct fx *fx,
                               const struct bh_volume_facts *facts)
{
    if (facts->removable)
        return fx->slotted;
    for (size_t i = 0; i < fx->disk_count; i++)
        if (strcmp(fx->disks[i]->facts.name, facts->name) == 0)
            return fx->disks[i];
    return NULL;
}

static bool overlap(const struct bh_volume_facts *a,
                    const struct bh_volume_facts *b)
{
    uint64_t a_end = a->first + (a->byte_count > a->grow_limit ? a->byte_count
                                                               : a->grow_limit);
    uint64_t b_end = b->first + (b->byte_count > b->grow_limit ? b->byte_count
                                                               : b->grow_limit);

    return a->device == b->device && a->inode == b->inode && a->first < b_end &&
           b->first < a_end;
}

/* What is locked beneath a layer. */
static uint8_t base_access(uint8_t access, bool layer)
{
    return layer && access == BH_ACCESS_WRITER ? BH_ACCESS_READER : access;
}

/* As OFD locks of two descriptors of one file. */
static bool locked(const struct fx *fx, const struct fx_medium *mine,
                   const struct fx_disk *disk, uint8_t access)
{
    for (const struct fx_medium *at = fx->media; at != NULL; at = at->next) {
        uint8_t theirs = base_access(at->access, at->layer != NULL);

        if (at == mine || at->disk == NULL ||
            !overlap(&at->disk->facts, &disk->facts))
            continue;
        if (access >= BH_ACCESS_READER && theirs >= BH_ACCESS_READER &&
            (access == BH_ACCESS_WRITER || theirs == BH_ACCESS_WRITER))
            return true;
    }
    return false;
}

static struct fx_medium *alive(struct fx *fx, const struct bh_job *job)
{
    for (struct fx_medium *at = fx->media; at != NULL; at = at->next)
        if (at == job->medium && !at->closing)
            return at;
    fail_msg("a job of kind %u was posted on a medium that is being closed",
             job->kind);
    return NULL;
}

static uint64_t detached_version(const struct fx_medium *medium)
{
    return medium->disk == NULL ? 0 : medium->disk->version;
}

static void unlink_medium(struct fx *fx, struct fx_medium *medium)
{
    struct fx_medium **at = &fx->media;

    while (*at != medium)
        at = &(*at)->next;
    *at = medium->next;
    free(medium);
}

static struct fx_disk *job_disk(struct fx *fx, const struct bh_job *job)
{
    switch (job->kind) {
    case BH_JOB_LOOKUP:
        return NULL;
    case BH_JOB_ATTACH:
        return disk_of(fx, job->facts);
    case BH_JOB_SWAP:
        return &fx->slot;
    case BH_JOB_DETACH:
        if (job->medium == NULL)
            return disk_of(fx, job->facts);
        /* fall through */
    default:
        return alive(fx, job)->disk; /* a DETACH is handed out once, too */
    }
}

/* What holds from the moment that the driver has the job. */
static struct fx_disk *taken(struct fx *fx, struct bh_job *job)
{
    struct fx_disk *disk = job_disk(fx, job);
    struct fx_medium *medium = job->medium;

    if (disk != NULL)
        disk->count[job->kind]++;
    switch (job->kind) {
    case BH_JOB_ATTACH:
        if (medium != NULL && job->access < medium->access)
            medium->access = job->access;
        break;
    case BH_JOB_DETACH:
        if (medium != NULL)
            medium->closing = true;
        else
            assert_true(job->discard);
        break;
    case BH_JOB_CHECKPOINT:
        assert_null(medium->layer);
        /* fall through */
    case BH_JOB_WRITE:
    case BH_JOB_ZERO:
        assert_int_equal(medium->access, BH_ACCESS_WRITER);
        assert_true(medium->layer != NULL ||
                    medium->disk->facts.mode != BH_MODE_SCRATCH);
        break;
    case BH_JOB_SYNC:
        assert_null(medium->layer);
        if (disk != NULL)
            medium->syncing = disk->written;
        break;
    default:
        break;
    }
    return disk;
}

void fx_slot(struct fx *fx, struct fx_disk *disk)
{
    fx->slotted = disk;
    fx->slot.facts.removable = true;
}

/* What the slot is now. */
static struct bh_volume_facts slot_facts(const struct fx *fx)
{
    struct bh_volume_facts facts = {
        .device = UINT64_MAX, .exponent = BH_ANY_EXPONENT, .empty = true};

    if (fx->slotted != NULL)
        facts = fx->slotted->facts;
    facts.number = 900;
    facts.removable = true;
    facts.silent = fx->slot.facts.silent;
    facts.datagram_len = fx->path_len;
    strcpy(facts.name, FX_SLOT);
    return facts;
}

static uint8_t swap(struct fx *fx, const struct bh_job *job)
{
    struct fx_disk *disk = NULL;

    if (job->name == NULL && strcmp(job->facts->name, FX_SLOT) != 0)
        return BH_OK; /* a disk that a test has made a slot of its own */
    assert_string_equal(job->facts->name, FX_SLOT);
    if (fx->slot.fails[BH_JOB_SWAP] != BH_OK)
        return fx->slot.fails[BH_JOB_SWAP];
    for (size_t i = 0; job->name != NULL && i < fx->disk_count; i++)
        if (strcmp(fx->disks[i]->facts.name, job->name) == 0)
            disk = fx->disks[i];
    if (job->name != NULL)
        fx->slotted = disk;
    *job->facts = slot_facts(fx);
    return BH_OK;
}

static uint8_t look_up(struct fx *fx, struct bh_job *job)
{
    if (fx->slot.facts.removable && strcmp(job->name, FX_SLOT) == 0) {
        *job->facts = slot_facts(fx);
        return BH_OK;
    }
    if (strcmp(job->name, ":list") == 0) {
        *job->facts = (struct bh_volume_facts){.inode = ++fx->lists,
                                               .byte_count = 4 * FX_SECTOR,
                                               .idle_ms = 60000,
                                               .mode = BH_MODE_READ_ONLY,
                                               .exponent = BH_ANY_EXPONENT,
                                               .name = ":list"};
        return BH_OK;
    }
    for (size_t i = 0; i < fx->disk_count; i++) {
        if (strcmp(fx->disks[i]->facts.name, job->name) == 0) {
            *job->facts = fx->disks[i]->facts;
            job->facts->datagram_len = fx->path_len;
            return fx->disks[i]->fails[BH_JOB_LOOKUP];
        }
    }
    return BH_ERR_NO_IMAGE;
}

static struct fx_layer *find_layer(const struct fx *fx, uint64_t name)
{
    struct fx_layer *at = fx->layers;

    while (at != NULL && at->name != name)
        at = at->next;
    return at;
}

/* A fresh one takes the place of what a killed server has begun. */
static struct fx_layer *lay(struct fx *fx, const struct bh_job *job,
                            const struct fx_disk *disk)
{
    struct fx_layer *layer;

    assert_int_equal(job->access, BH_ACCESS_WRITER);
    if (!job->fresh) {
        layer = find_layer(fx, job->facts->layer);
        assert_true(layer == NULL || layer->unit == job->len);
        return layer;
    }
    discard_layer(fx, job->facts->layer);
    layer = calloc(1, sizeof *layer);
    assert_non_null(layer);
    layer->name = job->facts->layer;
    layer->unit = job->len;
    memcpy(layer->bytes, disk->bytes, sizeof layer->bytes);
    layer->next = fx->layers;
    fx->layers = layer;
    return layer;
}

static uint8_t attach(struct fx *fx, struct bh_job *job)
{
    struct fx_medium *medium = job->medium;
    struct fx_disk *disk = disk_of(fx, job->facts);
    bool layered = job->facts->layer != 0;
    struct fx_layer *layer = NULL;

    if (job->facts->removable &&
        (disk == NULL || disk->facts.inode != job->facts->inode))
        return BH_ERR_SESSION; /* another one is in the slot */
    if (disk != NULL && disk->fails[BH_JOB_ATTACH] != BH_OK)
        return disk->fails[BH_JOB_ATTACH];
    if (disk != NULL &&
        locked(fx, medium, disk, base_access(job->access, layered)))
        return BH_ERR_IN_USE;
    if (disk != NULL && job->version != 0 && job->version != disk->version)
        return BH_ERR_SESSION;
    if (layered && (layer = lay(fx, job, disk)) == NULL)
        return BH_ERR_SESSION;
    if (medium == NULL) {
        medium = calloc(1, sizeof *medium);
        assert_non_null(medium);
        medium->disk = disk;
        medium->layer = layer;
        medium->next = fx->media;
        fx->media = medium;
    }
    medium->access = job->access;
    job->medium = medium;
    job->byte_count = disk == NULL ? 4 * FX_SECTOR : disk->facts.byte_count;
    job->parallel = disk == NULL ? 0 : disk->parallel;
    return BH_OK;
}

/* CRC-32, bit by bit. */
static uint32_t crc_of(const uint8_t *bytes, uint32_t len)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (uint32_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void sum_up(const uint8_t *bytes, struct bh_job *job)
{
    assert_true(job->whole >= job->len);
    memcpy(job->data, bytes + job->offset, job->len);
    memset(job->data + job->len, 0, job->whole - job->len);
    job->checksum = crc_of(job->data, job->whole);
}

/* A layer changes by sectors. */
static void check_units(const struct fx_medium *medium,
                        const struct bh_job *job)
{
    uint32_t unit = medium->layer->unit;

    assert_int_equal(job->offset % unit, 0);
    assert_true(job->len % unit == 0 ||
                job->offset + job->len == medium->disk->facts.byte_count);
}

static void detach(struct fx *fx, struct bh_job *job)
{
    if (job->medium != NULL) {
        job->version = detached_version(job->medium);
        unlink_medium(fx, job->medium);
    }
    if (job->discard)
        discard_layer(fx, job->facts->layer);
}

/* READ, WRITE, ZERO, CHECKSUM, CHECKPOINT, SYNC. */
static uint8_t move(struct fx *fx, struct bh_job *job)
{
    struct fx_medium *medium = alive(fx, job); /* still */
    struct fx_disk *disk = medium->disk;
    uint8_t *bytes;

    if (disk == NULL) { /* `:list` */
        for (uint32_t i = 0; job->kind == BH_JOB_READ && i < job->len; i++)
            *bh_job_at(job, i) = ':';
        return BH_OK;
    }
    bytes = medium->layer != NULL ? medium->layer->bytes : disk->bytes;
    if (medium->layer == NULL &&
        (job->kind == BH_JOB_WRITE || job->kind == BH_JOB_ZERO))
        disk->written++; /* in part, if it fails */
    job->again = job->kind == BH_JOB_SYNC && disk->late;
    if (disk->fails[job->kind] != BH_OK)
        return disk->fails[job->kind];
    if (job->kind == BH_JOB_SYNC) {
        disk->stable = medium->syncing;
        return BH_OK;
    }
    if (job->kind == BH_JOB_CHECKPOINT) {
        snprintf(disk->label, sizeof disk->label, "%s", (char *)job->data);
        memcpy(disk->copy, disk->bytes, sizeof disk->copy);
        return BH_OK;
    }
    assert_true(job->len > 0 && job->offset + job->len <= FX_DISK_LEN);
    if (job->kind != BH_JOB_WRITE || medium->layer != NULL)
        assert_true(job->offset + job->len <= disk->facts.byte_count);
    if (job->kind == BH_JOB_CHECKSUM) {
        sum_up(bytes, job);
        return BH_OK;
    }
    if (job->kind == BH_JOB_READ) {
        for (uint32_t i = 0; i < job->len; i++)
            *bh_job_at(job, i) = bytes[job->offset + i];
        return BH_OK;
    }
    if (medium->layer != NULL)
        check_units(medium, job);
    memcpy(bytes + job->offset, job->data, job->len);
    if (job->offset + job->len > disk->facts.byte_count) {
        assert_true(job->offset + job->len <= disk->facts.grow_limit);
        disk->facts.byte_count = job->offset + job->len;
    }
    return BH_OK;
}

static void finish(struct fx *fx, struct bh_job *job)
{
    uint8_t status = BH_OK;

    switch (job->kind) {
    case BH_JOB_LOOKUP:
        status = look_up(fx, job);
        break;
    case BH_JOB_SWAP:
        status = swap(fx, job);
        break;
    case BH_JOB_ATTACH:
        status = attach(fx, job);
        break;
    case BH_JOB_DETACH:
        detach(fx, job);
        break;
    default:
        status = move(fx, job);
        break;
    }
    bh_server_finish(fx->server, fx->now, job, status);
}

static void take_jobs(struct fx *fx)
{
    struct bh_job *job;

    while ((job = bh_server_next_job(fx->server)) != NULL) {
        struct fx_disk *disk = taken(fx, job);

        if (job->kind == BH_JOB_LOOKUP ? fx->hold_lookups
                                       : disk != NULL && disk->holds[job->kind])
            fx->held[fx->held_count++] = job;
        else
            finish(fx, job);
    }
}

size_t fx_held(const struct fx *fx, enum bh_job_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < fx->held_count; i++)
        count += fx->held[i]->kind == kind;
    return count;
}

void fx_release_at(struct fx *fx, size_t index)
{
    struct bh_job *job = fx->held[index];

    assert_true(index < fx->held_count);
    fx->held_count--;
    memmove(fx->held + index, fx->held + index + 1,
            (fx->held_count - index) * sizeof *fx->held);
    finish(fx, job);
    fx_pump(fx);
}

void fx_release(struct fx *fx, enum bh_job_kind kind)
{
    for (size_t i = 0; i < fx->held_count; i++) {
        if (fx->held[i]->kind == kind) {
            fx_release_at(fx, i);
            return;
        }
    }
    fail_msg("no job of kind %d is held back", (int)kind);
}

void fx_release_all(struct fx *fx)
{
    for (size_t i = 0; i < fx->disk_count; i++)
        memset(fx->disks[i]->holds, 0, sizeof fx->disks[i]->holds);
    fx->hold_lookups = false;
    while (fx->held_count > 0)
        fx_release_at(fx, 0);
}

/*
 * Datagrams.
 */

static uint32_t serial_of(const struct bh_path *path)
{
    uint32_t serial;

    memcpy(&serial, path->route, sizeof serial);
    return serial;
}

static void note_request(struct fx *fx, const uint8_t *bytes, size_t len)
{
    struct fx_request *request;

    if (++fx->serial >= fx->request_room) {
        fx->request_room = fx->request_room * 2 + 1024;
        fx->requests =
            realloc(fx->requests, fx->request_room * sizeof *fx->requests);
        assert_non_null(fx->requests);
    }
    request = &fx->requests[fx->serial];
    *request = (struct fx_request){.len = len};
    memcpy(request->head, bytes, len < 5 ? len : 5);
}

/* The header that answers a strict DISCON or KEEP: a byte longer than these. */
static bool strict_answer(const struct fx_request *request,
                          const struct bh_send *send)
{
    return (request->head[0] == BH_PACKET_DISCON ||
            request->head[0] == BH_PACKET_KEEP) &&
           request->len >= BH_STRICT_DISCON_LEN &&
           send->len == BH_STRICT_REPLY_HEADER_LEN &&
           send->bytes[3] == request->head[4] &&
           memcmp(send->bytes + 4, request->head + 2, 2) == 0;
}

/* A reply fits the request that it carries the route of. */
static void check_reply(struct fx *fx, const struct bh_send *send)
{
    uint32_t serial = serial_of(send->path);
    struct fx_request *request = &fx->requests[serial];

    assert_true(serial > 0 && serial <= fx->serial);
    assert_false(request->answered);
    request->answered = true;
    if (request->head[0] == BH_PACKET_KEEP && send->len == BH_KEEP_LEN) {
        assert_int_equal(send->bytes[0], BH_PACKET_KEEP);
        return;
    }
    assert_int_equal(send->bytes[0], BH_PACKET_REPLY);
    assert_int_equal(send->bytes[1], request->head[1]);
    assert_true(send->count == 1 || request->head[4] == BH_OP_READ_RUN);
    if (send->len <= request->len || strict_answer(request, send))
        return;
    assert_int_equal(request->head[0], BH_PACKET_COMMAND);
    assert_int_equal(send->bytes[2], BH_OK);
    assert_true(BH_GET16(request->head + 2) != 0);
    assert_true(bh_opcode_find(request->head[4])->flags & BH_OP_DATA);
}

static void take_reply(struct fx *fx, const struct bh_send *send,
                       const uint8_t *bytes)
{
    struct fx_reply *reply = &fx->replies[fx->reply_count++];

    assert_true(fx->reply_count < FX_REPLIES_MAX);
    reply->path = *send->path;
    reply->len = send->len;
    reply->bytes = malloc(send->len);
    assert_non_null(reply->bytes);
    memcpy(reply->bytes, bytes, send->len);
}

static void take_replies(struct fx *fx)
{
    struct bh_send send;

    while (bh_server_next_send(fx->server, &send)) {
        check_reply(fx, &send);
        for (unsigned i = 0; i < send.count; i++)
            take_reply(fx, &send, send.bytes + i * send.len);
        bh_server_sent(fx->server, &send);
    }
}

void fx_pump(struct fx *fx)
{
    take_jobs(fx);
    take_replies(fx);
    bring_random(fx);
}

void fx_send(struct fx *fx, const struct bh_path *from, const void *bytes,
             size_t len)
{
    /* Of exactly this length, so that a look behind its end is seen. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct bh_path path = *from;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    note_request(fx, copy, len);
    memcpy(path.route, &fx->serial, sizeof fx->serial);
    bh_server_receive(fx->server, fx->now, &path, copy, len);
    free(copy);
    fx_pump(fx);
}

void fx_pass(struct fx *fx, uint64_t ms)
{
    uint64_t until = fx->now + ms, deadline;

    for (int i = 0; (deadline = bh_server_deadline(fx->server)) <= until; i++) {
        assert_true(i < 100000); /* else a timer that is never satisfied */
        if (deadline > fx->now)
            fx->now = deadline;
        bh_server_expire(fx->server, fx->now);
        fx_pump(fx);
    }
    fx->now = until;
}

/* Takes the oldest reply to `to`, with this seq unless it is -1. */
static int take(struct fx *fx, const struct bh_path *to, int seq,
                uint8_t *bytes)
{
    for (size_t i = 0; i < fx->reply_count; i++) {
        struct fx_reply reply = fx->replies[i];

        if (!bh_peer_same(&reply.path.peer, &to->peer) ||
            (seq >= 0 && (reply.len < 2 || reply.bytes[1] != seq)))
            continue;
        memcpy(bytes, reply.bytes, reply.len);
        free(reply.bytes);
        fx->reply_count--;
        memmove(fx->replies + i, fx->replies + i + 1,
                (fx->reply_count - i) * sizeof *fx->replies);
        return (int)reply.len;
    }
    return FX_NONE;
}

static int answer(struct fx *fx, const struct bh_path *to, int seq)
{
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
    int len = take(fx, to, seq, bytes);

    if (len == FX_NONE)
        return FX_NONE;
    assert_true(len >= 3);
    fx->data_len = 0;
    if (len > 5) { /* the reply to a READ; CONNECT's has 5 bytes */
        fx->data_len = (size_t)len - BH_REPLY_HEADER_LEN;
        memcpy(fx->data, bytes + BH_REPLY_HEADER_LEN, fx->data_len);
    }
    return bytes[2];
}

int fx_take(struct fx *fx, const struct bh_path *to, uint8_t *bytes)
{
    return take(fx, to, -1, bytes);
}

int fx_take_to(struct fx *fx, const struct bh_path *to, uint8_t seq,
               uint8_t *bytes)
{
    return take(fx, to, seq, bytes);
}

int fx_answer(struct fx *fx, const struct bh_path *to)
{
    return answer(fx, to, -1);
}

int fx_answer_to(struct fx *fx, const struct bh_path *to, uint8_t seq)
{
    return answer(fx, to, seq);
}

void fx_forget_replies(struct fx *fx)
{
    while (fx->reply_count > 0)
        free(fx->replies[--fx->reply_count].bytes);
}

/*
 * Requests.
 */

int fx_connect(struct fx *fx, const struct bh_path *from, uint8_t flags,
               const char *name, uint16_t *id)
{
    struct bh_connect connect = {++fx->seq, flags, name};
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
    int len;

    fx_send(fx, from, bytes, bh_connect_encode(bytes, &connect));
    len = fx_take(fx, from, bytes);
    *id = 0;
    if (len == FX_NONE)
        return FX_NONE;
    assert_int_equal(len, BH_CONNECT_REPLY_LEN);
    *id = BH_GET16(bytes + 3);
    assert_true((bytes[2] == BH_OK) == (*id != 0));
    return bytes[2];
}

int fx_command(struct fx *fx, const struct bh_path *from, uint16_t id,
               uint8_t opcode, uint32_t lsn, const void *body, size_t len)
{
    struct bh_command command = {
        .seq = ++fx->seq, .opcode = opcode, .session = id, .lsn = lsn};
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
    size_t head = bh_command_encode(bytes, &command);

    if (len > 0)
        memcpy(bytes + head, body, len);
    fx_send(fx, from, bytes, head + len);
    return fx_answer_to(fx, from, fx->seq);
}

int fx_read(struct fx *fx, const struct bh_path *from, uint16_t id,
            uint32_t lsn)
{
    return fx_command(fx, from, id, BH_OP_READ, lsn, NULL, 0);
}

int fx_write(struct fx *fx, const struct bh_path *from, uint16_t id,
             uint32_t lsn, uint8_t fill)
{
    uint8_t sector[FX_SECTOR];

    memset(sector, fill, sizeof sector);
    return fx_command(fx, from, id, BH_OP_WRITE, lsn, sector, sizeof sector);
}

int fx_flush(struct fx *fx, const struct bh_path *from, uint16_t id)
{
    return fx_command(fx, from, id, BH_OP_FLUSH, 0, NULL, 0);
}

int fx_identify(struct fx *fx, const struct bh_path *from, uint16_t id,
                struct bh_identify *out)
{
    int status =
        fx_command(fx, from, id, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, NULL, 0);

    memset(out, 0, sizeof *out);
    if (status != BH_OK)
        return status;
    assert_int_equal(fx->data_len, BH_IDENTIFY_LEN);
    assert_int_equal(bh_identify_decode(fx->data, out), BH_OK);
    return BH_OK;
}

int fx_discon(struct fx *fx, const struct bh_path *from, uint16_t id)
{
    struct bh_discon discon = {.seq = ++fx->seq, .session = id};
    uint8_t bytes[BH_DISCON_LEN];

    fx_send(fx, from, bytes, bh_discon_encode(bytes, &discon));
    return fx_answer_to(fx, from, fx->seq);
}

uint16_t fx_pend(struct fx *fx, const struct bh_path *from, uint8_t flags,
                 const char *name)
{
    uint16_t id;

    assert_int_equal(fx_connect(fx, from, flags, name, &id), BH_OK);
    return id;
}

uint16_t fx_open(struct fx *fx, const struct bh_path *from, uint8_t flags,
                 const char *name)
{
    uint16_t id = fx_pend(fx, from, flags, name);

    assert_int_equal(fx_read(fx, from, id, 0), BH_OK);
    return id;
}

bool fx_event(struct fx *fx, enum bh_event_kind kind, struct bh_event *out)
{
    while (bh_server_next_event(fx->server, out))
        if (out->kind == kind)
            return true;
    return false;
}

void fx_strict_send(struct fx *fx, const struct bh_path *from, uint16_t id,
                    uint32_t number, uint8_t opcode, uint32_t lsn,
                    const void *body, size_t len)
{
    struct bh_command command = {.seq = (uint8_t)number,
                                 .pad = (uint8_t)(number >> 8),
                                 .opcode = opcode,
                                 .session = id,
                                 .lsn = lsn};
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
    size_t head = bh_command_encode(bytes, &command);

    if (len > 0)
        memcpy(bytes + head, body, len);
    fx_send(fx, from, bytes, head + len);
}

int fx_strict_answer(struct fx *fx, const struct bh_path *to, uint16_t id,
                     uint32_t number)
{
    uint8_t bytes[BH_DATAGRAM_MAX_LEN];
    int len = fx_take_to(fx, to, (uint8_t)number, bytes);

    if (len == FX_NONE)
        return FX_NONE;
    assert_true(len >= (int)BH_STRICT_REPLY_HEADER_LEN);
    assert_int_equal(bytes[3], (uint8_t)(number >> 8));
    assert_int_equal(BH_GET16(bytes + 4), id);
    fx->data_len = (size_t)len - BH_STRICT_REPLY_HEADER_LEN;
    memcpy(fx->data, bytes + BH_STRICT_REPLY_HEADER_LEN, fx->data_len);
    if (bytes[2] != BH_OK)
        assert_int_equal(fx->data_len, 0);
    return bytes[2];
}

void fx_strict_send_write(struct fx *fx, const struct bh_path *from,
                          uint16_t id, uint32_t number, uint32_t lsn,
                          uint8_t fill)
{
    uint8_t sector[FX_SECTOR];

    memset(sector, fill, sizeof sector);
    fx_strict_send(fx, from, id, number, BH_OP_WRITE, lsn, sector,
                   sizeof sector);
}

int fx_strict_write(struct fx *fx, const struct bh_path *from, uint16_t id,
                    uint32_t number, uint32_t lsn, uint8_t fill)
{
    fx_strict_send_write(fx, from, id, number, lsn, fill);
    return fx_strict_answer(fx, from, id, number);
}

void fx_strict_send_five(struct fx *fx, const struct bh_path *from,
                         uint8_t type, uint16_t id, uint32_t number)
{
    struct bh_discon discon = {
        .seq = (uint8_t)number, .pad = (uint8_t)(number >> 8), .session = id};
    uint8_t bytes[BH_STRICT_DISCON_LEN];

    if (type == BH_PACKET_KEEP)
        fx_send(fx, from, bytes, bh_strict_keep_encode(bytes, &discon));
    else
        fx_send(fx, from, bytes, bh_strict_discon_encode(bytes, &discon));
}

uint16_t fx_strict_open(struct fx *fx, const struct bh_path *from,
                        uint8_t flags, const char *name)
{
    uint16_t id = fx_pend(fx, from, flags, name);

    fx_strict_send(fx, from, id, 1, BH_OP_READ, 0, NULL, 0);
    assert_int_equal(fx_strict_answer(fx, from, id, 1), BH_OK);
    return id;
}
