/* SPDX-License-Identifier: MIT */
/* The options on a command line. */
#ifndef BH_CLI_FRONT_OPTIONS_H
#define BH_CLI_FRONT_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/front.h"

/* Instead of an index. */
#define FRONT_BAD (-1) /* after a complaint */
#define FRONT_HELP (-2)
#define FRONT_VERSION (-3)

/* The index in argv of the command's name, behind the program's and the options
 * before it, which are only looked at; argc: there is none. */
int front_find_command(const struct program *program, int argc, char **argv);

/* Applies the options of `command`, whose name is argv[0]. The index of the
 * first operand: getopt moves them behind the options. */
int front_parse(const struct program *program, const struct command *command,
                int argc, char **argv);

/* The lines of --help for `command`'s options. */
void front_print_options(const struct program *program,
                         const struct command *command, FILE *out);

#endif
