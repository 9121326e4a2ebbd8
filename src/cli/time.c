/* SPDX-License-Identifier: MIT */
/* blockhead time: the server's clock. Of a volume's server by TIME, and without
 * a volume by IDENTIFY. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/server.h"
#include "cli/volume.h"

/* The calendar of IDENTIFY's seconds. */
static void set_date(struct bh_time *now)
{
    const time_t local =
        (time_t)now->utc_seconds + (time_t)now->zone_minutes * 60;
    struct tm parts = {0};

    gmtime_r(&local, &parts);
    now->year = (uint16_t)(parts.tm_year + 1900);
    now->month = (uint8_t)(parts.tm_mon + 1);
    now->day = (uint8_t)parts.tm_mday;
    now->hour = (uint8_t)parts.tm_hour;
    now->minute = (uint8_t)parts.tm_min;
    now->second = (uint8_t)parts.tm_sec;
    now->weekday = (uint8_t)parts.tm_wday;
}

static bool ask_server(const struct options *options,
                       const struct target *target, struct bh_time *now)
{
    struct bh_info info;

    if (!server_ask(target, options, &info))
        return false;
    now->utc_seconds = info.utc_seconds;
    now->zone_minutes = info.zone_minutes;
    set_date(now);
    return true;
}

/* A look disturbs nobody. */
static bool ask_volume(struct volume *volume, struct bh_time *now)
{
    int result;

    if (!volume_open(volume, "learn the time from", BH_OPEN_LOOK,
                     VOLUME_SECTOR_LEN))
        return false;
    result = bh_disk_time(volume->disk, now);
    if (result != 0)
        complain_disk(volume->disk, result);
    return result == 0;
}

static void format(const struct bh_time *now, char text[64])
{
    const int minutes = abs((int)now->zone_minutes);

    snprintf(text, 64, "%04u-%02u-%02u %02u:%02u:%02u %c%02d%02d",
             (unsigned)now->year, (unsigned)now->month, (unsigned)now->day,
             (unsigned)now->hour, (unsigned)now->minute, (unsigned)now->second,
             now->zone_minutes < 0 ? '-' : '+', minutes / 60 % 100,
             minutes % 60);
}

static int print(const struct options *options, const struct bh_time *now)
{
    struct json *report;
    char text[64];

    format(now, text);
    if (!options->json) {
        puts(text);
        return EXIT_FINE;
    }
    report = json_object_begin();
    json_put_number(report, "utc_seconds", now->utc_seconds);
    json_put_signed(report, "zone_minutes", now->zone_minutes);
    json_put_number(report, "weekday", now->weekday);
    json_put_text(report, "local", text);
    return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
}

int run_time(const struct options *options, char *const operands[], int count)
{
    struct volume volume;
    struct bh_time now;
    bool known;

    (void)count;
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    known = volume.target.url.image[0] == '\0'
                ? ask_server(options, &volume.target, &now)
                : ask_volume(&volume, &now);
    volume_end(&volume);
    return known ? print(options, &now) : EXIT_TROUBLE;
}
