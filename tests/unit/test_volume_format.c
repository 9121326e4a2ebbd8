/* SPDX-License-Identifier: MIT */
/* Headers as docs/formats.md has them, and every lie that one can tell. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/job.h"
#include "volume/format.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Bytes that a good header differs in. */
struct patch {
    unsigned at, len;
    uint8_t bytes[8];
};

/* A good image: its length, the bytes of its header up to one of no length, and
 * what they say. */
struct good {
    const char *path;
    uint64_t size;
    const struct patch *head;
    uint64_t first, len;
    uint8_t exponent;
    bool read_only;
};

#define ANY BH_ANY_EXPONENT
#define HEAD(...) ((const struct patch[]){__VA_ARGS__, {0}})

/* 800 KiB in ProDOS order, a comment behind them. */
#define SIZE_2MG (64u + 819200u + 100u)
static const struct patch head_2mg[] = {
    {0, 8, "2IMGTEST"},
    {8, 4, {64, 0, 1, 0}},
    {12, 1, {1}},
    {20, 2, {0x40, 6}},
    {24, 1, {64}},
    {28, 3, {0, 0x80, 0x0C}},
    {0},
};

/* 720 sectors of 128. */
#define SIZE_ATR (16u + 92160u)
static const struct patch head_atr[] = {
    {0, 6, {0x96, 0x02, 0x80, 0x16, 0x80, 0}},
    {0},
};

/* 40 tracks, one side. */
#define SIZE_VDK (12u + 40u * 4608u)
static const struct patch head_vdk[] = {
    {0, 6, {'d', 'k', 12, 0, 0x10, 0x10}},
    {8, 2, {40, 1}},
    {0},
};

/* 800 KiB and their tags. */
#define SIZE_DC42 (84u + 819200u + 19200u)
static const struct patch head_dc42[] = {
    {0, 5, "\4Disk"},
    {64, 4, {0, 0x0C, 0x80, 0}},
    {68, 4, {0, 0, 0x4B, 0}},
    {80, 4, {1, 0x22, 1, 0}},
    {0},
};

static const struct good goods[] = {
    {"a.2mg", SIZE_2MG, head_2mg, 64, 819200, ANY, false},
    {"B.2IMG", SIZE_2MG, head_2mg, 64, 819200, ANY, false},
    {"a.atr", SIZE_ATR, head_atr, 16, 92160, ANY, false},
    {"errors.atr", SIZE_ATR + 8, head_atr, 16, 92160, ANY, false},
    {"short-boot.atr", 16 + 183936, HEAD({0, 6, {0x96, 2, 0xE8, 0x2C, 0, 1}}),
     16, 183936, 0, false},
    {"full-boot.atr", 16 + 184320, HEAD({0, 6, {0x96, 2, 0, 0x2D, 0, 1}}), 16,
     184320, ANY, false},
    {"hard.atr", 16 + (1 << 24), HEAD({0, 7, {0x96, 2, 0, 0, 0, 2, 0x10}}), 16,
     1 << 24, ANY, false},
    {"locked.atr", SIZE_ATR,
     HEAD({0, 6, {0x96, 2, 0x80, 0x16, 0x80, 0}}, {15, 1, {1}}), 16, 92160, ANY,
     true},
    {"none.jvc", 161280, HEAD({0}), 0, 161280, ANY, false},
    {"a.jvc", 161281, HEAD({0, 1, {18}}), 1, 161280, ANY, false},
    {"two.dsk", 2 + 322560, HEAD({0, 2, {18, 2}}), 2, 322560, ANY, false},
    {"full.dsk", 5 + 9 * 512 * 80, HEAD({0, 5, {9, 1, 2, 1, 0}}), 5, 368640,
     ANY, false},
    {"a.vdk", SIZE_VDK, head_vdk, 12, 184320, ANY, false},
    {"named.vdk", 20 + 2 * 80 * 4608,
     HEAD({0, 6, {'d', 'k', 20, 0, 0x10, 0x10}}, {8, 4, {80, 2, 1, 8 << 3}}),
     20, 737280, ANY, true},
    {"a.dc42", SIZE_DC42, head_dc42, 84, 819200, ANY, true},
    {"a.image", SIZE_DC42, head_dc42, 84, 819200, ANY, true},
};

static void put(uint8_t *bytes, const struct patch *patch)
{
    memcpy(bytes + patch->at, patch->bytes, patch->len);
}

static struct bh_sample sample_of(const struct good *good)
{
    struct bh_sample sample = {.size = good->size};

    for (const struct patch *at = good->head; at->len > 0; at++)
        put(sample.head, at);
    return sample;
}

static void seal(uint8_t *footer)
{
    uint32_t sum = 0;

    memset(footer + 64, 0, 4);
    for (unsigned i = 0; i < 512; i++)
        sum += footer[i];
    for (unsigned i = 0; i < 4; i++)
        footer[64 + i] = (uint8_t)(~sum >> (24 - 8 * i));
}

/* A fixed VHD of 1 MiB. */
static struct bh_sample good_vhd(void)
{
    static const struct patch fields[] = {
        {0, 8, "conectix"},
        {11, 1, {2}},
        {12, 4, {0, 1, 0, 0}},
        {16, 8, {255, 255, 255, 255, 255, 255, 255, 255}},
        {40, 8, {0, 0, 0, 0, 0, 0x10}},
        {48, 8, {0, 0, 0, 0, 0, 0x10}},
        {60, 4, {0, 0, 0, 2}}};
    struct bh_sample sample = {.size = (1 << 20) + 512};

    for (size_t i = 0; i < COUNT(fields); i++)
        put(sample.tail, &fields[i]);
    seal(sample.tail);
    return sample;
}

static void good_headers_give_the_medium(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        const struct good *good = &goods[i];
        struct bh_sample sample = sample_of(good);
        struct bh_extent extent;
        char cause[BH_CAUSE_LEN];

        assert_true(bh_format_has_header(BH_FORMAT_AUTO, good->path));
        if (bh_format_parse(BH_FORMAT_AUTO, good->path, &sample, &extent,
                            cause) != 0)
            fail_msg("row %zu: %s", i, cause);
        assert_int_equal(extent.first, good->first);
        assert_int_equal(extent.len, good->len);
        assert_int_equal(extent.exponent, good->exponent);
        assert_int_equal(extent.read_only, good->read_only);
    }
}

static void a_fixed_vhd_ends_before_its_footer(void **state)
{
    struct bh_sample sample = good_vhd();
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    assert_int_equal(
        bh_format_parse(BH_FORMAT_AUTO, "a.VHD", &sample, &extent, cause), 0);
    assert_int_equal(extent.first, 0);
    assert_int_equal(extent.len, 1 << 20);
    assert_false(extent.read_only);
}

/* What is raw: other names, whatever is in them, and names that promise
 * nothing. */
static void without_extension_and_claim_a_file_is_raw(void **state)
{
    static const char *const others[] = {"a.img", "2mg", "a.2mg.bak", "a.atr/b",
                                         "a.",    "",    "a.hdf",     ".2mgx"};
    static const char *const maybes[] = {"a.dsk", "a.vhd", "a.image"};
    struct bh_sample sample = sample_of(&goods[0]), zeros = {.size = 161280};
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(bh_format_has_header(BH_FORMAT_AUTO, others[i]));
        assert_int_equal(
            bh_format_parse(BH_FORMAT_AUTO, others[i], &sample, &extent, cause),
            1);
    }
    for (size_t i = 0; i < COUNT(maybes); i++)
        assert_int_equal(
            bh_format_parse(BH_FORMAT_AUTO, maybes[i], &zeros, &extent, cause),
            1);
    zeros.size = 161280 + 6;
    assert_int_equal(
        bh_format_parse(BH_FORMAT_AUTO, "a.dsk", &zeros, &extent, cause), 1);
}

static void the_configured_format_goes_before_the_extension(void **state)
{
    struct bh_sample sample = sample_of(&goods[0]);
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    assert_false(bh_format_has_header(BH_FORMAT_RAW, "a.2mg"));
    assert_true(bh_format_has_header(BH_FORMAT_2MG, "a.img"));
    assert_int_equal(
        bh_format_parse(BH_FORMAT_RAW, "a.2mg", &sample, &extent, cause), 1);
    assert_int_equal(
        bh_format_parse(BH_FORMAT_2MG, "a.img", &sample, &extent, cause), 0);
    assert_int_equal(
        bh_format_parse(BH_FORMAT_VHD, "a.2mg", &sample, &extent, cause),
        -EBADMSG);
}

static void zero_length_of_a_2mg_is_its_blocks(void **state)
{
    struct bh_sample sample = sample_of(&goods[0]);
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];

    (void)state;
    memset(sample.head + 28, 0, 4);
    assert_int_equal(
        bh_format_parse(BH_FORMAT_AUTO, "a.2mg", &sample, &extent, cause), 0);
    assert_int_equal(extent.len, 819200);
    sample.head[19] = 0x80; /* locked */
    assert_int_equal(
        bh_format_parse(BH_FORMAT_AUTO, "a.2mg", &sample, &extent, cause), 0);
    assert_true(extent.read_only);
}

/* Each is a good header but for the patch or the file's length; the sentence
 * has the word in it. */
static void a_header_that_lies_is_refused_with_a_sentence(void **state)
{
    static const struct {
        unsigned good;
        uint64_t size; /* 0: as it is */
        struct patch patch;
        const char *says;
    } rows[] = {
        {0, 0, {0, 1, "1"}, "no 2MG header"},
        {0, 40, {0}, "too short"},
        {0, 0, {10, 1, {2}}, "version"},
        {0, 0, {12, 1, {2}}, "nibbles"},
        {0, 0, {12, 4, {0, 0, 0, 1}}, "order"},
        {0, 0, {20, 1, {0x41}}, "agree"},
        {0, 0, {24, 1, {51}}, "begins in it"},
        {0, 0, {24, 4, {255, 255, 255, 255}}, "in all"},
        {0, 0, {24, 1, {165}}, "in all"}, /* one byte too late */
        {0, 64 + 819199, {0}, "in all"},
        {0, 0, {20, 4, {0}}, NULL}, /* no blocks: the length stands */
        {0, 64, {20, 8, {0, 0, 0, 0, 64}}, "in all"},
        {2, 0, {0, 1, {0x97}}, "no ATR header"},
        {2, 10, {0}, "too short"},
        {2, SIZE_ATR - 1, {0}, "in all"},
        {2, 0, {2, 2, {0x88, 0x16}}, "in all"},
        {2, 0, {2, 1, {0x81}}, "no number of sectors"},
        {2, 0, {2, 2, {0, 0}}, "no data"},
        {2, 0, {6, 1, {1}}, "in all"},
        {2, 0, {4, 2, {0, 0}}, "0 bytes"},
        {2, 0, {4, 2, {0, 4}}, "1024 bytes"},
        {4, 0, {2, 2, {8, 0}}, "no number of sectors"}, /* 128: too short */
        {9, 0, {0, 1, {0}}, "0 sectors"},
        {10, 0, {1, 1, {3}}, "3 sides"},
        {10, 0, {1, 1, {0}}, "0 sides"},
        {10, 0, {0, 1, {17}}, "tracks"},
        {11, 0, {2, 1, {4}}, "size code"},
        {11, 0, {4, 1, {1}}, "attribute"},
        {11, 5, {0}, "no data"},
        {12, 0, {1, 1, "K"}, "no VDK header"},
        {12, 11, {0}, "too short"},
        {12, 0, {2, 1, {11}}, "too short"},
        {12, 0, {2, 1, {13}}, "in all"},
        {12, 0, {5, 1, {0x20}}, "version"},
        {12, 0, {11, 1, {1}}, "compressed"},
        {12, 0, {8, 1, {41}}, "in all"},
        {12, 0, {9, 1, {3}}, "in all"},
        {12, 12, {9, 1, {0}}, "no data"},
        {12, SIZE_VDK + 1, {0}, "in all"},
        {14, 0, {82, 1, {2}}, "no DiskCopy 4.2 header"},
        {14, 0, {0, 1, {64}}, "no DiskCopy 4.2 header"},
        {14, 80, {0}, "in all"},
        {14, 0, {64, 4, {0}}, "no data"},
        {14, 0, {66, 1, {0x81}}, "number of sectors"},
        {14, 0, {66, 1, {0x82}}, "in all"},
        {14, SIZE_DC42 - 1, {0}, "in all"},
        {14, 0, {68, 4, {255, 255, 255, 255}}, "tags"},
        {15, SIZE_DC42 - 1, {0}, "in all"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct good *good = &goods[rows[i].good];
        struct bh_sample sample = sample_of(good);
        char cause[BH_CAUSE_LEN] = "";
        struct bh_extent extent;
        int error;

        put(sample.head, &rows[i].patch);
        if (rows[i].size != 0)
            sample.size = rows[i].size;
        error = bh_format_parse(BH_FORMAT_AUTO, good->path, &sample, &extent,
                                cause);
        if (rows[i].says == NULL)
            assert_int_equal(error, 0);
        else if (error != -EBADMSG || strstr(cause, rows[i].says) == NULL)
            fail_msg("row %zu: %d, '%s'", i, error, cause);
    }
}

static void a_footer_that_lies_is_refused_with_a_sentence(void **state)
{
    static const struct {
        uint64_t size;
        bool sealed;
        struct patch patch;
        const char *says;
    } rows[] = {
        {0, false, {50, 1, {1}}, "checksum"},
        {0, false, {64, 1, {1}}, "checksum"},
        {0, false, {511, 1, {1}}, "checksum"},
        {0, true, {12, 2, {0, 2}}, "version"},
        {0, true, {63, 1, {3}}, "dynamic"},
        {0, true, {63, 1, {4}}, "dynamic"},
        {0, true, {55, 1, {1}}, "number of sectors"},
        {0, true, {53, 1, {0}}, "no data"},
        {0, true, {54, 1, {2}}, "in all"},
        {0, true, {48, 8, {255, 255, 255, 255, 255, 255, 254, 0}}, "in all"},
        {1 << 20, true, {0}, "in all"},
        {512, true, {0}, "in all"},
    };
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN];
    struct bh_sample sample;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sample = good_vhd();
        put(sample.tail, &rows[i].patch);
        if (rows[i].sealed)
            seal(sample.tail);
        if (rows[i].size != 0)
            sample.size = rows[i].size;
        if (bh_format_parse(BH_FORMAT_AUTO, "a.vhd", &sample, &extent, cause) !=
                -EBADMSG ||
            strstr(cause, rows[i].says) == NULL)
            fail_msg("row %zu: '%s'", i, cause);
    }
    /* Cut: of a dynamic one the footer's copy at the start is left. */
    sample = (struct bh_sample){.size = 4096};
    memcpy(sample.head, "conectix", 8);
    assert_int_equal(
        bh_format_parse(BH_FORMAT_AUTO, "a.vhd", &sample, &extent, cause),
        -EBADMSG);
    assert_non_null(strstr(cause, "does not end"));
}

/*
 * Any bytes at all.
 */

static uint64_t seed = 88172645463325252u;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void check(uint8_t format, const char *path,
                  const struct bh_sample *sample)
{
    struct bh_extent extent;
    char cause[BH_CAUSE_LEN] = "";
    int error = bh_format_parse(format, path, sample, &extent, cause);

    if (error == 0) {
        assert_true(extent.len > 0 && extent.first <= sample->size);
        assert_true(extent.len <= sample->size - extent.first);
        assert_true(extent.exponent == 0 || extent.exponent == ANY);
    } else if (error == -EBADMSG) {
        assert_true(cause[0] != '\0');
    } else {
        assert_int_equal(error, 1);
    }
}

/* A few bytes of a good one change, and its length. */
static void mutate(struct bh_sample *sample)
{
    for (uint64_t n = draw() % 4; n > 0; n--)
        sample->head[draw() % BH_HEAD_LEN] = (uint8_t)draw();
    for (uint64_t n = draw() % 3; n > 0; n--)
        sample->tail[draw() % BH_TAIL_LEN] = (uint8_t)draw();
    if (draw() % 2 == 0)
        seal(sample->tail);
    if (draw() % 4 == 0)
        sample->size = draw() % (sample->size + 600);
    if (draw() % 64 == 0)
        sample->size = draw();
    if (sample->size < BH_HEAD_LEN)
        memset(sample->head + sample->size, 0, BH_HEAD_LEN - sample->size);
    if (sample->size < BH_TAIL_LEN)
        memset(sample->tail, 0, BH_TAIL_LEN);
}

static void whatever_the_bytes_an_extent_lies_in_its_file(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 300000; turn++) {
        const struct good *good = &goods[turn % COUNT(goods)];
        bool vhd = turn % 8 == 0;
        struct bh_sample sample = vhd ? good_vhd() : sample_of(good);

        mutate(&sample);
        check(BH_FORMAT_AUTO, vhd ? "a.vhd" : good->path, &sample);
        check((uint8_t)(BH_FORMAT_2MG + draw() % 6), "", &sample);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers_give_the_medium),
        cmocka_unit_test(a_fixed_vhd_ends_before_its_footer),
        cmocka_unit_test(without_extension_and_claim_a_file_is_raw),
        cmocka_unit_test(the_configured_format_goes_before_the_extension),
        cmocka_unit_test(zero_length_of_a_2mg_is_its_blocks),
        cmocka_unit_test(a_header_that_lies_is_refused_with_a_sentence),
        cmocka_unit_test(a_footer_that_lies_is_refused_with_a_sentence),
        cmocka_unit_test(whatever_the_bytes_an_extent_lies_in_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
