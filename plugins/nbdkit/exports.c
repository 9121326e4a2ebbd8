/* SPDX-License-Identifier: MIT */
#include "exports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "cli/listing.h"
#include "failure.h"

/* The list cuts long names, and has '?' for what it cannot print. The number is
 * another name of the image. */
static bool is_whole(const char *name)
{
    return strlen(name) < LISTING_NAME_LEN && strchr(name, '?') == NULL;
}

static int add(struct nbdkit_exports *exports,
               const struct listing_entry *entry)
{
    char number[16];

    if (is_whole(entry->name))
        return nbdkit_add_export(exports, entry->name, NULL);
    snprintf(number, sizeof(number), ":%u", entry->number);
    return nbdkit_add_export(exports, number, entry->name);
}

static int add_all(struct nbdkit_exports *exports,
                   const struct listing *listing)
{
    size_t i;

    for (i = 0; i < listing->count; i++)
        if (add(exports, &listing->entries[i]) == -1)
            return -1;
    return 0;
}

static int ask_server(const struct settings *settings, struct bh_disk *disk,
                      struct nbdkit_exports *exports)
{
    struct listing listing;
    int rc;

    bh_disk_set_timeout(disk, settings->timeout_s * 1000u);
    rc = listing_read(disk, &settings->url, &listing);
    if (rc == -EBADMSG)
        return failure_tell(rc, "the server's list makes no sense");
    if (rc < 0)
        return failure_tell(rc, bh_disk_error(disk));
    rc = add_all(exports, &listing);
    listing_free(&listing);
    return rc;
}

int exports_list(const struct settings *settings,
                 struct nbdkit_exports *exports)
{
    struct bh_disk *disk;
    int rc;

    if (settings->url.image[0] != '\0')
        return nbdkit_add_export(exports, "", settings->url.image);
    disk = bh_disk_new();
    if (disk == NULL)
        return failure_tell(-ENOMEM, "no memory");
    rc = ask_server(settings, disk, exports);
    bh_disk_free(disk);
    return rc;
}
