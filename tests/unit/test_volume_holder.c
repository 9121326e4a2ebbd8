/* SPDX-License-Identifier: MIT */
/* Who has a file locked: said for processes of our own, and for nobody. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/holder.h"

struct rig {
    char path[64];
    int fd;
    pid_t child;
    char cause[BH_CAUSE_LEN];
};

static int set_up(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof rig);
    strcpy(rig.path, "/tmp/bh-holder-XXXXXX");
    rig.fd = mkstemp(rig.path);
    assert_true(rig.fd >= 0);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    if (rig->child > 0) {
        kill(rig->child, SIGKILL);
        waitpid(rig->child, NULL, 0);
    }
    close(rig->fd);
    unlink(rig->path);
    return 0;
}

static struct flock whole(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* A process of that name with the file open and locked by `command`, if that is
 * not 0. */
static void start_child(struct rig *rig, const char *name, int command)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    rig->child = fork();
    if (rig->child == 0) {
        struct flock lock = whole();
        int fd = open(rig->path, O_RDWR | O_CLOEXEC);

        close(rig->fd);
        prctl(PR_SET_NAME, name);
        if (command != 0 && fcntl(fd, command, &lock) != 0)
            _exit(1);
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

/* As in file.c: the conflict, and what the kernel knows of it. */
static void meet_conflict(struct rig *rig)
{
    struct flock lock = whole();

    assert_int_equal(fcntl(rig->fd, F_OFD_SETLK, &lock), -1);
    assert_int_equal(fcntl(rig->fd, F_OFD_GETLK, &lock), 0);
    bh_holder_say(rig->fd, lock.l_pid, rig->cause);
}

static void assert_says(const char *cause, const char *part)
{
    if (strstr(cause, part) == NULL)
        fail_msg("'%s' does not say '%s'", cause, part);
}

static void a_process_with_a_lock_is_named(void **state)
{
    static const int commands[] = {F_SETLK, F_OFD_SETLK};
    struct rig *rig = *state;
    char wanted[BH_CAUSE_LEN];

    for (size_t i = 0; i < 2; i++) {
        start_child(rig, "qemu-system-x86", commands[i]);
        meet_conflict(rig);
        snprintf(wanted, sizeof wanted,
                 "process %ld (qemu-system-x86) has the file locked",
                 (long)rig->child);
        assert_string_equal(rig->cause, wanted);
        kill(rig->child, SIGKILL);
        waitpid(rig->child, NULL, 0);
        rig->child = 0;
    }
}

/* One that has it open without a lock is not accused of one. */
static void one_with_a_lock_goes_before_one_without(void **state)
{
    struct rig *rig = *state, reader;
    char wanted[BH_CAUSE_LEN];

    reader = *rig;
    start_child(&reader, "tail", 0);
    bh_holder_say(rig->fd, -1, rig->cause);
    snprintf(wanted, sizeof wanted, "process %ld (tail) has the file open; ",
             (long)reader.child);
    assert_memory_equal(rig->cause, wanted, strlen(wanted));
    start_child(rig, "qemu", F_OFD_SETLK);
    meet_conflict(rig);
    snprintf(wanted, sizeof wanted, "process %ld (qemu) has the file locked",
             (long)rig->child);
    assert_string_equal(rig->cause, wanted);
    kill(reader.child, SIGKILL);
    waitpid(reader.child, NULL, 0);
}

static void this_process_is_called_this_server(void **state)
{
    struct rig *rig = *state;
    struct flock lock = whole();
    int other = open(rig->path, O_RDWR | O_CLOEXEC);

    assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
    meet_conflict(rig);
    assert_says(rig->cause, "this server itself");
    assert_says(rig->cause, rig->path);
    close(other);
}

static void where_nobody_is_seen_the_command_is_said(void **state)
{
    struct rig *rig = *state;
    char wanted[BH_CAUSE_LEN];

    bh_holder_say(rig->fd, -1, rig->cause);
    snprintf(wanted, sizeof wanted,
             "another program, maybe of another user, has the file locked; "
             "'sudo fuser -v %s' names it",
             rig->path);
    assert_string_equal(rig->cause, wanted);
}

static void a_name_cannot_write_on_the_terminal(void **state)
{
    struct rig *rig = *state;

    start_child(rig, "\033[2J\nevil", F_OFD_SETLK);
    meet_conflict(rig);
    assert_says(rig->cause, "(?[2J");
    assert_null(strchr(rig->cause, '\n'));
    assert_null(strchr(rig->cause, '\033'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_process_with_a_lock_is_named),
        TEST(one_with_a_lock_goes_before_one_without),
        TEST(this_process_is_called_this_server),
        TEST(where_nobody_is_seen_the_command_is_said),
        TEST(a_name_cannot_write_on_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
