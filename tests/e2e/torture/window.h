/* SPDX-License-Identifier: MIT */
/*
 * A strict client with a whole window of requests under way: what neither tiny
 * nor libblockhead does today. Written on the packets themselves.
 *
 * Invariants
 *   1. Numbers from `low` to `next` - 1 have been sent, next - low <= window;
 *      number n lives in requests[n % 64] until it is answered.
 *   2. A datagram that is sent again is byte for byte the same.
 */
#ifndef BH_TORTURE_WINDOW_H
#define BH_TORTURE_WINDOW_H

#include "load.h"

void window_run(struct load *load);

#endif
