/* SPDX-License-Identifier: MIT */
/* Sizes, rates and times as a person reads them. Pure. */
#ifndef BH_CLI_SIZE_H
#define BH_CLI_SIZE_H

#include <stdint.h>

/* Holds any result of this file, with its NUL. */
#define SIZE_TEXT_LEN 24

/* "512 B", "1.4 MiB", "640 KiB": three digits, units of 1024. */
const char *size_format(char text[SIZE_TEXT_LEN], uint64_t bytes);

/* "310 KiB/s": `bytes` moved in `ns`; "-" while that says nothing. */
const char *rate_format(char text[SIZE_TEXT_LEN], uint64_t bytes, uint64_t ns);

/* "0:07", "12:34", "1:02:03". */
const char *clock_format(char text[SIZE_TEXT_LEN], uint64_t seconds);

/* "0.142 ms", "12.3 ms", "250 ms". */
const char *trip_format(char text[SIZE_TEXT_LEN], uint32_t us);

#endif
