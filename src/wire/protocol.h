/* SPDX-License-Identifier: MIT */
/*
 * The constants of the Blockhead protocol: packet types, lengths, flags,
 * statuses. docs/protocol.md is the text behind them. C89, freestanding: a
 * 6502 compiler reads this file too.
 *
 * Every number on the wire is big-endian.
 */
#ifndef BH_WIRE_PROTOCOL_H
#define BH_WIRE_PROTOCOL_H

#define BH_PORT 4444u /* UDP port, and EtherType 0x115C */

/* Packet types: byte 0 of every datagram. */
enum bh_packet_type {
    BH_PACKET_CONNECT = 0,
    BH_PACKET_COMMAND = 1,
    BH_PACKET_REPLY = 2,
    BH_PACKET_DISCON = 3,
    BH_PACKET_KEEP = 4
};

/* Lengths in bytes. A packet may be longer: Ethernet pads short frames. */
#define BH_KEEP_LEN 1u
#define BH_CONNECT_HEADER_LEN 3u /* type, seq, flags; the name follows */
#define BH_CONNECT_MIN_LEN 5u    /* header and an empty name of two NULs */
#define BH_NAME_FIELD_LEN 256u   /* the name with its NUL */
#define BH_CONNECT_MAX_LEN (BH_CONNECT_HEADER_LEN + BH_NAME_FIELD_LEN)
#define BH_CONNECT_REPLY_LEN 5u
#define BH_COMMAND_HEADER_LEN 10u
#define BH_REPLY_HEADER_LEN 4u /* reply to a COMMAND, before its data */
#define BH_DISCON_LEN 4u
#define BH_DISCON_REPLY_LEN 3u

/* The forms of strict sessions. */
#define BH_STRICT_DISCON_LEN 5u
#define BH_STRICT_KEEP_LEN 5u
#define BH_STRICT_REPLY_HEADER_LEN 6u
#define BH_READ_RUN_LEN 11u /* a COMMAND and the number of sectors */
#define BH_CHECKSUM_LEN 4u  /* what CHECKSUM brings */

/* CONNECT flags. Bits 0 to 2 are n: a sector holds 128 << n bytes. */
#define BH_FLAG_SECTOR_MASK 0x07u
#define BH_FLAG_READ_ONLY 0x08u
#define BH_FLAG_SHARED 0x10u
#define BH_FLAG_LOOK 0x18u /* both of the above: a lockless look */
#define BH_FLAG_STRICT 0x20u
#define BH_FLAG_KEYED 0x40u
#define BH_FLAG_EXTENDED 0x80u

#define BH_SECTOR_LEN(exponent) (128u << (exponent))
#define BH_SECTOR_EXPONENT_MAX 7u
#define BH_SECTOR_LEN_MAX 16384u
#define BH_SECTOR_EXPONENT_MTU                                                 \
    3u /* the largest that a 1500-byte MTU carries                             \
        */

/* The longest datagram of the protocol: a WRITE of the largest sector. */
#define BH_DATAGRAM_MAX_LEN (BH_COMMAND_HEADER_LEN + BH_SECTOR_LEN_MAX)

/* The replies to a READ_RUN leave together: at most what one UDP datagram over
 * IPv4 may hold. */
#define BH_RUN_MAX_LEN 65507u

/* The status byte of a reply. Each value's text is in wire/status.c. */
enum bh_status {
    BH_OK = 0,
    BH_ERR_SESSIONS = 1,     /* out of sessions */
    BH_ERR_NO_IMAGE = 2,     /* no such image */
    BH_ERR_FORMAT = 3,       /* bad packet format */
    BH_ERR_SESSION = 4,      /* bad session id */
    BH_ERR_LSN = 5,          /* bad logical sector number */
    BH_ERR_SHORT = 6,        /* short read or write */
    BH_ERR_FLAGS = 7,        /* bad flags or sector size */
    BH_ERR_READ_ONLY = 8,    /* the session or the volume is read-only */
    BH_ERR_IN_USE = 9,       /* another session holds the volume */
    BH_ERR_NO_MEDIUM = 10,   /* the slot is empty, or there is no volume */
    BH_ERR_CHANGED = 11,     /* the medium was changed (strict) */
    BH_ERR_STORAGE = 12,     /* the storage beneath failed */
    BH_ERR_NO_SPACE = 13,    /* the storage beneath is full */
    BH_ERR_NOT_ALLOWED = 14, /* not authorised */
    BH_ERR_OPCODE = 15,      /* unknown opcode */
    BH_ERR_BUSY = 16,        /* come back later (strict) */
    BH_ERR_AHEAD = 17        /* ahead of the window (strict) */
};
#define BH_STATUS_COUNT 18u

#endif
