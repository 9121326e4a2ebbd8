/* SPDX-License-Identifier: MIT */
/* libblockhead in a torture. It may reconnect by itself, and must not have to.
 */
#ifndef BH_TORTURE_POSIX_H
#define BH_TORTURE_POSIX_H

#include "serial.h"

extern const struct serial_kind posix_kind;

#endif
