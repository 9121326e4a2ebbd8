/* SPDX-License-Identifier: MIT */
#include "cli/compare.h"

#include <errno.h>
#include <string.h>

#include "cli/message.h"
#include "cli/progress.h"
#include "cli/reader.h"
#include "client/blockhead.h"
#include "crc/crc.h"

static unsigned window_of(const struct compare *compare)
{
    return bh_disk_info(compare->transfer->disk)->window;
}

/* Answers that are looked at before more is asked: the server has the other
 * half of the window to work on while the file is read. */
static unsigned half_window(const struct compare *compare)
{
    return (window_of(compare) + 1) / 2;
}

static int start_one(struct compare *compare, const struct probe *wanted)
{
    struct probe *probe = compare->unused[compare->idle - 1];
    int result;

    *probe = *wanted;
    result =
        bh_disk_start_checksum(compare->transfer->disk, (uint32_t)probe->lsn,
                               probe->count, &probe->crc, probe);
    if (result == 0)
        compare->idle--;
    return result;
}

static bool is_more(const struct compare *compare)
{
    return compare->waiting > 0 || compare->next < compare->end;
}

static struct probe take_next(struct compare *compare)
{
    const uint64_t left = compare->end - compare->next;
    struct probe piece = {.lsn = compare->next, .count = compare->most};

    if (compare->waiting > 0)
        return compare->stack[--compare->waiting];
    if (left < piece.count)
        piece.count = (uint32_t)left;
    compare->next += piece.count;
    return piece;
}

static int start_some(struct compare *compare)
{
    const unsigned window = window_of(compare);
    int result = 0;

    while (result == 0 && is_more(compare) && compare->idle > 0 &&
           COMPARE_WINDOW - compare->idle < window) {
        const struct probe probe = take_next(compare);

        result = start_one(compare, &probe);
    }
    return result;
}

static void advance(struct compare *compare, const struct probe *probe)
{
    if (!probe->half)
        progress_advance(compare->progress,
                         (uint64_t)probe->count * compare->sectors->len);
}

static int crc_of_file(struct compare *compare, const struct probe *probe,
                       uint32_t *crc)
{
    const size_t len = (size_t)probe->count * compare->sectors->len;
    uint8_t data[COMPARE_PIECE_LEN];
    int result = 0;

    if (probe->count == compare->most &&
        sectors_are_hole(compare->sectors, probe->lsn, probe->count)) {
        *crc = compare->zeros;
        return 0;
    }
    result = sectors_read(compare->sectors, probe->lsn, probe->count, data);
    *crc = bh_crc(0, data, len);
    return result;
}

static void push(struct compare *compare, uint64_t lsn, uint32_t count)
{
    compare->stack[compare->waiting++] =
        (struct probe){.lsn = lsn, .count = count, .half = true};
}

/* The lower half is asked first. */
static void halve(struct compare *compare, const struct probe *probe)
{
    const uint32_t lower = probe->count / 2;

    push(compare, probe->lsn + lower, probe->count - lower);
    push(compare, probe->lsn, lower);
}

static int judge(struct compare *compare, const struct probe *probe,
                 bool *complained)
{
    uint32_t crc = 0;
    const int result = crc_of_file(compare, probe, &crc);

    if (result != 0) {
        *complained = true;
        return result;
    }
    if (crc == probe->crc)
        return 0;
    if (probe->count <= compare->fine)
        return extents_add(compare->differing, probe->lsn, probe->count);
    halve(compare, probe);
    return 0;
}

/* Looks at what is over, up to the first failure; `*some` if there was any. */
static int take_back(struct compare *compare, bool *some, bool *complained)
{
    unsigned left = half_window(compare);
    struct bh_done done;
    int result = 0;

    *some = false;
    for (; left > 0 && result == 0 &&
           bh_disk_next(compare->transfer->disk, &done);
         left--) {
        *some = true;
        result = done.result;
        if (result != 0)
            break;
        compare->unused[compare->idle++] = done.tag;
        advance(compare, done.tag);
        result = judge(compare, done.tag, complained);
    }
    return result;
}

static void prepare(struct compare *compare, uint64_t count)
{
    static const uint8_t zeros[COMPARE_PIECE_LEN];
    const uint32_t len = compare->sectors->len;
    const uint32_t job_len = bh_disk_info(compare->transfer->disk)->job_len;

    compare->most =
        (job_len < COMPARE_PIECE_LEN ? job_len : COMPARE_PIECE_LEN) / len;
    if (compare->most == 0)
        compare->most = 1;
    compare->fine = len < COMPARE_FINE_LEN ? COMPARE_FINE_LEN / len : 1;
    compare->zeros = bh_crc(0, zeros, (size_t)compare->most * len);
    compare->next = 0;
    compare->end = count;
    compare->waiting = 0;
    for (unsigned i = 0; i < COMPARE_WINDOW; i++)
        compare->unused[i] = &compare->probes[i];
    compare->idle = COMPARE_WINDOW;
}

int compare_checksums(struct compare *compare, uint64_t count, bool *complained)
{
    struct transfer *transfer = compare->transfer;
    bool some = false;
    int result;

    prepare(compare, count);
    for (;;) {
        result = start_some(compare);
        bh_disk_process(transfer->disk);
        if (result == 0)
            result = take_back(compare, &some, complained);
        if (result != 0)
            return transfer_settle(transfer, result);
        if (compare->idle == COMPARE_WINDOW && !is_more(compare))
            return 0;
        if (some)
            result = interrupt_came(transfer->interrupt) ? -EINTR : 0;
        else
            result = transfer_wait(transfer, compare->progress);
        if (result != 0)
            return result;
    }
}

static int note_differing(struct compare *compare, uint64_t lsn, size_t count,
                          const uint8_t *file, const uint8_t *volume)
{
    const uint32_t len = compare->sectors->len;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++)
        if (memcmp(file + i * len, volume + i * len, len) != 0)
            result = extents_add(compare->differing, lsn + i, 1);
    return result;
}

int compare_data(struct compare *compare, uint64_t count, bool *complained)
{
    uint8_t file[READER_PIECE_LEN];
    const uint8_t *volume;
    struct reader reader;
    uint64_t lsn = 0;
    size_t got = 0;
    int result;

    reader_begin(&reader, compare->transfer, 0, count, compare->progress);
    while ((result = reader_next(&reader, &volume, &got)) == 0 && got > 0) {
        result = sectors_read(compare->sectors, lsn, got, file);
        *complained = result != 0;
        if (result == 0)
            result = note_differing(compare, lsn, got, file, volume);
        if (result != 0)
            return transfer_settle(compare->transfer, result);
        lsn += got;
    }
    if (result == 0)
        reader_end(&reader);
    return result;
}
