/* SPDX-License-Identifier: MIT */
/*
 * For the compiler. BH_COLD: a function that a READ or WRITE of a working
 * client never calls. Calls of it are laid out beside the way, and it is not
 * merged into its callers, whose prologues stay short. BH_SLOW: not that rare,
 * but not to be merged either.
 */
#ifndef BH_CORE_HINT_H
#define BH_CORE_HINT_H

#define BH_COLD __attribute__((cold, noinline))
#define BH_SLOW __attribute__((noinline))

#endif
