/* SPDX-License-Identifier: MIT */
/* The control socket's file: whose it is, and when it is replaced. */
#include "daemon/door.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    char directory[64];
    char path[128];
    char problem[BH_PROBLEM_LEN];
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    strcpy(rig->directory, "/tmp/door-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    snprintf(rig->path, sizeof rig->path, "%s/socket", rig->directory);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    unlink(rig->path);
    assert_int_equal(rmdir(rig->directory), 0);
    free(rig);
    return 0;
}

static bool answers(const struct rig *rig)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bool connected;

    strcpy(at.sun_path, rig->path);
    connected = connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ||
                errno == EAGAIN; /* nobody accepts here */
    close(fd);
    return connected;
}

static void it_is_for_its_owner_alone_whatever_the_umask(void **state)
{
    struct rig *rig = *state;
    mode_t before = umask(0);
    struct bh_door door;
    struct stat st;

    assert_int_equal(bh_door_open(&door, rig->path, rig->problem), 0);
    umask(before);
    assert_int_equal(lstat(rig->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(answers(rig));
    bh_door_close(&door);
    assert_int_equal(lstat(rig->path, &st), -1);
}

static void what_a_killed_server_left_is_replaced(void **state)
{
    struct rig *rig = *state;
    struct bh_door killed, door;

    assert_int_equal(bh_door_open(&killed, rig->path, rig->problem), 0);
    close(killed.file.fd); /* and its file stays */
    assert_false(answers(rig));
    assert_int_equal(bh_door_open(&door, rig->path, rig->problem), 0);
    assert_true(answers(rig));
    bh_door_close(&door);
}

static void another_servers_is_not(void **state)
{
    struct rig *rig = *state;
    struct bh_door first, second;

    assert_int_equal(bh_door_open(&first, rig->path, rig->problem), 0);
    assert_int_equal(bh_door_open(&second, rig->path, rig->problem),
                     -EADDRINUSE);
    assert_non_null(strstr(rig->problem, "another server"));
    assert_true(answers(rig));
    bh_door_close(&second);
    assert_true(answers(rig));
    bh_door_close(&first);
}

/* Also one whose queue is full: it is alive. */
static void a_busy_servers_is_not(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct bh_door first, second;
    int fds[64], count = 0;

    strcpy(at.sun_path, rig->path);
    assert_int_equal(bh_door_open(&first, rig->path, rig->problem), 0);
    do {
        fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_not_equal(count, 63);
    } while (connect(fds[count++], (struct sockaddr *)&at, sizeof at) == 0);
    assert_int_equal(bh_door_open(&second, rig->path, rig->problem),
                     -EADDRINUSE);
    while (count > 0)
        close(fds[--count]);
    bh_door_close(&first);
}

static void a_file_that_is_no_socket_stays(void **state)
{
    struct rig *rig = *state;
    struct bh_door door;
    struct stat st;

    close(open(rig->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(bh_door_open(&door, rig->path, rig->problem), -EEXIST);
    bh_door_close(&door);
    assert_int_equal(lstat(rig->path, &st), 0);
    unlink(rig->path);
    assert_int_equal(symlink("elsewhere", rig->path), 0);
    assert_int_equal(bh_door_open(&door, rig->path, rig->problem), -EEXIST);
    assert_int_equal(lstat(rig->path, &st), 0);
}

/* An administrator removed it, and a new server is there. */
static void a_socket_that_took_its_place_stays_at_the_end(void **state)
{
    struct rig *rig = *state;
    struct bh_door old, new;

    assert_int_equal(bh_door_open(&old, rig->path, rig->problem), 0);
    unlink(rig->path);
    assert_int_equal(bh_door_open(&new, rig->path, rig->problem), 0);
    bh_door_close(&old);
    assert_true(answers(rig));
    bh_door_close(&new);
    assert_false(answers(rig));
}

static void what_cannot_be_is_said(void **state)
{
    struct rig *rig = *state;
    struct bh_door door;
    char path[200];

    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(bh_door_open(&door, path, rig->problem), -ENAMETOOLONG);
    assert_non_null(strstr(rig->problem, "107 bytes"));
    assert_int_equal(bh_door_open(&door, "/nosuch/directory", rig->problem),
                     -ENOENT);
    door = (struct bh_door){0};
    bh_door_close(&door);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_for_its_owner_alone_whatever_the_umask),
        TEST(what_a_killed_server_left_is_replaced),
        TEST(another_servers_is_not),
        TEST(a_busy_servers_is_not),
        TEST(a_file_that_is_no_socket_stays),
        TEST(a_socket_that_took_its_place_stays_at_the_end),
        TEST(what_cannot_be_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
