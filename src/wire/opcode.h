/* SPDX-License-Identifier: MIT */
/* What each opcode of a COMMAND needs, from the table in opcode.def. */
#ifndef BH_WIRE_OPCODE_H
#define BH_WIRE_OPCODE_H

#include <stdint.h>

#define BH_BODY_SECTOR 0xFFFFu
#define BH_BODY_LABEL 0xFFFEu
#define BH_OP_LSN 1u
#define BH_OP_CHANGES 2u
#define BH_OP_DATA 4u
#define BH_OP_STRICT 8u
#define BH_OP_COUNT 16u
#define BH_OP_GROWS 32u
#define BH_OP_READS (BH_OP_LSN | BH_OP_DATA) /* sectors, and nothing else */

enum bh_opcode {
#define BH_OPCODE(code, NAME, name, body, flags) BH_OP_##NAME = code,
#include "wire/opcode.def"
#undef BH_OPCODE
    BH_OP_EXPERIMENT_FIRST = 0xE0, /* never assigned: free for experiments */
    BH_OP_EXPERIMENT_LAST = 0xEF
};

struct bh_opcode_row {
    uint8_t code;
    uint8_t flags;     /* BH_OP_ bits */
    uint16_t body_len; /* bytes, or a BH_BODY_ */
    const char *name;  /* as in docs/protocol.md: "READ" */
};

/* The row of `code`, or a null pointer if this version does not know it. */
const struct bh_opcode_row *bh_opcode_find(uint8_t code);

#endif
