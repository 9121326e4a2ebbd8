/* SPDX-License-Identifier: MIT */
/*
 * NBD for the load generator: fixed newstyle, over TCP or a Unix socket, with
 * simple or structured replies. The numbers and their names are those of the
 * NBD project's doc/proto.md. All requests of a turn are one send; a receive
 * takes all that has come.
 */
#include "load.h"
#include "pattern.h"

#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define NBDMAGIC 0x4e42444d41474943ull
#define IHAVEOPT 0x49484156454F5054ull
#define OPTION_REPLY_MAGIC 0x3e889045565a9ull
#define REQUEST_MAGIC 0x25609513u
#define SIMPLE_MAGIC 0x67446698u
#define STRUCTURED_MAGIC 0x668e33efu

enum { FIXED_NEWSTYLE = 1, NO_ZEROES = 2 };
enum { OPT_GO = 7, OPT_STRUCTURED_REPLY = 8 };
enum { REP_ACK = 1, REP_INFO = 3, INFO_EXPORT = 0 };
enum { CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2 };
enum { CHUNK_DONE = 1, CHUNK_DATA = 1, CHUNK_ERROR = 0x8000 };

#define REQUEST_LEN 28u
#define SIMPLE_LEN 16u
#define CHUNK_LEN 20u
#define IN_LEN (1u << 18)

struct link {
    size_t out_len, in_len;
    uint8_t *out;
    uint8_t in[IN_LEN];
};

static void put16(uint8_t *at, uint16_t value)
{
    value = htobe16(value);
    memcpy(at, &value, sizeof value);
}

static void put32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return be16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

/*
 * Negotiation.
 */

static void send_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0)
            load_fail("the NBD server is gone: %s", strerror(errno));
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void receive_all(int fd, uint8_t *bytes, size_t len)
{
    if (len > 0 && recv(fd, bytes, len, MSG_WAITALL) != (ssize_t)len)
        load_fail("the NBD server does not answer");
}

static void send_option(int fd, uint32_t option, const uint8_t *data,
                        size_t len)
{
    uint8_t bytes[512];

    put64(bytes, IHAVEOPT);
    put32(bytes + 8, option);
    put32(bytes + 12, (uint32_t)len);
    memcpy(bytes + 16, data, len);
    send_all(fd, bytes, 16 + len);
}

/* One reply to an option: its type, with its data in `data`. */
static uint32_t option_reply(int fd, uint8_t data[512])
{
    uint8_t header[20];
    uint32_t len;

    receive_all(fd, header, sizeof header);
    len = get32(header + 16);
    if (get64(header) != OPTION_REPLY_MAGIC || len > 512)
        load_fail("this is no NBD server");
    receive_all(fd, data, len);
    return get32(header + 12);
}

static uint64_t go(int fd, const char *name)
{
    size_t len = strlen(name);
    uint8_t data[512];
    uint64_t size = 0;
    uint32_t type;

    if (len > 255)
        load_fail("an export with so long a name");
    put32(data, (uint32_t)len);
    memcpy(data + 4, name, len);
    put16(data + 4 + len, 0);
    send_option(fd, OPT_GO, data, len + 6);
    do {
        type = option_reply(fd, data);
        if (type == REP_INFO && get16(data) == INFO_EXPORT)
            size = get64(data + 2);
    } while (type == REP_INFO);
    if (type != REP_ACK)
        load_fail("the NBD server has no export '%s'", name);
    return size;
}

static uint64_t negotiate(const struct options *options, int fd)
{
    uint8_t data[512];

    receive_all(fd, data, 18);
    if (get64(data) != NBDMAGIC || get64(data + 8) != IHAVEOPT)
        load_fail("this is no newstyle NBD server");
    put32(data, get16(data + 16) & (FIXED_NEWSTYLE | NO_ZEROES));
    send_all(fd, data, 4);
    if (options->structured) {
        send_option(fd, OPT_STRUCTURED_REPLY, data, 0);
        if (option_reply(fd, data) != REP_ACK)
            load_fail("the NBD server has no structured replies");
    }
    return go(fd, options->name);
}

static void open_lane(struct load *load, struct lane *lane)
{
    const struct options *options = load->options;
    int family = options->target.ss_family, on = 1;
    struct timeval wait = {5, 0};
    struct link *link = calloc(1, sizeof *link);

    if (link != NULL)
        link->out = calloc(load->ring, REQUEST_LEN + options->sector_len);
    lane->link = link;
    lane->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link == NULL || link->out == NULL || lane->fd < 0 ||
        connect(lane->fd, (const struct sockaddr *)&options->target,
                options->target_len) != 0)
        load_fail("no connection to the NBD server: %s", strerror(errno));
    if (family == AF_INET)
        setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(lane->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    load->sectors = negotiate(options, lane->fd) / options->sector_len;
}

static void close_lane(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;
    uint8_t bytes[REQUEST_LEN] = {0};

    (void)load;
    put32(bytes, REQUEST_MAGIC);
    put16(bytes + 6, CMD_DISC);
    send_all(lane->fd, bytes, sizeof bytes);
    close(lane->fd);
    free(link->out);
    free(link);
}

/*
 * Requests.
 */

static void put(struct load *load, struct lane *lane, struct session *session,
                uint32_t number)
{
    struct link *link = lane->link;
    const struct slot *slot = load_slot(load, session, number);
    size_t sector_len = load->options->sector_len;
    uint8_t *bytes = link->out + link->out_len;
    bool write = slot->kind == SLOT_WRITE;

    put32(bytes, REQUEST_MAGIC);
    put16(bytes + 4, 0);
    put16(bytes + 6, write ? CMD_WRITE : CMD_READ);
    put64(bytes + 8, number);
    put64(bytes + 16, slot->lsn * (uint64_t)sector_len);
    put32(bytes + 24, (uint32_t)sector_len);
    link->out_len += REQUEST_LEN;
    if (!write)
        return;
    pattern_fill(bytes + REQUEST_LEN, sector_len,
                 slot->lsn * (sector_len / PATTERN_GRANULE_LEN));
    link->out_len += sector_len;
}

static void flush(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;

    (void)load;
    if (link->out_len > 0)
        send_all(lane->fd, link->out, link->out_len);
    link->out_len = 0;
}

/*
 * Answers. Each take function returns the length of what it has taken, or 0 if
 * not all of it is there yet.
 */

static struct slot *slot_of(struct load *load, const struct lane *lane,
                            uint64_t cookie)
{
    struct session *session = lane->sessions;
    uint32_t number = (uint32_t)cookie;
    struct slot *slot = load_slot(load, session, number);

    if (cookie > UINT32_MAX || session->next - number > load->ring ||
        session->next == number || slot->kind == SLOT_FREE)
        load_fail("an answer that nobody asked for");
    return slot;
}

static size_t take_simple(struct load *load, struct lane *lane,
                          const uint8_t *bytes, size_t len)
{
    struct slot *slot;
    size_t whole = SIMPLE_LEN;
    uint32_t error;

    if (len < SIMPLE_LEN)
        return 0;
    slot = slot_of(load, lane, get64(bytes + 8));
    error = get32(bytes + 4);
    if (slot->kind == SLOT_READ && error == 0)
        whole += load->options->sector_len;
    if (len < whole)
        return 0;
    load_answered(load, lane, slot, error, bytes + SIMPLE_LEN);
    return whole;
}

/* A READ of a sector is answered in one chunk by all servers that we know. */
static size_t take_chunk(struct load *load, struct lane *lane,
                         const uint8_t *bytes, size_t len)
{
    size_t sector_len = load->options->sector_len, data_len;
    struct slot *slot;
    unsigned type;

    if (len < CHUNK_LEN || len < CHUNK_LEN + get32(bytes + 16))
        return 0;
    data_len = get32(bytes + 16);
    type = get16(bytes + 6);
    slot = slot_of(load, lane, get64(bytes + 8));
    if ((get16(bytes + 4) & CHUNK_DONE) == 0 ||
        (type == CHUNK_DATA && data_len != 8 + sector_len) ||
        (slot->kind == SLOT_READ && type == 0))
        load_fail("a chunk of another form than expected");
    load_answered(load, lane, slot,
                  type >= CHUNK_ERROR ? get32(bytes + CHUNK_LEN) : 0,
                  bytes + CHUNK_LEN + 8);
    return CHUNK_LEN + data_len;
}

static size_t take(struct load *load, struct lane *lane, const uint8_t *bytes,
                   size_t len)
{
    if (len < 4)
        return 0;
    switch (get32(bytes)) {
    case SIMPLE_MAGIC:
        return take_simple(load, lane, bytes, len);
    case STRUCTURED_MAGIC:
        return take_chunk(load, lane, bytes, len);
    default:
        load_fail("the NBD server's answers make no sense");
    }
}

static bool receive(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;
    ssize_t got =
        recv(lane->fd, link->in + link->in_len, IN_LEN - link->in_len, 0);
    size_t at = 0, some;

    load_clock(load);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        load_fail("the NBD server has hung up");
    if (got < 0)
        return false;
    link->in_len += (size_t)got;
    while ((some = take(load, lane, link->in + at, link->in_len - at)) > 0)
        at += some;
    link->in_len -= at;
    memmove(link->in, link->in + at, link->in_len);
    return true;
}

const struct protocol nbd_protocol = {.open = open_lane,
                                      .put = put,
                                      .flush = flush,
                                      .receive = receive,
                                      .close = close_lane};
