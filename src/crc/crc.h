/* SPDX-License-Identifier: MIT */
/* CRC-32 (IEEE 802.3), as CHECKSUM has it. */
#ifndef BH_CRC_CRC_H
#define BH_CRC_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Of what has `before`, followed by `len` bytes at `bytes`; of nothing it is
 * 0. */
uint32_t bh_crc(uint32_t before, const void *bytes, size_t len);

/* Of what has `first`, followed by `len` bytes that have `second`, which are
 * not seen. */
uint32_t bh_crc_join(uint32_t first, uint32_t second, uint64_t len);

#endif
