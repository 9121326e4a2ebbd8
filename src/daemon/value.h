/* SPDX-License-Identifier: MIT */
/* Values in the configuration: each parser takes all of its text or fails. */
#ifndef BH_DAEMON_VALUE_H
#define BH_DAEMON_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* "1474560", "720K", "32M", "1G": bytes, powers of 1024. */
bool bh_value_size(const char *text, uint64_t *bytes);

/* "90", "90s", "30m", "2h": milliseconds; "never": 0. */
bool bh_value_time(const char *text, uint64_t *ms);

/* "yes", "no", "true", "false", "on", "off", "1", "0". */
bool bh_value_bool(const char *text, bool *value);

/* A decimal number within min and max. */
bool bh_value_number(const char *text, uint64_t min, uint64_t max,
                     uint64_t *value);

/* A sector size in bytes as its exponent n in 128 << n; "any" is allowed. */
bool bh_value_sector(const char *text, uint8_t *exponent);

/* The place of `text` in a list of words that ends with NULL. */
bool bh_value_word(const char *text, const char *const *words, uint8_t *place);

#endif
