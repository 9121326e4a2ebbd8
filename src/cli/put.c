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
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/source.h"
#include "cli/transfer.h"
#include "cli/volume.h"
#include "cli/zeros.h"

struct put {
    const struct options *options;
    struct volume volume;
    struct source source;
    struct interrupt interrupt;
    struct progress progress;
    struct transfer transfer;
    uint64_t written;     /* sectors that were not left as they were */
    uint64_t written_end; /* the LSN behind the last of them */
};

/* How many of the `count` sectors at `data` are alike in being zeros or not. */
static size_t alike(const struct put *put, const uint8_t *data, size_t count)
{
    const uint32_t len = put->transfer.sector_len;
    const bool first = zeros_only(data, len);
    size_t same = 1;

    while (same < count && zeros_only(data + same * len, len) == first)
        same++;
    return same;
}

static int write_sectors(struct put *put, uint64_t lsn, size_t count,
                         const uint8_t *data)
{
    put->written += count;
    put->written_end = lsn + count;
    return transfer_write(&put->transfer, lsn, count, data, &put->progress);
}

/* Reads what the volume has at `lsn` into `old`; there are zeros behind the end
 * of a volume that may grow. */
static int read_old(struct put *put, uint64_t lsn, size_t count, uint8_t *old)
{
    const uint64_t end = put->volume.sector_count;
    const uint64_t left = lsn < end ? end - lsn : 0;
    const size_t there = left < count ? (size_t)left : count;

    memset(old + there * put->transfer.sector_len, 0,
           (count - there) * put->transfer.sector_len);
    return transfer_read(&put->transfer, lsn, there, old, NULL);
}

/* Writes those of the `count` sectors that do not hold zeros already. */
static int write_zeros(struct put *put, uint64_t lsn, size_t count,
                       const uint8_t *zeros)
{
    uint8_t old[TRANSFER_RUN_LEN];
    const uint32_t len = put->transfer.sector_len;
    int result = read_old(put, lsn, count, old);

    for (size_t at = 0, same = 0; at < count && result == 0; at += same) {
        same = alike(put, old + at * len, count - at);
        if (zeros_only(old + at * len, len))
            progress_advance(&put->progress, same * len);
        else
            result = write_sectors(put, lsn + at, same, zeros);
    }
    return result;
}

/* A file that ends in zeros makes a volume grow only if one of them is written.
 */
static int write_end(struct put *put, uint64_t end)
{
    static const uint8_t zeros[TRANSFER_SECTOR_LEN_MAX];

    if (end <= put->volume.sector_count || end == put->written_end)
        return 0;
    return transfer_write(&put->transfer, end - 1, 1, zeros, NULL);
}

static int write_run(struct put *put, uint64_t lsn, size_t count,
                     const uint8_t *data)
{
    int result = 0;

    while (count > 0 && result == 0) {
        const size_t same = alike(put, data, count);

        result = zeros_only(data, put->transfer.sector_len)
                     ? write_zeros(put, lsn, same, data)
                     : write_sectors(put, lsn, same, data);
        lsn += same;
        count -= same;
        data += same * put->transfer.sector_len;
    }
    return result;
}

/* The file's last bytes, fewer than a sector: fills `data` up with what the
 * volume has behind them. */
static int complete_sector(struct put *put, uint64_t lsn, uint8_t *data,
                           size_t len)
{
    uint8_t old[TRANSFER_SECTOR_LEN_MAX] = {0};
    int result = 0;

    if (lsn < put->volume.sector_count)
        result = transfer_read(&put->transfer, lsn, 1, old, NULL);
    memcpy(data + len, old + len, put->transfer.sector_len - len);
    return result;
}

static bool fits(const struct put *put, uint64_t bytes)
{
    return put->volume.may_grow || bytes <= put->volume.bytes;
}

static int complain_too_long(const struct put *put)
{
    complain("cannot put %s on %s: it is longer than the volume's %" PRIu64
             " bytes, and the volume may not grow",
             put->source.path, put->volume.target.text, put->volume.bytes);
    return -EFBIG;
}

/* A piece of the file from `lsn` on, of `len` bytes; only the last one is no
 * whole number of sectors. */
static int put_piece(struct put *put, uint64_t lsn, uint8_t *data, size_t len)
{
    const uint32_t sector_len = put->transfer.sector_len;
    const size_t rest = len % sector_len, whole = len / sector_len;
    int result = 0;

    if (rest != 0)
        result = complete_sector(put, lsn + whole, data + len - rest, rest);
    if (result == 0)
        result = write_run(put, lsn, whole + (rest != 0), data);
    if (result == 0 && len < TRANSFER_RUN_LEN)
        result = write_end(put, lsn + whole + (rest != 0));
    if (result != 0 && result != -EINTR) {
        progress_clear(&put->progress);
        complain_disk(put->volume.disk, result);
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
        result = source_read(&put->source, data, sizeof(data), &got);
        if (result == 0 && !fits(put, put->source.offset))
            result = complain_too_long(put);
        if (result == 0)
            result = put_piece(put, lsn, data, got);
        lsn += sizeof(data) / put->transfer.sector_len;
    } while (result == 0 && got == sizeof(data));
    return result;
}

static int finish(struct put *put)
{
    const uint64_t bytes = put->source.offset;
    struct json *report;

    put->progress.done = bytes; /* of a pipe: without the padding */
    if (put->options->json) {
        report = report_json(&put->volume, &put->progress);
        json_put_text(report, "file", put->source.path);
        json_put_number(report, "sectors_written", put->written);
        return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
    }
    report_line(put->options, &put->volume, &put->progress);
    if (bytes < put->volume.bytes && !put->options->quiet)
        note("%s is shorter than the volume, which keeps what it has from "
             "byte %" PRIu64 " on.",
             put->source.path, bytes);
    return EXIT_FINE;
}

static int exit_code_of(const struct put *put, int error)
{
    return error == -EINTR ? EXIT_SIGNAL + put->interrupt.signal : EXIT_TROUBLE;
}

static int give_up(struct put *put, int error)
{
    if (error == -EINTR)
        note("blockhead: interrupted");
    if (put->written > 0)
        note("%s is half-written: some of its sectors are new, the others "
             "old. Repeating the command does no harm, and completes it if it "
             "ends well.",
             put->volume.target.text);
    else
        note("%s is as it was before.", put->volume.target.text);
    return exit_code_of(put, error);
}

/* The promise at the end: all of it is on the server's disk, or nothing is
 * said to be. */
static int settle(struct put *put)
{
    int result = transfer_flush(&put->transfer);

    if (result == 0)
        result = transfer_close(&put->transfer);
    if (result == 0)
        return finish(put);
    if (result == -EINTR)
        note("blockhead: interrupted");
    else
        complain_disk(put->volume.disk, result);
    note("Everything was sent, but the server has not said that it is on its "
         "disk: take nothing of it for safe, and repeat the command.");
    return exit_code_of(put, result);
}

/* A volume that has to grow gets the file's own length, where a sector length
 * divides it. */
static uint32_t choose_sector_len(const struct put *put)
{
    uint32_t len = VOLUME_SECTOR_LEN_WIDE;

    if (put->source.size == SOURCE_UNKNOWN ||
        put->source.size <= put->volume.bytes)
        return len;
    while (len > 128 && put->source.size % len != 0)
        len /= 2;
    return len;
}

/* The volume is measured before it is locked, and before anything is written.
 */
static bool check_length(struct put *put)
{
    if (!volume_measure(&put->volume, "put"))
        return false;
    if (put->source.size == SOURCE_UNKNOWN || fits(put, put->source.size))
        return true;
    complain_too_long(put);
    return false;
}

static bool open_for_writing(struct put *put)
{
    if (!volume_open(&put->volume, "put", 0, choose_sector_len(put)))
        return false;
    put->transfer = (struct transfer){.disk = put->volume.disk,
                                      .sector_len = put->volume.sector_len,
                                      .interrupt = &put->interrupt};
    if (!put->volume.read_only)
        return true;
    complain("cannot put %s on %s: the volume is read-only, by its server's "
             "configuration or by the permissions of the file",
             put->source.path, put->volume.target.text);
    return false;
}

static int run(struct put *put)
{
    int result;

    if (!check_length(put) || !open_for_writing(put) ||
        interrupt_catch(&put->interrupt) != 0)
        return EXIT_TROUBLE;
    progress_begin(&put->progress, volume_label(&put->volume), put->source.size,
                   put->options->quiet);
    result = copy(put);
    progress_clear(&put->progress);
    return result == 0 ? settle(put) : give_up(put, result);
}

int run_put(const struct options *options, char *const operands[], int count)
{
    struct put command = {.options = options, .interrupt = INTERRUPT_NONE};
    int code = EXIT_TROUBLE;

    (void)count;
    if (!volume_begin(&command.volume, operands[1], options))
        return EXIT_USAGE;
    if (source_open(&command.source, operands[0], &command.interrupt) == 0)
        code = run(&command);
    source_end(&command.source);
    volume_end(&command.volume);
    return code;
}
