/* SPDX-License-Identifier: MIT */
/* What the administrator reads when the server has started. */
#ifndef BH_DAEMON_BANNER_H
#define BH_DAEMON_BANNER_H

#include "daemon/driver.h"

/* Prints to standard output where the server listens, what to type on the
 * other machine, the images, and a command line that works here. */
void bh_banner_print(struct bh_driver *driver);

#endif
