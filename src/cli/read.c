/* SPDX-License-Identifier: MIT */
/* blockhead read: sectors as a hex dump, or as they are. */
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/hexdump.h"
#include "cli/message.h"
#include "cli/number.h"
#include "cli/options.h"
#include "cli/transfer.h"
#include "cli/volume.h"

static bool wants_hex(const struct options *options)
{
    return options->hex || (!options->raw && isatty(STDOUT_FILENO));
}

static int print_sectors(struct volume *volume, uint64_t lsn, uint64_t count,
                         bool hex)
{
    uint8_t data[TRANSFER_SECTOR_LEN_MAX];
    struct hexdump dump;
    int result = 0;

    hexdump_begin(&dump, stdout, lsn * volume->sector_len);
    for (; count > 0 && !ferror(stdout); count--, lsn++) {
        result = bh_disk_read(volume->disk, (uint32_t)lsn, data);
        if (result != 0)
            break;
        if (hex)
            hexdump_add(&dump, data, volume->sector_len);
        else
            fwrite(data, volume->sector_len, 1, stdout);
    }
    if (hex)
        hexdump_end(&dump);
    if (result == 0)
        return EXIT_FINE;
    complain_disk(volume->disk, result);
    return EXIT_TROUBLE;
}

int run_read(const struct options *options, char *const operands[], int count)
{
    const unsigned flags = options->look ? BH_OPEN_LOOK : BH_OPEN_READ_ONLY;
    struct volume volume;
    uint64_t lsn, sectors = 1;
    int code = EXIT_TROUBLE;

    if (!number_parse(operands[1], 0, UINT32_MAX, &lsn) ||
        (count > 2 &&
         !number_parse(operands[2], 1, UINT64_C(1) << 32, &sectors))) {
        complain("\"%s\" does not do: %s", operands[count - 1],
                 "LSN is a number from 0 to 4294967295, COUNT one from 1 on");
        return EXIT_USAGE;
    }
    if (options->hex && options->raw) {
        complain("--hex and --raw exclude each other");
        return EXIT_USAGE;
    }
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    if (volume_open(&volume, "read", flags, VOLUME_SECTOR_LEN))
        code = print_sectors(&volume, lsn, sectors, wants_hex(options));
    volume_end(&volume);
    return code;
}
