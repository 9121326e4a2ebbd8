/* SPDX-License-Identifier: MIT */
/* The program's choice of a disk. */
#ifndef BH_PORTS_FATFS_IMAGE_H
#define BH_PORTS_FATFS_IMAGE_H

#include <stdint.h>

/* The image's name with its NUL: "disk.img", 9. */
extern const char *bh_fatfs_image;
extern uint16_t bh_fatfs_image_len;
extern uint8_t bh_fatfs_flags; /* BH_FLAG_READ_ONLY, or 0 */

#endif
