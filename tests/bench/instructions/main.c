/* SPDX-License-Identifier: MIT */
/*
 * What the daemon does with its core, without a system call: datagrams come
 * from an array, the disk is memory, replies go nowhere. `count` runs it under
 * callgrind and counts the instructions of steady().
 *
 *     instructions CASE...   as "read strict"; or --machine
 *
 * SESSIONS clients take turns, each with a volume of its own. They send one
 * request each before the server is asked for its replies, as a batch of the
 * daemon does.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/server.h"
#include "wire/bytes.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#define SESSIONS 16u
#define SECTORS 4096u
#define EXPONENT 2u
#define SECTOR_LEN BH_SECTOR_LEN(EXPONENT)
#define WARM_TURNS 8u
#define TURNS 32u       /* counted: 512 requests */
#define TURNS_PER_MS 4u /* 64,000 requests a second */
#define RUN_LEN 32u
#define OP_READ_RUN 11u

struct kind {
    const char *name;
    uint8_t opcode;
    uint32_t sectors; /* that an answer brings */
    bool strict;
};

static const struct kind kinds[] = {
    {"read strict", BH_OP_READ, 1, true},
    {"read default", BH_OP_READ, 1, false},
    {"write strict", BH_OP_WRITE, 0, true},
    {"write default", BH_OP_WRITE, 0, false},
    {"run strict", OP_READ_RUN, RUN_LEN, true},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

struct client {
    struct bh_path path;
    uint16_t id;
    uint16_t number;
};

struct rig {
    const struct kind *kind;
    struct bh_server *server;
    void *memory, *table;
    uint64_t now;
    uint32_t random;
    uint32_t turns;
    struct client clients[SESSIONS];
    uint8_t request[BH_DATAGRAM_MAX_LEN];
    uint8_t reply[BH_REPLY_HEADER_LEN + 2]; /* head of the last one */
    uint64_t replied;                       /* bytes */
    uint8_t disk[SECTORS * SECTOR_LEN];
};

static void fail(const char *what)
{
    fprintf(stderr, "instructions: %s\n", what);
    exit(1);
}

static uint32_t draw(struct rig *rig)
{
    rig->random = rig->random * 1664525u + 1013904223u;
    return rig->random >> 16;
}

/*
 * The storage.
 */

/* The name is one letter. */
static void look_up(struct bh_job *job)
{
    *job->facts = (struct bh_volume_facts){.device = 1,
                                           .inode = (uint8_t)job->name[0],
                                           .byte_count = SECTORS * SECTOR_LEN,
                                           .idle_ms = BH_IDLE_DEFAULT_MS,
                                           .number = (uint8_t)job->name[0],
                                           .datagram_len = 1472,
                                           .exponent = BH_ANY_EXPONENT,
                                           .name = {job->name[0]}};
}

static void work(struct rig *rig, struct bh_job *job)
{
    switch (job->kind) {
    case BH_JOB_LOOKUP:
        look_up(job);
        break;
    case BH_JOB_ATTACH:
        job->medium = rig;
        job->byte_count = SECTORS * SECTOR_LEN;
        break;
    case BH_JOB_READ:
        for (uint32_t at = 0; at < job->len; at += job->piece)
            memcpy(bh_job_at(job, at), rig->disk + job->offset + at,
                   job->piece);
        break;
    case BH_JOB_WRITE:
        memcpy(rig->disk + job->offset, job->data, job->len);
        break;
    default:
        break;
    }
}

/*
 * The daemon's loop.
 */

static void do_jobs(struct rig *rig)
{
    struct bh_job *job;

    while ((job = bh_server_next_job(rig->server)) != NULL) {
        work(rig, job);
        bh_server_finish(rig->server, rig->now, job, BH_OK);
    }
}

static void bring_random(struct rig *rig)
{
    uint8_t bytes[BH_RANDOM_POOL_LEN];
    size_t wanted = bh_server_random_wanted(rig->server);

    if (wanted < sizeof(bytes) / 2)
        return;
    for (size_t i = 0; i < wanted; i++)
        bytes[i] = (uint8_t)draw(rig);
    bh_server_add_random(rig->server, bytes, wanted);
}

static void pump(struct rig *rig)
{
    struct bh_event event;
    struct bh_send send;

    do_jobs(rig);
    while (bh_server_next_send(rig->server, &send)) {
        memcpy(rig->reply, send.bytes, BH_DISCON_REPLY_LEN);
        if (send.len >= BH_CONNECT_REPLY_LEN)
            memcpy(rig->reply, send.bytes, BH_CONNECT_REPLY_LEN);
        rig->replied += send.len * send.count;
        bh_server_sent(rig->server, &send);
    }
    while (bh_server_next_event(rig->server, &event))
        continue;
    bring_random(rig);
    if (bh_server_deadline(rig->server) <= rig->now)
        bh_server_expire(rig->server, rig->now);
}

static void receive(struct rig *rig, const struct client *client, size_t len)
{
    bh_server_receive(rig->server, rig->now, &client->path, rig->request, len);
    do_jobs(rig);
}

/*
 * The clients.
 */

/* By hand: what wire does in the steady loop is to be the server's. */
static size_t put_command(uint8_t *bytes, const struct bh_command *command)
{
    bytes[0] = BH_PACKET_COMMAND;
    bytes[1] = command->seq;
    bytes[2] = (uint8_t)(command->session >> 8);
    bytes[3] = (uint8_t)command->session;
    bytes[4] = command->opcode;
    bytes[5] = (uint8_t)(command->lsn >> 24);
    bytes[6] = (uint8_t)(command->lsn >> 16);
    bytes[7] = (uint8_t)(command->lsn >> 8);
    bytes[8] = (uint8_t)command->lsn;
    bytes[9] = command->pad;
    return BH_COMMAND_HEADER_LEN;
}

static void ask(struct rig *rig, struct client *client, const struct kind *kind)
{
    uint32_t span = kind->sectors > 1 ? kind->sectors : 1;
    struct bh_command command = {
        .seq = (uint8_t)client->number,
        .pad = kind->strict ? (uint8_t)(client->number >> 8) : 0,
        .session = client->id,
        .opcode = kind->opcode,
        .lsn = draw(rig) % (SECTORS - span + 1)};
    size_t len = put_command(rig->request, &command);

    if (kind->opcode == BH_OP_WRITE)
        len += SECTOR_LEN;
    else if (kind->opcode == OP_READ_RUN)
        rig->request[len++] = (uint8_t)span;
    client->number = (uint16_t)(client->number + span);
    receive(rig, client, len);
}

static void open_client(struct rig *rig, struct client *client, uint8_t letter)
{
    const struct kind proof = {"", BH_OP_READ, 1, rig->kind->strict};
    const char name[] = {(char)letter, '\0'};
    struct bh_connect connect = {
        .flags = EXPONENT | (proof.strict ? BH_FLAG_STRICT : 0), .name = name};

    client->path.peer.host[0] = 1;
    client->path.peer.host[1] = letter;
    receive(rig, client, bh_connect_encode(rig->request, &connect));
    pump(rig);
    if (rig->reply[2] != BH_OK)
        fail("a CONNECT was refused");
    client->id = BH_GET16(rig->reply + 3);
    client->number = 1;
    ask(rig, client, &proof);
    pump(rig);
    if (rig->reply[2] != BH_OK)
        fail("a first READ was refused");
}

static struct rig *begin(const struct kind *kind)
{
    struct bh_server_config config = {.session_count = BH_SESSIONS_DEFAULT,
                                      .request_count = BH_REQUESTS_DEFAULT,
                                      .volume_jobs = 8,
                                      .instance = 1,
                                      .hash_key = {1, 2, 3},
                                      .name = "instructions"};
    struct rig *rig = calloc(1, sizeof(*rig));

    if (rig == NULL)
        fail("no memory");
    rig->kind = kind;
    rig->now = 1000000;
    rig->memory = calloc(1, bh_server_size(&config));
    rig->table = calloc(1, bh_server_table_size(&config));
    if (rig->memory == NULL || rig->table == NULL)
        fail("no memory");
    rig->server = bh_server_init(rig->memory, &config, rig->now, rig->table);
    bring_random(rig);
    for (uint32_t i = 0; i < SESSIONS; i++)
        open_client(rig, &rig->clients[i], (uint8_t)('a' + i));
    return rig;
}

static void end(struct rig *rig)
{
    free(rig->memory);
    free(rig->table);
    free(rig);
}

static void turn(struct rig *rig, uint32_t turns)
{
    while (turns-- > 0) {
        for (uint32_t i = 0; i < SESSIONS; i++)
            ask(rig, &rig->clients[i], rig->kind);
        pump(rig);
        rig->now += ++rig->turns % TURNS_PER_MS == 0;
    }
}

/* What is counted: `count` knows it by its name. */
__attribute__((noinline)) static void steady(struct rig *rig)
{
    turn(rig, TURNS);
    rig->turns = 0;
}

/*
 * A case.
 */

static void check(const struct rig *rig)
{
    uint64_t header =
        rig->kind->strict ? BH_STRICT_REPLY_HEADER_LEN : BH_REPLY_HEADER_LEN;
    uint64_t wanted = rig->kind->sectors == 0
                          ? header
                          : rig->kind->sectors * (header + SECTOR_LEN);

    if (rig->replied != TURNS * SESSIONS * wanted || rig->reply[2] != BH_OK)
        fail("the answers are not those that were wanted");
}

static void run(const struct kind *kind)
{
    struct rig *rig;

    if (bh_opcode_find(kind->opcode) == NULL) {
        printf("absent: %s\n", kind->name);
        return;
    }
    rig = begin(kind);
    turn(rig, WARM_TURNS);
    rig->replied = 0;
    steady(rig);
    check(rig);
    printf("requests: %u of %s\n", TURNS * SESSIONS, kind->name);
    end(rig);
}

static void print_machine(void)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&         \
    defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
    printf("gcc %d x86-64\n", __GNUC__);
#else
    printf("other\n");
#endif
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool found = false;

        if (strcmp(argv[i], "--machine") == 0) {
            print_machine();
            continue;
        }
        for (size_t j = 0; j < KIND_COUNT; j++) {
            if (strcmp(argv[i], kinds[j].name) == 0) {
                found = true;
                run(&kinds[j]);
            }
        }
        if (!found)
            fail("no such case");
    }
    return 0;
}
