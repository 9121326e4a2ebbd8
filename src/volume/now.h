/* SPDX-License-Identifier: MIT */
/*
 * The virtual volume `:time`: what time it is, as text, anew with each READ.
 * 64 ASCII bytes, two lines as in volume/lines.h:
 *
 *   0-9   date, year-month-day, local as all of this line
 *   11-18 time, hour:minute:second
 *   20-22 weekday, SUN to SAT
 *   24-29 zone, local time minus UTC: sign, hours, ':', minutes
 *   30-31 CR LF
 *   32-43 UTC, seconds since 1970, decimal, right-aligned
 *   45-61 SECONDS FROM 1970
 *   62-63 CR LF; all others are blanks
 */
#ifndef BH_VOLUME_NOW_H
#define BH_VOLUME_NOW_H

#include "volume/medium.h"

#define BH_NOW_LEN 64u

/* Years up to 9999; what is later is the end of that. */
void bh_now_print(char text[BH_NOW_LEN], uint64_t utc_seconds,
                  int16_t zone_minutes);

int bh_now_open(struct bh_medium **out);

#endif
