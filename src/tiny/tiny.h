/* SPDX-License-Identifier: MIT */
/*
 * The smallest client: one request at a time, as a state machine that the
 * caller feeds. It knows what the bytes mean and when to send them again. It
 * refuses to know sockets, serial chips, clocks, memory allocation, and what a
 * lost session ought to lead to: those are the caller's.
 *
 *             connect, command, write, disconnect, keep
 *   at rest ---------------------------------------------> UNSENT
 *      ^                                                      | due: send
 *      |  received: the answer, its status                    v
 *      +--------------------------------------------------- WAITING --+
 *      |  due: no tries left, status SILENT                   ^       | due:
 *      +------------------------------------------------------+-------+ again
 *
 *   at rest   `status` is the last request's: a server's status, or SILENT.
 *   UNSENT    `packet` and `body` are the next datagram; nothing has left yet.
 *   WAITING   they have been sent at `sent`, and are due again `wait` later.
 *
 * Strict sessions (BH_TINY_STRICT, and BH_FLAG_STRICT in the CONNECT) number
 * their requests with 16 bits from 1 and find the number and the session in
 * every reply, so that nothing late passes for an answer. What is added: BUSY
 * (16) is an answer, after which bh_tiny_again() sends the same request once
 * more, `busy_ms` later; bh_tiny_renew(); and two answers without a session,
 * both "unknown session" (4): the default form of 4, which must fit the number,
 * and a plain KEEP to a bh_tiny_renew(). A request that was given up (SILENT,
 * or another one begun) stays outstanding: connect anew. So does the number of
 * one that was answered 3 or 17. After 11 the medium is another: every request
 * gets that until a bh_tiny_identify(), which may get it once itself, and is to
 * be sent only when the program has forgotten the medium of before.
 *
 * Invariants
 *   1. A datagram is `packet[0 .. packet_len-1]` followed by
 *      `body[0 .. body_len-1]`. From UNSENT until rest nothing here changes
 *      either, so that a retransmission is byte-identical.
 *   2. Each new request but KEEP (which has no number) takes the next seq:
 *      the server sees a counting client. In a strict session it takes the
 *      next of 65,536 numbers, and CONNECTs go on from the last CONNECT's seq.
 *   3. `packet[2..3]` is the session id from the answer to CONNECT until the
 *      next CONNECT.
 *   4. `status` leaves WAITING only by an answer whose type, seq and length
 *      fit, or when the tries are used up. All else changes nothing. In a
 *      strict session number and session id have to fit as well, but for the
 *      two answers above.
 *
 * The whole of a port is
 *
 *     bh_tiny_read(&tiny, lsn, 512);
 *     do {
 *         if (bh_tiny_due(&tiny, clock_ms()))
 *             send(tiny.packet, tiny.packet_len, tiny.body, tiny.body_len);
 *         len = receive(reply, 4, sector);    (waits a moment, 0: nothing)
 *         if (len != 0)
 *             bh_tiny_received(&tiny, reply, len);
 *     } while (BH_TINY_RUNS(&tiny));
 *
 * where receive() puts what follows a datagram's first 4 bytes straight into
 * the sector buffer, as long as a READ runs; otherwise it drops that. (Strict:
 * 6 bytes, and the next 2 are to be found at `reply` as well.) Until a
 * READ has succeeded its buffer may hold anything: a stray datagram passes
 * through there too.
 */
#ifndef BH_TINY_H
#define BH_TINY_H

#include <stdint.h>

#include "wire/identify.h"
#include "wire/moment.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

/* 1: strict sessions can be asked for. Every file of a program has to see the
 * same. */
#ifndef BH_TINY_STRICT
#define BH_TINY_STRICT 0
#endif

/* The clock counts in any unit, upwards, and wraps. The constants below are in
 * that unit; as they stand it is the millisecond. Every file of a program has
 * to see the same ones. */
#ifndef BH_TINY_TICK
#define BH_TINY_TICK uint16_t
#endif
#ifndef BH_TINY_WAIT
#define BH_TINY_WAIT 200u /* ticks until the first retransmission */
#endif
#ifndef BH_TINY_WAIT_MAX
#define BH_TINY_WAIT_MAX 2000u /* doubling stops at this or the next above */
#endif
#ifndef BH_TINY_TRIES
#define BH_TINY_TRIES 10u /* datagrams per request: some 13 s in all */
#endif

/* Values of `status` that no server sends. */
#define BH_TINY_SILENT 0xFDu /* no answer to any of the tries */
#define BH_TINY_WAITING 0xFEu
#define BH_TINY_UNSENT 0xFFu

#define BH_TINY_RUNS(tiny) ((tiny)->status >= BH_TINY_WAITING)

/* The bytes that bh_tiny_received() may look at, and those before the data of
 * the answer to the COMMAND that runs. */
#if BH_TINY_STRICT
#define BH_TINY_REPLY_LEN 8u
#define BH_TINY_HEADER_LEN(tiny)                                               \
    ((tiny)->strict ? BH_STRICT_REPLY_HEADER_LEN : BH_REPLY_HEADER_LEN)
#else
#define BH_TINY_REPLY_LEN 5u
#define BH_TINY_HEADER_LEN(tiny) BH_REPLY_HEADER_LEN
#endif

/* All zeros is a valid start; a random packet[1] (the last seq) is better: two
 * lives of a machine are then less likely to use the same numbers. */
struct bh_tiny {
    uint8_t packet[BH_COMMAND_HEADER_LEN];
    uint8_t packet_len;
    uint8_t status;
    uint8_t tries;       /* datagrams that may still be sent */
    uint8_t padded;      /* transport: 1 if it may lengthen datagrams */
    const uint8_t *body; /* borrowed until rest */
    uint16_t body_len;
    uint16_t reply_len; /* of the answer that says OK */
    BH_TINY_TICK wait;  /* until the next retransmission; doubles */
    BH_TINY_TICK sent;  /* when the datagram last left */
#if BH_TINY_STRICT
    uint8_t strict;      /* the session is */
    uint8_t high;        /* strict: the number's high byte; packet[1] is low */
    uint8_t connect_seq; /* strict: of the CONNECT that won the session */
    uint16_t busy_ms;    /* status 16: how long to wait, in milliseconds */
#endif
};

/*
 * Starting a request; one that still runs is forgotten. Each sets `wait` and
 * `tries` to the constants above; a caller that measures round trips or has
 * its own idea of patience overwrites them.
 */

/* `name` with its NUL, `name_len` bytes with it, 2 to 256: an empty name is
 * two NULs. Answered OK: the session is in place, proven by its first
 * command. */
void bh_tiny_connect(struct bh_tiny *tiny, uint8_t flags, const char *name,
                     uint16_t name_len);

/* A COMMAND without a body, whose OK brings `data_len` bytes. */
void bh_tiny_command(struct bh_tiny *tiny, uint8_t opcode, uint32_t lsn,
                     uint16_t data_len);
#define bh_tiny_read(tiny, lsn, sector_len)                                    \
    bh_tiny_command(tiny, BH_OP_READ, lsn, sector_len)
#define bh_tiny_identify(tiny)                                                 \
    bh_tiny_command(tiny, BH_OP_IDENTIFY, BH_IDENTIFY_MAGIC, BH_IDENTIFY_LEN)
#define bh_tiny_flush(tiny) bh_tiny_command(tiny, BH_OP_FLUSH, 0, 0)
#define bh_tiny_time(tiny) bh_tiny_command(tiny, BH_OP_TIME, 0, BH_MOMENT_LEN)

/* The medium of a slot: only in strict sessions. EJECT takes as long as FLUSH.
 */
#define bh_tiny_eject(tiny) bh_tiny_command(tiny, BH_OP_EJECT, 0, 0)
#define bh_tiny_lock(tiny) bh_tiny_command(tiny, BH_OP_LOCK, 0, 0)
#define bh_tiny_unlock(tiny) bh_tiny_command(tiny, BH_OP_UNLOCK, 0, 0)

/* More opcodes, with a body. All of them are macros: what a program does not
 * use is not in it. `count` is of two bytes, big-endian, `label` a byte of
 * length and so many bytes; both are borrowed until rest. CHECKSUM's OK brings
 * BH_CHECKSUM_LEN bytes. All others need a strict session. */
#define bh_tiny_body(tiny, bytes, len)                                         \
    ((tiny)->body = (bytes), (tiny)->body_len = (len))
#define bh_tiny_trim(tiny, lsn, count)                                         \
    (bh_tiny_command(tiny, BH_OP_TRIM, lsn, 0), bh_tiny_body(tiny, count, 2))
#define bh_tiny_zero(tiny, lsn, count)                                         \
    (bh_tiny_command(tiny, BH_OP_ZERO, lsn, 0), bh_tiny_body(tiny, count, 2))
#define bh_tiny_checksum(tiny, lsn, count)                                     \
    (bh_tiny_command(tiny, BH_OP_CHECKSUM, lsn, BH_CHECKSUM_LEN),              \
     bh_tiny_body(tiny, count, 2))
#define bh_tiny_checkpoint(tiny, label)                                        \
    (bh_tiny_command(tiny, BH_OP_CHECKPOINT, 0, 0),                            \
     bh_tiny_body(tiny, label, (uint16_t)((label)[0] + 1u)))

void bh_tiny_write(struct bh_tiny *tiny, uint32_t lsn, const uint8_t *data,
                   uint16_t sector_len);

void bh_tiny_disconnect(struct bh_tiny *tiny);
void bh_tiny_keep(struct bh_tiny *tiny);

#if BH_TINY_STRICT
/* The KEEP of a strict session: it has a number, and renews the lease. */
void bh_tiny_renew(struct bh_tiny *tiny);

/* The request at rest is to be sent once more, byte for byte: after 16, or
 * with new patience after SILENT. */
void bh_tiny_again(struct bh_tiny *tiny);
#endif

/* 1 if the datagram is to be sent now: then send it. 0 else, also if the tries
 * are used up just now (`status` is SILENT then). A clock that jumps or is
 * looked at too seldom costs one wait at most. */
uint8_t bh_tiny_due(struct bh_tiny *tiny, BH_TINY_TICK now);

/* A datagram of `len` bytes arrived, whose first bytes are at `reply`; all
 * BH_TINY_REPLY_LEN bytes there can be read, those beyond `len` may hold
 * anything. 1 if it was the answer: `status` tells. 0: a stray. */
uint8_t bh_tiny_received(struct bh_tiny *tiny, const uint8_t *reply,
                         uint16_t len);

#endif
