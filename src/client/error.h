/* SPDX-License-Identifier: MIT */
/*
 * What a server's status means to a program (an errno value) and to a person:
 * a sentence of what failed, on what, why, and what to do. The only place
 * where either is decided.
 */
#ifndef BH_CLIENT_ERROR_H
#define BH_CLIENT_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The negative errno value of a status that is not BH_OK. */
int bh_status_errno(uint8_t status);

/* What failed: "cannot `verb` [sector `lsn` of] `target`". */
struct bh_attempt {
    const char *verb;
    const char *target;
    bool has_lsn;
    uint32_t lsn;
    uint32_t sector_len; /* as asked for; 0 if that plays no part */
};

/* Each writes a sentence into `out`, cut to `out_len`, and returns the
 * negative errno value that goes with it. `out` may be NULL. */

/* Why is a status of the server, with advice. */
int bh_say_status(char *out, size_t out_len, const struct bh_attempt *attempt,
                  uint8_t status);

/* Why is what the system or the network said; `error` is negative. */
int bh_say_errno(char *out, size_t out_len, const struct bh_attempt *attempt,
                 int error);

/* Why is `why`; `error` is only returned. */
int bh_say_why(char *out, size_t out_len, const struct bh_attempt *attempt,
               int error, const char *why);

#endif
