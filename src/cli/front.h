/* SPDX-License-Identifier: MIT */
/*
 * The way in and out of a program that is many commands, each with options that
 * are a part of the program's. Options may stand before the command as well.
 */
#ifndef BH_CLI_FRONT_H
#define BH_CLI_FRONT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/exit_code.h"

struct options; /* the program's own */

struct command {
    const char *name;
    const char *operands; /* for the usage line: "URL FILE" */
    const char *options;  /* the letters that it takes, besides -h */
    int operands_min;
    int operands_max;
    const char *summary; /* one line of the list of commands */
    const char *help;    /* lines of `COMMAND --help` */
    /* Returns an enum exit_code. */
    int (*run)(const struct options *options, char *const operands[],
               int count);
};

struct option_row {
    char letter; /* its own; commands list it */
    const char *name;
    const char *value; /* NULL: takes none */
    const char *help;
};

struct program {
    const char *name;
    const char *notes; /* below the list of commands */
    const struct command *commands;
    size_t command_count;
    const struct option_row *rows; /* all options but -h */
    size_t row_count;
    /* Pairs: an option's own letter, and the one that is typed for it because
     * other commands have that for something else. May be NULL. */
    const char *typed;
    struct options *options; /* not said as yet */
    /* Notes an option; false after a complaint. */
    bool (*apply)(const struct option_row *row, const char *value,
                  struct options *options);
    /* Calls command->run, and does what all commands need. */
    int (*run)(const struct command *command, struct options *options,
               char *const operands[], int count);
};

/* Runs the command that argv names. Answers --help and --version. What main()
 * is to return.
 *
 * Standard output is closed: output that did not arrive is no output, and a
 * full disk must not look like success. A reader that went away is no news to
 * anybody. */
int front_run(const struct program *program, int argc, char **argv);

#endif
