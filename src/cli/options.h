/* SPDX-License-Identifier: MIT */
/* The options that commands take. One letter means the same everywhere. */
#ifndef BH_CLI_OPTIONS_H
#define BH_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct command;

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
    bool help;
};

/* Takes the options that `command` knows out of argv, whose argv[0] is the
 * command's name. Returns the index of the first operand (getopt moves them
 * behind the options), or -1 after a complaint. */
int options_parse(const struct command *command, int argc, char **argv,
                  struct options *out);

/* The lines of --help for `command`'s options. */
void options_help(const struct command *command, FILE *out);

#endif
