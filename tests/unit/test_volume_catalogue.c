/* SPDX-License-Identifier: MIT */
/* The catalogue, and beneath it locate: from names to files. */
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
#include "volume/images.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct rig {
    char root[64]; /* holds "served" and "outside" */
    struct bh_catalogue *catalogue;
    char cause[BH_CAUSE_LEN];
};

static char *path_of(const struct rig *rig, const char *name)
{
    static char path[2][512];
    static unsigned turn;

    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", rig->root, name);
    return path[turn];
}

static void make_file(const struct rig *rig, const char *name, off_t len)
{
    int fd = open(path_of(rig, name), O_CREAT | O_WRONLY | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, len), 0);
    close(fd);
}

static void make_link(const struct rig *rig, const char *to, const char *name)
{
    assert_int_equal(symlink(to, path_of(rig, name)), 0);
}

static struct bh_volume_spec spec(const char *name, const char *path)
{
    return (struct bh_volume_spec){.name = name == NULL ? NULL : strdup(name),
                                   .path = strdup(path),
                                   .idle_ms = 1800000,
                                   .exponent = BH_ANY_EXPONENT};
}

/* Serves the directory and, unless it is NULL, one volume. */
static int serve(struct rig *rig, const struct bh_volume_spec *volume)
{
    struct bh_contents contents = {0};
    int error;

    contents.directories = malloc(sizeof *contents.directories);
    contents.directories[0] = spec(NULL, path_of(rig, "served"));
    contents.directory_count = 1;
    if (volume != NULL) {
        contents.volumes = malloc(sizeof *contents.volumes);
        contents.volumes[0] = *volume;
        contents.volume_count = 1;
    }
    error = bh_catalogue_set(rig->catalogue, &contents, rig->cause);
    bh_contents_free(&contents);
    return error;
}

static int set_up(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof rig);
    strcpy(rig.root, "/tmp/bh-catalogue-XXXXXX");
    assert_non_null(mkdtemp(rig.root));
    assert_int_equal(mkdir(path_of(&rig, "served"), 0755), 0);
    assert_int_equal(mkdir(path_of(&rig, "served/games"), 0755), 0);
    assert_int_equal(mkdir(path_of(&rig, "outside"), 0755), 0);
    make_file(&rig, "served/a.img", 1000);
    make_file(&rig, "served/games/zork.dsk", 2000);
    make_file(&rig, "served/Two", 10);
    make_file(&rig, "served/TWO", 20);
    make_file(&rig, "served/.secret", 30);
    make_file(&rig, "outside/out.img", 40);
    make_link(&rig, "a.img", "served/inside");
    make_link(&rig, "../outside/out.img", "served/leads-out");
    make_link(&rig, path_of(&rig, "outside/out.img"), "served/absolute");
    make_link(&rig, "../outside", "served/door");
    make_link(&rig, "/proc/self/fd/0", "served/magic");
    make_link(&rig, "loop", "served/loop");
    make_link(&rig, "nowhere", "served/dangling");
    assert_int_equal(mkfifo(path_of(&rig, "served/fifo"), 0644), 0);
    rig.catalogue = bh_catalogue_new();
    assert_non_null(rig.catalogue);
    assert_int_equal(serve(&rig, NULL), 0);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[200];

    bh_catalogue_free(rig->catalogue);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", rig->root,
             rig->root);
    return system(command);
}

static int look_up(struct rig *rig, const char *name,
                   struct bh_volume_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    return bh_catalogue_lookup(rig->catalogue, name, NULL, facts, rig->cause);
}

static void served_names_are_found(void **state)
{
    static const struct {
        const char *name, *found;
        uint64_t len;
    } rows[] = {
        {"a.img", "a.img", 1000},
        {"a.img  \r\n", "a.img", 1000},
        {"A.IMG", "a.img", 1000},
        {"games/zork.dsk", "games/zork.dsk", 2000},
        {"GAMES/ZORK.DSK", "games/zork.dsk", 2000},
        {"Two", "Two", 10}, /* exact before alike */
        {"TWO", "TWO", 20},
        {"inside", "inside", 1000},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_volume_facts facts;
        int error = look_up(rig, rows[i].name, &facts);

        if (error != 0)
            fail_msg("%s: %d, %s", rows[i].name, error, rig->cause);
        assert_string_equal(facts.name, rows[i].found);
        assert_int_equal(facts.byte_count, rows[i].len);
        assert_true(facts.number > 0);
        assert_int_equal(facts.mode, BH_MODE_EXCLUSIVE);
    }
}

static void nothing_else_is_found_and_the_cause_says_why(void **state)
{
    static const char *const rows[][2] = {
        {"two", "differ"}, /* two of them do */
        {"none", ""},
        {"games", "directory"},
        {"fifo", "FIFO"},
        {".secret", "'.'"},
        {"..", "'.'"},
        {"../outside/out.img", "'.'"},
        {"games/../a.img", "'.'"},
        {"/etc/passwd", "absolute"},
        {"a.img/", "empty"},
        {"games//zork.dsk", "empty"},
        {"a.img/x", ""},
        {"a\nb", "control"},
        {"leads-out", "out of the directory"},
        {"absolute", "out of the directory"},
        {"door/out.img", "out of the directory"},
        {"magic", ""},
        {"loop", ""},
        {"dangling", ""},
        {"", "default"},
        {"   ", "default"},
        {":", "number"},
        {":0", "number"},
        {":999", "number"},
        {":1x", "number"},
        {":-1", "number"},
        {":+1", "number"},
        {": 1", "number"},
        {":4294967297", "number"},
        {":99999999999999999999999", "number"},
        {":listing", "number"},
    };
    struct rig *rig = *state;
    char name[256];
    struct bh_volume_facts facts;

    for (size_t i = 0; i < COUNT(rows); i++) {
        int error = look_up(rig, rows[i][0], &facts);

        if (error != -ENOENT)
            fail_msg("'%s': %d", rows[i][0], error);
        if (rig->cause[0] == '\0' || strstr(rig->cause, rows[i][1]) == NULL)
            fail_msg("'%s': %s", rows[i][0], rig->cause);
    }
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(look_up(rig, name, &facts), -ENOENT);
}

static void an_empty_name_is_the_default(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    assert_int_equal(bh_catalogue_lookup(rig->catalogue, " \r", "A.img ",
                                         &facts, rig->cause),
                     0);
    assert_string_equal(facts.name, "a.img");
    assert_int_equal(
        bh_catalogue_lookup(rig->catalogue, "Two", "a.img", &facts, rig->cause),
        0);
    assert_string_equal(facts.name, "Two");
}

static void a_number_is_another_name_of_the_same_volume(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts by_name, by_number;
    char name[16];

    assert_int_equal(look_up(rig, "games/zork.dsk", &by_name), 0);
    snprintf(name, sizeof name, ":%u ", (unsigned)by_name.number);
    assert_int_equal(look_up(rig, name, &by_number), 0);
    assert_memory_equal(&by_name, &by_number, sizeof by_name);
}

static void numbers_stay_while_files_come_and_go(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts a, zork, facts;
    struct bh_volume_spec volume = spec("0first", path_of(rig, "served/Two"));

    look_up(rig, "a.img", &a);
    look_up(rig, "games/zork.dsk", &zork);
    make_file(rig, "served/0-before-all", 1);
    assert_int_equal(unlink(path_of(rig, "served/a.img")), 0);
    assert_int_equal(serve(rig, &volume), 0);
    assert_int_equal(look_up(rig, "games/zork.dsk", &facts), 0);
    assert_int_equal(facts.number, zork.number);
    assert_int_equal(look_up(rig, "0-before-all", &facts), 0);
    assert_true(facts.number > zork.number);
    assert_int_equal(look_up(rig, "a.img", &facts), -ENOENT);
    make_file(rig, "served/a.img", 7); /* it comes back */
    assert_int_equal(look_up(rig, "a.img", &facts), 0);
    assert_int_equal(facts.number, a.number);
}

static void a_new_file_is_served_at_once(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;

    assert_int_equal(look_up(rig, "new", &facts), -ENOENT);
    make_file(rig, "served/new", 5);
    assert_int_equal(look_up(rig, "new", &facts), 0);
    assert_true(facts.number > 0);
}

static void a_configured_volume_hides_a_file_and_has_its_keys(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_volume_spec volume =
        spec("a.img", path_of(rig, "outside/out.img"));

    volume.first = 10;
    volume.size_limit = 20;
    volume.idle_ms = 123;
    volume.mode = BH_MODE_SHARED;
    volume.takeover = BH_TAKEOVER_NEVER;
    volume.sync = BH_SYNC_WRITE;
    volume.exponent = 1;
    volume.roam = true;
    assert_int_equal(serve(rig, &volume), 0);
    assert_int_equal(look_up(rig, "A.IMG", &facts), 0);
    assert_int_equal(facts.byte_count, 20);
    assert_int_equal(facts.first, 10);
    assert_int_equal(facts.idle_ms, 123);
    assert_int_equal(facts.mode, BH_MODE_SHARED);
    assert_int_equal(facts.takeover, BH_TAKEOVER_NEVER);
    assert_int_equal(facts.sync, BH_SYNC_WRITE);
    assert_int_equal(facts.exponent, 1);
    assert_true(facts.roam);
}

static void a_directory_that_is_not_there_changes_nothing(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_contents contents = {0};

    contents.directories = malloc(sizeof *contents.directories);
    contents.directories[0] = spec(NULL, path_of(rig, "gone"));
    contents.directory_count = 1;
    assert_int_equal(bh_catalogue_set(rig->catalogue, &contents, rig->cause),
                     -ENOENT);
    assert_non_null(strstr(rig->cause, "gone"));
    assert_int_equal(contents.directory_count, 1); /* still the caller's */
    bh_contents_free(&contents);
    assert_int_equal(look_up(rig, "a.img", &facts), 0);
}

static void links_to_one_file_are_one_medium(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts one, two;

    assert_int_equal(
        link(path_of(rig, "served/a.img"), path_of(rig, "served/hard")), 0);
    look_up(rig, "a.img", &one);
    look_up(rig, "hard", &two);
    assert_int_equal(one.inode, two.inode);
    assert_int_equal(one.device, two.device);
    assert_int_not_equal(one.number, two.number);
    look_up(rig, "inside", &two);
    assert_int_equal(one.inode, two.inode);
}

static void every_listing_is_a_medium_of_its_own(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts one, two;

    assert_int_equal(look_up(rig, ":list", &one), 0);
    assert_int_equal(look_up(rig, ":LIST \r\n", &two), 0);
    assert_int_not_equal(one.inode, two.inode);
    assert_int_equal(one.number, 0);
    assert_int_equal(one.mode, BH_MODE_READ_ONLY);
}

static void what_was_looked_up_can_be_opened(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    struct bh_volume_spec volume;
    struct bh_medium *medium;

    look_up(rig, "A.IMG", &facts);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause), 0);
    assert_int_equal(medium->byte_count, 1000);
    assert_int_equal(medium->ops->write(medium, 0, (uint8_t[]){1}, 1), 0);
    medium->ops->close(medium);
    facts.mode = BH_MODE_READ_ONLY;
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause),
        -ESTALE);
    volume = spec("r", path_of(rig, "served/a.img"));
    volume.mode = BH_MODE_READ_ONLY;
    assert_int_equal(serve(rig, &volume), 0);
    look_up(rig, "r", &facts);
    assert_int_equal(
        bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause), 0);
    assert_true(medium->ops->write(medium, 0, (uint8_t[]){1}, 1) < 0);
    medium->ops->close(medium);
}

/* Between look-up and open: gone, replaced, or turned into something else. */
static void what_has_changed_meanwhile_is_not_opened(void **state)
{
    static const struct {
        const char *what;
        int error;
    } rows[] = {
        {"gone", -ENOENT}, {"replaced", -ESTALE},  {"fifo", -ENOENT},
        {"link", -ENOENT}, {"directory", -ENOENT},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_volume_facts facts;
        struct bh_medium *medium;
        const char *path;

        make_file(rig, "served/victim", 100);
        assert_int_equal(look_up(rig, "victim", &facts), 0);
        path = path_of(rig, "served/victim");
        assert_int_equal(rename(path, path_of(rig, "served/moved")), 0);
        path = path_of(rig, "served/victim");
        if (strcmp(rows[i].what, "replaced") == 0)
            make_file(rig, "served/victim", 100);
        else if (strcmp(rows[i].what, "fifo") == 0)
            assert_int_equal(mkfifo(path, 0644), 0);
        else if (strcmp(rows[i].what, "directory") == 0)
            assert_int_equal(mkdir(path, 0755), 0);
        else if (strcmp(rows[i].what, "link") == 0)
            make_link(rig, "../outside/out.img", "served/victim");
        assert_int_equal(
            bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause),
            rows[i].error);
        assert_true(rig->cause[0] != '\0');
        remove(path_of(rig, "served/victim"));
    }
}

static void without_the_right_to_write_a_volume_is_read_only(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    uid_t user = geteuid();
    int error;

    assert_int_equal(chmod(path_of(rig, "served/a.img"), 0444), 0);
    assert_int_equal(chmod(path_of(rig, "served/Two"), 0000), 0);
    assert_int_equal(chmod(rig->root, 0755), 0);
    if (user == 0) /* as anybody else */
        assert_int_equal(seteuid(65534), 0);
    error = look_up(rig, "a.img", &facts);
    if (error == 0)
        error = facts.mode == BH_MODE_READ_ONLY ? 0 : -1;
    if (error == 0 && look_up(rig, "Two", &facts) == 0) {
        struct bh_medium *medium;

        error = bh_catalogue_open(rig->catalogue, &facts, &medium, rig->cause);
        error = error == -EACCES ? 0 : -2;
    }
    if (user == 0)
        assert_int_equal(seteuid(user), 0);
    assert_int_equal(error, 0);
}

struct seen {
    char names[32][64];
    unsigned count, stop_at;
};

static bool see(void *context, const struct bh_volume_facts *facts)
{
    struct seen *seen = context;

    snprintf(seen->names[seen->count], sizeof seen->names[0], "%.60s",
             facts->name);
    return ++seen->count != seen->stop_at;
}

static void each_visits_what_can_be_served_in_order(void **state)
{
    static const char *const expected[] = {"TWO", "Two", "a.img",
                                           "games/zork.dsk", "inside"};
    struct rig *rig = *state;
    struct seen seen = {.stop_at = 100};

    bh_catalogue_each(rig->catalogue, see, &seen);
    assert_int_equal(seen.count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_string_equal(seen.names[i], expected[i]);
    seen = (struct seen){.stop_at = 2};
    bh_catalogue_each(rig->catalogue, see, &seen);
    assert_int_equal(seen.count, 2);
}

static void new_images_have_a_place_and_are_found_at_once(void **state)
{
    struct rig *rig = *state;
    struct bh_volume_facts facts;
    int fd = bh_catalogue_directory(rig->catalogue), file;

    assert_true(fd >= 0);
    file = openat(fd, "new.img", O_CREAT | O_WRONLY, 0644);
    assert_true(file >= 0);
    close(file);
    close(fd);
    assert_int_equal(bh_catalogue_lookup(rig->catalogue, "new.img", NULL,
                                         &facts, rig->cause),
                     0);
    assert_int_equal(facts.number, BH_NO_NUMBER); /* scanned just now */
    bh_catalogue_stir(rig->catalogue);
    assert_int_equal(bh_catalogue_lookup(rig->catalogue, "new.img", NULL,
                                         &facts, rig->cause),
                     0);
    assert_int_not_equal(facts.number, BH_NO_NUMBER);
}

static void without_a_directory_new_images_have_no_place(void **state)
{
    struct bh_catalogue *catalogue = bh_catalogue_new();

    (void)state;
    assert_int_equal(bh_catalogue_directory(catalogue), -ENOENT);
    bh_catalogue_free(catalogue);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(served_names_are_found),
        TEST(nothing_else_is_found_and_the_cause_says_why),
        TEST(an_empty_name_is_the_default),
        TEST(a_number_is_another_name_of_the_same_volume),
        TEST(numbers_stay_while_files_come_and_go),
        TEST(a_new_file_is_served_at_once),
        TEST(a_configured_volume_hides_a_file_and_has_its_keys),
        TEST(a_directory_that_is_not_there_changes_nothing),
        TEST(links_to_one_file_are_one_medium),
        TEST(every_listing_is_a_medium_of_its_own),
        TEST(what_was_looked_up_can_be_opened),
        TEST(what_has_changed_meanwhile_is_not_opened),
        TEST(without_the_right_to_write_a_volume_is_read_only),
        TEST(each_visits_what_can_be_served_in_order),
        TEST(new_images_have_a_place_and_are_found_at_once),
        TEST(without_a_directory_new_images_have_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
