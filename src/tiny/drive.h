/* SPDX-License-Identifier: MIT */
/*
 * The client for machines on which every byte counts: each call waits for its
 * answer. It knows what the bytes mean, when to send them again, and which
 * datagram is the answer. It refuses to know lines, chips and clocks: those are
 * the port's, which is two functions. tiny.h beside this is the same client
 * for programs that cannot wait.
 *
 *   call: number the packet --> bh_port_send --> bh_port_receive --+--> status
 *                                 ^               |  ^   a stray   | answer
 *                                 |   time is up  |  +-------------+
 *                                 +-- wait longer +--> SILENT, after 9 times
 *
 * Invariants
 *   1. A datagram is `packet[0 .. packet_len-1]` followed by
 *      `body[0 .. body_len-1]`. Neither changes until the call returns, so that
 *      a retransmission is byte-identical.
 *   2. Each call takes the next seq: the server sees a counting client. In a
 *      strict session it takes the next of 65,536 numbers.
 *   3. `packet[2..3]` is the session id from the answer to CONNECT until the
 *      next CONNECT.
 *   4. Only a datagram whose type, number and length fit ends a call; in a
 *      strict session its session has to fit too. All others leave no trace but
 *      in `reply` and, while a READ waits, in the sector's buffer: that may
 *      hold anything until the call has returned BH_OK.
 *
 * There is one client in a program: on an 8-bit machine a pointer to a
 * structure is large and slow code. Who has several disks keeps each
 * one's `packet`, and puts it back before he turns to that disk.
 */
#ifndef BH_TINY_DRIVE_H
#define BH_TINY_DRIVE_H

#include <stdint.h>

#include "wire/identify.h"
#include "wire/moment.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

/* What a program chooses when it is compiled. Every file of it has to see the
 * same. What is 0 costs nothing. */
#ifndef BH_DRIVE_SECTOR_EXPONENT
#define BH_DRIVE_SECTOR_EXPONENT 2 /* sectors of 128 << n bytes, n = 0..3 */
#endif
#ifndef BH_DRIVE_WRITE
#define BH_DRIVE_WRITE 1
#endif
#ifndef BH_DRIVE_DISCONNECT
#define BH_DRIVE_DISCONNECT 1
#endif
#ifndef BH_DRIVE_COMMAND
#define BH_DRIVE_COMMAND 0 /* every opcode without a body: IDENTIFY, FLUSH */
#endif
#ifndef BH_DRIVE_STRICT
#define BH_DRIVE_STRICT 0 /* every session is strict: nothing late harms it */
#endif
#ifndef BH_DRIVE_PADDED
#define BH_DRIVE_PADDED 0 /* the transport may lengthen datagrams: Ethernet */
#endif

/* The first wait, in the port's ticks: 2 to 127. Each further one is half as
 * long again, until it passes 255: from 10 these are 10, 15, 22, 33, 49, 73,
 * 109, 163 and 244, which at 50 ticks a second give up after 14 s. It has
 * to be more than a line needs for a sector: docs/porting.md, section 4. */
#ifndef BH_DRIVE_WAIT
#define BH_DRIVE_WAIT 10
#endif

#define BH_DRIVE_SECTOR_LEN BH_SECTOR_LEN(BH_DRIVE_SECTOR_EXPONENT)

/* No server's status: no answer, however often it was asked. A strict session
 * is of no use after that: connect anew. */
#define BH_DRIVE_SILENT 0xFDu

#if BH_DRIVE_STRICT
#define BH_DRIVE_HEAD_LEN BH_STRICT_REPLY_HEADER_LEN
#else
#define BH_DRIVE_HEAD_LEN BH_REPLY_HEADER_LEN
#endif

/* All zeros is a valid start; a random packet[1] (the last seq) is better: two
 * lives of a machine are then less likely to use the same numbers. */
struct bh_drive {
    uint8_t packet[BH_COMMAND_HEADER_LEN];
    uint8_t packet_len;
    uint8_t wait; /* ticks */
    uint8_t reply[BH_DRIVE_HEAD_LEN];
    const uint8_t *body; /* borrowed until the call returns */
    uint8_t *place;      /* for what follows the reply's head */
    uint16_t body_len;
    uint16_t reply_len; /* of the answer that says OK */
#if BH_DRIVE_STRICT
    uint8_t high; /* the number's high byte; packet[1] is the low one */
#endif
};
extern struct bh_drive bh_drive;

/* The calls return a server's status (wire/protocol.h), or SILENT. */

/* `name` with its NUL, `name_len` bytes with it, 2 to 256: an empty name is
 * two NULs. `flags` are BH_FLAG_READ_ONLY and BH_FLAG_SHARED. */
uint8_t bh_drive_connect(uint8_t flags, const char *name, uint16_t name_len);

/* `sector` is of BH_DRIVE_SECTOR_LEN bytes. */
uint8_t bh_drive_read(uint32_t lsn, uint8_t *sector);
#if BH_DRIVE_WRITE
uint8_t bh_drive_write(uint32_t lsn, const uint8_t *sector);
#endif
#if BH_DRIVE_DISCONNECT
uint8_t bh_drive_disconnect(void);
#endif
#if BH_DRIVE_COMMAND
/* `place` is for the `len` bytes that an OK brings. */
uint8_t bh_drive_command(uint8_t opcode, uint32_t lsn, uint8_t *place,
                         uint16_t len);
#define bh_drive_identify(place)                                               \
    bh_drive_command(BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, place, BH_IDENTIFY_LEN)
#define bh_drive_flush() bh_drive_command(BH_OP_FLUSH, 0, 0, 0)
#define bh_drive_time(place)                                                   \
    bh_drive_command(BH_OP_TIME, 0, place, BH_MOMENT_LEN)
#endif

/* The port. */

/* Sends the datagram of invariant 1, and sets the timer to `wait` ticks. */
void bh_port_send(void);

/* Waits for a datagram until the timer runs out: 0 then, else the datagram's
 * length. Its first BH_DRIVE_HEAD_LEN bytes are at `reply`, those from there to
 * `reply_len` at `place`; what is beyond is dropped, but counts. Nothing is
 * written beyond either, whatever arrives. A port drops what its line shows to
 * be damaged, and goes on waiting for as long as was left. */
uint16_t bh_port_receive(void);

#endif
