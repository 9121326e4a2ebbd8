/* SPDX-License-Identifier: MIT */
/* CRC-32 (IEEE 802.3) of bytes that are never seen as a whole. Pure. */
#ifndef BH_CLI_CRC_H
#define BH_CLI_CRC_H

#include <stdint.h>

/* The CRC of what has `first`, followed by `len` bytes that have `second`; of
 * nothing it is 0. */
uint32_t crc_join(uint32_t first, uint32_t second, uint64_t len);

#endif
