/* SPDX-License-Identifier: MIT */
#include "bench_disk.h"

#include <string.h>

#include "tiny/drive.h"
#include "wire/bytes.h"

struct bench_disk bench_disk;

static uint16_t reply_len; /* 0: none waits */

static uint16_t reply(uint8_t status, uint16_t len)
{
    bh_drive.reply[0] = BH_PACKET_REPLY;
    bh_drive.reply[1] = bh_drive.packet[1];
    bh_drive.reply[2] = status;
    bh_drive.reply[3] = 0;
    return len;
}

static uint16_t identify(void)
{
    static const struct bh_identify disk = {.sector_count = BENCH_SECTORS};

    bh_identify_encode(bh_drive.place, &disk);
    return reply(BH_OK, BH_REPLY_HEADER_LEN + BH_IDENTIFY_LEN);
}

static uint16_t command(void)
{
    uint32_t lsn = BH_GET32(bh_drive.packet + 5);

    if (bench_disk.fails_with != BH_OK)
        return reply(bench_disk.fails_with, BH_REPLY_HEADER_LEN);
    if (bh_drive.packet[4] == BH_OP_IDENTIFY)
        return identify();
    if (bh_drive.packet[4] == BH_OP_FLUSH) {
        bench_disk.flushes++;
        return reply(BH_OK, BH_REPLY_HEADER_LEN);
    }
    if (lsn >= BENCH_SECTORS)
        return reply(BH_ERR_LSN, BH_REPLY_HEADER_LEN);
    if (bh_drive.packet[4] == BH_OP_WRITE) {
        memcpy(bench_disk.sectors[lsn], bh_drive.body, 512);
        return reply(BH_OK, BH_REPLY_HEADER_LEN);
    }
    memcpy(bh_drive.place, bench_disk.sectors[lsn], 512);
    return reply(BH_OK, BH_REPLY_HEADER_LEN + 512);
}

void bh_port_send(void)
{
    if (bench_disk.silent) {
        reply_len = 0;
    } else if (bh_drive.packet[0] == BH_PACKET_CONNECT) {
        bench_disk.connects++;
        bh_drive.place[0] = 1;
        reply_len = reply(BH_OK, BH_CONNECT_REPLY_LEN);
    } else {
        reply_len = command();
    }
}

uint16_t bh_port_receive(void)
{
    uint16_t len = reply_len;

    reply_len = 0;
    return len;
}
