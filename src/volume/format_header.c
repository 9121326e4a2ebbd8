/* SPDX-License-Identifier: MIT */
/* The layouts; docs/formats.md says where each is described. */
#include "volume/format_header.h"

#include "volume/little.h"
#include "wire/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static int
damaged(char cause[BH_CAUSE_LEN], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(cause, BH_CAUSE_LEN, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

static int too_short(char cause[BH_CAUSE_LEN], const char *name)
{
    return damaged(cause, "it is too short for the %s header", name);
}

static int no_header(char cause[BH_CAUSE_LEN], const char *name)
{
    return damaged(
        cause, "it has no %s header; 'format = raw' serves it as it is", name);
}

/* Sets the extent, if it lies in the first `end` bytes of the file. */
static int give(const char *name, uint64_t first, uint64_t len, uint64_t end,
                struct bh_extent *out, char cause[BH_CAUSE_LEN])
{
    if (len == 0)
        return damaged(cause, "its %s header says that it has no data", name);
    if (first > end || len > end - first)
        return damaged(cause,
                       "its %s header says that there are %llu bytes from byte "
                       "%llu on, but there are %llu in all",
                       name, (unsigned long long)len, (unsigned long long)first,
                       (unsigned long long)end);
    out->first = first;
    out->len = len;
    return 0;
}

/* A length of 0 is filled in from the number of blocks. */
int bh_format_2mg(const struct bh_sample *sample, struct bh_extent *out,
                  char cause[BH_CAUSE_LEN])
{
    enum { PRODOS = 1, NIBBLES = 2 };
    const uint8_t *head = sample->head;
    uint32_t order = bh_little32(head + 12), first = bh_little32(head + 24);
    uint64_t blocks = bh_little32(head + 20), len = bh_little32(head + 28);

    if (memcmp(head, "2IMG", 4) != 0)
        return no_header(cause, "2MG");
    if (sample->size < 64)
        return too_short(cause, "2MG");
    if (bh_little16(head + 10) > 1)
        return damaged(cause, "its 2MG header is of an unknown version, %u",
                       bh_little16(head + 10));
    if (order >= NIBBLES)
        return damaged(cause, order == NIBBLES
                                  ? "it holds nibbles, not sectors"
                                  : "its 2MG header has an unknown order of "
                                    "sectors");
    if (order == PRODOS && len == 0)
        len = blocks * 512;
    if (order == PRODOS && blocks != 0 && len != blocks * 512)
        return damaged(cause,
                       "its 2MG header has %llu blocks and %llu bytes, which "
                       "do not agree",
                       (unsigned long long)blocks, (unsigned long long)len);
    if (first < 52)
        return damaged(cause, "its 2MG header says that the data begins in it");
    out->read_only = (bh_little32(head + 16) >> 31) != 0;
    return give("2MG", first, len, sample->size, out, cause);
}

/* Disks with sectors of 256 bytes have three of 128 first, so that only 128
 * meets the borders of all; unless the file keeps 256 for each of them. */
int bh_format_atr(const struct bh_sample *sample, struct bh_extent *out,
                  char cause[BH_CAUSE_LEN])
{
    const uint8_t *head = sample->head;
    uint64_t len = (bh_little16(head + 2) | (uint64_t)head[6] << 16) * 16;
    unsigned sector = bh_little16(head + 4);
    bool boot = sector == 256 && len % 256 == 128;

    if (bh_little16(head) != 0x0296)
        return no_header(cause, "ATR");
    if (sample->size < 16)
        return too_short(cause, "ATR");
    if (sector != 128 && sector != 256 && sector != 512)
        return damaged(cause, "its ATR header says that sectors have %u bytes",
                       sector);
    if (boot && len >= 384)
        out->exponent = 0;
    else if (len % sector != 0)
        return damaged(cause,
                       "its ATR header says %llu bytes, which are no number of "
                       "sectors of %u",
                       (unsigned long long)len, sector);
    out->read_only = (head[15] & 1) != 0;
    return give("ATR", 16, len, sample->size, out, cause);
}

/* The header is what the file has beyond a multiple of 256 bytes; what it does
 * not say is as usual. */
int bh_format_jvc(const struct bh_sample *sample, struct bh_extent *out,
                  char cause[BH_CAUSE_LEN])
{
    uint8_t field[5] = {18, 1, 1, 1, 0};
    size_t header = (size_t)(sample->size % 256);
    uint64_t len = sample->size - header, cylinder;

    memcpy(field, sample->head, header < sizeof field ? header : sizeof field);
    if (field[0] == 0 || field[1] < 1 || field[1] > 2 || field[2] > 3)
        return damaged(cause,
                       "its JVC header of %zu bytes says %u sectors a track, "
                       "%u sides and size code %u",
                       header, field[0], field[1], field[2]);
    if (field[4] != 0)
        return damaged(cause, "its JVC header says that each sector has an "
                              "attribute byte, which is not supported");
    cylinder = (uint64_t)(field[0] * field[1]) << (7 + field[2]);
    if (len % cylinder != 0)
        return damaged(cause,
                       "its JVC header of %zu bytes says tracks of %llu bytes, "
                       "of which %llu are no number",
                       header, (unsigned long long)cylinder,
                       (unsigned long long)len);
    return give("JVC", header, len, sample->size, out, cause);
}

/* Tracks have 18 sectors of 256 bytes. Two letters are a weak magic number, so
 * the file's length must be exactly what they say. */
int bh_format_vdk(const struct bh_sample *sample, struct bh_extent *out,
                  char cause[BH_CAUSE_LEN])
{
    const uint8_t *head = sample->head;
    uint64_t first = bh_little16(head + 2), len = 4608ull * head[8] * head[9];

    if (memcmp(head, "dk", 2) != 0)
        return no_header(cause, "VDK");
    if (sample->size < 12 || first < 12)
        return too_short(cause, "VDK");
    if (head[5] > 0x1F)
        return damaged(cause, "it needs version %u.%u of the VDK format",
                       head[5] >> 4, head[5] & 15u);
    if ((head[11] & 7) != 0)
        return damaged(cause, "it is a compressed VDK");
    if (head[9] > 2 || first + len != sample->size)
        return damaged(cause,
                       "its VDK header says %u tracks, %u sides and %llu bytes "
                       "before them, but the file has %llu in all",
                       head[8], head[9], (unsigned long long)first,
                       (unsigned long long)sample->size);
    out->read_only = (head[10] & 1) != 0;
    return give("VDK", first, len, sample->size, out, cause);
}

/* The header has a checksum of all data: nobody may write. */
int bh_format_dc42(const struct bh_sample *sample, struct bh_extent *out,
                   char cause[BH_CAUSE_LEN])
{
    const uint8_t *head = sample->head;
    uint64_t len = BH_GET32(head + 64), tags = BH_GET32(head + 68);

    if (BH_GET16(head + 82) != 0x0100 || head[0] > 63)
        return no_header(cause, "DiskCopy 4.2");
    if (len % 512 != 0)
        return damaged(cause,
                       "its DiskCopy 4.2 header says %llu bytes, which are no "
                       "number of sectors",
                       (unsigned long long)len);
    if (sample->size < 84 || tags > sample->size - 84)
        return damaged(cause,
                       "its DiskCopy 4.2 header says that there are %llu bytes "
                       "of tags, but there are %llu in all",
                       (unsigned long long)tags,
                       (unsigned long long)sample->size);
    out->read_only = true;
    return give("DiskCopy 4.2", 84, len, sample->size - tags, out, cause);
}

/* The complement of the sum of all bytes but its own. */
static uint32_t vhd_checksum(const uint8_t *footer)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < BH_TAIL_LEN; i++)
        if (i < 64 || i >= 68)
            sum += footer[i];
    return ~sum;
}

int bh_format_vhd(const struct bh_sample *sample, struct bh_extent *out,
                  char cause[BH_CAUSE_LEN])
{
    enum { FIXED = 2 };
    const uint8_t *footer = sample->tail;
    uint64_t len = BH_GET64(footer + 48);

    if (sample->size < BH_TAIL_LEN || memcmp(footer, "conectix", 8) != 0)
        return damaged(cause, "it does not end with a VHD footer; 'format = "
                              "raw' serves it as it is");
    if (BH_GET32(footer + 64) != vhd_checksum(footer))
        return damaged(cause, "the checksum of its VHD footer is wrong");
    if (BH_GET16(footer + 12) != 1)
        return damaged(cause, "its VHD footer is of an unknown version, %u",
                       BH_GET16(footer + 12));
    if (BH_GET32(footer + 60) != FIXED)
        return damaged(cause, "it is a dynamic or differencing VHD, and only "
                              "fixed ones are served; 'qemu-img convert -O "
                              "raw' makes a plain image of it");
    if (len % 512 != 0)
        return damaged(cause,
                       "its VHD footer says %llu bytes, which are no number of "
                       "sectors",
                       (unsigned long long)len);
    return give("VHD", 0, len, sample->size - BH_TAIL_LEN, out, cause);
}
