/* SPDX-License-Identifier: MIT */
#include "cli/onto.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/options.h"

int onto_end(struct onto *onto, uint64_t end, uint64_t written_end)
{
    static const uint8_t zeros[TRANSFER_SECTOR_LEN_MAX];

    if (end <= onto->volume.sector_count || end == written_end)
        return 0;
    return transfer_write(&onto->transfer, end - 1, 1, zeros, NULL);
}

int onto_complete(struct onto *onto, uint64_t lsn, uint8_t *data, size_t len)
{
    uint8_t old[TRANSFER_SECTOR_LEN_MAX] = {0};
    int result = 0;

    if (lsn < onto->volume.sector_count)
        result = transfer_read(&onto->transfer, lsn, 1, old, NULL);
    memcpy(data + len, old + len, onto->transfer.sector_len - len);
    return result;
}

bool onto_fits(const struct onto *onto, uint64_t bytes)
{
    return onto->volume.may_grow || bytes <= onto->volume.bytes;
}

int onto_complain_too_long(const struct onto *onto)
{
    complain("cannot %s %s on %s: it is longer than the volume's %" PRIu64
             " bytes, and the volume may not grow",
             onto->verb, onto->source.path, onto->volume.target.text,
             onto->volume.bytes);
    return -EFBIG;
}

void onto_note_shorter(const struct onto *onto)
{
    const uint64_t bytes = onto->progress.done;

    if (bytes < onto->volume.bytes && !onto->options->quiet)
        note("%s is shorter than the volume, which keeps what it has from "
             "byte %" PRIu64 " on.",
             onto->source.path, bytes);
}

static int exit_code_of(const struct onto *onto, int error)
{
    return error == -EINTR ? EXIT_SIGNAL + onto->interrupt.signal
                           : EXIT_TROUBLE;
}

int onto_give_up(struct onto *onto, int error)
{
    if (error == -EINTR)
        note("blockhead: interrupted");
    if (onto->written > 0)
        note("%s is half-written: some of its sectors are new, the others "
             "old. Repeating the command does no harm, and completes it if it "
             "ends well.",
             onto->volume.target.text);
    else
        note("%s is as it was before.", onto->volume.target.text);
    return exit_code_of(onto, error);
}

int onto_settle(struct onto *onto)
{
    int result = transfer_flush(&onto->transfer);

    if (result == 0)
        result = transfer_close(&onto->transfer);
    if (result == 0)
        return EXIT_FINE;
    if (result == -EINTR)
        note("blockhead: interrupted");
    else
        complain_disk(onto->volume.disk, result);
    note("Everything was sent, but the server has not said that it is on its "
         "disk: take nothing of it for safe, and repeat the command.");
    return exit_code_of(onto, result);
}

/* A volume that has to grow gets the file's own length, where a sector length
 * divides it. */
static uint32_t choose_sector_len(const struct onto *onto)
{
    uint32_t len = VOLUME_SECTOR_LEN_WIDE;

    if (onto->source.size == SOURCE_UNKNOWN ||
        onto->source.size <= onto->volume.bytes)
        return len;
    while (len > 128 && onto->source.size % len != 0)
        len /= 2;
    return len;
}

static bool check_length(struct onto *onto)
{
    if (!volume_measure(&onto->volume, onto->verb) ||
        !volume_keeps(&onto->volume, onto->verb))
        return false;
    if (onto->source.size == SOURCE_UNKNOWN ||
        onto_fits(onto, onto->source.size))
        return true;
    onto_complain_too_long(onto);
    return false;
}

static bool open_for_writing(struct onto *onto)
{
    if (!volume_open(&onto->volume, onto->verb, 0, choose_sector_len(onto)))
        return false;
    onto->transfer = (struct transfer){.disk = onto->volume.disk,
                                       .sector_len = onto->volume.sector_len,
                                       .interrupt = &onto->interrupt};
    if (!onto->volume.read_only)
        return true;
    complain("cannot %s %s on %s: the volume is read-only, by its server's "
             "configuration or by the permissions of the file",
             onto->verb, onto->source.path, onto->volume.target.text);
    return false;
}

int onto_run(const char *verb, const struct options *options,
             char *const operands[], int (*run)(struct onto *onto))
{
    struct onto onto = {
        .verb = verb, .options = options, .interrupt = INTERRUPT_NONE};
    int code = EXIT_TROUBLE;

    if (!volume_begin(&onto.volume, operands[1], options))
        return EXIT_USAGE;
    if (source_open(&onto.source, operands[0], &onto.interrupt) == 0 &&
        check_length(&onto) && open_for_writing(&onto) &&
        interrupt_catch(&onto.interrupt) == 0)
        code = run(&onto);
    source_end(&onto.source);
    volume_end(&onto.volume);
    return code;
}
