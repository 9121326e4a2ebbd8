/* SPDX-License-Identifier: MIT */
#ifndef BH_PORTS_POSIX_TTY_H
#define BH_PORTS_POSIX_TTY_H

/* The terminal that is to be the line: its handle, or -1 and errno. */
int bh_tty_open(const char *path);

#endif
