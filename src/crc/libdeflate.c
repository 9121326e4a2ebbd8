/* SPDX-License-Identifier: MIT */
#include "crc/crc.h"

#include <libdeflate.h>

uint32_t bh_crc(uint32_t before, const void *bytes, size_t len)
{
    return libdeflate_crc32(before, bytes, len);
}
