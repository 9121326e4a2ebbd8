/* SPDX-License-Identifier: MIT */
#include "wire/opcode.h"

#include <stddef.h>

static const struct bh_opcode_row rows[] = {
#define BH_OPCODE(code, NAME, name, body, flags) {code, flags, body, #NAME},
#include "wire/opcode.def"
#undef BH_OPCODE
};

/* The table has no holes, so that a code is an index. */
enum {
#define BH_OPCODE(code, NAME, name, body, flags) place_of_##name,
#include "wire/opcode.def"
#undef BH_OPCODE
    row_count
};
enum {
#define BH_OPCODE(code, NAME, name, body, flags)                               \
    check_##name = 1 / ((code) == place_of_##name),
#include "wire/opcode.def"
#undef BH_OPCODE
    checks_end
};

const struct bh_opcode_row *bh_opcode_find(uint8_t code)
{
    return code < (uint8_t)row_count ? &rows[code] : NULL;
}
