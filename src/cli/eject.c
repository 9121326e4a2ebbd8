/* SPDX-License-Identifier: MIT */
/* blockhead eject: the medium out of a slot. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/volume.h"

/* A reader has the right to, and others may read beside it. */
static int eject(const struct options *options, struct volume *volume)
{
    int result;

    volume->no_look = true;
    if (!volume_open(volume, "eject", BH_OPEN_READ_ONLY, VOLUME_SECTOR_LEN))
        return EXIT_TROUBLE;
    result = bh_disk_eject(volume->disk);
    if (result != 0) {
        complain_disk(volume->disk, result);
        return EXIT_TROUBLE;
    }
    if (!options->quiet)
        note("%s: the medium is out", volume_label(volume));
    volume_leave(volume);
    return EXIT_FINE;
}

int run_eject(const struct options *options, char *const operands[], int count)
{
    struct volume volume;
    int code;

    (void)count;
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    code = eject(options, &volume);
    volume_end(&volume);
    return code;
}
