/* SPDX-License-Identifier: MIT */
/*
 * The port of a serial line: one datagram is one frame of docs/protocol.md's
 * "Serial lines" (RFC 1662: flags, escapes, FCS-16, no address or control).
 * The smallest form; src/wire's is the fast one. Beneath it is a chip, which is
 * four functions of a machine's own.
 *
 * A damaged frame is dropped, and so is what has no end: the client sends
 * again. A byte is lost when the machine is too slow for it, so a line without
 * handshake has a speed at which line.c keeps up.
 */
#ifndef BH_PORTS_LINE_H
#define BH_PORTS_LINE_H

#include <stdint.h>

/* Makes the chip ready, once. */
void bh_chip_open(void);

/* Sends a byte, after waiting for the chip to take it. */
void bh_chip_put(uint8_t byte);

/* Starts the timer: bh_drive.wait ticks. */
void bh_chip_start_timer(void);

/* Waits for a byte until the timer runs out: BH_CHIP_LATE then. The time counts
 * while bytes come, too, or noise would keep the client for ever. */
uint16_t bh_chip_get(void);
#define BH_CHIP_LATE 0x100u

#endif
