/* SPDX-License-Identifier: MIT */
/* The time, as the library counts it. */
#ifndef BH_CLIENT_CLOCK_H
#define BH_CLIENT_CLOCK_H

#include <stdint.h>

/* Microseconds since some moment before now; never goes back. */
uint64_t bh_clock_us(void);

#endif
