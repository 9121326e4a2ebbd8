/* SPDX-License-Identifier: MIT */
/* Which lengths a request may have where the transport keeps them. */
#include "vectors.h"

#include "wire/exact.h"
#include "wire/identify.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static bool exact(const char *hex)
{
    uint8_t bytes[VECTOR_BYTES_MAX];

    return bh_request_is_exact(bytes,
                               vector_parse_bytes(hex, bytes, sizeof bytes));
}

static void each_request_has_its_length(void **state)
{
    (void)state;
    assert_true(exact("04"));
    assert_true(exact("04 01 1234 00"));
    assert_true(exact("03 01 1234"));
    assert_true(exact("03 01 1234 00"));
    assert_true(exact("00 01 02 00 00"));
    assert_true(exact("00 01 02 'disk.img' 00"));
    assert_true(exact("00 01 02 'disk.img' 00x248"));
    assert_true(exact("01 01 1234 00 00000005 00"));
    assert_true(exact("01 01 1234 01 00000005 00 55x128"));
    assert_true(exact("01 01 1234 01 00000005 00 55x512"));
    assert_true(exact("01 01 1234 01 00000005 00 55x16384"));
    assert_true(exact("01 01 1234 02 'BLKH' 00"));
    assert_true(exact("01 01 0000 02 'BLKH' 00x123"));
    assert_true(exact("01 01 1234 07 00000005 00 0010"));
    assert_true(exact("01 01 1234 0B 00000005 00 08"));
    assert_true(exact("01 01 1234 0C 00000000 00 03 'abc'"));
    assert_true(exact("01 01 1234 E0 00000000 00 01020304"));
}

static void a_byte_more_or_less_is_not_exact(void **state)
{
    (void)state;
    assert_false(exact(""));
    assert_false(exact("04 00"));
    assert_false(exact("04 01 1234"));
    assert_false(exact("04 01 1234 00 00"));
    assert_false(exact("03 01 12"));
    assert_false(exact("03 01 1234 00 00"));
    assert_false(exact("00 01 02 00"));
    assert_false(exact("00 01 02 'disk.img'"));
    assert_false(exact("00 01 02 'disk.img' 00x249"));
    assert_false(exact("01 01 1234 00 00000005"));
    assert_false(exact("01 01 1234 00 00000005 00 00"));
    assert_false(exact("01 01 1234 01 00000005 00"));
    assert_false(exact("01 01 1234 01 00000005 00 55x64"));
    assert_false(exact("01 01 1234 01 00000005 00 55x511"));
    assert_false(exact("01 01 1234 01 00000005 00 55x513"));
    assert_false(exact("01 01 1234 01 00000005 00 55x16385"));
    assert_false(exact("01 01 1234 02 'BLKH' 00 00"));
    assert_false(exact("01 01 1234 02 'BLKH' 00x123"));
    assert_false(exact("01 01 0000 02 'BLKH' 00x122"));
    assert_false(exact("01 01 1234 07 00000005 00 00"));
    assert_false(exact("01 01 1234 0C 00000000 00"));
    assert_false(exact("01 01 1234 0C 00000000 00 03 'ab'"));
    assert_false(exact("01 01 1234 0C 00000000 00 03 'abcd'"));
}

static void what_is_no_request_is_not_exact(void **state)
{
    (void)state;
    assert_false(exact("02 01 00 00"));
    assert_false(exact("02 01 00 1234"));
    assert_false(exact("05"));
    assert_false(exact("FF 01 1234 00 00000005 00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_length),
        cmocka_unit_test(a_byte_more_or_less_is_not_exact),
        cmocka_unit_test(what_is_no_request_is_not_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
