/* SPDX-License-Identifier: MIT */
/* A whole volume to standard output, with as many reads under way as there may
 * be. */
#include <blockhead.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct bh_disk *disk = bh_disk_new();
    const struct bh_info *info = bh_disk_info(disk);
    struct pollfd event = {.events = POLLIN};
    struct bh_done done;
    unsigned char *all;
    uint64_t lsn = 0, over = 0;
    int rc;

    if (argc != 2 || (rc = bh_disk_open(disk, argv[1], BH_OPEN_LOOK)) != 0) {
        fprintf(stderr, "%s\n", bh_disk_error(disk));
        return 2;
    }
    all = malloc(info->sector_count * info->sector_len);
    while (all != NULL && over < info->sector_count) {
        while (lsn < info->sector_count && lsn - over < info->window) {
            rc = bh_disk_start_read(disk, (uint32_t)lsn,
                                    all + lsn * info->sector_len, NULL);
            if (rc != 0) {
                fprintf(stderr, "%s\n", bh_disk_error(disk));
                return 1;
            }
            lsn++;
        }
        event.fd = bh_disk_fd(disk);
        poll(&event, 1, bh_disk_wait_ms(disk));
        bh_disk_process(disk);
        while (bh_disk_next(disk, &done)) {
            if (done.result != 0) {
                fprintf(stderr, "%s\n", bh_disk_error(disk));
                return 1;
            }
            over++;
        }
    }
    if (all != NULL)
        fwrite(all, info->sector_len, over, stdout);
    bh_disk_close(disk);
    bh_disk_free(disk);
    free(all);
    return all == NULL;
}
