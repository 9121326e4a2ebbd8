/* SPDX-License-Identifier: MIT */
/* What ports/cc65/ip65.c calls, in sim65: a datagram on the line is two bytes
 * of length, low byte first, and its bytes. */
#include <unistd.h>

#include <stdint.h>

#include <ip65.h>

#include "cc65/ip65.h"
#include "line.h"

#define SERVER 0x0200000Aul /* as parse_dotted_quad() has 10.0.0.2 */

unsigned char udp_recv_buf[1476];

static unsigned received_len, milliseconds;
static void (*arrived)(void);

void bh_chip_open(void)
{
    bh_ip65_open(SERVER, 4444, 4445);
}

unsigned char __fastcall__ udp_add_listener(unsigned int port,
                                            void (*callback)(void))
{
    (void)port;
    arrived = callback;
    return 0;
}

unsigned char __fastcall__ udp_send(const unsigned char *bytes,
                                    unsigned int len, unsigned long to,
                                    unsigned int to_port,
                                    unsigned int from_port)
{
    if (to != SERVER || to_port != 4444 || from_port != 4445)
        return 1;
    write(1, &len, 2);
    write(1, bytes, len);
    return 0;
}

static uint8_t get(uint8_t *bytes, unsigned len)
{
    int got;

    while (len != 0) {
        got = read(0, bytes, len);
        if (got <= 0) {
            milliseconds += 100;
            return 0;
        }
        bytes += got;
        len -= got;
    }
    return 1;
}

unsigned char ip65_process(void)
{
    uint8_t head[2];

    if (!get(head, 2))
        return 1;
    received_len = head[0] | (unsigned)head[1] << 8;
    if (received_len > sizeof(udp_recv_buf) || !get(udp_recv_buf, received_len))
        return 1;
    arrived();
    return 0;
}

unsigned int udp_recv_len(void)
{
    return received_len;
}

unsigned long udp_recv_src(void)
{
    return SERVER;
}

unsigned int udp_recv_src_port(void)
{
    return 4444;
}

unsigned int timer_read(void)
{
    return milliseconds;
}
