/* SPDX-License-Identifier: MIT */
/* blockhead trim: sectors that hold nothing any more. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/span.h"
#include "cli/volume.h"

static int trim(struct volume *volume, const struct span *span)
{
    int result;

    if (!volume_open(volume, "trim", 0, VOLUME_SECTOR_LEN) ||
        !volume_keeps(volume, "trim") || !span_fits(span, volume, "trim"))
        return EXIT_TROUBLE;
    result = bh_disk_trim(volume->disk, span->lsn, (uint32_t)span->count);
    if (result == 0)
        result = bh_disk_close(volume->disk);
    if (result == 0)
        return EXIT_FINE;
    complain_disk(volume->disk, result);
    return EXIT_TROUBLE;
}

int run_trim(const struct options *options, char *const operands[], int count)
{
    struct volume volume;
    struct span span;
    int code;

    if (!span_parse(operands + 1, count - 1, &span) ||
        !volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    code = trim(&volume, &span);
    if (code == EXIT_FINE && options->json)
        code = json_print(span_json(&span, &volume)) ? EXIT_FINE : EXIT_TROUBLE;
    volume_end(&volume);
    return code;
}
