/* SPDX-License-Identifier: MIT */
/* What a test's machine has beside the chip of its port. */
#ifndef MACHINE_H
#define MACHINE_H

/* Writes a character where the test reads it. */
void machine_print(char c);

/* The end of the program; does not return where there is no system. */
void machine_end(void);

#endif
