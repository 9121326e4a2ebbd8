/* SPDX-License-Identifier: MIT */
/* Words for the status byte of a reply. */
#ifndef BH_WIRE_STATUS_H
#define BH_WIRE_STATUS_H

#include <stdint.h>

/* A short English phrase, lower case, without a full stop; static. */
const char *bh_status_text(uint8_t status);

#endif
