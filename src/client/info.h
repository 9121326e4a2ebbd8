/* SPDX-License-Identifier: MIT */
/* What IDENTIFY brought, as the public header shows it. */
#ifndef BH_CLIENT_INFO_H
#define BH_CLIENT_INFO_H

#include <stdint.h>

#include "client/blockhead.h"
#include "wire/identify.h"

/* 0, or -EPROTO if the bytes are not what IDENTIFY brings. */
int bh_info_decode(const uint8_t bytes[BH_IDENTIFY_LEN], struct bh_info *out);

#endif
