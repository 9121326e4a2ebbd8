/* SPDX-License-Identifier: MIT */
#include "connect.h"

#include "load.h"
#include "udp.h"
#include "wire/bytes.h"
#include "wire/identify.h"
#include "wire/opcode.h"
#include "wire/packet.h"
#include "wire/protocol.h"
#include "wire/status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define WAIT_MS 100
#define TRIES 50

int connect_socket(const struct options *options, unsigned lane, uint16_t port)
{
    int fd = udp_socket(options->gso, WAIT_MS);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (options->hosts)
        local.sin_addr.s_addr = htonl(0x7F000101u + lane);
    if (bind(fd, (const struct sockaddr *)&local, sizeof local) != 0 ||
        connect(fd, (const struct sockaddr *)&options->target,
                options->target_len) != 0)
        load_fail("no socket to the server: %s", strerror(errno));
    return fd;
}

/* Sends until a reply of `seq` is there; its length. */
static size_t ask(int fd, const uint8_t *request, size_t len, uint8_t *reply,
                  size_t room)
{
    for (int i = 0; i < TRIES; i++) {
        ssize_t got;

        if (send(fd, request, len, 0) < 0)
            continue;
        do
            got = recv(fd, reply, room, 0);
        while (got >= 0 && (got < 3 || reply[0] != BH_PACKET_REPLY ||
                            reply[1] != request[1]));
        if (got >= 3)
            return (size_t)got;
    }
    load_fail("no answer from the server");
}

/* Many sessions of readers are looks: they lock nothing. */
static uint8_t flags_of(const struct options *options)
{
    uint8_t flags = options->exponent;

    if (options->form == FORM_STRICT)
        flags |= BH_FLAG_STRICT;
    if (options->sessions > 1 && options->writes == 0)
        flags |= BH_FLAG_LOOK;
    return flags;
}

static uint16_t open_session(const struct options *options, int fd)
{
    struct bh_connect connect = {0, flags_of(options), options->name};
    uint8_t request[BH_CONNECT_MAX_LEN], reply[64];
    size_t len = bh_connect_encode(request, &connect);

    if (ask(fd, request, len, reply, sizeof reply) < BH_CONNECT_REPLY_LEN ||
        reply[2] != BH_OK)
        load_fail("CONNECT: %s", bh_status_text(reply[2]));
    return BH_GET16(reply + 3);
}

static void identify(const struct options *options, int fd,
                     struct connected *out)
{
    struct bh_command command = {1, BH_OP_IDENTIFY, 0, out->id,
                                 BH_IDENTIFY_MAGIC};
    uint8_t request[BH_COMMAND_HEADER_LEN], reply[BH_IDENTIFY_LEN + 64];
    size_t header = options->form == FORM_STRICT ? BH_STRICT_REPLY_HEADER_LEN
                                                 : BH_REPLY_HEADER_LEN;
    size_t len = bh_command_encode(request, &command);
    struct bh_identify answer;

    len = ask(fd, request, len, reply, sizeof reply);
    if (reply[2] != BH_OK || len != header + BH_IDENTIFY_LEN ||
        bh_identify_decode(reply + header, &answer) != BH_OK)
        load_fail("IDENTIFY: %s", bh_status_text(reply[2]));
    out->sectors = answer.sector_count;
    out->window = answer.window;
    out->features = answer.features;
    out->next = 2;
}

void connect_session(const struct options *options, int fd,
                     struct connected *out)
{
    out->id = open_session(options, fd);
    identify(options, fd, out);
}

void connect_end(const struct options *options, int fd, uint16_t id,
                 uint32_t number)
{
    struct bh_discon discon = {(uint8_t)number, id, (uint8_t)(number >> 8)};
    uint8_t request[BH_STRICT_DISCON_LEN], reply[64];
    size_t len = options->form == FORM_STRICT
                     ? bh_strict_discon_encode(request, &discon)
                     : bh_discon_encode(request, &discon);

    ask(fd, request, len, reply, sizeof reply);
}
