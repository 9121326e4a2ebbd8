/* SPDX-License-Identifier: MIT */
/* Prints the datagrams of the frames that come, until one of a single EE. */
#include "line.h"
#include "machine.h"

#include "tiny/drive.h"

static uint8_t place[64];

static void print_hex(uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    machine_print(digits[byte >> 4]);
    machine_print(digits[byte & 15]);
}

static void print_datagram(uint16_t len)
{
    uint16_t i;

    for (i = 0; i < len && i < BH_DRIVE_HEAD_LEN + sizeof(place); i++)
        print_hex(i < BH_DRIVE_HEAD_LEN ? bh_drive.reply[i]
                                        : place[i - BH_DRIVE_HEAD_LEN]);
    machine_print('\n');
}

int main(void)
{
    uint16_t len;

    bh_chip_open();
    bh_drive.wait = 200;
    bh_drive.place = place;
    bh_drive.reply_len = BH_DRIVE_HEAD_LEN + sizeof(place);
    bh_drive.packet_len = 1;
    bh_port_send(); /* begins the time, and says that the line is open */
    do {
        len = bh_port_receive();
        print_datagram(len);
    } while (len > 1 || (len == 1 && bh_drive.reply[0] != 0xEE));
    machine_end();
    return 0;
}
