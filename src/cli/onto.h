/* SPDX-License-Identifier: MIT */
/*
 * A file that goes onto a volume, by put or by sync: what both check before
 * they change anything, and how both end.
 */
#ifndef BH_CLI_ONTO_H
#define BH_CLI_ONTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/transfer.h"
#include "cli/volume.h"

struct options;

struct onto {
    const char *verb; /* "put" */
    const struct options *options;
    struct volume volume;
    struct source source;
    struct interrupt interrupt;
    struct progress progress;
    struct transfer transfer;
    uint64_t written; /* sectors that were not left as they were */
};

/* Opens the file and the volume of `operands`, for writing, and lets `run` do
 * the rest. The volume is measured before it is locked, and before anything is
 * written. Returns an exit code, of `run` or after a complaint. */
int onto_run(const char *verb, const struct options *options,
             char *const operands[], int (*run)(struct onto *onto));

/* Whether `bytes` do not make it longer than it may become. */
bool onto_fits(const struct onto *onto, uint64_t bytes);

/* Returns -EFBIG. */
int onto_complain_too_long(const struct onto *onto);

/* The file's last bytes, `len` of them and fewer than a sector: fills `data` up
 * with what the volume has behind them at `lsn`. */
int onto_complete(struct onto *onto, uint64_t lsn, uint8_t *data, size_t len);

/* A file that ends in zeros makes a volume grow only if one of them is written.
 * The last sector that was written ends at `written_end`. */
int onto_end(struct onto *onto, uint64_t end, uint64_t written_end);

/* The promise at the end: all of it is on the server's disk, or nothing is said
 * to be. EXIT_FINE, or another code after a complaint. */
int onto_settle(struct onto *onto);

/* Says what of the volume the file did not reach. */
void onto_note_shorter(const struct onto *onto);

/* Says in what state the volume is left; returns an exit code. */
int onto_give_up(struct onto *onto, int error);

#endif
