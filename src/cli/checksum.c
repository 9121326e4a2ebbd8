/* SPDX-License-Identifier: MIT */
/* blockhead checksum: the CRC-32 of sectors, which stay where they are. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/span.h"
#include "cli/volume.h"
#include "crc/crc.h"

/* Piece by piece, as long as the server allows. */
static int add_up(struct volume *volume, const struct span *span, uint32_t *crc)
{
    const uint32_t most =
        bh_disk_info(volume->disk)->job_len / volume->sector_len;
    uint64_t lsn = span->lsn, left = span->count;
    uint32_t count, piece;
    int result = 0;

    *crc = 0;
    for (; left > 0 && result == 0; left -= count, lsn += count) {
        count = most == 0 ? 1 : left < most ? (uint32_t)left : most;
        result = bh_disk_checksum(volume->disk, (uint32_t)lsn, count, &piece);
        if (result == 0)
            *crc =
                bh_crc_join(*crc, piece, (uint64_t)count * volume->sector_len);
    }
    if (result != 0)
        complain_disk(volume->disk, result);
    return result;
}

static int print(const struct options *options, const struct volume *volume,
                 const struct span *span, uint32_t crc)
{
    struct json *report;
    char text[9];

    snprintf(text, sizeof(text), "%08" PRIx32, crc);
    if (!options->json) {
        puts(text);
        return EXIT_FINE;
    }
    report = span_json(span, volume);
    json_put_text(report, "crc32", text);
    return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
}

int run_checksum(const struct options *options, char *const operands[],
                 int count)
{
    const unsigned flags = options->look ? BH_OPEN_LOOK : BH_OPEN_READ_ONLY;
    int code = EXIT_TROUBLE;
    struct volume volume;
    struct span span;
    uint32_t crc;

    if (!span_parse(operands + 1, count - 1, &span) ||
        !volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    if (volume_open(&volume, "checksum", flags, VOLUME_SECTOR_LEN)) {
        if (count == 1)
            span.count = volume.known ? volume.sector_count : 1;
        if (span_fits(&span, &volume, "checksum") &&
            add_up(&volume, &span, &crc) == 0)
            code = print(options, &volume, &span, crc);
    }
    volume_end(&volume);
    return code;
}
