/* SPDX-License-Identifier: MIT */
#ifndef BH_PORTS_CC65_IP65_H
#define BH_PORTS_CC65_IP65_H

#include <stdint.h>

/* Before the first call of drive.h, and after ip65_init() and, if wanted,
 * dhcp_init(). `server` is as parse_dotted_quad() has it. 0, or 1 if IP65 has
 * no listener left. */
uint8_t bh_ip65_open(uint32_t server, uint16_t server_port, uint16_t own_port);

#endif
