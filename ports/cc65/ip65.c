/* SPDX-License-Identifier: MIT */
/*
 * IP65's UDP as the port of drive.h, for 6502 machines with an Ethernet card;
 * a tick is 20 ms. The names are IP65's (inc/ip65.h there). Its udp_send()
 * takes a datagram in one piece, so this port has a buffer for one.
 */
#include "cc65/ip65.h"

#include <ip65.h>
#include <string.h>

#include "tiny/drive.h"

#define TICK_MS 20

/* A WRITE, or a CONNECT with the longest name. */
#if BH_DRIVE_SECTOR_EXPONENT == 0
#define BODY_MAX_LEN BH_NAME_FIELD_LEN
#else
#define BODY_MAX_LEN BH_DRIVE_SECTOR_LEN
#endif

static uint8_t datagram[BH_COMMAND_HEADER_LEN + BODY_MAX_LEN];
static uint32_t server;
static uint16_t server_port, own_port;
static uint16_t due_ms;
static uint16_t arrived_len; /* 0: nothing has */

/* IP65 calls it out of ip65_process(), which only we call. */
static void arrive(void)
{
    uint16_t len = udp_recv_len();
    uint16_t room = len < bh_drive.reply_len ? len : bh_drive.reply_len;

    if (udp_recv_src() != server || udp_recv_src_port() != server_port)
        return;
    memcpy(bh_drive.reply, udp_recv_buf, BH_DRIVE_HEAD_LEN);
    if (room > BH_DRIVE_HEAD_LEN)
        memcpy(bh_drive.place, udp_recv_buf + BH_DRIVE_HEAD_LEN,
               room - BH_DRIVE_HEAD_LEN);
    arrived_len = len;
}

uint8_t bh_ip65_open(uint32_t address, uint16_t port, uint16_t from_port)
{
    server = address;
    server_port = port;
    own_port = from_port;
    return udp_add_listener(own_port, arrive);
}

/* Where IP65 asks by ARP first it sends nothing; then this one is lost. */
void bh_port_send(void)
{
    memcpy(datagram, bh_drive.packet, bh_drive.packet_len);
    memcpy(datagram + bh_drive.packet_len, bh_drive.body, bh_drive.body_len);
    udp_send(datagram, bh_drive.packet_len + bh_drive.body_len, server,
             server_port, own_port);
    due_ms = timer_read() + bh_drive.wait * TICK_MS;
}

uint16_t bh_port_receive(void)
{
    arrived_len = 0;
    while ((int16_t)(timer_read() - due_ms) < 0) {
        ip65_process();
        if (arrived_len != 0)
            return arrived_len;
    }
    return 0;
}
