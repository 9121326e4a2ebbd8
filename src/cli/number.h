/* SPDX-License-Identifier: MIT */
/* Numbers that a person typed. Strict: no blanks, no sign, nothing behind. */
#ifndef BH_CLI_NUMBER_H
#define BH_CLI_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A whole number, decimal or with 0x in front, from `min` to `max`. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Seconds, with up to three decimals ("2", "0.25"), as milliseconds: 1 to
 * 3,600,000. */
bool seconds_parse(const char *text, uint32_t *out_ms);

#endif
