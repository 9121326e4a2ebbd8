/* SPDX-License-Identifier: MIT */
/*
 * Where `put`, `write` and `cmp` have their bytes from: a file, a device,
 * standard input. Every call complains itself when it fails, but for -EINTR.
 */
#ifndef BH_CLI_SOURCE_H
#define BH_CLI_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "cli/interrupt.h"

#define SOURCE_UNKNOWN UINT64_MAX

struct source {
    const char *path;            /* as it was typed; borrowed */
    struct interrupt *interrupt; /* borrowed */
    int fd;
    uint64_t size;   /* bytes to come when it was opened, or SOURCE_UNKNOWN */
    uint64_t offset; /* bytes read so far */
};

/* "-" is standard input. 0 or a negative errno. */
int source_open(struct source *source, const char *path,
                struct interrupt *interrupt);

/* Reads `len` bytes; `*got` is less only at the end. A file that turns out
 * shorter than it was is an error; what it has grown by is not read. */
int source_read(struct source *source, uint8_t *data, size_t len, size_t *got);

void source_end(struct source *source);

#endif
