/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"

static void assert_prints(const char *text, const char *expected)
{
    struct bh_address address;
    char printed[BH_ADDRESS_TEXT_LEN];

    assert_int_equal(bh_address_parse(text, 4444, &address), 0);
    assert_string_equal(bh_address_print(&address, printed), expected);
}

static void address_without_port_has_the_default(void **state)
{
    (void)state;
    assert_prints("10.0.0.1", "10.0.0.1:4444");
    assert_prints("[::1]", "[::1]:4444");
    assert_prints("::1", "[::1]:4444");
    assert_prints("fe80::a:1", "[fe80::a:1]:4444");
}

static void address_with_port_keeps_it(void **state)
{
    (void)state;
    assert_prints("10.0.0.1:1", "10.0.0.1:1");
    assert_prints("[2001:db8::2]:65535", "[2001:db8::2]:65535");
    assert_prints("127.0.0.1:0", "127.0.0.1:0");
}

static void star_is_every_address_of_both_families(void **state)
{
    (void)state;
    assert_prints("*", "[::]:4444");
    assert_prints("*:99", "[::]:99");
}

static void mapped_address_prints_as_ipv4(void **state)
{
    (void)state;
    assert_prints("[::ffff:192.0.2.7]:80", "192.0.2.7:80");
}

static void scope_is_parsed_and_printed(void **state)
{
    (void)state;
    assert_prints("[fe80::1%lo]:4444", "[fe80::1%lo]:4444");
}

static void host_prints_without_port_and_brackets(void **state)
{
    struct bh_address address;
    char printed[BH_ADDRESS_TEXT_LEN];

    (void)state;
    assert_int_equal(bh_address_parse("[::1]:9", 1, &address), 0);
    assert_string_equal(bh_address_print_host(&address, printed), "::1");
    assert_int_equal(bh_address_port(&address), 9);
    bh_address_set_port(&address, 10);
    assert_int_equal(bh_address_port(&address), 10);
}

static void no_address_prints_as_nowhere(void **state)
{
    struct bh_address address = {.len = 0};
    char printed[BH_ADDRESS_TEXT_LEN];

    (void)state;
    assert_string_equal(bh_address_print(&address, printed), "nowhere");
    assert_int_equal(bh_address_port(&address), 0);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ":1",
                                      "host",
                                      "1.2.3",
                                      "1.2.3.4:",
                                      "1.2.3.4:x",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:-1",
                                      "1.2.3.4:1 ",
                                      "[::1",
                                      "[::1]x",
                                      "[::1]:",
                                      "[1.2.3.4]:5",
                                      "[*]:5",
                                      "::1%nope9",
                                      "[]:5",
                                      "01.2.3.4567",
                                      "1.2.3.4:99999999999999999999",
                                      "::ffff:::1",
                                      "1.2.3.4.5",
                                      "2001:db8::g"};
    struct bh_address address;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(bh_address_parse(bad[i], 4444, &address), -EINVAL);
        assert_int_equal(address.len, 0);
    }
}

static void text_longer_than_any_address_is_refused(void **state)
{
    char text[BH_ADDRESS_TEXT_LEN + 20] = "10.0.0.1:";
    struct bh_address address;

    (void)state;
    memset(text + strlen(text), '0', BH_ADDRESS_TEXT_LEN);
    assert_int_equal(bh_address_parse(text, 4444, &address), -EINVAL);
    assert_int_equal(address.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_without_port_has_the_default),
        cmocka_unit_test(address_with_port_keeps_it),
        cmocka_unit_test(star_is_every_address_of_both_families),
        cmocka_unit_test(mapped_address_prints_as_ipv4),
        cmocka_unit_test(scope_is_parsed_and_printed),
        cmocka_unit_test(host_prints_without_port_and_brackets),
        cmocka_unit_test(no_address_prints_as_nowhere),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(text_longer_than_any_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
