/* SPDX-License-Identifier: MIT */
/* The way in and out of a program that is many commands. */
#ifndef BH_CLI_FRONT_H
#define BH_CLI_FRONT_H

#include <stdio.h>

#define FRONT_UNKNOWN (-1)

/* Runs the command that argv names, as `run` does with what is left of argv: it
 * returns an enum exit_code, or FRONT_UNKNOWN. Answers --help, with `usage`,
 * and
 * --version. What main() is to return.
 *
 * Standard output is closed: output that did not arrive is no output, and a
 * full disk must not look like success. A reader that went away is no news to
 * anybody. */
int front_run(int argc, char **argv, void (*usage)(FILE *out),
              int (*run)(int argc, char **argv));

#endif
