/* SPDX-License-Identifier: MIT */
#include "volume/now.h"

#include "volume/lines.h"
#include "volume/pieces.h"
#include "volume/still.h"
#include "wire/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define LAST_SECOND                                                            \
    253402214399ull /* 9999-12-30 23:59:59, in any zone 9999                   \
                     */

void bh_now_print(char text[BH_NOW_LEN], uint64_t utc_seconds,
                  int16_t zone_minutes)
{
    static const char days[][4] = {"SUN", "MON", "TUE", "WED",
                                   "THU", "FRI", "SAT"};
    const unsigned offset =
        (unsigned)(zone_minutes < 0 ? -zone_minutes : zone_minutes);
    struct bh_lines lines = {.text = text, .room = BH_NOW_LEN / BH_LINE_LEN};
    struct bh_moment at;

    if (utc_seconds > LAST_SECOND)
        utc_seconds = LAST_SECOND;
    bh_moment_set(&at, utc_seconds, zone_minutes);
    bh_lines_add(&lines, "%04u-%02u-%02u %02u:%02u:%02u %s %c%02u:%02u",
                 at.year, at.month, at.day, at.hour, at.minute, at.second,
                 days[at.weekday], zone_minutes < 0 ? '-' : '+', offset / 60,
                 offset % 60);
    bh_lines_add(&lines, "%12llu SECONDS FROM 1970",
                 (unsigned long long)utc_seconds);
}

static int now_read(struct bh_medium *medium, uint64_t offset,
                    const struct iovec *pieces, unsigned count)
{
    time_t now = time(NULL);
    char text[BH_NOW_LEN];
    struct tm local;

    (void)medium;
    localtime_r(&now, &local);
    bh_now_print(text, (uint64_t)now, (int16_t)(local.tm_gmtoff / 60));
    return bh_pieces_copy(text, sizeof text, offset, pieces, count);
}

static void now_close(struct bh_medium *medium)
{
    free(medium);
}

int bh_now_open(struct bh_medium **out)
{
    static const struct bh_medium_ops ops = {
        .read = now_read,
        .read_now = now_read,
        .write = bh_still_write,
        .sync = bh_still_sync,
        .lock = bh_still_lock,
        .close = now_close,
    };
    struct bh_medium *medium = malloc(sizeof *medium);

    if (medium == NULL)
        return -ENOMEM;
    *medium = (struct bh_medium){&ops, BH_NOW_LEN};
    *out = medium;
    return 0;
}
