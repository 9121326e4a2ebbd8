/* SPDX-License-Identifier: MIT */
/* blockhead get: a volume becomes a file. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/reader.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/transfer.h"
#include "cli/volume.h"

struct get {
    const struct options *options;
    struct volume volume;
    struct sink sink;
    struct interrupt interrupt;
    struct progress progress;
};

static int copy_piece(struct get *get, struct reader *reader, uint64_t *left)
{
    const uint8_t *data;
    size_t sectors, len;
    int result = reader_next(reader, &data, &sectors);

    if (result != 0) {
        if (result != -EINTR) {
            progress_clear(&get->progress);
            complain_disk(get->volume.disk, result);
        }
        return result;
    }
    /* What the last sector holds behind the volume's end is not written. */
    len = sectors * get->volume.sector_len;
    if (len > *left)
        len = (size_t)*left;
    *left -= len;
    return sink_write(&get->sink, data, len);
}

static int copy(struct get *get)
{
    struct transfer transfer = {.disk = get->volume.disk,
                                .sector_len = get->volume.sector_len,
                                .interrupt = &get->interrupt};
    const uint32_t len = get->volume.sector_len;
    uint64_t left = get->volume.bytes;
    struct reader reader;
    int result = 0;

    reader_begin(&reader, &transfer, 0, left / len + (left % len != 0),
                 &get->progress);
    while (left > 0 && result == 0)
        result = copy_piece(get, &reader, &left);
    return result;
}

static int finish(struct get *get)
{
    struct json *report;

    if (get->options->json) {
        report = report_json(&get->volume, &get->progress);
        json_put_text(report, "file", get->sink.path);
        return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
    }
    report_line(get->options, &get->volume, &get->progress);
    if (get->volume.slack > 0 && !get->options->quiet)
        note("Its exact length is not known: up to %" PRIu32 " zero bytes at "
             "the end may be padding.",
             get->volume.slack);
    return EXIT_FINE;
}

static int give_up(struct get *get, int error)
{
    if (error != -EINTR)
        return EXIT_TROUBLE;
    note("blockhead: interrupted; %s is %s", get->sink.path,
         get->sink.final_path == NULL ? "not complete" : "as it was before");
    return EXIT_SIGNAL + get->interrupt.signal;
}

static int run(struct get *get)
{
    const unsigned flags =
        get->options->look ? BH_OPEN_LOOK : BH_OPEN_READ_ONLY;
    int result;

    if (!volume_measure(&get->volume, "get") ||
        !volume_open(&get->volume, "get", flags, VOLUME_SECTOR_LEN_WIDE))
        return EXIT_TROUBLE;
    result = interrupt_catch(&get->interrupt);
    if (result == 0)
        result = sink_start(&get->sink);
    if (result == 0) {
        progress_begin(&get->progress, volume_label(&get->volume),
                       get->volume.bytes, get->options->quiet);
        result = copy(get);
        progress_clear(&get->progress);
    }
    if (result == 0)
        result = sink_commit(&get->sink);
    return result == 0 ? finish(get) : give_up(get, result);
}

int run_get(const struct options *options, char *const operands[], int count)
{
    struct get command = {.options = options, .interrupt = INTERRUPT_NONE};
    int code = EXIT_TROUBLE;

    (void)count;
    if (options->json && strcmp(operands[1], "-") == 0) {
        complain("get cannot send both the image and --json to standard "
                 "output; leave one of them out");
        return EXIT_USAGE;
    }
    if (!volume_begin(&command.volume, operands[0], options))
        return EXIT_USAGE;
    if (sink_open(&command.sink, operands[1], &command.interrupt) == 0)
        code = run(&command);
    sink_end(&command.sink);
    if (code == EXIT_FINE)
        volume_leave(&command.volume);
    volume_end(&command.volume);
    return code;
}
