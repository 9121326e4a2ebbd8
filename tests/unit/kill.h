/* SPDX-License-Identifier: MIT */
/* A process of its own that is killed at a given system call: what a server
 * that dies there leaves behind. */
#ifndef BH_UNIT_KILL_H
#define BH_UNIT_KILL_H

#include <stdbool.h>

/* Runs `work` in a child, which dies in place of its system call number `call`,
 * the first being 0. If `half`, it dies in the midst of that call, as a kill
 * can end a long write or copy: half of its bytes are moved (on x86-64; the
 * call is done as a whole elsewhere). A write within one page is never cut: the
 * kernel looks for a kill between pages. False: the child ended before. */
bool kill_at_call(void (*work)(void *), void *context, unsigned call,
                  bool half);

#endif
