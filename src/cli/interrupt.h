/* SPDX-License-Identifier: MIT */
/*
 * SIGINT, SIGTERM and SIGHUP as something to look at, for commands that must
 * tidy up before they end. Without it the signals end the program at once, as
 * is right while there is nothing to tidy up.
 */
#ifndef BH_CLI_INTERRUPT_H
#define BH_CLI_INTERRUPT_H

#include <stdbool.h>

struct interrupt {
    int fd;     /* of signalfd(2); -1: none; readable once a signal came */
    int signal; /* the one that came, or 0 */
};

#define INTERRUPT_NONE ((struct interrupt){.fd = -1})

/* From now on those signals wait in `out`. Those that were ignored at start
 * (nohup) stay ignored. A broken pipe becomes an error of write(). */
int interrupt_catch(struct interrupt *out);

/* Whether one has come. */
bool interrupt_came(struct interrupt *interrupt);

/* Sleeps until `fd` is ready for `events` of poll(2) or `timeout_ms` have
 * passed (-1: never); `fd` may be -1. -EINTR if a signal came, else 0. */
int interrupt_poll(struct interrupt *interrupt, int fd, short events,
                   int timeout_ms);

#endif
