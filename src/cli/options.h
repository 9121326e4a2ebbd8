/* SPDX-License-Identifier: MIT */
/* The options that commands take. One letter means the same everywhere. */
#ifndef BH_CLI_OPTIONS_H
#define BH_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/front.h"

#define OPTIONS_MOUNT_MAX 16u

struct options {
    uint32_t sector_len;  /* bytes; 0: not said */
    uint32_t timeout_ms;  /* 0: not said, the command's own default */
    uint32_t count;       /* 0: not said */
    uint32_t duration_ms; /* 0: not said */
    uint32_t window;      /* requests at a time; 0: not said */
    uint32_t run;         /* sectors of a request; 0: not said */
    uint16_t port;        /* 0: not said */
    bool quiet;
    bool json;
    bool look;
    bool hex;
    bool raw;
    bool pad;
    bool verify;
    bool writes;
    bool sequential;
    bool foreground;
    bool read_only;
    const char *mount_options[OPTIONS_MOUNT_MAX]; /* as in argv */
    size_t mount_option_count;
};

/* All of them. */
extern const struct option_row option_rows[];
extern const size_t option_count;

/* Notes one. False after a complaint. */
bool options_apply(const struct option_row *row, const char *value,
                   struct options *out);

#endif
