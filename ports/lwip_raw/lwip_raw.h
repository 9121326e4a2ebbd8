/* SPDX-License-Identifier: MIT */
/*
 * lwIP's raw API as the port of drive.h: for programs without an operating
 * system (NO_SYS); with one, all calls of drive.h are made where the raw API
 * may be. A tick is 20 ms.
 */
#ifndef BH_PORTS_LWIP_RAW_H
#define BH_PORTS_LWIP_RAW_H

#include <lwip/err.h>
#include <lwip/ip_addr.h>

/* Once, before the first call of drive.h. ERR_OK, or why there is no socket. */
err_t bh_lwip_open(const ip_addr_t *server, u16_t port);

/* The program's: what its main loop does for lwIP. It hands what has arrived to
 * the network interface, and calls sys_check_timeouts(). It must not call
 * drive.h. */
void bh_lwip_poll(void);

#endif
