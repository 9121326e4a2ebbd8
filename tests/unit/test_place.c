/* SPDX-License-Identifier: MIT */
/* Transports and their addresses, as people write them. */
#include "net/place.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void places_are_parsed_and_printed(void **state)
{
    static const struct {
        const char *text, *printed, *host;
        bool lasts;
    } rows[] = {
        {"udp:1.2.3.4:5", "udp:1.2.3.4:5", "1.2.3.4", true},
        {"udp:[::1]", "udp:[::1]:4444", "::1", true},
        {"udp:127.0.0.1:0", "udp:127.0.0.1:0", "127.0.0.1", false},
        {"unix:/run/b", "unix:/run/b", "unix:/run/b", true},
        {"unix:b:0600", "unix:b", "unix:b", true},
        {"unix:b:12", "unix:b:12", "unix:b:12", true},
        {"serial:/dev/ttyS0:9600", "serial:/dev/ttyS0:9600",
         "serial:/dev/ttyS0", true},
        {"serial:/dev/ttyS0:9600:rtscts", "serial:/dev/ttyS0:9600:rtscts",
         "serial:/dev/ttyS0", true},
        {"tcp:[::1]:70", "tcp:[::1]:70", "::1", true},
        {"unix:b:0999", "unix:b:0999", "unix:b:0999", true},
        {"ether:eth0", "ether:eth0", "ether:eth0", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[BH_PLACE_TEXT_LEN];
        struct bh_place place;
        const char *why;

        assert_int_equal(bh_place_parse(rows[i].text, 4444, &place, &why), 0);
        assert_string_equal(bh_place_print(&place, text), rows[i].printed);
        assert_string_equal(bh_place_print_host(&place, text), rows[i].host);
        assert_int_equal(bh_place_lasts(&place), rows[i].lasts);
    }
}

static void a_socket_has_a_mode(void **state)
{
    struct bh_place place;
    const char *why;

    (void)state;
    assert_int_equal(bh_place_parse("unix:/a", 0, &place, &why), 0);
    assert_int_equal(place.mode, 0660);
    assert_int_equal(bh_place_parse("unix:/a:600", 0, &place, &why), 0);
    assert_int_equal(place.mode, 0600);
    assert_string_equal(place.path, "/a");
}

static void what_is_no_place_is_refused_with_a_hint(void **state)
{
    static const struct {
        const char *text, *hint;
    } rows[] = {
        {"", "udp:ADDRESS"},
        {"4444", "udp:ADDRESS"},
        {"udp:name:4444", "numbers"},
        {"udp:1.2.3.4:70000", "numbers"},
        {"unix:", "path is missing"},
        {"ether:", "interface"},
        {"ether:eth0:1", "interface"},
        {"ether:sixteen-letters-", "interface"},
        {"serial:/dev/ttyS0", "speed"},
        {"tcp:name:1", "numbers"},
    };
    char path[BH_PLACE_PATH_LEN + 20] = "unix:";
    struct bh_place place;
    const char *why;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(bh_place_parse(rows[i].text, 4444, &place, &why),
                         -EINVAL);
        if (strstr(why, rows[i].hint) == NULL)
            fail_msg("'%s': %s", rows[i].text, why);
    }
    memset(path + 5, 'x', BH_PLACE_PATH_LEN - 1);
    assert_int_equal(bh_place_parse(path, 0, &place, &why), 0);
    path[5 + BH_PLACE_PATH_LEN - 1] = 'x';
    assert_int_equal(bh_place_parse(path, 0, &place, &why), -EINVAL);
    assert_non_null(strstr(why, "too long"));
}

static void a_device_has_a_speed(void **state)
{
    static const struct {
        const char *text, *path;
        uint32_t baud;
        bool rtscts;
    } rows[] = {
        {"/dev/ttyS0:115200", "/dev/ttyS0", 115200, false},
        {"/dev/ttyS0:300:rtscts", "/dev/ttyS0", 300, true},
        {"/dev/a:b:31250", "/dev/a:b", 31250, false},
        {"/dev/ttyS0", NULL, 0, false},
        {"/dev/ttyS0:", NULL, 0, false},
        {"/dev/ttyS0:rtscts", NULL, 0, false},
        {"/dev/ttyS0:fast", NULL, 0, false},
        {"/dev/ttyS0:49", NULL, 0, false},
        {"/dev/ttyS0:99999999999", NULL, 0, false},
        {":9600", NULL, 0, false},
        {"", NULL, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_place place;
        const char *why = NULL;
        int rc = bh_place_parse_device(rows[i].text, strlen(rows[i].text),
                                       &place, &why);

        if ((rc == 0) != (rows[i].path != NULL))
            fail_msg("'%s'", rows[i].text);
        if (rc != 0) {
            assert_non_null(why);
            continue;
        }
        assert_string_equal(place.path, rows[i].path);
        assert_int_equal(place.baud, rows[i].baud);
        assert_int_equal(place.rtscts, rows[i].rtscts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_parsed_and_printed),
        cmocka_unit_test(a_socket_has_a_mode),
        cmocka_unit_test(what_is_no_place_is_refused_with_a_hint),
        cmocka_unit_test(a_device_has_a_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
