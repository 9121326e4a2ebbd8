/* SPDX-License-Identifier: MIT */
/* From names to the bytes behind headers and in partitions: the catalogue, and
 * beneath it locate and layout. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/catalogue.h"
#include "volume/format.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define VOLUMES_MAX 4u

struct rig {
    char root[64];
    struct bh_catalogue *catalogue;
    struct bh_volume_spec volumes[VOLUMES_MAX];
    size_t volume_count;
    char cause[BH_CAUSE_LEN];
};

static char *path_of(const struct rig *rig, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", rig->root, name);
    return path;
}

static void put(const struct rig *rig, const char *name, off_t at,
                const void *bytes, size_t len)
{
    int fd = open(path_of(rig, name), O_CREAT | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static void make_file(const struct rig *rig, const char *name, off_t len)
{
    put(rig, name, len - 1, "", 1);
}

static uint8_t byte_of(const struct rig *rig, const char *name, off_t at)
{
    int fd = open(path_of(rig, name), O_RDONLY);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    close(fd);
    return byte;
}

/* 720 sectors of 128 bytes behind a header. */
static void make_atr(const struct rig *rig, const char *name)
{
    make_file(rig, name, 16 + 92160);
    put(rig, name, 0, (uint8_t[]){0x96, 2, 0x80, 0x16, 0x80, 0}, 6);
}

/* A table of one partition: sectors 10 to 29. */
static void put_table(const struct rig *rig, const char *name, off_t at)
{
    put(rig, name, at + 446 + 4, "\x06", 1);
    put(rig, name, at + 446 + 8, (uint8_t[]){10, 0, 0, 0, 20, 0, 0, 0}, 8);
    put(rig, name, at + 510, "\x55\xAA", 2);
}

/* The spec of a volume that serve() will serve, too. */
static struct bh_volume_spec *add(struct rig *rig, const char *name,
                                  const char *path)
{
    struct bh_volume_spec *spec = &rig->volumes[rig->volume_count++];

    *spec = (struct bh_volume_spec){.name = strdup(name),
                                    .path = strdup(path_of(rig, path)),
                                    .exponent = BH_ANY_EXPONENT};
    return spec;
}

static void serve(struct rig *rig)
{
    struct bh_contents contents = {.directory_count = 1,
                                   .volume_count = rig->volume_count};

    contents.directories = calloc(1, sizeof *contents.directories);
    contents.directories[0] = (struct bh_volume_spec){
        .path = strdup(rig->root), .exponent = BH_ANY_EXPONENT};
    contents.volumes = calloc(VOLUMES_MAX, sizeof *contents.volumes);
    memcpy(contents.volumes, rig->volumes, sizeof rig->volumes);
    rig->volume_count = 0;
    assert_int_equal(bh_catalogue_set(rig->catalogue, &contents, rig->cause),
                     0);
}

static int set_up(void **state)
{
    static struct rig rig;

    rig = (struct rig){.root = "/tmp/bh-layout-XXXXXX"};
    assert_non_null(mkdtemp(rig.root));
    make_atr(&rig, "a.atr");
    make_file(&rig, "hd.img", 51200);
    put_table(&rig, "hd.img", 0);
    rig.catalogue = bh_catalogue_new();
    assert_non_null(rig.catalogue);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[200];

    bh_catalogue_free(rig->catalogue);
    snprintf(command, sizeof command, "rm -rf %s", rig->root);
    return system(command);
}

static int look_up(struct rig *rig, const char *name,
                   struct bh_volume_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    return bh_catalogue_lookup(rig->catalogue, name, NULL, facts, rig->cause);
}

static void a_header_is_before_the_volume(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_medium *medium;

    serve(rig);
    assert_int_equal(look_up(rig, "A.ATR", &facts), 0);
    assert_int_equal(facts.first, 16);
    assert_int_equal(facts.byte_count, 92160);
    assert_int_equal(facts.grow_limit, 0);
    assert_int_equal(facts.mode, BH_MODE_EXCLUSIVE);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause), 0);
    assert_int_equal(medium->byte_count, 92160);
    assert_int_equal(medium->ops->write(medium, 0, (uint8_t[]){7}, 1), 0);
    medium->ops->close(medium);
    assert_int_equal(byte_of(rig, "a.atr", 0), 0x96);
    assert_int_equal(byte_of(rig, "a.atr", 16), 7);
}

static void what_a_header_forbids_nobody_may(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    put(rig, "a.atr", 15, "\1", 1);
    make_file(rig, "boot.atr", 16 + 384 + 256);
    put(rig, "boot.atr", 0, (uint8_t[]){0x96, 2, 40, 0, 0, 1}, 6);
    serve(rig);
    assert_int_equal(look_up(rig, "a.atr", &facts), 0);
    assert_int_equal(facts.mode, BH_MODE_READ_ONLY);
    assert_int_equal(look_up(rig, "boot.atr", &facts), 0);
    assert_int_equal(facts.exponent, 0);
}

/* What is scratch is not written to where the header forbids it. */
static void a_locked_image_may_be_scratch(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    put(rig, "a.atr", 15, "\1", 1);
    add(rig, "games", "a.atr")->mode = BH_MODE_SCRATCH;
    serve(rig);
    assert_int_equal(look_up(rig, "games", &facts), 0);
    assert_int_equal(facts.mode, BH_MODE_SCRATCH);
    assert_int_equal(facts.first, 16);
}

/* Every name of one partition. */
static void a_partition_has_the_names_of_its_image(void **state)
{
    static const char *const names[] = {"hd.img#1", "HD.Img#1 ", ":%u#1",
                                        "whole#1",  "WHOLE#1",   "part"};
    struct rig *rig = *state;
    struct bh_volume_facts image, facts;

    add(rig, "whole", "hd.img");
    add(rig, "part", "hd.img#1");
    serve(rig);
    assert_int_equal(look_up(rig, "hd.img", &image), 0);
    assert_int_equal(image.byte_count, 51200);
    for (size_t i = 0; i < COUNT(names); i++) {
        char name[32];

        snprintf(name, sizeof name, names[i], (unsigned)image.number);
        if (look_up(rig, name, &facts) != 0)
            fail_msg("%s: %s", name, rig->cause);
        assert_int_equal(facts.first, 10 * 512);
        assert_int_equal(facts.byte_count, 20 * 512);
        assert_int_equal(facts.inode, image.inode);
        assert_false(bh_facts_same(&facts, &image));
    }
    assert_int_equal(look_up(rig, "HD.IMG#1", &facts), 0);
    assert_string_equal(facts.name, "hd.img#1");
    assert_int_equal(facts.number, image.number);
}

static void a_partition_may_be_behind_a_header_or_an_offset(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    put_table(rig, "a.atr", 16);
    put_table(rig, "hd.img", 1024);
    add(rig, "late", "hd.img")->first = 1024;
    serve(rig);
    assert_int_equal(look_up(rig, "a.atr#1", &facts), 0);
    assert_int_equal(facts.first, 16 + 5120);
    assert_int_equal(look_up(rig, "late#1", &facts), 0);
    assert_int_equal(facts.first, 1024 + 5120);
    put(rig, "a.atr", 15, "\1", 1);
    assert_int_equal(look_up(rig, "a.atr#1", &facts), 0);
    assert_int_equal(facts.mode, BH_MODE_READ_ONLY);
}

static void a_file_of_the_very_name_goes_before_a_partition(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    make_file(rig, "hd.img#1", 77);
    add(rig, "part", "hd.img#1");
    serve(rig);
    assert_int_equal(look_up(rig, "hd.img#1", &facts), 0);
    assert_int_equal(facts.byte_count, 77);
    assert_int_equal(look_up(rig, "part", &facts), 0);
    assert_int_equal(facts.byte_count, 77);
}

static void what_is_not_there_or_lies_is_refused(void **state)
{
    static const struct {
        const char *name;
        int error;
        const char *says;
    } rows[] = {
        {"hd.img#2", -ENOENT, "empty"},
        {"HD.IMG#2", -ENOENT, "empty"},
        {"hd.img#5", -ENOENT, "no extended"},
        {"hd.img#0", -ENOENT, ""},
        {"hd.img#1#1", -ENOENT, ""},
        {"none.img#1", -ENOENT, ""},
        {"../hd.img#1", -ENOENT, "'.'"},
        {":77#1", -ENOENT, "number"},
        {":#1", -ENOENT, "number"},
        {"part#1", -ENOENT, "no partitions"},
        {"a.atr#1", -ENOENT, "no partition table"},
        {"tiny#1", -ENOENT, "no partition table"},
        {"short.img#1", -EBADMSG, "more than there is"},
        {"SHORT.IMG#1", -EBADMSG, "more than there is"},
        {"lies.atr", -EBADMSG, "in all"},
        {"LIES.ATR", -EBADMSG, "in all"},
        {"lies.atr#1", -EBADMSG, "in all"},
        {"empty.2mg", -EBADMSG, "no 2MG header"},
    };
    struct rig *rig = *state;

    make_file(rig, "tiny", 511);
    make_file(rig, "short.img", 15359); /* a byte is missing */
    put_table(rig, "short.img", 0);
    make_atr(rig, "lies.atr");
    put(rig, "empty.2mg", 0, "", 0);
    assert_int_equal(truncate(path_of(rig, "lies.atr"), 92175), 0);
    add(rig, "part", "hd.img#1");
    serve(rig);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_volume_facts facts;
        int error = look_up(rig, rows[i].name, &facts);

        if (error != rows[i].error || rig->cause[0] == '\0' ||
            strstr(rig->cause, rows[i].says) == NULL)
            fail_msg("%s: %d, '%s'", rows[i].name, error, rig->cause);
    }
}

static void the_configuration_has_its_say(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_volume_spec *other;

    add(rig, "raw", "a.atr")->format = BH_FORMAT_RAW;
    make_atr(rig, "odd.img");
    add(rig, "atr", "odd.img")->format = BH_FORMAT_ATR;
    add(rig, "grows", "hd.img")->grow_limit = 1 << 20;
    other = add(rig, "other", "a.atr");
    other->grow_limit = 1 << 20;
    serve(rig);
    assert_int_equal(look_up(rig, "raw", &facts), 0);
    assert_int_equal(facts.byte_count, 92176);
    assert_int_equal(look_up(rig, "atr", &facts), 0);
    assert_int_equal(facts.byte_count, 92160);
    assert_int_equal(look_up(rig, "odd.img", &facts), 0);
    assert_int_equal(facts.byte_count, 92176);
    assert_int_equal(look_up(rig, "grows#1", &facts), 0);
    assert_int_equal(facts.grow_limit, 0);
    assert_int_equal(look_up(rig, "other", &facts), -EINVAL);
    assert_non_null(strstr(rig->cause, "grow"));
}

static void sector_sizes_have_to_agree(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    make_file(rig, "boot.atr", 16 + 384 + 256);
    put(rig, "boot.atr", 0, (uint8_t[]){0x96, 2, 40, 0, 0, 1}, 6);
    add(rig, "good", "boot.atr")->exponent = 0;
    add(rig, "bad", "boot.atr")->exponent = 1;
    serve(rig);
    assert_int_equal(look_up(rig, "good", &facts), 0);
    assert_int_equal(look_up(rig, "bad", &facts), -EINVAL);
    assert_non_null(strstr(rig->cause, "128"));
    assert_non_null(strstr(rig->cause, "256"));
}

static void a_header_that_changed_meanwhile_is_not_believed(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts, part;
    struct bh_medium *medium;

    serve(rig);
    assert_int_equal(look_up(rig, "a.atr", &facts), 0);
    assert_int_equal(look_up(rig, "hd.img#1", &part), 0);
    put(rig, "a.atr", 2, "\x78", 1);
    put(rig, "hd.img", 446 + 8, "\x0B", 1);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause),
        -ESTALE);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &part, &medium, rig->cause), -ESTALE);
    put(rig, "a.atr", 2, "\x79", 1);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause),
        -EBADMSG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_header_is_before_the_volume),
        TEST(what_a_header_forbids_nobody_may),
        TEST(a_locked_image_may_be_scratch),
        TEST(a_partition_has_the_names_of_its_image),
        TEST(a_partition_may_be_behind_a_header_or_an_offset),
        TEST(a_file_of_the_very_name_goes_before_a_partition),
        TEST(what_is_not_there_or_lies_is_refused),
        TEST(the_configuration_has_its_say),
        TEST(sector_sizes_have_to_agree),
        TEST(a_header_that_changed_meanwhile_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
