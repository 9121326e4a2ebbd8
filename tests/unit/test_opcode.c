/* SPDX-License-Identifier: MIT */
#include "wire/opcode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_row_is_found_by_its_code(void **state)
{
    (void)state;
#define BH_OPCODE(number, NAME, row, body, needs)                              \
    assert_non_null(bh_opcode_find(number));                                   \
    assert_int_equal(bh_opcode_find(number)->code, number);                    \
    assert_int_equal(bh_opcode_find(number)->body_len, body);                  \
    assert_int_equal(bh_opcode_find(number)->flags, needs);                    \
    assert_string_equal(bh_opcode_find(number)->name, #NAME);
#include "wire/opcode.def"
#undef BH_OPCODE
}

static void no_other_code_is_found(void **state)
{
    unsigned known = 0, found = 0;

    (void)state;
#define BH_OPCODE(number, NAME, row, body, needs) known++;
#include "wire/opcode.def"
#undef BH_OPCODE
    for (unsigned code = 0; code < 256; code++)
        found += bh_opcode_find((uint8_t)code) != NULL;
    assert_int_equal(found, known);
}

static void experiments_are_never_assigned(void **state)
{
    (void)state;
    for (unsigned code = BH_OP_EXPERIMENT_FIRST; code <= BH_OP_EXPERIMENT_LAST;
         code++)
        assert_null(bh_opcode_find((uint8_t)code));
}

static void a_reader_may_not_change_anything(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        const struct bh_opcode_row *row = bh_opcode_find((uint8_t)code);

        if (row != NULL)
            assert_int_equal((row->flags & BH_OP_CHANGES) != 0,
                             code == BH_OP_WRITE || code == BH_OP_TRIM ||
                                 code == BH_OP_ZERO ||
                                 code == BH_OP_CHECKPOINT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found_by_its_code),
        cmocka_unit_test(no_other_code_is_found),
        cmocka_unit_test(experiments_are_never_assigned),
        cmocka_unit_test(a_reader_may_not_change_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
