/* SPDX-License-Identifier: MIT */
#include "damage.h"

#include "wire/bytes.h"
#include "wire/exact.h"
#include "wire/frame.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_LEN 512u
#define SESSION 0x1234u
#define FRAME_MAX (BH_COMMAND_HEADER_LEN + SECTOR_LEN)
#define LINE_MAX_LEN (3 * BH_FRAME_MAX_LEN(FRAME_MAX) + 32)

const char *const damage_names[DAMAGE_COUNT] = {
    "a bit flipped",  "a byte replaced", "a byte lost",
    "a byte more",    "a byte twice",    "two bits flipped",
    "a longer burst", "2 to 6 bytes",    "a byte lost, one more",
};

struct scene {
    uint64_t random;
    uint8_t datagrams[3][FRAME_MAX];
    uint16_t lens[3];
    size_t begin, end, len; /* of the middle one; of all */
    uint8_t sent[LINE_MAX_LEN];
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(struct scene *scene)
{
    uint64_t z = scene->random += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t below(struct scene *scene, size_t limit)
{
    return (size_t)(draw(scene) % limit);
}

/*
 * What is sent.
 */

/* Random bytes; zeros; flags and escapes; a recording of such a line. */
static void fill_sector(struct scene *scene, uint8_t *sector)
{
    uint64_t kind = draw(scene) % 8;

    for (size_t i = 0; i < SECTOR_LEN; i += 8) {
        uint64_t eight = draw(scene);

        memcpy(sector + i, &eight, 8);
    }
    if (kind == 0)
        memset(sector, 0, SECTOR_LEN);
    for (size_t i = 0; kind == 1 && i < SECTOR_LEN; i++)
        sector[i] = sector[i] & 1 ? BH_FRAME_FLAG : BH_FRAME_ESCAPE;
    if (kind == 2)
        for (size_t i = 0; i + 16 <= SECTOR_LEN; i += 16)
            memcpy(sector + i, scene->sent + i, 16);
}

static uint16_t make_command(uint8_t *bytes, uint8_t opcode, uint32_t lsn)
{
    const struct bh_command command = {.seq = (uint8_t)lsn,
                                       .opcode = opcode,
                                       .pad = (uint8_t)(lsn >> 8),
                                       .session = SESSION,
                                       .lsn = lsn};

    return (uint16_t)bh_command_encode(bytes, &command);
}

static uint16_t make_datagram(struct scene *scene, uint32_t lsn, uint8_t *bytes)
{
    uint16_t len;

    switch (draw(scene) % 4) {
    case 0:
        return make_command(bytes, BH_OP_READ, lsn);
    case 1:
        len = make_command(bytes, BH_OP_WRITE, lsn);
        break;
    case 2:
        return (uint16_t)bh_strict_reply_encode(bytes, (uint8_t)lsn, BH_OK,
                                                (uint8_t)(lsn >> 8), SESSION);
    default:
        len = (uint16_t)bh_strict_reply_encode(bytes, (uint8_t)lsn, BH_OK,
                                               (uint8_t)(lsn >> 8), SESSION);
    }
    fill_sector(scene, bytes + len);
    return (uint16_t)(len + SECTOR_LEN);
}

static void send_all(struct scene *scene)
{
    struct bh_frame_out out;

    uint32_t lsn = (uint32_t)draw(scene);

    scene->len = 0;
    for (int i = 0; i < 3; i++) { /* no two of them alike */
        scene->lens[i] = make_datagram(scene, lsn++, scene->datagrams[i]);
        if (i == 1)
            scene->begin = scene->len;
        bh_frame_out_start(&out, scene->datagrams[i], scene->lens[i], NULL, 0);
        while (bh_frame_next(&out, &scene->sent[scene->len]))
            scene->len++;
        if (i == 1)
            scene->end = scene->len;
    }
}

/*
 * What comes.
 */

static bool is_sent(const struct scene *scene, int which, const uint8_t *bytes,
                    uint16_t len)
{
    return len == scene->lens[which] &&
           memcmp(bytes, scene->datagrams[which], len) == 0;
}

/* Whether a client that waits for the middle one's answer takes it for that. */
static bool is_awaited(const struct scene *scene, const uint8_t *bytes,
                       uint16_t len)
{
    const uint8_t *sent = scene->datagrams[1];

    if (sent[0] != BH_PACKET_REPLY || len < BH_STRICT_REPLY_HEADER_LEN)
        return false;
    return bytes[0] == BH_PACKET_REPLY && bytes[1] == sent[1] &&
           memcmp(bytes + 3, sent + 3, 3) == 0 &&
           len == (bytes[2] == BH_OK ? scene->lens[1]
                                     : BH_STRICT_REPLY_HEADER_LEN);
}

/* Whether a server carries it out as a WRITE of this session. */
static bool is_write(const uint8_t *bytes, uint16_t len)
{
    return bytes[0] == BH_PACKET_COMMAND && len == FRAME_MAX &&
           bytes[4] == BH_OP_WRITE && BH_GET16(bytes + 2) == SESSION;
}

static void judge(const struct scene *scene, const uint8_t *bytes, uint16_t len,
                  struct damage_count *out)
{
    bool awaited = is_awaited(scene, bytes, len);

    out->passed++;
    out->exact += awaited || bh_request_is_exact(bytes, len);
    out->wrong += awaited || is_write(bytes, len);
}

static void receive(const struct scene *scene, const uint8_t *line, size_t len,
                    struct damage_count *out)
{
    uint8_t room[FRAME_MAX];
    struct bh_frame_in in;
    bool first = false, last = false;

    out->damaged++;
    bh_frame_in_start(&in, NULL, 0, room, sizeof room);
    for (size_t i = 0; i < len; i++) {
        if (bh_frame_take(&in, line[i]) != BH_FRAME_GOOD)
            continue;
        if (is_sent(scene, 0, room, BH_FRAME_LEN(&in)))
            first = true;
        else if (is_sent(scene, 2, room, BH_FRAME_LEN(&in)))
            last = true;
        else if (!is_sent(scene, 1, room, BH_FRAME_LEN(&in)))
            judge(scene, room, BH_FRAME_LEN(&in), out);
    }
    out->later_lost += !first || !last;
}

/*
 * The damage.
 */

static size_t remove_at(uint8_t *line, size_t len, size_t at)
{
    memmove(line + at, line + at + 1, len - at - 1);
    return len - 1;
}

static size_t insert_at(uint8_t *line, size_t len, size_t at, uint8_t byte)
{
    memmove(line + at + 1, line + at, len - at);
    line[at] = byte;
    return len + 1;
}

/* The first and the last bit of the burst are flipped, others perhaps. */
static void flip_burst(struct scene *scene, uint8_t *line)
{
    size_t bits = 8 * (scene->end - scene->begin);
    size_t len = 17 + below(scene, 184);
    size_t at;

    if (len > bits)
        len = bits;
    at = 8 * scene->begin + below(scene, bits - len + 1);
    for (size_t i = 0; i < len; i++)
        if (i == 0 || i + 1 == len || draw(scene) & 1)
            line[(at + i) / 8] ^= (uint8_t)(1u << (at + i) % 8);
}

static size_t damage(struct scene *scene, uint8_t *line, enum damage kind)
{
    size_t span = scene->end - scene->begin, len = scene->len;
    size_t at = scene->begin + below(scene, span);
    uint8_t byte = (uint8_t)draw(scene);

    switch (kind) {
    case DAMAGE_BITS:
        line[at] ^= (uint8_t)(1u << below(scene, 8));
        at = scene->begin + below(scene, span);
        /* fall through */
    case DAMAGE_BIT:
        line[at] ^= (uint8_t)(1u << below(scene, 8));
        break;
    case DAMAGE_BYTE:
        line[at] ^= (uint8_t)(1 + below(scene, 255));
        break;
    case DAMAGE_LOSS:
        return remove_at(line, len, at);
    case DAMAGE_INSERT:
        return insert_at(line, len, at, byte);
    case DAMAGE_DOUBLE:
        return insert_at(line, len, at, line[at]);
    case DAMAGE_BURST:
        flip_burst(scene, line);
        break;
    case DAMAGE_BYTES:
        for (size_t left = 2 + below(scene, 5); left > 0; left--)
            line[scene->begin + below(scene, span)] = (uint8_t)draw(scene);
        break;
    case DAMAGE_SHIFT:
        len = insert_at(line, len, at, byte);
        return remove_at(line, len, scene->begin + below(scene, span));
    default:
        abort();
    }
    return len;
}

void damage_run(uint64_t seed, uint64_t count, enum damage kind,
                struct damage_count *out)
{
    struct scene scene = {.random = seed * DAMAGE_COUNT + kind};
    uint8_t line[LINE_MAX_LEN];

    for (uint64_t i = 0; i < count; i++) {
        if (i % 16 == 0)
            send_all(&scene);
        memcpy(line, scene.sent, scene.len);
        receive(&scene, line, damage(&scene, line, kind), out);
    }
}

static void damage_at(const struct scene *scene, size_t at,
                      struct damage_count *out)
{
    uint8_t line[LINE_MAX_LEN];

    memcpy(line, scene->sent, scene->len);
    receive(scene, line, remove_at(line, scene->len, at), out);
    for (unsigned byte = 0; byte < 256; byte++) {
        memcpy(line, scene->sent, scene->len);
        line[at] = (uint8_t)byte;
        receive(scene, line, scene->len, out);
        memcpy(line, scene->sent, scene->len);
        receive(scene, line, insert_at(line, scene->len, at, (uint8_t)byte),
                out);
    }
}

void damage_every_byte(struct damage_count *out)
{
    struct scene scene = {.random = 1};
    bool done_short = false, done_long = false;

    while (!done_short || !done_long) {
        bool *done;

        send_all(&scene);
        done = scene.lens[1] < SECTOR_LEN ? &done_short : &done_long;
        if (*done)
            continue;
        *done = true;
        for (size_t at = scene.begin; at < scene.end; at++)
            damage_at(&scene, at, out);
    }
}
