/* SPDX-License-Identifier: MIT */
/*
 * What the command line says: which server, which image, in which way. Failures
 * have been told to nbdkit when a call returns -1.
 */
#ifndef BH_NBDKIT_SETTINGS_H
#define BH_NBDKIT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/blockhead.h"

struct settings {
    struct bh_url url;  /* image: empty, the export's name says which */
    bool is_known;      /* which server */
    bool look;          /* read without a lock */
    unsigned timeout_s; /* patience for each request */
    unsigned linger_s;  /* how long a session outlives its last connection */
    unsigned wait_s;    /* for a volume that another session has */
};

#define SETTINGS_INIT                                                          \
    {                                                                          \
        .url = {.port = BH_DEFAULT_PORT},                                      \
        .timeout_s = BH_DEFAULT_TIMEOUT_MS / 1000, .linger_s = 2, .wait_s = 1  \
    }

int settings_set(struct settings *settings, const char *key, const char *value);
int settings_check(const struct settings *settings);

#endif
