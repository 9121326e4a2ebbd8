/* SPDX-License-Identifier: MIT */
/* One parser for each format: 0, or -EBADMSG with a sentence in `cause`. */
#ifndef BH_VOLUME_FORMAT_HEADER_H
#define BH_VOLUME_FORMAT_HEADER_H

#include "volume/format.h"

typedef int bh_format_parser(const struct bh_sample *sample,
                             struct bh_extent *out, char cause[BH_CAUSE_LEN]);

bh_format_parser bh_format_2mg, bh_format_atr, bh_format_jvc, bh_format_vdk,
    bh_format_dc42, bh_format_vhd;

#endif
