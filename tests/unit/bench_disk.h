/* SPDX-License-Identifier: MIT */
/* A server with one disk, as the port of drive.h: for glue that is tested
 * without a line. */
#ifndef BH_UNIT_BENCH_DISK_H
#define BH_UNIT_BENCH_DISK_H

#include <stdint.h>

#define BENCH_SECTORS 16u

struct bench_disk {
    uint8_t sectors[BENCH_SECTORS][512];
    uint8_t fails_with; /* every COMMAND gets this status */
    uint8_t silent;     /* nothing is answered */
    unsigned connects, flushes;
};
extern struct bench_disk bench_disk;

#endif
