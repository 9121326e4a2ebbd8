/* SPDX-License-Identifier: MIT */
/*
 * Three frames on a line, of which the middle one is damaged on its way, and
 * what gets through all the same.
 */
#ifndef BH_UNIT_DAMAGE_H
#define BH_UNIT_DAMAGE_H

#include <stdint.h>

enum damage {
    DAMAGE_BIT,                  /* one bit is flipped */
    DAMAGE_BYTE,                 /* one byte is another */
    DAMAGE_LOSS,                 /* one byte is lost */
    DAMAGE_INSERT,               /* one comes from nowhere */
    DAMAGE_DOUBLE,               /* one comes twice */
    DAMAGE_SINGLE,               /* those before concern one byte */
    DAMAGE_BITS = DAMAGE_SINGLE, /* two bits, anywhere */
    DAMAGE_BURST,                /* 17 to 200 bits in a row */
    DAMAGE_BYTES,                /* 2 to 6 bytes, anywhere */
    DAMAGE_SHIFT, /* one is lost, and elsewhere one comes from nowhere */
    DAMAGE_COUNT
};

extern const char *const damage_names[DAMAGE_COUNT];

struct damage_count {
    uint64_t damaged;
    uint64_t passed;     /* what was not sent passed the FCS ... */
    uint64_t exact;      /* ... with the length of its format ... */
    uint64_t wrong;      /* ... as a WRITE, or as the reply that is awaited */
    uint64_t later_lost; /* the frame before or behind did not arrive */
};

/* `count` frames, each damaged in this way; the same for the same seed. */
void damage_run(uint64_t seed, uint64_t count, enum damage kind,
                struct damage_count *out);

/* Each byte of some frames lost, doubled, and replaced by each other one. */
void damage_every_byte(struct damage_count *out);

#endif
