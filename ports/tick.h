/* SPDX-License-Identifier: MIT */
/* The clock of ports whose chip has none. */
#ifndef BH_PORTS_TICK_H
#define BH_PORTS_TICK_H

#include <stdint.h>

/* Ticks of some 20 ms since no matter when. A byte is enough: no wait is longer
 * than 255 ticks. */
uint8_t bh_tick(void);

#endif
