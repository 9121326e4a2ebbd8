/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/blockhead.h"

static void parts_of_a_url_are_found(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *image;
        uint32_t sector_len;
    } rows[] = {
        {"blockhead://h/a.img", "h", 4444, "a.img", 0},
        {"BlockHead://h/a.img", "h", 4444, "a.img", 0},
        {"blockhead://h", "h", 4444, "", 0},
        {"blockhead://h/", "h", 4444, "", 0},
        {"blockhead://h?sector=256", "h", 4444, "", 256},
        {"blockhead://h:1/a?sector=16384", "h", 1, "a", 16384},
        {"blockhead://10.0.0.9:65535/d/e.img", "10.0.0.9", 65535, "d/e.img", 0},
        {"blockhead://[::1]/a", "::1", 4444, "a", 0},
        {"blockhead://[fe80::1%eth0]:5/a", "fe80::1%eth0", 5, "a", 0},
        {"blockhead://[fe80::1%25eth0]:5/a", "fe80::1%eth0", 5, "a", 0},
        {"blockhead://h/a%20b%3f%2Fc", "h", 4444, "a b?/c", 0},
        {"blockhead://h/:list", "h", 4444, ":list", 0},
        {"blockhead://h/disk.img#1", "h", 4444, "disk.img#1", 0},
        {"blockhead://h/a@before", "h", 4444, "a@before", 0},
        {"blockhead+ether://e/2-0-0-0-0-fE", "e/02:00:00:00:00:fe", 4444, "",
         0},
        {"blockhead+ether://e/02:00:00:00:00:01/d/a?sector=128",
         "e/02:00:00:00:00:01", 4444, "d/a", 128},
    };
    struct bh_url url;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(bh_url_parse(rows[i].text, &url, NULL, 0), 0);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_string_equal(url.image, rows[i].image);
        assert_int_equal(url.sector_len, rows[i].sector_len);
    }
}

static void wrong_urls_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "does not begin"},
        {"http://h/a", "does not begin"},
        {"blockhead:/h/a", "does not begin"},
        {"blockhead://", "host is missing"},
        {"blockhead:///a", "host is missing"},
        {"blockhead://:5/a", "host is missing"},
        {"blockhead://[]/a", "host is missing"},
        {"blockhead://[::1/a", "without its ]"},
        {"blockhead://[::1]5/a", "between ] and the port"},
        {"blockhead://::1/a", "brackets"},
        {"blockhead://h:/a", "port is not"},
        {"blockhead://h:0/a", "port is not"},
        {"blockhead://h:65536/a", "port is not"},
        {"blockhead://h:5x/a", "port is not"},
        {"blockhead://h/a%2", "hexadecimal"},
        {"blockhead://h/a%", "hexadecimal"},
        {"blockhead://h/a%zz", "hexadecimal"},
        {"blockhead://h/a%00b", "zero byte"},
        {"blockhead://h/a?", "only option"},
        {"blockhead://h/a?size=1", "only option"},
        {"blockhead://h/a?sector=", "sector length"},
        {"blockhead://h/a?sector=64", "sector length"},
        {"blockhead://h/a?sector=300", "sector length"},
        {"blockhead://h/a?sector=32768", "sector length"},
        {"blockhead://h/a?sector=512&x=1", "only option"},
        {"blockhead://h/a?socket=/s", "only option"},
        {"blockhead+tcp:///a", "host is missing"},
        {"blockhead+ether:///02:00:00:00:00:01/a", "name is missing"},
        {"blockhead+ether://sixteen-letters-/02:00:00:00:00:01/a", "or none"},
        {"blockhead+ether://e", "address is missing"},
        {"blockhead+ether://e/a", "address is missing"},
        {"blockhead+ether://e/02:00:00:00:00/a", "address is missing"},
        {"blockhead+ether://e/02:00:00:00:00:01:02/a", "address is missing"},
        {"blockhead+ether://e/02:00:00:00:00:001/a", "address is missing"},
        {"blockhead+ether://e/01:00:00:00:00:01/a", "address is missing"},
        {"blockhead+ether://e/0:0:0:0:0:0/a", "address is missing"},
        {"blockhead+unix:///a", "socket is missing"},
        {"blockhead+unix:///a?socket=", "no path"},
        {"blockhead+unix://h/a?socket=/s", "socket has none"},
        {"blockhead+unix:///a?sector=512&x=1", "only options"},
        {"blockhead+serial:///dev/ttyS0/a", "speed"},
        {"blockhead+serial:///dev/ttyS0:/a", "speed"},
        {"blockhead+serial:///dev/ttyS0:fast/a", "speed"},
        {"blockhead+serial://ttyS0:9600/a", "device"},
    };
    struct bh_url url;
    char error[200];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(bh_url_parse(rows[i].text, &url, error, sizeof(error)),
                         -EINVAL);
        if (strstr(error, rows[i].reason) == NULL)
            fail_msg("%s: %s", rows[i].text, error);
    }
}

static int parse_lengths(size_t host_len, size_t image_len)
{
    static char text[1024];
    struct bh_url url;
    char host[400], image[400];

    memset(host, 'h', host_len);
    host[host_len] = 0;
    memset(image, 'i', image_len);
    image[image_len] = 0;
    snprintf(text, sizeof(text), "blockhead://%s/%s", host, image);
    return bh_url_parse(text, &url, NULL, 0);
}

static void names_up_to_255_bytes_fit(void **state)
{
    (void)state;
    assert_int_equal(parse_lengths(255, 255), 0);
    assert_int_equal(parse_lengths(256, 1), -EINVAL);
    assert_int_equal(parse_lengths(1, 256), -EINVAL);
}

static void sentence_is_cut_to_its_buffer(void **state)
{
    struct bh_url url;
    char error[8] = "1234567";

    (void)state;
    assert_int_equal(bh_url_parse("x", &url, error, 4), -EINVAL);
    assert_int_equal(error[3], 0);
    assert_int_equal(error[4], '5');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_url_are_found),
        cmocka_unit_test(wrong_urls_are_refused_with_the_reason),
        cmocka_unit_test(names_up_to_255_bytes_fit),
        cmocka_unit_test(sentence_is_cut_to_its_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
