/* SPDX-License-Identifier: MIT */
/*
 * Where `get` puts a volume.
 *
 *   - A regular file, or a name that is free: bytes go to NAME.part-XXXXXX
 *     beside it, runs of zeros become holes, and only sink_commit() gives the
 *     file its name. Until then an existing file is untouched, and
 *     sink_end() leaves no trace.
 *   - Standard output, a device, a FIFO: bytes go straight there, zeros too.
 *
 * Every call complains itself when it fails, but for -EINTR.
 */
#ifndef BH_CLI_SINK_H
#define BH_CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/interrupt.h"

struct sink {
    const char *path;            /* as it was typed; borrowed */
    struct interrupt *interrupt; /* borrowed */
    char *final_path;            /* owned; NULL: straight */
    char *part_path;             /* owned; NULL: there is none */
    int fd;
    bool may_block;  /* straight to what is no file: bytes a few at a time */
    uint64_t offset; /* of the next byte */
    mode_t mode;     /* permission bits that the file will have */
};

/* "-" is standard output. Waits for a FIFO's reader. 0 or a negative errno. */
int sink_open(struct sink *sink, const char *path, struct interrupt *interrupt);

/* Makes the temporary file, if there is to be one: from here on a signal must
 * be caught, so that sink_end() is reached. */
int sink_start(struct sink *sink);

int sink_write(struct sink *sink, const uint8_t *data, size_t len);

/* All is there: make it stable and give it its name. */
int sink_commit(struct sink *sink);

/* Frees everything; what was not committed is removed. */
void sink_end(struct sink *sink);

#endif
