/* SPDX-License-Identifier: MIT */
#ifndef BH_PORTS_FUZIX_DEVBH_H
#define BH_PORTS_FUZIX_DEVBH_H

/* Finds the disk and its partitions: to be called when the kernel looks for its
 * block devices, after the line of the port is ready. */
void devbh_init(void);

#endif
