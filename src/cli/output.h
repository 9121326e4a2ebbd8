/* SPDX-License-Identifier: MIT */
/* The end of a program's output. */
#ifndef BH_CLI_OUTPUT_H
#define BH_CLI_OUTPUT_H

/* Closes standard output: `code`, or EXIT_TROUBLE after a complaint. Output
 * that did not arrive is no output: a full disk must not look like success. A
 * reader that went away is no news to anybody. */
int output_close(int code);

#endif
