/* SPDX-License-Identifier: MIT */
/*
 * blockhead lock: keeps the medium in its slot while a command runs, or until a
 * signal comes. A lock is its session's, so there is no command to undo it: it
 * ends with this program, whatever that ends by.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/volume.h"

/* How often the server is asked whether the medium is still there. */
#define LOOK_MS 10000

struct child {
    pid_t pid; /* 0: none */
    int fd;    /* readable when it has ended */
    int code;  /* its exit status, as a shell has it */
};

/* It gets the signals as this program had them. */
static int spawn(char *const arguments[], const sigset_t *mask, pid_t *pid)
{
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);

    if (error != 0)
        return error;
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    error =
        posix_spawnp(pid, arguments[0], NULL, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static bool child_begin(struct child *child, char *const arguments[],
                        const sigset_t *mask)
{
    int error = spawn(arguments, mask, &child->pid);

    if (error != 0) {
        child->pid = 0;
        complain("cannot run %s: %s", arguments[0], strerror(error));
        return false;
    }
    child->fd = pidfd_open(child->pid, 0);
    if (child->fd < 0)
        complain("cannot watch %s: %s", arguments[0], strerror(errno));
    return child->fd >= 0;
}

static void child_await(struct child *child)
{
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    child->code = WIFEXITED(status) ? WEXITSTATUS(status)
                                    : EXIT_SIGNAL + WTERMSIG(status);
    child->pid = 0;
}

/* Waits a little, and renews the lease. A command is told once of a signal,
 * which it may have from the terminal, too. */
static void wait_a_little(struct volume *volume, struct interrupt *interrupt,
                          struct child *child)
{
    struct pollfd fds[] = {
        {.fd = interrupt->signal == 0 ? interrupt->fd : -1, .events = POLLIN},
        {.fd = child->fd, .events = POLLIN},
        {.fd = bh_disk_fd(volume->disk), .events = POLLIN}};

    poll(fds, sizeof(fds) / sizeof(fds[0]), LOOK_MS);
    bh_disk_process(volume->disk);
    if (fds[0].revents != 0 && interrupt_came(interrupt) && child->pid != 0)
        kill(child->pid, interrupt->signal);
    if (fds[1].revents != 0)
        child_await(child);
}

static bool is_locked_still(struct volume *volume)
{
    int result = bh_disk_identify(volume->disk);

    if (result == 0)
        return true;
    complain_disk(volume->disk, result);
    complain("the medium in %s is not locked any more", volume_label(volume));
    return false;
}

/* Until the command ends; without one, until a signal comes. Whether the medium
 * was there all the time. */
static bool hold(struct volume *volume, struct interrupt *interrupt,
                 struct child *child)
{
    const bool has_child = child->pid != 0;
    bool held = true;

    while (has_child ? child->pid != 0 : held && interrupt->signal == 0) {
        wait_a_little(volume, interrupt, child);
        held = held && is_locked_still(volume);
    }
    return held;
}

static bool lock(const struct options *options, struct volume *volume)
{
    int result;

    volume->no_look = true;
    if (!volume_open(volume, "lock the medium in", BH_OPEN_READ_ONLY,
                     VOLUME_SECTOR_LEN))
        return false;
    result = bh_disk_lock(volume->disk);
    if (result != 0) {
        complain_disk(volume->disk, result);
        return false;
    }
    if (!options->quiet)
        note("%s: the medium is locked in", volume_label(volume));
    return true;
}

/* `command` may be empty. */
static int lock_while(const struct options *options, struct volume *volume,
                      char *const command[])
{
    struct interrupt interrupt;
    struct child child = {.fd = -1};
    sigset_t mask;

    sigprocmask(SIG_BLOCK, NULL, &mask);
    if (interrupt_catch(&interrupt) != 0 || !lock(options, volume))
        return EXIT_TROUBLE;
    if (command[0] != NULL && !child_begin(&child, command, &mask)) {
        if (child.pid != 0)
            child_await(&child);
        return EXIT_TROUBLE;
    }
    if (!hold(volume, &interrupt, &child))
        return EXIT_TROUBLE;
    volume_leave(volume);
    return child.code;
}

int run_lock(const struct options *options, char *const operands[], int count)
{
    struct volume volume;
    int code;

    (void)count;
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    code = lock_while(options, &volume, operands + 1);
    volume_end(&volume);
    return code;
}
