/* SPDX-License-Identifier: MIT */
#include "w5500/w5500.h"

#include "tick.h"

#include "tiny/drive.h"

/* The control byte: a block, and whether it is written. */
#define COMMON 0x00
#define SOCKET 0x08
#define TX_BUFFER 0x10
#define RX_BUFFER 0x18
#define WRITE 0x04

#define MODE 0x00    /* common: bit 7 resets */
#define GATEWAY 0x01 /* and after it netmask, MAC, address */

#define SOCKET_MODE 0x00
#define SOCKET_COMMAND 0x01
#define SOCKET_INTERRUPT 0x02
#define SOCKET_STATUS 0x03
#define SOCKET_PORT 0x04
#define PEER_ADDRESS 0x0C /* and after it the peer's port */
#define TX_FREE 0x20
#define TX_WRITE 0x24
#define RX_SIZE 0x26
#define RX_READ 0x28

#define MODE_UDP 0x02
#define STATUS_UDP 0x22
#define COMMAND_OPEN 0x01
#define COMMAND_SEND 0x20
#define COMMAND_RECV 0x40
#define SENT 0x10
#define NO_ARP 0x08

#define UDP_HEAD_LEN 8u /* address, port, length, as the chip puts them */

static const struct bh_w5500 *own;
static uint8_t begun;

static void begin(uint16_t at, uint8_t control)
{
    bh_spi_select(1);
    bh_spi_exchange((uint8_t)(at >> 8));
    bh_spi_exchange((uint8_t)at);
    bh_spi_exchange(control);
}

static void put(uint16_t at, uint8_t control, const uint8_t *bytes,
                uint16_t len)
{
    begin(at, (uint8_t)(control | WRITE));
    while (len-- != 0)
        bh_spi_exchange(*bytes++);
    bh_spi_select(0);
}

static void get(uint16_t at, uint8_t control, uint8_t *bytes, uint16_t len)
{
    begin(at, control);
    while (len-- != 0)
        *bytes++ = bh_spi_exchange(0);
    bh_spi_select(0);
}

static uint8_t get8(uint16_t at)
{
    uint8_t byte;

    get(at, SOCKET, &byte, 1);
    return byte;
}

static void put8(uint16_t at, uint8_t byte)
{
    put(at, SOCKET, &byte, 1);
}

static uint16_t get16(uint16_t at)
{
    uint8_t bytes[2];

    get(at, SOCKET, bytes, 2);
    return (uint16_t)((uint16_t)bytes[0] << 8 | bytes[1]);
}

static void put16(uint16_t at, uint16_t value)
{
    uint8_t bytes[2];

    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
    put(at, SOCKET, bytes, 2);
}

/* The chip clears the register when it has taken the command. */
static void command(uint8_t code)
{
    put8(SOCKET_COMMAND, code);
    while (get8(SOCKET_COMMAND) != 0)
        ;
}

void bh_w5500_open(const struct bh_w5500 *settings)
{
    uint8_t mode = 0x80;

    put(MODE, COMMON, &mode, 1);
    do
        get(MODE, COMMON, &mode, 1);
    while (mode & 0x80);
    put(GATEWAY, COMMON, settings->own, sizeof(settings->own));
    put8(SOCKET_MODE, MODE_UDP);
    put(SOCKET_PORT, SOCKET, settings->own_port, 2);
    command(COMMAND_OPEN);
    while (get8(SOCKET_STATUS) != STATUS_UDP)
        ;
    put(PEER_ADDRESS, SOCKET, settings->server, sizeof(settings->server));
    own = settings;
}

void bh_port_send(void)
{
    uint16_t at = get16(TX_WRITE);

    put(at, TX_BUFFER, bh_drive.packet, bh_drive.packet_len);
    at = (uint16_t)(at + bh_drive.packet_len);
    put(at, TX_BUFFER, bh_drive.body, bh_drive.body_len);
    put16(TX_WRITE, (uint16_t)(at + bh_drive.body_len));
    put8(SOCKET_INTERRUPT, SENT | NO_ARP); /* what is written is cleared */
    command(COMMAND_SEND);
    begun = bh_tick();
    /* Who does not answer to ARP is one who does not answer. */
    while (!(get8(SOCKET_INTERRUPT) & (SENT | NO_ARP)))
        if ((uint8_t)(bh_tick() - begun) >= bh_drive.wait)
            break;
}

/* Whether a datagram is from the address and port that we send to. */
static uint8_t is_servers(const uint8_t *head)
{
    uint8_t i;

    for (i = 0; i < sizeof(own->server); i++)
        if (head[i] != own->server[i])
            return 0;
    return 1;
}

/* The length of the first datagram in the buffer; 0: a stranger's. */
static uint16_t take(void)
{
    uint8_t head[UDP_HEAD_LEN];
    uint16_t at = get16(RX_READ);
    uint16_t len, room;

    get(at, RX_BUFFER, head, UDP_HEAD_LEN);
    at = (uint16_t)(at + UDP_HEAD_LEN);
    len = (uint16_t)((uint16_t)head[6] << 8 | head[7]);
    get(at, RX_BUFFER, bh_drive.reply, BH_DRIVE_HEAD_LEN);
    room = len < bh_drive.reply_len ? len : bh_drive.reply_len;
    if (room > BH_DRIVE_HEAD_LEN)
        get((uint16_t)(at + BH_DRIVE_HEAD_LEN), RX_BUFFER, bh_drive.place,
            (uint16_t)(room - BH_DRIVE_HEAD_LEN));
    put16(RX_READ, (uint16_t)(at + len));
    command(COMMAND_RECV);
    return is_servers(head) ? len : 0;
}

uint16_t bh_port_receive(void)
{
    uint16_t len;

    while ((uint8_t)(bh_tick() - begun) < bh_drive.wait)
        if (get16(RX_SIZE) > UDP_HEAD_LEN && (len = take()) != 0)
            return len;
    return 0;
}
