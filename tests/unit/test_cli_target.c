/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/target.h"

static const struct options no_options;

static void volumes_may_be_typed_in_short(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *image;
        uint32_t sector_len;
    } rows[] = {
        {"blockhead://h:5/a?sector=256", "h", 5, "a", 256},
        {"BLOCKHEAD://h/a", "h", 4444, "a", 0},
        {"h/a", "h", 4444, "a", 0},
        {"h:5/dir/a.img", "h", 5, "dir/a.img", 0},
        {"10.0.0.9/:7", "10.0.0.9", 4444, ":7", 0},
        {"h", "h", 4444, "", 0},
        {"h/", "h", 4444, "", 0},
        {"[::1]:5/a", "::1", 5, "a", 0},
        {"::1/a", "::1", 4444, "a", 0},
        {"fe80::1%eth0/a", "fe80::1%eth0", 4444, "a", 0},
        {"h/a:b:c", "h", 4444, "a:b:c", 0},
        {"blockhead+unix:///a?socket=/s", "/s", 4444, "a", 0},
        {"Blockhead+Serial:///dev/ttyS0:9600:rtscts/a?sector=128", "/dev/ttyS0",
         4444, "a", 128},
    };
    struct target target;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(target_parse_volume(rows[i].text, &no_options, &target));
        assert_string_equal(target.url.host, rows[i].host);
        assert_int_equal(target.url.port, rows[i].port);
        assert_string_equal(target.url.image, rows[i].image);
        assert_int_equal(target.url.sector_len, rows[i].sector_len);
    }
}

static void the_sector_option_wins_over_the_url(void **state)
{
    const struct options options = {.sector_len = 128};
    struct target target;

    (void)state;
    assert_true(target_parse_volume("h/a?sector=256", &options, &target));
    assert_int_equal(target.url.sector_len, 128);
}

static void a_server_has_no_image(void **state)
{
    struct target target;

    (void)state;
    assert_true(target_parse_server("h:5", &target));
    assert_true(target_parse_server("blockhead://h:5/", &target));
    assert_true(target_parse_server("::1", &target));
    assert_string_equal(target.url.host, "::1");
    assert_false(target_parse_server("h/a", &target));
    assert_false(target_parse_server("http://h", &target));
    assert_false(target_parse_server("", &target));
    assert_false(target_parse_server("h:0", &target));
    assert_false(target_parse_server("h:99999", &target));
}

/* Whatever the image is called, its URL means that name again. */
static void assert_url_is_one(const struct bh_url *of, uint32_t sector_len)
{
    char text[TARGET_URL_LEN];
    struct bh_url url;

    memset(text, 'x', sizeof(text));
    target_url(of, of->image, sector_len, text);
    assert_int_equal(bh_url_parse(text, &url, NULL, 0), 0);
    assert_string_equal(url.host, of->host);
    assert_int_equal(url.port, of->port);
    assert_string_equal(url.image, of->image);
    assert_int_equal(url.sector_len, sector_len);
    assert_int_equal(url.kind, of->kind);
    assert_int_equal(url.baud, of->baud);
    assert_int_equal(url.rtscts, of->rtscts);
}

static void a_url_comes_back_as_what_it_was(void **state)
{
    static const struct bh_url urls[] = {
        {.host = "h", .port = 4444, .image = "a.img"},
        {.host = "fe80::1%eth0", .port = 5, .image = ":list"},
        {.host = "h", .port = 4444, .image = "a", .kind = BH_URL_TCP},
        {.host = "/run/a b&c%/s",
         .port = 4444,
         .image = "a",
         .kind = BH_URL_UNIX},
        {.host = "/dev/serial/by-path/pci-0:1.0",
         .port = 4444,
         .image = "d/a",
         .kind = BH_URL_SERIAL,
         .baud = 9600},
        {.host = "/dev/ttyS0",
         .port = 4444,
         .image = "",
         .kind = BH_URL_SERIAL,
         .baud = 115200,
         .rtscts = 1},
        {.host = "h", .port = 5, .image = "a b?c%20#1@now/K\xC3\xB6ln\x01\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_url_is_one(&urls[i], 512);
        assert_url_is_one(&urls[i], 0);
    }
}

static void a_host_is_printed_as_it_may_be_typed(void **state)
{
    char text[80];

    (void)state;
    target_host("10.0.0.9", 4444, text, sizeof(text));
    assert_string_equal(text, "10.0.0.9");
    target_host("10.0.0.9", 5, text, sizeof(text));
    assert_string_equal(text, "10.0.0.9:5");
    target_host("::1", 4444, text, sizeof(text));
    assert_string_equal(text, "[::1]");
    target_host("::1", 5, text, sizeof(text));
    assert_string_equal(text, "[::1]:5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_may_be_typed_in_short),
        cmocka_unit_test(the_sector_option_wins_over_the_url),
        cmocka_unit_test(a_server_has_no_image),
        cmocka_unit_test(a_url_comes_back_as_what_it_was),
        cmocka_unit_test(a_host_is_printed_as_it_may_be_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
