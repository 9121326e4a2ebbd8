/* SPDX-License-Identifier: MIT */
/* An empty FAT file system, as the few pieces of it that are not zero. */
#ifndef BH_CTL_FAT_H
#define BH_CTL_FAT_H

#include <jansson.h>
#include <stdint.h>

/* What mkfs.fat makes of so many bytes: an array of {"at": byte, "hex":
 * digits}, to be freed, or NULL after a complaint. */
json_t *fat_make(uint64_t bytes);

#endif
