/* SPDX-License-Identifier: MIT */
/*
 * Image formats: a medium with a header before it or a footer behind it, so
 * that sector 0 of the volume is not byte 0 of the file. Bytes in, extents out;
 * docs/formats.md has the layouts and their sources.
 *
 * A name's extension says which format is looked for, never the bytes alone: a
 * client that may write could otherwise make another format of its disk. What
 * the header says is believed if all of it agrees with the file's length, and
 * else the image is refused, never guessed at.
 */
#ifndef BH_VOLUME_FORMAT_H
#define BH_VOLUME_FORMAT_H

#include "volume/extent.h"
#include "volume/medium.h"

#include <stddef.h>

enum bh_format {
    BH_FORMAT_AUTO, /* as the extension says */
    BH_FORMAT_RAW,
    BH_FORMAT_2MG,
    BH_FORMAT_ATR,
    BH_FORMAT_JVC,
    BH_FORMAT_VDK,
    BH_FORMAT_DC42,
    BH_FORMAT_VHD
};

#define BH_HEAD_LEN 96u
#define BH_TAIL_LEN 512u

/* What of a file a format is told by; zeros where it is shorter. */
struct bh_sample {
    uint64_t size;
    uint8_t head[BH_HEAD_LEN]; /* its first bytes */
    uint8_t tail[BH_TAIL_LEN]; /* its last ones; only if it has so many */
};

/* Whether a file of this path has to be looked into. */
bool bh_format_has_header(uint8_t format, const char *path);

/* Where the medium lies. 1: the whole file is the medium. -EBADMSG: the header
 * is missing or damaged, and `cause` says how. */
int bh_format_parse(uint8_t format, const char *path,
                    const struct bh_sample *sample, struct bh_extent *out,
                    char cause[BH_CAUSE_LEN]);

#endif
