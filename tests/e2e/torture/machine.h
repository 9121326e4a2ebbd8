/* SPDX-License-Identifier: MIT */
/* The tiny client in a torture: in its default form the kinds naive, random and
 * counting, in its strict form the kind strict. None of them ever connects
 * again. */
#ifndef BH_TORTURE_MACHINE_H
#define BH_TORTURE_MACHINE_H

#include "serial.h"

extern const struct serial_kind machine_kinds[];

#endif
