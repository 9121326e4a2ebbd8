/* SPDX-License-Identifier: MIT */
/*
 * blockhead cmp: is the file what the volume is? As cmp(1), and as get would
 * have written it: where the volume's length is not known to the byte
 * (volume.h), a file that ends too early by that much goes on with zeros.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/reader.h"
#include "cli/report.h"
#include "cli/source.h"
#include "cli/transfer.h"
#include "cli/volume.h"

#define NO_BYTE UINT64_MAX

struct cmp {
    const struct options *options;
    struct volume volume;
    struct source source;
    struct interrupt interrupt;
    struct progress progress;
    uint32_t sector_len; /* what the user means by an LSN */
    uint64_t first;      /* offset of the first byte that differs, or NO_BYTE */
    uint64_t sectors;    /* that differ, of those that both have */
    int64_t excess;      /* the file's length minus the volume's */
};

static bool same(const struct cmp *cmp)
{
    return cmp->first == NO_BYTE && cmp->excess == 0;
}

static uint64_t first_difference(const uint8_t *a, const uint8_t *b)
{
    uint64_t at = 0;

    while (a[at] == b[at])
        at++;
    return at;
}

static void compare(struct cmp *cmp, uint64_t offset, const uint8_t *file,
                    const uint8_t *volume, size_t len)
{
    for (size_t at = 0; at < len; at += cmp->sector_len) {
        const size_t left = len - at;
        const size_t piece = left < cmp->sector_len ? left : cmp->sector_len;

        if (memcmp(file + at, volume + at, piece) == 0)
            continue;
        if (cmp->first == NO_BYTE)
            cmp->first = offset + at + first_difference(file + at, volume + at);
        cmp->sectors++;
    }
}

/* Reads a piece of the file, where `left` bytes of the volume are left. A file
 * that ends within the doubt about the volume's length goes on with zeros. */
static int read_file(struct cmp *cmp, uint8_t *data, size_t len, uint64_t left,
                     size_t *got)
{
    int result = source_read(&cmp->source, data, len, got);

    if (result == 0 && *got < len && left > *got &&
        left - *got <= cmp->volume.slack) {
        memset(data + *got, 0, len - *got);
        *got = left < len ? (size_t)left : len;
    }
    return result;
}

static int read_volume(struct cmp *cmp, struct reader *reader,
                       const uint8_t **data, size_t *len)
{
    int result = reader_next(reader, data, len);

    *len *= cmp->volume.sector_len;
    if (result != 0 && result != -EINTR) {
        progress_clear(&cmp->progress);
        complain_disk(cmp->volume.disk, result);
    }
    return result;
}

static int compare_pieces(struct cmp *cmp, struct reader *reader)
{
    const size_t piece_len = reader->piece_len;
    uint64_t offset = 0, left = cmp->volume.bytes;
    uint8_t file[READER_PIECE_LEN];
    const uint8_t *volume;
    size_t got, len;
    int result;

    do {
        result = read_file(cmp, file, piece_len, left, &got);
        if (result == 0)
            result = read_volume(cmp, reader, &volume, &len);
        if (result != 0)
            return result;
        if (len > left)
            len = (size_t)left;
        compare(cmp, offset, file, volume, got < len ? got : len);
        if (cmp->options->quiet && cmp->first != NO_BYTE)
            return 0;
        if (got < piece_len || len < piece_len)
            cmp->excess = (int64_t)(got - left);
        offset += len;
        left -= len;
    } while (got == piece_len && len == piece_len);
    return 0;
}

static int compare_all(struct cmp *cmp)
{
    struct transfer transfer = {.disk = cmp->volume.disk,
                                .sector_len = cmp->volume.sector_len,
                                .interrupt = &cmp->interrupt};
    const uint64_t bytes = cmp->volume.bytes;
    struct reader reader;
    int result;

    reader_begin(&reader, &transfer, 0,
                 bytes / transfer.sector_len +
                     (bytes % transfer.sector_len != 0),
                 &cmp->progress);
    result = compare_pieces(cmp, &reader);
    if (result == 0)
        reader_end(&reader);
    return result;
}

static int print_json(struct cmp *cmp)
{
    struct json *report = report_json(&cmp->volume, &cmp->progress);

    json_put_text(report, "file", cmp->source.path);
    json_put_flag(report, "same", same(cmp));
    json_put_number(report, "lsn_sector_length", cmp->sector_len);
    json_put_number(report, "sectors_differing", cmp->sectors);
    if (cmp->excess != 0)
        json_put_text(report, "longer", cmp->excess > 0 ? "file" : "volume");
    if (cmp->first != NO_BYTE) {
        json_put_number(report, "first_byte", cmp->first);
        json_put_number(report, "first_lsn", cmp->first / cmp->sector_len);
    }
    if (!json_print(report))
        return EXIT_TROUBLE;
    return same(cmp) ? EXIT_FINE : EXIT_NEGATIVE;
}

static int print(const struct cmp *cmp)
{
    const char *file = cmp->source.path, *url = cmp->volume.target.text;

    if (cmp->first != NO_BYTE)
        printf("%s %s differ: byte %" PRIu64 ", LSN %" PRIu64 "; %" PRIu64
               " sector%s of %u bytes differ%s\n",
               file, url, cmp->first, cmp->first / cmp->sector_len,
               cmp->sectors, cmp->sectors == 1 ? "" : "s",
               (unsigned)cmp->sector_len, cmp->sectors == 1 ? "s" : "");
    if (cmp->excess < 0)
        printf("%s ends %s%" PRIu64 " bytes before %s\n", file,
               cmp->volume.slack == 0 ? "" : "up to ", (uint64_t)-cmp->excess,
               url);
    else if (cmp->excess > 0)
        printf("%s is longer than %s\n", file, url);
    return same(cmp) ? EXIT_FINE : EXIT_NEGATIVE;
}

static int finish(struct cmp *cmp)
{
    if (cmp->options->quiet)
        return same(cmp) ? EXIT_FINE : EXIT_NEGATIVE;
    return cmp->options->json ? print_json(cmp) : print(cmp);
}

static int run(struct cmp *cmp)
{
    const unsigned flags =
        cmp->options->look ? BH_OPEN_LOOK : BH_OPEN_READ_ONLY;
    int result;

    if (!volume_measure(&cmp->volume, "compare") ||
        !volume_open(&cmp->volume, "compare", flags, VOLUME_SECTOR_LEN_WIDE))
        return EXIT_TROUBLE;
    cmp->sector_len = cmp->volume.sector_len;
    if (cmp->volume.target.url.sector_len == 0 &&
        cmp->sector_len > VOLUME_SECTOR_LEN)
        cmp->sector_len = VOLUME_SECTOR_LEN;
    if (interrupt_catch(&cmp->interrupt) != 0)
        return EXIT_TROUBLE;
    progress_begin(&cmp->progress, volume_label(&cmp->volume),
                   cmp->volume.bytes, cmp->options->quiet);
    result = compare_all(cmp);
    progress_clear(&cmp->progress);
    if (result == -EINTR)
        return EXIT_SIGNAL + cmp->interrupt.signal;
    return result == 0 ? finish(cmp) : EXIT_TROUBLE;
}

int run_cmp(const struct options *options, char *const operands[], int count)
{
    struct cmp command = {
        .options = options, .interrupt = INTERRUPT_NONE, .first = NO_BYTE};
    int code = EXIT_TROUBLE;

    (void)count;
    if (!volume_begin(&command.volume, operands[1], options))
        return EXIT_USAGE;
    if (source_open(&command.source, operands[0], &command.interrupt) == 0)
        code = run(&command);
    source_end(&command.source);
    if (code != EXIT_TROUBLE)
        volume_leave(&command.volume);
    volume_end(&command.volume);
    return code;
}
