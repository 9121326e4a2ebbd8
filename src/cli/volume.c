/* SPDX-License-Identifier: MIT */
#include "cli/volume.h"

#include <errno.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/message.h"
#include "cli/options.h"

#define SECTOR_LEN_FINEST 128u

bool volume_begin(struct volume *volume, const char *text,
                  const struct options *options)
{
    *volume = (struct volume){0};
    if (!target_parse_volume(text, options, &volume->target))
        return false;
    volume->disk = bh_disk_new();
    if (volume->disk == NULL) {
        complain("cannot open %s: out of memory", text);
        return false;
    }
    if (options->timeout_ms != 0)
        bh_disk_set_timeout(volume->disk, options->timeout_ms);
    return true;
}

static int open_at(struct volume *volume, unsigned flags, uint32_t sector_len)
{
    char url[TARGET_URL_LEN];

    target_url(&volume->target.url, volume->target.url.image, sector_len, url);
    return bh_disk_open(volume->disk, url, flags);
}

/* A server may insist on one sector length for a volume: takes `sector_len` or
 * what can be had. */
static int open_any(struct volume *volume, unsigned flags, uint32_t sector_len)
{
    static const uint32_t others[] = {512,  256,  128,  1024,
                                      2048, 4096, 8192, 16384};
    int result;

    result = open_at(volume, flags, sector_len);
    for (size_t i = 0;
         result == -EINVAL && i < sizeof(others) / sizeof(others[0]); i++)
        result = open_at(volume, flags, others[i]);
    /* Once more for the sentence: of the first length, not of the last. */
    return result == -EINVAL ? open_at(volume, flags, sector_len) : result;
}

/* Sectors are numbered with 32 bits. */
static bool check_reach(const struct volume *volume, const char *action)
{
    if (volume->sector_count <= UINT64_C(1) << 32)
        return true;
    complain("cannot %s %s: it is too large to be reached in sectors of %u "
             "bytes; longer ones are chosen with --sector",
             action, volume->target.text, (unsigned)volume->sector_len);
    return false;
}

/* What the library cannot know: that there is a --look, or that there is not.
 */
static void complain_open(const struct volume *volume, const char *action,
                          unsigned flags, int error)
{
    if (error != -EBUSY)
        complain_disk(volume->disk, error);
    else if (flags == BH_OPEN_READ_ONLY && !volume->no_look)
        complain("cannot %s %s: somebody is writing it; wait until it is free, "
                 "or take it as it is at this moment with --look",
                 action, volume->target.text);
    else
        complain("cannot %s %s: it is in use; wait until it is free (at most "
                 "30 seconds, if a program on this machine has left it open)",
                 action, volume->target.text);
}

static void note_info(struct volume *volume)
{
    const struct bh_info *info = bh_disk_info(volume->disk);

    volume->known = info->features != 0;
    volume->sector_len = info->sector_len;
    volume->sector_count = info->sector_count;
    volume->may_grow = info->may_grow;
    volume->read_only = info->read_only;
    volume->scratch = info->scratch;
}

bool volume_open(struct volume *volume, const char *action, unsigned flags,
                 uint32_t sector_len)
{
    const uint32_t wanted = volume->target.url.sector_len;
    const int result = wanted != 0 ? open_at(volume, flags, wanted)
                                   : open_any(volume, flags, sector_len);

    if (result != 0) {
        complain_open(volume, action, flags, result);
        return false;
    }
    note_info(volume);
    return check_reach(volume, action);
}

bool volume_open_best(struct volume *volume, const char *action, unsigned flags)
{
    char url[TARGET_URL_LEN];
    int result;

    target_url(&volume->target.url, volume->target.url.image,
               volume->target.url.sector_len, url);
    result = bh_disk_open_best(volume->disk, url, flags);
    if (result != 0) {
        complain_open(volume, action, flags, result);
        return false;
    }
    note_info(volume);
    return check_reach(volume, action);
}

/* The length that :list gives, if the entry of that name has as many of the
 * session's sectors as the volume. */
static void consult_list(struct volume *volume, const char *name)
{
    const struct listing_entry *entry;
    struct listing listing;

    if (listing_read(volume->disk, &volume->target.url, &listing) != 0)
        return;
    entry = listing_find(&listing, name);
    if (entry != NULL && entry->bytes <= volume->bytes &&
        volume->bytes - entry->bytes <= volume->slack) {
        volume->bytes = entry->bytes;
        volume->slack = 0;
        volume->listed = true;
        volume->entry = *entry;
    }
    listing_free(&listing);
}

bool volume_measure(struct volume *volume, const char *action)
{
    char name[sizeof(((struct bh_info *)0)->name)];
    int result = open_any(volume, BH_OPEN_LOOK, SECTOR_LEN_FINEST);

    if (result == 0) {
        note_info(volume);
        memcpy(name, bh_disk_info(volume->disk)->name, sizeof(name));
        result = bh_disk_close(volume->disk);
    }
    volume->empty = result == -ENOMEDIUM && volume->may_lack;
    if (volume->empty)
        return false;
    if (result != 0) {
        complain_open(volume, action, BH_OPEN_LOOK, result);
        return false;
    }
    if (!volume->known) {
        complain("cannot %s %s: its server does not say how long it is "
                 "(IDENTIFY); single sectors can be read and written",
                 action, volume->target.text);
        return false;
    }
    volume->bytes = volume->sector_count * volume->sector_len;
    volume->slack = volume->bytes == 0 ? 0 : volume->sector_len - 1;
    consult_list(volume, name);
    return true;
}

bool volume_keeps(const struct volume *volume, const char *action)
{
    if (!volume->scratch)
        return true;
    complain("cannot %s %s: it is a scratch volume, and what is written there "
             "goes with the session that wrote it",
             action, volume->target.text);
    return false;
}

const char *volume_label(const struct volume *volume)
{
    const struct bh_url *url = &volume->target.url;

    return url->image[0] != '\0' ? url->image : url->host;
}

void volume_leave(struct volume *volume)
{
    if (volume->disk != NULL)
        (void)bh_disk_close(volume->disk); /* it is done all the same */
}

void volume_end(struct volume *volume)
{
    bh_disk_free(volume->disk);
    volume->disk = NULL;
}
