/* SPDX-License-Identifier: MIT */
/*
 * Blockhead for the load generator, and the bare form of it: the packets of a
 * strict session without any session, which the echoes answer.
 */
#include "connect.h"
#include "load.h"
#include "pattern.h"
#include "udp.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define RUN_LEN (BH_COMMAND_HEADER_LEN + 1u)
#define PORT_FIRST 2000u /* of sessions that share a lane's socket */

/* Requests of one length that wait to be sent. */
struct box {
    unsigned count;
    size_t len;
    uint8_t *bytes;
};

enum { BOX_READS, BOX_WRITES, BOXES };

struct link {
    struct box boxes[BOXES];
    struct udp_in in;
    size_t header_len; /* of a reply */
    uint32_t *by_id;   /* index of a session in load->sessions */
};

/*
 * Out.
 */

static unsigned segments_of(const struct box *box)
{
    size_t most = UDP_PAYLOAD_MAX / box->len;

    return most < UDP_BATCH ? (unsigned)most : UDP_BATCH;
}

/* The box as messages, at most UDP_BATCH. */
static unsigned pack(const struct box *box, bool gso, struct udp_send *sends)
{
    unsigned step = gso ? segments_of(box) : 1, count = 0;

    for (unsigned i = 0; i < box->count; i += step) {
        unsigned some = box->count - i < step ? box->count - i : step;

        sends[count++] = (struct udp_send){.bytes = box->bytes + i * box->len,
                                           .len = some * box->len,
                                           .segment = (uint16_t)box->len};
    }
    return count;
}

static void flush(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;
    struct udp_send sends[BOXES * UDP_BATCH];
    unsigned count = 0;

    for (unsigned i = 0; i < BOXES; i++) {
        if (link->boxes[i].count > 0)
            count += pack(&link->boxes[i], load->options->gso, sends + count);
        link->boxes[i].count = 0;
    }
    if (count == 1 && sends[0].len == sends[0].segment)
        (void)!send(lane->fd, sends[0].bytes, sends[0].len, 0);
    else if (count > 0)
        udp_send(lane->fd, sends, count);
}

static uint8_t *place(struct load *load, struct lane *lane, unsigned which,
                      size_t len)
{
    struct link *link = lane->link;
    struct box *box = &link->boxes[which];

    if (box->count == UDP_BATCH || (box->count > 0 && box->len != len))
        flush(load, lane);
    box->len = len;
    return box->bytes + len * box->count++;
}

static void put(struct load *load, struct lane *lane, struct session *session,
                uint32_t number)
{
    const struct slot *slot = load_slot(load, session, number);
    size_t sector_len = load->options->sector_len;
    bool write = slot->kind == SLOT_WRITE;
    size_t len = write           ? BH_COMMAND_HEADER_LEN + sector_len
                 : slot->run > 0 ? RUN_LEN
                                 : BH_COMMAND_HEADER_LEN;
    uint8_t *bytes = place(load, lane, write ? BOX_WRITES : BOX_READS, len);
    struct bh_command command = {
        .seq = (uint8_t)number,
        .opcode = write           ? BH_OP_WRITE
                  : slot->run > 0 ? BH_OP_READ_RUN
                                  : BH_OP_READ,
        .pad = load->options->form == FORM_DEFAULT ? 0 : (uint8_t)(number >> 8),
        .session = session->id,
        .lsn = slot->lsn};

    bh_command_encode(bytes, &command);
    if (write)
        pattern_fill(bytes + BH_COMMAND_HEADER_LEN, sector_len,
                     slot->lsn * (sector_len / PATTERN_GRANULE_LEN));
    else if (slot->run > 0)
        bytes[BH_COMMAND_HEADER_LEN] = slot->run;
}

/*
 * In.
 */

static struct session *session_of(struct load *load, struct lane *lane,
                                  const uint8_t *reply)
{
    const struct link *link = lane->link;
    uint32_t index;

    if (load->options->form == FORM_DEFAULT)
        return lane->sessions;
    index = link->by_id[reply[4] << 8 | reply[5]];
    return index < load->options->sessions ? &load->sessions[index] : NULL;
}

/* The slot that a reply with this number answers, or NULL. */
static struct slot *slot_of(struct load *load, const struct session *session,
                            const uint8_t *reply)
{
    bool strict = load->options->form != FORM_DEFAULT;
    unsigned mask = strict ? 0xFFFF : 0xFF;
    unsigned number = strict ? reply[1] | (unsigned)reply[3] << 8 : reply[1];
    uint32_t back = ((session->next - 1 - number) & mask) + 1;
    struct slot *slot = load_slot(load, session, session->next - back);

    return back <= load->ring && slot->kind != SLOT_FREE ? slot : NULL;
}

/* Copies of what was answered come after a retransmission, and are no error. */
static void take(struct load *load, struct lane *lane, const uint8_t *reply,
                 size_t len)
{
    size_t header = ((const struct link *)lane->link)->header_len;
    struct session *session;
    struct slot *slot;
    size_t wanted;

    if (len < header || reply[0] != BH_PACKET_REPLY) {
        load_stray(load, "a datagram that is no reply");
        return;
    }
    session = session_of(load, lane, reply);
    slot = session != NULL ? slot_of(load, session, reply) : NULL;
    if (slot == NULL) {
        if (!load->has_lost)
            load_stray(load, "a reply that nobody asked for");
        return;
    }
    wanted = slot->kind == SLOT_READ && reply[2] == BH_OK
                 ? header + load->options->sector_len
                 : header;
    if (reply[2] == BH_ERR_BUSY)
        return; /* it is sent again */
    if (len != wanted)
        load_stray(load, "a reply of the wrong length");
    else
        load_answered(load, lane, slot, reply[2], reply + header);
}

/* Where one datagram is awaited, the call is as simple as on a stream. */
static bool receive_one(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;
    ssize_t len = recv(lane->fd, link->in.buffers, link->in.buffer_len, 0);

    load_clock(load);
    if (len > 0)
        take(load, lane, link->in.buffers, (size_t)len);
    return len > 0;
}

static bool receive(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;
    unsigned count;

    if (lane->under_way == 1 && !load->options->gso)
        return receive_one(load, lane);
    count = udp_receive(lane->fd, &link->in, lane->under_way);
    load_clock(load);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *bytes = link->in.vectors[i].iov_base;
        size_t left = link->in.messages[i].msg_len;
        size_t segment = udp_segment_of(&link->in, i);

        for (; left > 0; bytes += segment, left -= segment) {
            segment = segment < left ? segment : left;
            take(load, lane, bytes, segment);
        }
    }
    return count > 0;
}

/*
 * Opening and closing.
 */

static struct link *new_link(const struct load *load)
{
    const struct options *options = load->options;
    struct link *link = calloc(1, sizeof *link);
    size_t most = BH_COMMAND_HEADER_LEN + options->sector_len;

    if (link == NULL)
        load_fail("out of memory");
    for (unsigned i = 0; i < BOXES; i++)
        link->boxes[i].bytes = calloc(UDP_BATCH, most + 1);
    link->header_len = options->form == FORM_DEFAULT
                           ? BH_REPLY_HEADER_LEN
                           : BH_STRICT_REPLY_HEADER_LEN;
    link->by_id = malloc(65536 * sizeof *link->by_id);
    if (link->boxes[BOX_READS].bytes == NULL ||
        link->boxes[BOX_WRITES].bytes == NULL || link->by_id == NULL)
        load_fail("out of memory");
    memset(link->by_id, 0xFF, 65536 * sizeof *link->by_id);
    udp_in_init(&link->in, most + 64, options->gso, false);
    return link;
}

static void check_session(struct load *load, const struct connected *connected)
{
    const struct options *options = load->options;

    if (connected->window < options->window)
        load_fail("the server's window is %u", connected->window);
    if (options->run > 0 && (connected->features >> BH_OP_READ_RUN & 1) == 0)
        load_fail("the server does not know READ_RUN");
    load->sectors = connected->sectors;
}

/* Sessions that share a lane's socket are opened from ports of their own, since
 * a peer has one session of a kind on a medium; then any port of their host may
 * use them. */
static void open_sessions(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;

    for (unsigned i = 0; i < lane->session_count; i++) {
        struct session *session = &lane->sessions[i];
        struct connected connected;
        bool shares = lane->session_count > 1;
        uint32_t index = (uint32_t)(session - load->sessions);
        int fd = shares ? connect_socket(load->options, lane->index,
                                         (uint16_t)(PORT_FIRST + index))
                        : lane->fd;

        connect_session(load->options, fd, &connected);
        check_session(load, &connected);
        session->id = connected.id;
        session->next = connected.next;
        link->by_id[session->id] = index;
        if (shares)
            close(fd);
    }
}

/* So that what is lost is looked for in time. */
static void set_patience(const struct load *load, int fd)
{
    unsigned ms = load->options->timeout_ms;
    struct timeval wait = {ms / 2000, ms / 2 % 1000 * 1000 + 1};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

static void open_lane(struct load *load, struct lane *lane)
{
    struct link *link = new_link(load);
    const struct options *options = load->options;

    lane->link = link;
    lane->fd = connect_socket(options, lane->index, 0);
    if (options->form != FORM_BARE) {
        open_sessions(load, lane);
        set_patience(load, lane->fd);
        return;
    }
    load->sectors = options->size / options->sector_len;
    lane->sessions->id = (uint16_t)lane->index;
    lane->sessions->next = 1;
    link->by_id[lane->index] = lane->index;
}

static void close_lane(struct load *load, struct lane *lane)
{
    struct link *link = lane->link;

    if (load->options->form != FORM_BARE && lane->session_count == 1)
        connect_end(load->options, lane->fd, lane->sessions->id,
                    lane->sessions->next);
    close(lane->fd);
    for (unsigned i = 0; i < BOXES; i++)
        free(link->boxes[i].bytes);
    free(link->in.buffers);
    free(link->by_id);
    free(link);
}

const struct protocol blockhead_protocol = {.open = open_lane,
                                            .put = put,
                                            .flush = flush,
                                            .receive = receive,
                                            .close = close_lane,
                                            .lossy = true};
