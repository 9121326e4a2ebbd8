/* SPDX-License-Identifier: MIT */
/* This machine, with ports/posix/udp.c. */
#include <stdio.h>
#include <stdlib.h>

#include "line.h"
#include "machine.h"
#include "posix/udp.h"

void bh_chip_open(void)
{
    if (bh_udp_open(getenv("RETRO_HOST"), getenv("RETRO_PORT")) != 0)
        exit(2);
}

void machine_print(char c)
{
    fputc(c, stderr);
}

void machine_end(void)
{
}
