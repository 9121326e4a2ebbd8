/* SPDX-License-Identifier: MIT */
/* The core's jobs on real files: what happens, and as which status. */
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

#include "daemon/storage.h"
#include "wire/protocol.h"

struct rig {
    char root[64];
    struct bh_catalogue *catalogue;
    struct bh_volume_facts facts;
    struct bh_job job;
    uint8_t data[512];
    char cause[BH_CAUSE_LEN];
};

static char *path_of(const struct rig *rig, const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", rig->root, name);
    return path;
}

static int set_up(void **state)
{
    static struct rig rig;
    struct bh_contents contents = {0};
    int fd;

    memset(&rig, 0, sizeof rig);
    strcpy(rig.root, "/tmp/bh-storage-XXXXXX");
    assert_non_null(mkdtemp(rig.root));
    fd = open(path_of(&rig, "a.img"), O_CREAT | O_WRONLY, 0644);
    assert_int_equal(ftruncate(fd, 1000), 0);
    close(fd);
    contents.directories = malloc(sizeof *contents.directories);
    contents.directories[0] = (struct bh_volume_spec){
        .path = strdup(rig.root), .exponent = BH_ANY_EXPONENT};
    contents.directory_count = 1;
    contents.volumes = malloc(3 * sizeof *contents.volumes);
    contents.volumes[0] =
        (struct bh_volume_spec){.name = strdup("late"),
                                .path = strdup(path_of(&rig, "a.img")),
                                .first = 900,
                                .exponent = BH_ANY_EXPONENT};
    contents.volumes[1] =
        (struct bh_volume_spec){.name = strdup("grows"),
                                .path = strdup(path_of(&rig, "a.img")),
                                .grow_limit = INT64_MAX,
                                .exponent = BH_ANY_EXPONENT};
    contents.volumes[2] =
        (struct bh_volume_spec){.name = strdup("games"),
                                .path = strdup(path_of(&rig, "a.img")),
                                .mode = BH_MODE_SCRATCH,
                                .scratch_limit = 512,
                                .exponent = BH_ANY_EXPONENT};
    contents.volume_count = 3;
    rig.catalogue = bh_catalogue_new();
    assert_int_equal(bh_catalogue_set(rig.catalogue, &contents, rig.cause), 0);
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

static int look_up(struct rig *rig, const char *name)
{
    rig->job = (struct bh_job){
        .kind = BH_JOB_LOOKUP, .name = name, .facts = &rig->facts};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static int attach(struct rig *rig, void *medium, uint8_t access)
{
    rig->job = (struct bh_job){.kind = BH_JOB_ATTACH,
                               .access = access,
                               .facts = &rig->facts,
                               .medium = medium};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static int move(struct rig *rig, uint8_t kind, void *medium, uint64_t offset,
                uint32_t len)
{
    rig->job = (struct bh_job){.kind = kind,
                               .medium = medium,
                               .offset = offset,
                               .len = len,
                               .data = rig->data,
                               .piece = len};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static void a_volume_is_looked_up_opened_used_and_closed(void **state)
{
    struct rig *rig = *state;
    void *medium;

    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_OK);
    assert_int_equal(rig->job.byte_count, 1000);
    medium = rig->job.medium;
    assert_non_null(medium);
    memset(rig->data, 0x42, sizeof rig->data);
    assert_int_equal(move(rig, BH_JOB_WRITE, medium, 100, 256), BH_OK);
    assert_int_equal(move(rig, BH_JOB_SYNC, medium, 0, 0), BH_OK);
    memset(rig->data, 0, sizeof rig->data);
    assert_int_equal(move(rig, BH_JOB_READ, medium, 355, 2), BH_OK);
    assert_int_equal(rig->data[0], 0x42);
    assert_int_equal(rig->data[1], 0);
    assert_string_equal(rig->cause, "");
    assert_int_equal(attach(rig, medium, BH_ACCESS_READER), BH_OK);
    assert_ptr_equal(rig->job.medium, medium); /* the same, another lock */
    assert_int_equal(move(rig, BH_JOB_DETACH, medium, 0, 0), BH_OK);
}

static void a_default_image_stands_for_an_empty_name(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(look_up(rig, ""), BH_ERR_NO_IMAGE);
    assert_true(rig->cause[0] != '\0');
    assert_int_equal(
        bh_storage_do(rig->catalogue, &rig->job, "a.img", rig->cause), BH_OK);
    assert_string_equal(rig->facts.name, "a.img");
}

static void another_program_in_the_way_is_in_use(void **state)
{
    struct rig *rig = *state;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path_of(rig, "a.img"), O_RDWR);

    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_ERR_IN_USE);
    assert_non_null(strstr(rig->cause, "locked"));
    assert_int_equal(attach(rig, NULL, BH_ACCESS_LOOK), BH_OK);
    move(rig, BH_JOB_DETACH, rig->job.medium, 0, 0);
    close(fd);
}

static void a_file_truncated_while_open_is_6(void **state)
{
    struct rig *rig = *state;
    void *medium;

    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_OK);
    medium = rig->job.medium;
    assert_int_equal(truncate(path_of(rig, "a.img"), 300), 0);
    assert_int_equal(move(rig, BH_JOB_READ, medium, 256, 256), BH_ERR_SHORT);
    assert_true(rig->cause[0] != '\0');
    assert_int_equal(move(rig, BH_JOB_READ, medium, 0, 256), BH_OK);
    move(rig, BH_JOB_DETACH, medium, 0, 0);
}

/* 6 is an answer to READ and WRITE; a CONNECT, and the COMMAND that is to prove
 * a session, get 10 or 12 where the medium is not what it should be. */
static void a_volume_behind_the_files_end_is_10_or_12(void **state)
{
    struct rig *rig = *state;
    int status;

    assert_int_equal(look_up(rig, "late"), BH_OK);
    assert_int_equal(truncate(path_of(rig, "a.img"), 300), 0);
    status = attach(rig, NULL, BH_ACCESS_WRITER);
    assert_true(status == BH_ERR_NO_MEDIUM || status == BH_ERR_STORAGE);
    status = look_up(rig, "late");
    assert_true(status == BH_ERR_NO_MEDIUM || status == BH_ERR_STORAGE);
    assert_non_null(strstr(rig->cause, "900"));
}

/* 2 is an answer to CONNECT; at the proof the session has a volume. */
static void a_file_deleted_before_the_proof_is_10_or_12(void **state)
{
    struct rig *rig = *state;
    int status;

    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(unlink(path_of(rig, "a.img")), 0);
    status = attach(rig, NULL, BH_ACCESS_WRITER);
    assert_true(status == BH_ERR_NO_MEDIUM || status == BH_ERR_STORAGE);
    assert_true(rig->cause[0] != '\0');
}

static void a_file_that_cannot_grow_is_13(void **state)
{
    struct rig *rig = *state;
    void *medium;

    /* As good as a full disk: beyond the largest file. */
    assert_int_equal(look_up(rig, "grows"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_OK);
    medium = rig->job.medium;
    assert_int_equal(move(rig, BH_JOB_WRITE, medium, INT64_MAX - 600, 512),
                     BH_ERR_NO_SPACE);
    assert_true(rig->cause[0] != '\0');
    move(rig, BH_JOB_DETACH, medium, 0, 0);
}

/* The sessions of a killed server may be older than the configuration. */
static void a_volume_that_is_served_otherwise_is_4(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    rig->facts.mode = BH_MODE_SHARED;
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_ERR_SESSION);
    assert_non_null(strstr(rig->cause, "configured otherwise"));
}

/* READs, and WRITEs where the file system can; an error is for the thread to
 * find out. */
static void what_does_not_wait_is_done_at_once(void **state)
{
    struct rig *rig = *state;
    struct bh_medium *medium;

    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_OK);
    assert_false(bh_storage_do_now(&rig->job));
    medium = rig->job.medium;
    rig->job = (struct bh_job){.kind = BH_JOB_SYNC, .medium = medium};
    assert_false(bh_storage_do_now(&rig->job));
    for (uint8_t kind = BH_JOB_READ; kind <= BH_JOB_WRITE; kind++) {
        rig->job = (struct bh_job){.kind = kind,
                                   .medium = medium,
                                   .offset = 5000,
                                   .len = 1,
                                   .data = rig->data,
                                   .piece = 1};
        assert_false(bh_storage_do_now(&rig->job));
    }
    rig->data[0] = 0xAB;
    assert_int_equal(move(rig, BH_JOB_WRITE, medium, 7, 1), BH_OK);
    rig->job.data[0] = 0xCD;
    if (bh_storage_do_now(&rig->job)) {
        assert_int_equal(move(rig, BH_JOB_READ, medium, 7, 1), BH_OK);
        assert_int_equal(rig->data[0], 0xCD);
    }
    move(rig, BH_JOB_DETACH, medium, 0, 0);
}

static void the_listing_is_a_volume_like_others(void **state)
{
    struct rig *rig = *state;
    void *medium;

    assert_int_equal(look_up(rig, ":list"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_READER), BH_OK);
    assert_int_equal(rig->job.byte_count, 256);
    medium = rig->job.medium;
    assert_int_equal(move(rig, BH_JOB_READ, medium, 0, 256), BH_OK);
    assert_memory_equal(rig->data + 6, "a.img ", 6);
    assert_memory_equal(rig->data + 64 + 6, "games ", 6);
    assert_memory_equal(rig->data + 128 + 6, "grows ", 6);
    assert_memory_equal(rig->data + 192 + 6, "late ", 5);
    move(rig, BH_JOB_DETACH, medium, 0, 0);
}

/* The layers' directory, which the catalogue keeps from then on. */
static void keep_layers(struct rig *rig)
{
    mkdir(path_of(rig, ".layers"), 0700);
    bh_catalogue_keep_layers(
        rig->catalogue, open(path_of(rig, ".layers"), O_RDONLY | O_DIRECTORY));
}

static int attach_layer(struct rig *rig, uint64_t layer, bool fresh)
{
    assert_int_equal(look_up(rig, "games"), BH_OK);
    assert_int_equal(rig->facts.mode, BH_MODE_SCRATCH);
    rig->facts.layer = layer;
    rig->job = (struct bh_job){.kind = BH_JOB_ATTACH,
                               .access = BH_ACCESS_WRITER,
                               .fresh = fresh,
                               .len = 256,
                               .facts = &rig->facts};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static int detach_layer(struct rig *rig, void *medium, bool discard)
{
    rig->job = (struct bh_job){.kind = BH_JOB_DETACH,
                               .medium = medium,
                               .discard = discard,
                               .facts = &rig->facts};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static int move_sector(struct rig *rig, uint8_t kind, void *medium,
                       uint64_t lsn)
{
    rig->job = (struct bh_job){.kind = kind,
                               .medium = medium,
                               .offset = lsn * 256,
                               .len = lsn == 3 ? 1000 - 768 : 256,
                               .data = rig->data,
                               .piece = 256,
                               .facts = &rig->facts};
    return bh_storage_do(rig->catalogue, &rig->job, NULL, rig->cause);
}

static bool is_layer(const struct rig *rig, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, ".layers/%s", name);
    return access(path_of(rig, path), F_OK) == 0;
}

static void a_layer_is_made_found_again_and_discarded(void **state)
{
    struct rig *rig = *state;
    void *medium;

    keep_layers(rig);
    assert_int_equal(attach_layer(rig, 0xABC, true), BH_OK);
    assert_true(is_layer(rig, "0000000000000abc"));
    assert_int_equal(rig->job.byte_count, 1000);
    medium = rig->job.medium;
    memset(rig->data, 0x42, sizeof rig->data);
    assert_int_equal(move_sector(rig, BH_JOB_WRITE, medium, 3), BH_OK);
    assert_int_equal(detach_layer(rig, medium, false), BH_OK);
    assert_int_equal(attach_layer(rig, 0xABC, false), BH_OK);
    medium = rig->job.medium;
    memset(rig->data, 0, sizeof rig->data);
    assert_int_equal(move_sector(rig, BH_JOB_READ, medium, 3), BH_OK);
    assert_int_equal(rig->data[0], 0x42);
    assert_int_equal(detach_layer(rig, medium, true), BH_OK);
    assert_false(is_layer(rig, "0000000000000abc"));
    assert_int_equal(detach_layer(rig, NULL, true), BH_OK); /* once more */
}

/* Two of them, and a reader of the image itself; nobody writes to that. */
static void a_layer_locks_its_image_as_a_reader(void **state)
{
    struct rig *rig = *state;
    void *media[3];

    keep_layers(rig);
    for (uint64_t layer = 1; layer <= 2; layer++) {
        assert_int_equal(attach_layer(rig, layer, true), BH_OK);
        media[layer] = rig->job.medium;
        memset(rig->data, (int)layer, sizeof rig->data);
        assert_int_equal(move_sector(rig, BH_JOB_WRITE, media[layer], 0),
                         BH_OK);
    }
    assert_int_equal(look_up(rig, "games"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_READER), BH_OK);
    media[0] = rig->job.medium;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(move_sector(rig, BH_JOB_READ, media[i], 0), BH_OK);
        assert_int_equal(rig->data[0], i);
    }
    assert_int_equal(look_up(rig, "a.img"), BH_OK);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_ERR_IN_USE);
    for (int i = 0; i < 3; i++)
        detach_layer(rig, media[i], false);
    assert_int_equal(attach(rig, NULL, BH_ACCESS_WRITER), BH_OK);
    move(rig, BH_JOB_DETACH, rig->job.medium, 0, 0);
}

static void a_layer_that_is_full_is_13(void **state)
{
    struct rig *rig = *state;
    void *medium;

    keep_layers(rig);
    assert_int_equal(attach_layer(rig, 7, true), BH_OK);
    medium = rig->job.medium;
    assert_int_equal(move_sector(rig, BH_JOB_WRITE, medium, 0), BH_OK);
    assert_int_equal(move_sector(rig, BH_JOB_WRITE, medium, 1), BH_OK);
    assert_int_equal(move_sector(rig, BH_JOB_WRITE, medium, 2),
                     BH_ERR_NO_SPACE);
    assert_non_null(strstr(rig->cause, "scratch-limit"));
    assert_int_equal(move_sector(rig, BH_JOB_WRITE, medium, 1), BH_OK);
    detach_layer(rig, medium, true);
}

/* What a session wrote is gone, or was written to something else. */
static void a_layer_that_cannot_be_believed_is_4(void **state)
{
    struct rig *rig = *state;

    keep_layers(rig);
    assert_int_equal(attach_layer(rig, 7, false), BH_ERR_SESSION);
    assert_non_null(strstr(rig->cause, "gone"));
    assert_int_equal(attach_layer(rig, 7, true), BH_OK);
    detach_layer(rig, rig->job.medium, false);
    assert_int_equal(truncate(path_of(rig, "a.img"), 999), 0);
    assert_int_equal(attach_layer(rig, 7, false), BH_ERR_SESSION);
    assert_non_null(strstr(rig->cause, "changed"));
    assert_int_equal(attach_layer(rig, 7, true), BH_OK);
    detach_layer(rig, rig->job.medium, false);
    assert_int_equal(truncate(path_of(rig, ".layers/0000000000000007"), 100),
                     0);
    assert_int_equal(attach_layer(rig, 7, false), BH_ERR_SESSION);
    assert_non_null(strstr(rig->cause, "damaged"));
}

static void without_a_directory_there_are_no_layers(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(attach_layer(rig, 7, true), BH_ERR_STORAGE);
    assert_non_null(strstr(rig->cause, "state directory"));
    assert_int_equal(detach_layer(rig, NULL, true), BH_OK);
    rig->facts.layer = 0;
    assert_int_equal(attach(rig, NULL, BH_ACCESS_READER), BH_OK);
    move(rig, BH_JOB_DETACH, rig->job.medium, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_volume_is_looked_up_opened_used_and_closed),
        TEST(a_default_image_stands_for_an_empty_name),
        TEST(another_program_in_the_way_is_in_use),
        TEST(a_file_truncated_while_open_is_6),
        TEST(a_volume_behind_the_files_end_is_10_or_12),
        TEST(a_file_deleted_before_the_proof_is_10_or_12),
        TEST(a_file_that_cannot_grow_is_13),
        TEST(a_volume_that_is_served_otherwise_is_4),
        TEST(what_does_not_wait_is_done_at_once),
        TEST(the_listing_is_a_volume_like_others),
        TEST(a_layer_is_made_found_again_and_discarded),
        TEST(a_layer_locks_its_image_as_a_reader),
        TEST(a_layer_that_is_full_is_13),
        TEST(a_layer_that_cannot_be_believed_is_4),
        TEST(without_a_directory_there_are_no_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
