/* SPDX-License-Identifier: MIT */
/*
 * WIZnet's W5500, an Ethernet chip with UDP in it, on SPI: the port of drive.h
 * for machines that have no network stack. Socket 0 is ours, the others the
 * program's. (Registers: WIZnet, "W5500 Datasheet", version 1.1.0, chapters 2
 * and 4.)
 */
#ifndef BH_PORTS_W5500_H
#define BH_PORTS_W5500_H

#include <stdint.h>

/* Our side and the server's; ports big-endian. */
struct bh_w5500 {
    uint8_t own[18]; /* gateway, netmask, MAC address, address: as the chip's
                        registers have them */
    uint8_t own_port[2];
    uint8_t server[6]; /* address, port */
};

/* `settings` are borrowed for good. */
void bh_w5500_open(const struct bh_w5500 *settings);

/* What a machine has: SPI mode 0 or 3, most significant bit first. bh_tick() of
 * tick.h, too. */
void bh_spi_select(uint8_t on); /* the chip's SCSn: low while `on` */
uint8_t bh_spi_exchange(uint8_t byte);

/* avr/spi.c's own, before bh_w5500_open(). */
void bh_spi_open(void);

#endif
