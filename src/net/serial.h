/* SPDX-License-Identifier: MIT */
/* Serial devices, as a line wants them: every byte as it is, at once. */
#ifndef BH_NET_SERIAL_H
#define BH_NET_SERIAL_H

#include "net/place.h"

/* Opens the device of `place` without waiting for a carrier: eight bits, no
 * parity, one stop bit, no character means anything; what it had received
 * before is gone. A descriptor that does not block, or a negative errno, then
 * with its reason in `*why` (static; NULL: strerror() knows). */
int bh_serial_open(const struct bh_place *place, const char **why);

/* Microseconds that so many bytes take at this speed: ten bits each. */
uint32_t bh_serial_us(uint32_t baud, uint64_t bytes);

#endif
