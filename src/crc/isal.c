/* SPDX-License-Identifier: MIT */
#include "crc/crc.h"

#include <isa-l/crc.h>

uint32_t bh_crc(uint32_t before, const void *bytes, size_t len)
{
    return crc32_gzip_refl(before, bytes, len);
}
