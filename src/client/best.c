/* SPDX-License-Identifier: MIT */
/*
 * Which sector length suits an image and the way to it: a look in sectors of
 * 128 bytes tells the image's length, and then the longest is taken that
 * divides it, and that server and path do not refuse.
 */
#include <errno.h>

#include "client/session.h"
#include "wire/protocol.h"

/* More is read and written than file systems ask for at a time. */
#define LONGEST 4096u
#define SHORTEST 128u

/* What every Ethernet carries. */
#define LONGEST_ANYWHERE BH_SECTOR_LEN(BH_SECTOR_EXPONENT_MTU)

/* A path on which long datagrams vanish without a word says so in time. */
#define TRIAL_MS 1000u

static int open_in(struct bh_disk *disk, uint32_t sector_len, const char *url,
                   unsigned flags)
{
    int rc;

    disk->default_sector_len = sector_len;
    rc = bh_disk_open(disk, url, flags);
    disk->default_sector_len = BH_DEFAULT_SECTOR_LEN;
    return rc;
}

/* 0, or -ETIMEDOUT where no sector comes through. Any other error is for the
 * caller to meet. */
static int try_sector(struct bh_disk *disk)
{
    uint8_t sector[LONGEST];
    uint32_t timeout_ms = disk->timeout_ms;
    int rc = 0;

    if (disk->info.sector_len <= LONGEST_ANYWHERE ||
        disk->info.sector_count == 0)
        return 0;
    if (timeout_ms > TRIAL_MS)
        bh_disk_set_timeout(disk, TRIAL_MS);
    rc = bh_disk_read(disk, 0, sector);
    bh_disk_set_timeout(disk, timeout_ms);
    return rc == -ETIMEDOUT ? rc : 0;
}

/* Servers may know one length for a volume. */
static bool asks_for_another(const struct bh_disk *disk, int rc)
{
    return rc == -EINVAL && disk->status == BH_ERR_FLAGS;
}

static bool asks_for_shorter(const struct bh_disk *disk, int rc)
{
    return rc == -EMSGSIZE || rc == -ETIMEDOUT || asks_for_another(disk, rc);
}

/* A server that does not answer is asked once, with all patience. */
static int open_one(struct bh_disk *disk, uint32_t sector_len, const char *url,
                    unsigned flags, bool *again)
{
    int rc = open_in(disk, sector_len, url, flags);

    *again = rc != -ETIMEDOUT && asks_for_shorter(disk, rc);
    if (rc == 0) {
        rc = try_sector(disk);
        *again = rc != 0;
    }
    return rc;
}

/* The size in bytes, to 128; 0: not known, and `*other` if not in that length.
 */
static int look(struct bh_disk *disk, const char *url, uint64_t *size,
                bool *other)
{
    int rc = open_in(disk, SHORTEST, url, BH_OPEN_LOOK);

    *size = 0;
    *other = asks_for_another(disk, rc);
    if (rc < 0)
        return *other ? 0 : rc;
    *size = bh_disk_size(disk);
    return bh_disk_close(disk);
}

static uint32_t shorter(uint32_t sector_len, int rc)
{
    return sector_len > LONGEST_ANYWHERE && rc != -EINVAL ? LONGEST_ANYWHERE
                                                          : sector_len / 2;
}

int bh_disk_open_best(struct bh_disk *disk, const char *url, unsigned flags)
{
    uint32_t sector_len = LONGEST;
    struct bh_url parsed;
    uint64_t size;
    bool again, other;
    int rc;

    if (bh_url_parse(url, &parsed, NULL, 0) != 0 || parsed.sector_len != 0)
        return bh_disk_open(disk, url, flags);
    rc = look(disk, url, &size, &other);
    if (rc < 0)
        return rc;
    if (size == 0 && !other)
        return bh_disk_open(disk, url, flags);
    while (size % sector_len != 0)
        sector_len /= 2;
    for (;;) {
        rc = open_one(disk, sector_len, url, flags, &again);
        if (!again || sector_len == SHORTEST)
            return rc;
        sector_len = shorter(sector_len, rc);
    }
}
