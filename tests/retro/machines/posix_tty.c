/* SPDX-License-Identifier: MIT */
/* This machine, with ports/posix/tty.c: the line is standard input, the console
 * is standard error. */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "posix/tty.h"

__attribute__((constructor)) static void plug_in(void)
{
    if (bh_tty_open("/dev/stdin") < 0)
        exit(2);
}

void machine_print(char c)
{
    fputc(c, stderr);
}

void machine_end(void)
{
}
