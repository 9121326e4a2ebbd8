/* SPDX-License-Identifier: MIT */
#include "wire/opcode.h"

#include <stddef.h>

/* The ones used most come first. */
static const struct bh_opcode_row rows[] = {
#define BH_OPCODE(code, NAME, name, body, flags) {code, flags, body, #NAME},
#include "wire/opcode.def"
#undef BH_OPCODE
};

const struct bh_opcode_row *bh_opcode_find(uint8_t code)
{
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}
