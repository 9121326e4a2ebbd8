/* SPDX-License-Identifier: MIT */
/* blockhead info: what IDENTIFY says, of a volume or of a server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/server.h"
#include "cli/size.h"
#include "cli/text.h"
#include "cli/volume.h"

/* By opcode: bit n of the features is the nth. */
static const char *const features[] = {
    "READ", "WRITE", "IDENTIFY", "FLUSH", "EJECT",    "LOCK",      "UNLOCK",
    "TRIM", "ZERO",  "CHECKSUM", "TIME",  "READ_RUN", "CHECKPOINT"};
#define FEATURE_COUNT (sizeof(features) / sizeof(features[0]))

/* The session that asks only looks, so whether the volume can be written is the
 * list's to say. */
static const struct flag_row {
    const char *key;
    const char *set;
    const char *unset; /* NULL: say nothing */
} flag_rows[] = {
    {"read_only", "read-only", "writable"},
    {"in_use", "in use", NULL},
    {"shared", "shared", NULL},
    {"removable", "removable", NULL},
    {"locked", "medium locked", NULL},
    {"scratch", "scratch (writes end with the session)", NULL},
    {"may_grow", "may grow", NULL},
    {"keyed", "keyed", NULL},
    {"strict", "strict session", NULL},
};
#define FLAG_COUNT (sizeof(flag_rows) / sizeof(flag_rows[0]))
#define FLAGS_OF_LIST 2 /* the first ones */

struct flags {
    size_t first; /* of those that are known */
    bool set[FLAG_COUNT];
};

static struct flags flags_of(const struct volume *volume,
                             const struct bh_info *info)
{
    return (struct flags){
        .first = volume->listed ? 0 : FLAGS_OF_LIST,
        .set = {!volume->entry.writable, volume->entry.in_use, info->shared,
                info->removable, info->locked, info->scratch, info->may_grow,
                info->keyed, info->strict},
    };
}

static const char *feature_name(unsigned bit, char text[16])
{
    if (bit < FEATURE_COUNT)
        return features[bit];
    snprintf(text, 16, "opcode %u", bit);
    return text;
}

static void instance_format(const struct bh_info *info, char text[20])
{
    snprintf(text, 20, "%016" PRIx64, info->instance);
}

/* The server's own local time, "2024-05-01 13:05:00 +0200". */
static void clock_of_server(const struct bh_info *info, char text[64])
{
    const int minutes = abs(info->zone_minutes);
    const time_t local =
        (time_t)info->utc_seconds + (time_t)info->zone_minutes * 60;
    struct tm parts;
    char date[32] = "?";

    if (gmtime_r(&local, &parts) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(text, 64, "%s %c%02d%02d", date,
             info->zone_minutes < 0 ? '-' : '+', minutes / 60 % 100,
             minutes % 60);
}

static void print_flags(const struct volume *volume, const struct bh_info *info)
{
    const struct flags flags = flags_of(volume, info);
    const char *comma = "mode            ";

    for (size_t i = flags.first; i < FLAG_COUNT; i++) {
        const char *word = flags.set[i] ? flag_rows[i].set : flag_rows[i].unset;

        if (word == NULL)
            continue;
        printf("%s%s", comma, word);
        comma = ", ";
    }
    if (comma[0] == ',')
        putchar('\n');
}

static void print_common(const struct bh_info *info)
{
    char clock[64], instance[20], scratch[16];

    clock_of_server(info, clock);
    instance_format(info, instance);
    printf("features       ");
    for (unsigned bit = 0; bit < 32; bit++) {
        if (info->features >> bit & 1)
            printf(" %s", feature_name(bit, scratch));
    }
    printf("\nserver's clock  %s\n", clock);
    printf("instance        %s\n", instance);
}

static void print_name(const struct bh_info *info)
{
    char name[sizeof(info->name)];

    text_clean(name, info->name, sizeof(info->name) - 1);
    printf("name            %s\n", name);
}

static void print_volume(const struct volume *volume,
                         const struct bh_info *info)
{
    char size[SIZE_TEXT_LEN], trip[SIZE_TEXT_LEN];
    struct bh_stats stats;

    bh_disk_stats(volume->disk, &stats);
    print_name(info);
    printf("size            %s%" PRIu64 " bytes",
           volume->slack == 0 ? "" : "up to ", volume->bytes);
    if (volume->bytes >= 1024)
        printf(" (%s)", size_format(size, volume->bytes));
    putchar('\n');
    printf("sectors         %" PRIu64 " of %u bytes\n", volume->sector_count,
           (unsigned)volume->sector_len);
    print_flags(volume, info);
    printf("change counter  %" PRIu64 "\n", info->change_counter);
    printf("window          %u\n", (unsigned)info->window);
    if (info->lease_seconds != 0)
        printf("lease           %u s\n", (unsigned)info->lease_seconds);
    print_common(info);
    printf("round trip      %s\n", trip_format(trip, stats.srtt_us));
}

static struct json *json_of(const struct bh_info *info)
{
    struct json *object = json_object_begin();
    struct json *array = json_array_begin();
    char instance[20], scratch[16];

    instance_format(info, instance);
    for (unsigned bit = 0; bit < 32; bit++) {
        if (info->features >> bit & 1)
            json_append_text(array, feature_name(bit, scratch));
    }
    json_put_text(object, "name", info->name);
    json_put_number(object, "utc_seconds", info->utc_seconds);
    json_put_signed(object, "zone_minutes", info->zone_minutes);
    json_put_text(object, "instance", instance);
    json_put(object, "features", array);
    return object;
}

static int print_volume_json(const struct volume *volume,
                             const struct bh_info *info)
{
    const struct flags flags = flags_of(volume, info);
    struct json *object = json_of(info);
    struct bh_stats stats;
    char counter[24]; /* JSON's numbers are too short for it */

    bh_disk_stats(volume->disk, &stats);
    json_put_number(object, "bytes", volume->bytes);
    json_put_flag(object, "bytes_exact", volume->slack == 0);
    json_put_number(object, "sector_length", volume->sector_len);
    json_put_number(object, "sector_count", volume->sector_count);
    snprintf(counter, sizeof(counter), "%" PRIu64, info->change_counter);
    json_put_text(object, "change_counter", counter);
    json_put_number(object, "window", info->window);
    json_put_number(object, "lease_seconds", info->lease_seconds);
    for (size_t i = flags.first; i < FLAG_COUNT; i++)
        json_put_flag(object, flag_rows[i].key, flags.set[i]);
    json_put_real(object, "round_trip_ms", stats.srtt_us / 1000.0);
    return json_print(object) ? EXIT_FINE : EXIT_TROUBLE;
}

/* An empty slot says no more of itself. */
static int info_of_nothing(const struct options *options,
                           const struct volume *volume)
{
    struct json *report;

    if (options->json) {
        report = json_object_begin();
        json_put_text(report, "name", volume->target.url.image);
        json_put_flag(report, "empty", true);
        return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
    }
    printf("name            %s\n"
           "medium          none\n",
           volume_label(volume));
    return EXIT_FINE;
}

/* A look disturbs nobody. */
static int info_of_volume(const struct options *options, struct volume *volume)
{
    const struct bh_info *info;
    bool measured;

    volume->may_lack = true;
    measured = volume_measure(volume, "identify");
    if (volume->empty)
        return info_of_nothing(options, volume);
    if (!measured ||
        !volume_open(volume, "identify", BH_OPEN_LOOK, VOLUME_SECTOR_LEN))
        return EXIT_TROUBLE;
    info = bh_disk_info(volume->disk);
    if (options->json)
        return print_volume_json(volume, info);
    print_volume(volume, info);
    return EXIT_FINE;
}

static int info_of_server(const struct options *options,
                          const struct target *target)
{
    struct bh_info info;

    if (!server_ask(target, options, &info))
        return EXIT_TROUBLE;
    if (options->json)
        return json_print(json_of(&info)) ? EXIT_FINE : EXIT_TROUBLE;
    print_name(&info);
    print_common(&info);
    return EXIT_FINE;
}

int run_info(const struct options *options, char *const operands[], int count)
{
    struct volume volume;
    int code;

    (void)count;
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    code = volume.target.url.image[0] == '\0'
               ? info_of_server(options, &volume.target)
               : info_of_volume(options, &volume);
    volume_end(&volume);
    return code;
}
