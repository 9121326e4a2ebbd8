/* SPDX-License-Identifier: MIT */
/*
 * blockhead put: a file is written over a volume.
 *
 *   - Nothing is written before it is known that the file fits, where its
 *     length is known at all (standard input may be a pipe).
 *   - A sector of zeros is read first and written only if it is not zeros
 *     already, so that the server's image keeps its holes.
 *   - The last sector keeps, behind the file's end, what the volume had there.
 *   - It is done when the server has said that all is on its disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/onto.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/transfer.h"
#include "cli/volume.h"
#include "cli/zeros.h"

struct put {
    struct onto *onto;    /* borrowed */
    uint64_t written_end; /* the LSN behind the last sector written */
};

static int write_sectors(struct put *put, uint64_t lsn, size_t count,
                         const uint8_t *data)
{
    put->onto->written += count;
    put->written_end = lsn + count;
    return transfer_write(&put->onto->transfer, lsn, count, data,
                          &put->onto->progress);
}

/* Reads what the volume has at `lsn` into `old`; there are zeros behind the end
 * of a volume that may grow. */
static int read_old(struct put *put, uint64_t lsn, size_t count, uint8_t *old)
{
    const uint64_t end = put->onto->volume.sector_count;
    const uint64_t left = lsn < end ? end - lsn : 0;
    const size_t there = left < count ? (size_t)left : count;

    memset(old + there * put->onto->transfer.sector_len, 0,
           (count - there) * put->onto->transfer.sector_len);
    return transfer_read(&put->onto->transfer, lsn, there, old, NULL);
}

/* Writes those of the `count` sectors that do not hold zeros already. */
static int write_zeros(struct put *put, uint64_t lsn, size_t count,
                       const uint8_t *zeros)
{
    uint8_t old[TRANSFER_RUN_LEN];
    const uint32_t len = put->onto->transfer.sector_len;
    int result = read_old(put, lsn, count, old);

    for (size_t at = 0, same = 0; at < count && result == 0; at += same) {
        same = zeros_alike(old + at * len, len, count - at);
        if (zeros_only(old + at * len, len))
            progress_advance(&put->onto->progress, same * len);
        else
            result = write_sectors(put, lsn + at, same, zeros);
    }
    return result;
}

static int write_run(struct put *put, uint64_t lsn, size_t count,
                     const uint8_t *data)
{
    int result = 0;

    while (count > 0 && result == 0) {
        const size_t same =
            zeros_alike(data, put->onto->transfer.sector_len, count);

        result = zeros_only(data, put->onto->transfer.sector_len)
                     ? write_zeros(put, lsn, same, data)
                     : write_sectors(put, lsn, same, data);
        lsn += same;
        count -= same;
        data += same * put->onto->transfer.sector_len;
    }
    return result;
}

/* A piece of the file from `lsn` on, of `len` bytes; only the last one is no
 * whole number of sectors. */
static int put_piece(struct put *put, uint64_t lsn, uint8_t *data, size_t len)
{
    const uint32_t sector_len = put->onto->transfer.sector_len;
    const size_t rest = len % sector_len, whole = len / sector_len;
    int result = 0;

    if (rest != 0)
        result = onto_complete(put->onto, lsn + whole, data + len - rest, rest);
    if (result == 0)
        result = write_run(put, lsn, whole + (rest != 0), data);
    if (result == 0 && len < TRANSFER_RUN_LEN)
        result =
            onto_end(put->onto, lsn + whole + (rest != 0), put->written_end);
    if (result != 0 && result != -EINTR) {
        progress_clear(&put->onto->progress);
        complain_disk(put->onto->volume.disk, result);
    }
    return result;
}

static int copy(struct put *put)
{
    uint8_t data[TRANSFER_RUN_LEN];
    uint64_t lsn = 0;
    size_t got;
    int result;

    do {
        result = source_read(&put->onto->source, data, sizeof(data), &got);
        if (result == 0 && !onto_fits(put->onto, put->onto->source.offset))
            result = onto_complain_too_long(put->onto);
        if (result == 0)
            result = put_piece(put, lsn, data, got);
        lsn += sizeof(data) / put->onto->transfer.sector_len;
    } while (result == 0 && got == sizeof(data));
    return result;
}

static int finish(struct put *put)
{
    const uint64_t bytes = put->onto->source.offset;
    struct json *report;

    put->onto->progress.done = bytes; /* of a pipe: without the padding */
    if (put->onto->options->json) {
        report = report_json(&put->onto->volume, &put->onto->progress);
        json_put_text(report, "file", put->onto->source.path);
        json_put_number(report, "sectors_written", put->onto->written);
        return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
    }
    report_line(put->onto->options, &put->onto->volume, &put->onto->progress);
    onto_note_shorter(put->onto);
    return EXIT_FINE;
}

static int run(struct onto *onto)
{
    struct put put = {.onto = onto};
    int result, code;

    progress_begin(&onto->progress, volume_label(&onto->volume),
                   onto->source.size, onto->options->quiet);
    result = copy(&put);
    progress_clear(&onto->progress);
    code = result == 0 ? onto_settle(onto) : onto_give_up(onto, result);
    return code == EXIT_FINE ? finish(&put) : code;
}

int run_put(const struct options *options, char *const operands[], int count)
{
    (void)count;
    return onto_run("put", options, operands, run);
}
