/* SPDX-License-Identifier: MIT */
#include "mount/scan.h"

#include <errno.h>

static void next(struct scan *scan)
{
    bh_partition_begin(&scan->walk, scan->walk.number + 1,
                       scan->files->all[0].len);
}

void scan_begin(struct scan *scan, struct files *files)
{
    *scan = (struct scan){.files = files};
    files->doubtful = false;
    next(scan);
}

bool scan_wants(const struct scan *scan, uint64_t *at)
{
    *at = scan->walk.at;
    return scan->walk.number <= FILES_PARTITIONS_MAX &&
           scan->walk.size >= BH_PARTITION_SECTOR_LEN;
}

/* There are no more. */
static void end(struct scan *scan)
{
    for (; scan->walk.number <= FILES_PARTITIONS_MAX; scan->walk.number++)
        files_place(scan->files, scan->walk.number, 0, 0);
}

void scan_take(struct scan *scan, const uint8_t *sector)
{
    struct bh_extent found = {0};
    char cause[BH_CAUSE_LEN];
    int rc;

    if (sector == NULL) {
        scan->files->doubtful = true;
        scan->walk.number = FILES_PARTITIONS_MAX + 1;
        return;
    }
    rc = bh_partition_step(&scan->walk, sector, &found, cause);
    if (rc == 1)
        return;
    if (rc < 0 && scan->walk.number > 4) {
        end(scan);
        return;
    }
    files_place(scan->files, scan->walk.number, found.first,
                rc == 0 ? found.len : 0);
    next(scan);
}
