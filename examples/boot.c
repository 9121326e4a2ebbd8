/* SPDX-License-Identifier: MIT */
/* The first sector of a volume, to standard output. */
#include <blockhead.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct bh_disk *disk = bh_disk_new();
    unsigned char sector[16384];
    int rc;

    if (disk == NULL || argc != 2)
        return 2;
    rc = bh_disk_open(disk, argv[1], BH_OPEN_READ_ONLY);
    if (rc == 0)
        rc = bh_disk_read(disk, 0, sector);
    if (rc == 0)
        fwrite(sector, bh_disk_info(disk)->sector_len, 1, stdout);
    else
        fprintf(stderr, "%s\n", bh_disk_error(disk));
    bh_disk_close(disk);
    bh_disk_free(disk);
    return rc != 0;
}
