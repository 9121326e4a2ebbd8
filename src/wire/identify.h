/* SPDX-License-Identifier: MIT */
/*
 * The 128 bytes that IDENTIFY returns. Frozen: a later version may give a
 * meaning to bytes that are zero today and moves none.
 *
 * A client without 64-bit numbers reads single fields by their BH_IDENTIFY_AT_
 * offsets and leaves the rest alone.
 */
#ifndef BH_WIRE_IDENTIFY_H
#define BH_WIRE_IDENTIFY_H

#include <stdint.h>

#define BH_IDENTIFY_LEN 128u
#define BH_IDENTIFY_VERSION 1u
#define BH_IDENTIFY_NAME_LEN 64u
#define BH_IDENTIFY_MAGIC 0x424C4B48ul /* "BLKH": the request's LSN field */

/* IDENTIFY with session id 0 asks about the server. Such a request is padded
 * to this length, so that its answer is no longer than the question. */
#define BH_IDENTIFY_SERVER_REQUEST_LEN 132u

enum bh_identify_at {
    BH_IDENTIFY_AT_MAGIC = 0,
    BH_IDENTIFY_AT_VERSION = 4,
    BH_IDENTIFY_AT_SECTOR_EXPONENT = 5,
    BH_IDENTIFY_AT_FLAGS = 6,
    BH_IDENTIFY_AT_SECTOR_COUNT = 8,
    BH_IDENTIFY_AT_CHANGE_COUNTER = 16,
    BH_IDENTIFY_AT_UTC_SECONDS = 24,
    BH_IDENTIFY_AT_ZONE_MINUTES = 32,
    BH_IDENTIFY_AT_WINDOW = 34,
    BH_IDENTIFY_AT_PREFERRED_RUN = 36,
    BH_IDENTIFY_AT_LEASE_SECONDS = 38,
    BH_IDENTIFY_AT_FEATURES = 40,
    BH_IDENTIFY_AT_HEAVY_LEN = 44,
    BH_IDENTIFY_AT_INSTANCE = 48,
    BH_IDENTIFY_AT_NAME = 64
};

/* Volume flags. */
#define BH_VOLUME_READ_ONLY 1u
#define BH_VOLUME_REMOVABLE 2u
#define BH_VOLUME_LOCKED 4u
#define BH_VOLUME_SHARED 8u
#define BH_VOLUME_SCRATCH 16u
#define BH_VOLUME_MAY_GROW 32u
#define BH_VOLUME_KEYED 64u

#ifdef UINT64_MAX

struct bh_identify {
    uint8_t version;
    uint8_t sector_exponent; /* a sector holds 128 << this bytes */
    uint16_t flags;          /* BH_VOLUME_ bits */
    uint64_t sector_count;   /* of the session's sector size, rounded up */
    uint64_t change_counter; /* see docs/protocol.md, "Reconnecting" */
    uint64_t utc_seconds;    /* since 1970 */
    int16_t zone_minutes;    /* local time minus UTC */
    uint16_t window;         /* requests that may be outstanding */
    uint16_t preferred_run;  /* sectors */
    uint16_t lease_seconds;  /* 0: this session has no lease */
    uint32_t features;       /* bit n: opcode n is known */
    uint32_t heavy_len;      /* bytes that one heavy job may cover */
    uint64_t instance;       /* redrawn when the session table starts empty */
    char name[BH_IDENTIFY_NAME_LEN + 1]; /* NUL-terminated, maybe cut */
};

void bh_identify_encode(uint8_t bytes[BH_IDENTIFY_LEN],
                        const struct bh_identify *identify);

/* BH_OK, or BH_ERR_FORMAT if the magic number is not there. */
uint8_t bh_identify_decode(const uint8_t bytes[BH_IDENTIFY_LEN],
                           struct bh_identify *out);

#endif
#endif
