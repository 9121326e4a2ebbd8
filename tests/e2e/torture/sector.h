/* SPDX-License-Identifier: MIT */
/*
 * Sectors that say what they are: the image, the LSN, who wrote them and as
 * which of its writes, in every 8 bytes of them mixed. A torn sector, one of
 * another place and one of another image all show.
 */
#ifndef BH_TORTURE_SECTOR_H
#define BH_TORTURE_SECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value of a sector. Writer and sequence 0: never written, all zeros. */
struct value {
    uint32_t writer;
    uint64_t sequence; /* rises with each write of the writer */
};

/* Fills `data` of `len` bytes, at least 128. */
void sector_fill(uint8_t *data, size_t len, uint32_t image, uint32_t lsn,
                 struct value value);

/* Takes the value out of `data`. False if not every byte is as sector_fill()
 * makes it: torn, misplaced or foreign. */
bool sector_parse(const uint8_t *data, size_t len, uint32_t image, uint32_t lsn,
                  struct value *out);

/* What is to be seen of a sector that sector_parse() rejects. */
#define SECTOR_TEXT_LEN 160u
void sector_describe(const uint8_t *data, char text[SECTOR_TEXT_LEN]);

#endif
