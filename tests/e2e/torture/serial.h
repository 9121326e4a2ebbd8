/* SPDX-License-Identifier: MIT */
/* Clients that have one request under way: what each kind has to bring, and
 * the loop that drives it. Calls return 0 or a status, which ends the client.
 */
#ifndef BH_TORTURE_SERIAL_H
#define BH_TORTURE_SERIAL_H

#include "load.h"

struct serial_kind {
    const char *name;
    unsigned pace_ms;     /* a pause after each request */
    unsigned reads_first; /* requests that are all READs */
    int (*open)(struct load *load);
    int (*read)(struct load *load, uint32_t lsn, uint8_t *data);
    int (*write)(struct load *load, uint32_t lsn, const uint8_t *data);
    int (*other)(struct load *load); /* FLUSH and the like */
    int (*close)(struct load *load);
    void (*tell)(struct load *load); /* counters to the board */
};

void serial_run(struct load *load, const struct serial_kind *kind);

#endif
