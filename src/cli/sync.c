/* SPDX-License-Identifier: MIT */
/*
 * blockhead sync: as put, but only what differs travels.
 *
 *   1. The file and the volume are compared, by CHECKSUM or, with --verify, by
 *      their data. Nothing is written meanwhile.
 *   2. What differs is written, many places at a time, runs of zeros by TRIM
 *      where the server has it. What the volume lacks of a longer file is
 *      written without comparing.
 *   3. As with put it is done when the server has said that all is on its disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/compare.h"
#include "cli/extents.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/onto.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/sectors.h"
#include "cli/size.h"
#include "cli/writer.h"
#include "cli/zeros.h"

struct sync {
    struct onto *onto; /* borrowed */
    struct sectors sectors;
    struct extents differing;
    uint64_t common;        /* sectors that both have */
    uint64_t sent, trimmed; /* bytes */
    uint64_t written_end;   /* the LSN behind the last sector written */
    struct compare compare;
    struct writer writer;
};

static int complain_result(struct sync *sync, int result, bool complained)
{
    if (result == 0 || result == -EINTR || complained)
        return result;
    progress_clear(&sync->onto->progress);
    if (result == -ENOMEM)
        complain("cannot sync %s: out of memory", sync->onto->source.path);
    else
        complain_disk(sync->onto->volume.disk, result);
    return result;
}

/*
 * Comparing
 */

static int prepare(struct sync *sync)
{
    struct onto *onto = sync->onto;
    const uint64_t there = onto->volume.sector_count;
    int result =
        sectors_begin(&sync->sectors, &onto->source, onto->transfer.sector_len);
    const uint32_t rest = sectors_rest(&sync->sectors);

    if (result != 0)
        return result;
    if (rest != 0)
        result = onto_complete(onto, sync->sectors.count - 1,
                               sync->sectors.last, rest);
    sync->common = sync->sectors.count < there ? sync->sectors.count : there;
    return complain_result(sync, result, false);
}

static int compare(struct sync *sync)
{
    struct onto *onto = sync->onto;
    struct compare *by = &sync->compare;
    bool complained = false;
    int result;

    by->transfer = &onto->transfer;
    by->progress = &onto->progress;
    by->sectors = &sync->sectors;
    by->differing = &sync->differing;
    result = onto->options->verify
                 ? compare_data(by, sync->common, &complained)
                 : compare_checksums(by, sync->common, &complained);
    if (result == 0) {
        extents_sort(&sync->differing);
        if (sync->sectors.count > sync->common)
            result = extents_add(&sync->differing, sync->common,
                                 sync->sectors.count - sync->common);
    }
    return complain_result(sync, result, complained);
}

/*
 * Writing
 */

static int write_sectors(struct sync *sync, uint64_t lsn, size_t count,
                         const uint8_t *data)
{
    sync->sent += count * sync->sectors.len;
    sync->written_end = lsn + count;
    return writer_write(&sync->writer, lsn, count, data);
}

static bool can_trim(const struct sync *sync)
{
    const struct bh_info *info = bh_disk_info(sync->onto->volume.disk);

    return info->strict && info->features & BH_FEATURE_TRIM;
}

/* Behind the volume's end there are zeros. */
static int send_zeros(struct sync *sync, uint64_t lsn, size_t count,
                      const uint8_t *zeros)
{
    const uint64_t left = lsn < sync->common ? sync->common - lsn : 0;
    const size_t there = left < count ? (size_t)left : count;

    if (there == 0)
        return 0;
    if (!can_trim(sync))
        return write_sectors(sync, lsn, there, zeros);
    sync->trimmed += there * sync->sectors.len;
    return writer_trim(&sync->writer, lsn, there);
}

static int send_run(struct sync *sync, uint64_t lsn, size_t count,
                    const uint8_t *data)
{
    const uint32_t len = sync->sectors.len;
    int result = 0;

    sync->onto->written += count;
    for (size_t at = 0, same; at < count && result == 0; at += same) {
        const uint8_t *run = data + at * len;

        same = zeros_alike(run, len, count - at);
        result = zeros_only(run, len)
                     ? send_zeros(sync, lsn + at, same, run)
                     : write_sectors(sync, lsn + at, same, run);
    }
    return result;
}

static int send_extent(struct sync *sync, const struct extent *extent,
                       bool *complained)
{
    const uint64_t most = WRITER_PIECE_LEN / sync->sectors.len;
    uint8_t data[WRITER_PIECE_LEN];
    uint64_t lsn = extent->lsn, left = extent->count;
    int result = 0;

    while (left > 0 && result == 0) {
        const size_t count = (size_t)(left < most ? left : most);

        result = sectors_read(&sync->sectors, lsn, count, data);
        *complained = result != 0;
        result = result == 0 ? send_run(sync, lsn, count, data)
                             : transfer_settle(&sync->onto->transfer, result);
        lsn += count;
        left -= count;
    }
    return result;
}

static int send(struct sync *sync)
{
    bool complained = false;
    int result = 0;

    writer_begin(&sync->writer, &sync->onto->transfer, &sync->onto->progress);
    for (size_t i = 0; i < sync->differing.count && result == 0; i++)
        result = send_extent(sync, &sync->differing.of[i], &complained);
    if (result == 0)
        result = writer_end(&sync->writer);
    if (result == 0)
        result = onto_end(sync->onto, sync->sectors.count, sync->written_end);
    return complain_result(sync, result, complained);
}

/*
 * The report
 */

static int print_json(struct sync *sync)
{
    struct onto *onto = sync->onto;
    struct json *report = report_json(&onto->volume, &onto->progress);

    json_put_text(report, "file", onto->source.path);
    json_put_number(report, "bytes_compared",
                    sync->common * sync->sectors.len < onto->source.size
                        ? sync->common * sync->sectors.len
                        : onto->source.size);
    json_put_number(report, "bytes_sent", sync->sent);
    json_put_number(report, "bytes_trimmed", sync->trimmed);
    json_put_number(report, "sectors_written", onto->written);
    json_put_number(report, "places", sync->differing.count);
    return json_print(report) ? EXIT_FINE : EXIT_TROUBLE;
}

static int finish(struct sync *sync)
{
    struct onto *onto = sync->onto;
    char sent[SIZE_TEXT_LEN], trimmed[SIZE_TEXT_LEN];

    onto->progress.done = onto->source.size;
    if (onto->options->json)
        return print_json(sync);
    report_line(onto->options, &onto->volume, &onto->progress);
    if (onto->options->quiet)
        return EXIT_FINE;
    note("%s: %s sent, %s made zeros, in %zu place%s", onto->progress.label,
         size_format(sent, sync->sent), size_format(trimmed, sync->trimmed),
         sync->differing.count, sync->differing.count == 1 ? "" : "s");
    onto_note_shorter(onto);
    return EXIT_FINE;
}

/*
 * The command
 */

static bool is_possible(const struct onto *onto)
{
    const struct bh_info *info = bh_disk_info(onto->volume.disk);

    if (onto->source.size == SOURCE_UNKNOWN) {
        complain("cannot sync %s: it has to be a file, to be read twice; put "
                 "takes a pipe",
                 onto->source.path);
        return false;
    }
    if (!onto->options->verify && !(info->features & BH_FEATURE_CHECKSUM)) {
        complain("cannot sync %s: its server does not offer CHECKSUM; compare "
                 "the data with --verify, or use put",
                 onto->volume.target.text);
        return false;
    }
    return true;
}

static int copy(struct sync *sync)
{
    struct onto *onto = sync->onto;
    uint64_t rest;
    int result;

    result = prepare(sync);
    if (result == 0)
        result = compare(sync);
    if (result != 0)
        return result;
    rest = extents_total(&sync->differing) * sync->sectors.len;
    onto->progress.total = onto->progress.done + rest;
    return send(sync);
}

static int run(struct onto *onto)
{
    struct sync *sync;
    int code, result;

    if (!is_possible(onto))
        return EXIT_TROUBLE;
    sync = calloc(1, sizeof(*sync));
    if (sync == NULL) {
        complain("cannot sync %s: out of memory", onto->source.path);
        return EXIT_TROUBLE;
    }
    sync->onto = onto;
    progress_begin(&onto->progress, volume_label(&onto->volume),
                   onto->source.size, onto->options->quiet);
    result = copy(sync);
    progress_clear(&onto->progress);
    code = result == 0 ? onto_settle(onto) : onto_give_up(onto, result);
    if (code == EXIT_FINE)
        code = finish(sync);
    extents_free(&sync->differing);
    free(sync);
    return code;
}

int run_sync(const struct options *options, char *const operands[], int count)
{
    (void)count;
    return onto_run("sync", options, operands, run);
}
