/* SPDX-License-Identifier: MIT */
/*
 * A FAT16 volume with one sector of 512 bytes to a cluster, as much of it as
 * the tests need: the root directory is listed, and a file is copied. One
 * sector's buffer for all. (Layout: Microsoft's "FAT File System
 * Specification", version 1.03.)
 *
 * The functions return a status of the drive; FAT_NOT_FOUND and FAT_FULL are
 * the volume's own.
 */
#ifndef FAT_H
#define FAT_H

#include <stdint.h>

#define FAT_NOT_FOUND 0xF0
#define FAT_FULL 0xF1
#define FAT_STRANGE 0xF2 /* no FAT16 of this kind */

/* A file of the root directory. */
struct fat_file {
    char name[12]; /* 8.3 without the point, blank-padded, and a NUL */
    uint16_t cluster;
    uint32_t size;
};

uint8_t fat_open(void);

/* Calls `show` with each file of the root directory. */
uint8_t fat_list(void (*show)(const struct fat_file *file));

/* `name` as in struct fat_file. */
uint8_t fat_find(const char *name, struct fat_file *file);

/* Copies a file to a new name, or over an old one of that name. What is
 * interrupted leaves lost clusters at most. */
uint8_t fat_copy(const struct fat_file *from, const char *name);

/* A sum over the file's clusters. */
uint8_t fat_sum(const struct fat_file *file, uint16_t *sum);

#endif
