/* SPDX-License-Identifier: MIT */
/* The tiny client in one of its two forms, of which a program can have but one
 * under its own name: tiny_form.c is compiled once for each. */
#ifndef BH_SIM_TINY_FORM_H
#define BH_SIM_TINY_FORM_H

#include <stdbool.h>
#include <stdint.h>

#define TINY_WORDS 16u

enum tiny_request {
    TINY_CONNECT,
    TINY_READ,
    TINY_WRITE,
    TINY_IDENTIFY,
    TINY_FLUSH,
    TINY_KEEP,
    TINY_DISCON,
    TINY_TRIM,
    TINY_ZERO,
    TINY_CHECKSUM,
    TINY_TIME,
    TINY_CHECKPOINT,
    TINY_EJECT,
    TINY_LOCK,
    TINY_UNLOCK
};

struct tiny_question {
    enum tiny_request kind;
    uint8_t flags;       /* CONNECT */
    const char *name;    /* CONNECT */
    uint32_t lsn;        /* where the opcode has one */
    uint16_t sector_len; /* READ, WRITE */
    const uint8_t *body; /* what follows the header */
};

struct tiny_form {
    /* A machine that has just been switched on. */
    void (*start)(uint64_t *tiny, uint8_t seq, bool padded);
    void (*ask)(uint64_t *tiny, const struct tiny_question *question);
    void (*again)(uint64_t *tiny);
    void (*set_seq)(uint64_t *tiny, uint8_t seq);
    void (*set_tries)(uint64_t *tiny, uint8_t tries);
    /* Whether to send now; `*next_ms`: how long until that is to be asked
     * again. */
    bool (*due)(uint64_t *tiny, uint64_t now_ms, uint32_t *next_ms);
    uint16_t (*datagram)(const uint64_t *tiny, uint8_t *bytes);
    /* Whether it was the answer; `*data`: where its data begins. */
    bool (*received)(uint64_t *tiny, const uint8_t *bytes, uint16_t len,
                     uint16_t *data);
    uint8_t (*status)(const uint64_t *tiny);
    uint16_t (*session)(const uint64_t *tiny);
};

extern const struct tiny_form tiny_default, tiny_strict;

#endif
