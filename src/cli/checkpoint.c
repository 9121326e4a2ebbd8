/* SPDX-License-Identifier: MIT */
/* blockhead checkpoint: a copy of the volume, kept on the server. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/volume.h"

/* A server without reflinks copies the whole image meanwhile. */
#define WAIT_MS 600000u

static int print(const struct options *options, const struct volume *volume,
                 const char *label)
{
    struct json *report;

    if (options->json) {
        report = json_object_begin();
        json_put_text(report, "url", volume->target.text);
        json_put_text(report, "label", label);
        return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
    }
    if (!options->quiet)
        note("%s: a checkpoint is made", volume_label(volume));
    return EXIT_FINE;
}

static int make(const struct options *options, struct volume *volume,
                const char *label)
{
    int result;

    if (!volume_open(volume, "make a checkpoint of", 0, VOLUME_SECTOR_LEN) ||
        !volume_keeps(volume, "make a checkpoint of"))
        return EXIT_TROUBLE;
    if (options->timeout_ms == 0)
        bh_disk_set_timeout(volume->disk, WAIT_MS);
    result = bh_disk_checkpoint(volume->disk, label);
    if (options->timeout_ms == 0)
        bh_disk_set_timeout(volume->disk, BH_DEFAULT_TIMEOUT_MS);
    if (result == 0)
        result = bh_disk_close(volume->disk);
    if (result == 0)
        return print(options, volume, label);
    complain_disk(volume->disk, result);
    return EXIT_TROUBLE;
}

int run_checkpoint(const struct options *options, char *const operands[],
                   int count)
{
    struct volume volume;
    int code;

    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    code = make(options, &volume, count > 1 ? operands[1] : "");
    volume_end(&volume);
    return code;
}
