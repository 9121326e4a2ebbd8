/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupt_catch(struct interrupt *out)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set, blocked;

    *out = INTERRUPT_NONE;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
        struct sigaction old;

        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaddset(&set, caught[i]);
    }
    blocked = set;
    sigaddset(&blocked, SIGPIPE);
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) != 0)
        return -errno;
    out->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return out->fd < 0 ? -errno : 0;
}

bool interrupt_came(struct interrupt *interrupt)
{
    struct signalfd_siginfo info;

    if (interrupt->signal == 0 && interrupt->fd >= 0 &&
        read(interrupt->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        interrupt->signal = (int)info.ssi_signo;
    return interrupt->signal != 0;
}

int interrupt_poll(struct interrupt *interrupt, int fd, short events,
                   int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = interrupt->fd, .events = POLLIN},
        {.fd = fd, .events = events},
    };

    if (interrupt->signal != 0)
        return -EINTR;
    if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
        return -errno;
    return fds[0].revents != 0 && interrupt_came(interrupt) ? -EINTR : 0;
}
