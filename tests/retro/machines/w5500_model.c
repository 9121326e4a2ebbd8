/* SPDX-License-Identifier: MIT */
/*
 * A W5500, as far as ports/w5500 uses one: the common registers, those of
 * socket 0, and its two buffers of 2 KiB, behind SPI. What the socket sends
 * goes to server.c. It is strict where the port has to be: everything ends if
 * it is used otherwise than its data sheet says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "w5500_model.h"

#define BUFFER_LEN 2048u

const struct bh_w5500 w5500_settings = {
    {10, 0, 0, 9, 255, 255, 255, 0, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1},
    {4445 >> 8, 4445 & 255},
    {10, 0, 0, 2, 4444 >> 8, 4444 & 255}};

static struct {
    uint8_t common[64];
    uint8_t socket[48];
    uint8_t out[BUFFER_LEN];
    uint8_t in[BUFFER_LEN];
    uint16_t in_end;
    uint8_t selected;
    uint8_t head[3]; /* address, control */
    unsigned at;     /* byte of this transfer */
} chip;

static void expect(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "W5500: %s\n", what);
        exit(4);
    }
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void send_all(void)
{
    static uint16_t sent;
    uint8_t bytes[BUFFER_LEN];
    uint16_t end = get16(chip.socket + 0x24);
    uint16_t len = 0;

    expect(memcmp(chip.socket + 0x0C, w5500_settings.server, 6) == 0,
           "where to?");
    while (sent != end)
        bytes[len++] = chip.out[sent++ % BUFFER_LEN];
    server_send(bytes, len);
    chip.socket[2] |= 0x10;
}

static void put_in(const uint8_t *bytes, size_t len)
{
    while (len-- != 0)
        chip.in[chip.in_end++ % BUFFER_LEN] = *bytes++;
}

static unsigned in_len(void)
{
    return (uint16_t)(chip.in_end - get16(chip.socket + 0x28));
}

/* A stranger's datagram comes before each of the server's. */
static void look(void)
{
    static uint8_t strangers[] = {10, 0, 0, 3, 4444 >> 8, 4444 & 255, 0,
                                  5,  2, 1, 0, 0,         0};
    uint8_t bytes[1500];
    uint8_t head[8];
    size_t len = in_len() == 0 ? server_receive(bytes, sizeof(bytes)) : 0;

    if (len != 0) {
        put_in(strangers, sizeof(strangers));
        memcpy(head, w5500_settings.server, 6);
        put16(head + 6, (unsigned)len);
        put_in(head, sizeof(head));
        put_in(bytes, len);
    }
    put16(chip.socket + 0x26, in_len());
}

static void do_command(uint8_t code)
{
    if (code == 0x01) {
        expect(chip.socket[0] == 2, "not UDP");
        expect(memcmp(chip.common + 1, w5500_settings.own, 18) == 0, "who?");
        chip.socket[3] = 0x22;
    } else if (code == 0x20) {
        send_all();
    } else {
        expect(code == 0x40, "command");
    }
}

static uint8_t common(uint16_t at, uint8_t writes, uint8_t byte)
{
    expect(at < sizeof(chip.common), "common register");
    if (writes && at == 0)
        byte &= 0x7F; /* reset at once */
    if (writes)
        chip.common[at] = byte;
    return chip.common[at];
}

static uint8_t socket0(uint16_t at, uint8_t writes, uint8_t byte)
{
    expect(at < sizeof(chip.socket), "socket register");
    if (!writes) {
        if (at == 0x26)
            look();
        return chip.socket[at];
    }
    if (at == 1)
        do_command(byte);
    else if (at == 2)
        chip.socket[2] &= (uint8_t)~byte;
    else
        chip.socket[at] = byte;
    return 0;
}

uint8_t w5500_exchange(uint8_t byte)
{
    uint16_t at;
    uint8_t writes = chip.head[2] & 4;

    expect(chip.selected, "not selected");
    if (chip.at < 3) {
        chip.head[chip.at++] = byte;
        return 0;
    }
    at = (uint16_t)(get16(chip.head) + chip.at++ - 3);
    switch (chip.head[2] >> 3) {
    case 0:
        return common(at, writes, byte);
    case 1:
        return socket0(at, writes, byte);
    case 2:
        expect(writes, "sending buffer read");
        return chip.out[at % BUFFER_LEN] = byte;
    default:
        expect(chip.head[2] >> 3 == 3 && !writes, "buffer");
        return chip.in[at % BUFFER_LEN];
    }
}

void w5500_select(uint8_t on)
{
    expect(chip.selected != on, "selected twice");
    chip.selected = on;
    chip.at = 0;
}
