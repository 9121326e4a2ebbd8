/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "cli/crc.h"

static void joined_is_as_if_it_were_one(void **state)
{
    uint8_t bytes[1000];
    size_t cut;

    (void)state;
    for (cut = 0; cut < sizeof(bytes); cut++)
        bytes[cut] = (uint8_t)(cut * cut + 7);
    for (cut = 0; cut <= sizeof(bytes); cut += 25)
        assert_int_equal(
            crc_join(libdeflate_crc32(0, bytes, cut),
                     libdeflate_crc32(0, bytes + cut, sizeof(bytes) - cut),
                     sizeof(bytes) - cut),
            libdeflate_crc32(0, bytes, sizeof(bytes)));
}

static void the_known_value_comes_out(void **state)
{
    (void)state;
    assert_int_equal(crc_join(libdeflate_crc32(0, "12345", 5),
                              libdeflate_crc32(0, "6789", 4), 4),
                     0xCBF43926);
    assert_int_equal(crc_join(0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_is_as_if_it_were_one),
        cmocka_unit_test(the_known_value_comes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
