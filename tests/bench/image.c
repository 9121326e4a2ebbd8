/* SPDX-License-Identifier: MIT */
/*
 * image PATH SIZE: an image with the pattern in it, of SIZE bytes.
 */
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static uint8_t block[1 << 16];
    uint64_t size = argc == 3 ? strtoull(argv[2], NULL, 0) : 0;
    FILE *file =
        size > 0 && size % sizeof block == 0 ? fopen(argv[1], "wb") : NULL;

    if (file == NULL) {
        fprintf(stderr, "usage: image PATH SIZE, in steps of 64 KiB\n");
        return 64;
    }
    for (uint64_t at = 0; at < size; at += sizeof block) {
        pattern_fill(block, sizeof block, at / PATTERN_GRANULE_LEN);
        if (fwrite(block, sizeof block, 1, file) != 1) {
            perror(argv[1]);
            return 1;
        }
    }
    return fclose(file) == 0 ? 0 : 1;
}
