/* SPDX-License-Identifier: MIT */
/* blockhead ls: the images that a server has for this machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/target.h"
#include "cli/text.h"

static const char *mode_text(const struct listing_entry *entry)
{
    if (!entry->writable || entry->mode == 'R')
        return "read-only";
    if (entry->mode == 'P')
        return "scratch";
    return entry->mode == 'S' ? "shared" : "exclusive";
}

static int print_json(const struct listing *listing)
{
    struct json *array = json_array_begin();

    for (size_t i = 0; i < listing->count; i++) {
        const struct listing_entry *entry = &listing->entries[i];
        struct json *object = json_object_begin();

        json_put_number(object, "number", entry->number);
        json_put_text(object, "name", entry->name);
        json_put_number(object, "bytes", entry->bytes);
        json_put_text(object, "mode", mode_text(entry));
        json_put_flag(object, "writable", entry->writable);
        json_put_flag(object, "in_use", entry->in_use);
        json_append(array, object);
    }
    return json_print(array) ? EXIT_FINE : EXIT_TROUBLE;
}

static size_t name_columns(const struct listing *listing)
{
    char name[LISTING_NAME_LEN + 1];
    size_t widest = strlen("NAME");

    for (size_t i = 0; i < listing->count; i++) {
        text_clean(name, listing->entries[i].name, LISTING_NAME_LEN);
        if (text_columns(name) > widest)
            widest = text_columns(name);
    }
    return widest;
}

static int print_table(const struct listing *listing)
{
    const size_t columns = name_columns(listing);
    char name[LISTING_NAME_LEN + 1];

    printf("%6s  ", "NUMBER");
    text_pad(stdout, "NAME", columns);
    printf("  %12s  MODE\n", "BYTES");
    for (size_t i = 0; i < listing->count; i++) {
        const struct listing_entry *entry = &listing->entries[i];
        char number[16];

        snprintf(number, sizeof(number), ":%" PRIu32, entry->number);
        text_clean(name, entry->name, LISTING_NAME_LEN);
        printf("%6s  ", number);
        text_pad(stdout, name, columns);
        printf("  %12" PRIu64 "  %s%s\n", entry->bytes, mode_text(entry),
               entry->in_use ? ", in use" : "");
    }
    return EXIT_FINE;
}

static int ls(const struct options *options, const struct target *target,
              struct bh_disk *disk)
{
    struct listing listing;
    int result, code;

    if (options->timeout_ms != 0)
        bh_disk_set_timeout(disk, options->timeout_ms);
    result = listing_read(disk, &target->url, &listing);
    if (result != 0) {
        complain_disk(disk, result);
        return EXIT_TROUBLE;
    }
    code = options->json ? print_json(&listing) : print_table(&listing);
    if (listing.count == 0 && !options->json)
        note("%s has no images that this machine may open.", target->text);
    listing_free(&listing);
    return code;
}

int run_ls(const struct options *options, char *const operands[], int count)
{
    struct target target;
    struct bh_disk *disk;
    int code = EXIT_TROUBLE;

    (void)count;
    if (!target_parse_server(operands[0], &target))
        return EXIT_USAGE;
    disk = bh_disk_new();
    if (disk != NULL)
        code = ls(options, &target, disk);
    else
        complain("cannot list %s: out of memory", target.text);
    bh_disk_free(disk);
    return code;
}
