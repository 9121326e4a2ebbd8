/* SPDX-License-Identifier: MIT */
/*
 * blockhead write: whole sectors from a file or standard input. All of the
 * input is read, and is known to fit, before the volume is opened; what is
 * larger than INPUT_MAX is a job for put.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/number.h"
#include "cli/options.h"
#include "cli/source.h"
#include "cli/volume.h"

#define INPUT_MAX (64u << 20)
#define INPUT_STEP (64u << 10)

struct input {
    uint8_t *data; /* owned; `len` bytes and zeros up to a whole sector */
    size_t len;
};

static bool read_input(struct source *source, struct input *out)
{
    size_t got = INPUT_STEP;

    *out = (struct input){0};
    while (got == INPUT_STEP && out->len <= INPUT_MAX) {
        uint8_t *larger = realloc(out->data, out->len + INPUT_STEP);

        if (larger == NULL) {
            complain("cannot read %s: out of memory", source->path);
            return false;
        }
        out->data = larger;
        memset(larger + out->len, 0, INPUT_STEP);
        if (source_read(source, larger + out->len, INPUT_STEP, &got) != 0)
            return false;
        out->len += got;
    }
    if (out->len <= INPUT_MAX)
        return true;
    complain("cannot write more than %u MiB at once: put is made for that",
             INPUT_MAX >> 20);
    return false;
}

/* A volume that ends within a sector takes only the beginning of it. */
static void note_tail(const struct volume *volume, const struct input *input,
                      uint64_t lsn)
{
    uint64_t end = lsn * volume->sector_len + input->len;

    if (volume->known && volume->slack == 0 && !volume->may_grow &&
        end > volume->bytes && end - volume->bytes < volume->sector_len)
        note("%s ends after %" PRIu64 " bytes: the last %" PRIu64
             " of the input have no place there.",
             volume->target.text, volume->bytes, end - volume->bytes);
}

static bool check(const struct options *options, const struct volume *volume,
                  const struct input *input, uint64_t lsn)
{
    const uint64_t sectors =
        (input->len + volume->sector_len - 1) / volume->sector_len;

    if (input->len == 0) {
        complain("there is nothing to write: the input is empty");
        return false;
    }
    if (input->len % volume->sector_len != 0 && !options->pad) {
        complain("the input is %zu bytes long, not a multiple of the sector's "
                 "%u; --pad fills it up with zeros",
                 input->len, (unsigned)volume->sector_len);
        return false;
    }
    note_tail(volume, input, lsn);
    if (!volume->known || volume->may_grow ||
        (lsn <= volume->sector_count && sectors <= volume->sector_count - lsn))
        return true;
    complain("cannot write as far as LSN %" PRIu64 " of %s: it has %" PRIu64
             " sectors of %u bytes",
             lsn + sectors - 1, volume->target.text, volume->sector_count,
             (unsigned)volume->sector_len);
    return false;
}

static int write_sectors(struct volume *volume, const struct input *input,
                         uint64_t lsn)
{
    int result = 0;

    for (size_t at = 0; at < input->len && result == 0;
         at += volume->sector_len)
        result = bh_disk_write(volume->disk, (uint32_t)lsn++, input->data + at);
    if (result == 0)
        result = bh_disk_flush(volume->disk);
    if (result == 0)
        result = bh_disk_close(volume->disk);
    if (result == 0)
        return EXIT_FINE;
    complain_disk(volume->disk, result);
    return EXIT_TROUBLE;
}

static int write_input(const struct options *options, struct volume *volume,
                       const struct input *input, uint64_t lsn)
{
    if (!volume_measure(volume, "write") || !volume_keeps(volume, "write") ||
        !volume_open(volume, "write", 0, VOLUME_SECTOR_LEN) ||
        !check(options, volume, input, lsn))
        return EXIT_TROUBLE;
    return write_sectors(volume, input, lsn);
}

int run_write(const struct options *options, char *const operands[], int count)
{
    struct interrupt interrupt = INTERRUPT_NONE;
    struct volume volume;
    struct source source;
    struct input input = {0};
    uint64_t lsn;
    int code = EXIT_TROUBLE;

    if (!number_parse(operands[1], 0, UINT32_MAX, &lsn)) {
        complain("\"%s\" is no LSN: a number from 0 to 4294967295 is wanted",
                 operands[1]);
        return EXIT_USAGE;
    }
    if (!volume_begin(&volume, operands[0], options))
        return EXIT_USAGE;
    if (source_open(&source, count > 2 ? operands[2] : "-", &interrupt) == 0 &&
        read_input(&source, &input))
        code = write_input(options, &volume, &input, lsn);
    free(input.data);
    source_end(&source);
    volume_end(&volume);
    return code;
}
