/* SPDX-License-Identifier: MIT */
/* The options that commands take. */
#ifndef BH_CTL_OPTIONS_H
#define BH_CTL_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

struct command;

struct options {
    const char *socket; /* NULL: not said */
    bool json;
    bool fat;
    bool no_save;
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
